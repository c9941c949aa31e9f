#include "decode/maps.h"

namespace attend {

void GrowingMaps::add_encoder(const std::map<WeightsObserver::Key, at::Tensor>& seen, std::int64_t item, std::int64_t length) {
  for (const auto& [key, weights] : seen) {
    const auto own = weights[item].slice(1, 0, length).slice(2, 0, length).contiguous();  // [H, S_b, S_b]
    AttentionMap map;
    map.site = key.first;
    map.layer = static_cast<std::uint16_t>(key.second);
    map.axis = RowAxis::kSource;
    map.heads = static_cast<std::uint32_t>(own.size(0));
    map.rows = map.cols = static_cast<std::uint32_t>(length);
    map.weights.assign(own.data_ptr<float>(), own.data_ptr<float>() + own.numel());
    encoder_.push_back(std::move(map));
  }
}

void GrowingMaps::add_node(const std::map<WeightsObserver::Key, at::Tensor>& seen, std::int64_t item, std::int64_t beams, std::int64_t row,
                           std::int64_t length) {
  for (const auto& [key, weights] : seen) {
    auto& growing = decoder_[key];
    growing.self = key.first == "decoder.self";
    const auto own = growing.self ? weights[item * beams + row].select(1, 0)           // [H, t+1]
                                  : weights[item].select(1, row).slice(1, 0, length);  // [H, S_b]
    const auto flat = own.contiguous();
    growing.heads = flat.size(0);
    growing.rows.emplace_back(flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
  }
}

std::vector<AttentionMap> GrowingMaps::finish() {
  auto maps = std::move(encoder_);
  for (auto& [key, growing] : decoder_) {
    AttentionMap map;
    map.site = key.first;
    map.layer = static_cast<std::uint16_t>(key.second);
    map.axis = RowAxis::kNode;
    map.target_columns = growing.self;
    map.heads = static_cast<std::uint32_t>(growing.heads);
    map.rows = static_cast<std::uint32_t>(growing.rows.size());
    for (const auto& row : growing.rows) map.cols = std::max(map.cols, static_cast<std::uint32_t>(row.size()) / map.heads);
    map.weights.assign(std::size_t{map.heads} * map.rows * map.cols, 0.0F);
    for (std::size_t r = 0; r < growing.rows.size(); ++r) {
      const auto columns = growing.rows[r].size() / map.heads;
      for (std::size_t h = 0; h < map.heads; ++h)
        std::copy_n(growing.rows[r].begin() + static_cast<std::ptrdiff_t>(h * columns), columns,
                    map.weights.begin() + static_cast<std::ptrdiff_t>((h * map.rows + r) * map.cols));
    }
    maps.push_back(std::move(map));
  }
  decoder_.clear();
  encoder_.clear();
  return maps;
}

}  // namespace attend
