#include "models/picture_encoder.h"

#include <cmath>

#include "attend/models/patch_classifier.h"

namespace attend {
namespace {

constexpr std::int64_t kGroups = 8;  // of channels that are normed together

std::int64_t halved(std::int64_t size, std::int64_t times) {
  for (; times > 0; --times) size = (size + 1) / 2;
  return size;
}

std::int64_t channels_after(const ModelOptions& o, std::int64_t layer) { return o.filters << std::min<std::int64_t>(layer, 3); }

}  // namespace

PictureGrid picture_grid(const ModelOptions& o) {
  if (o.type == "captioner" && o.convolutions > 0)
    return {halved(o.picture_height, o.convolutions), halved(o.picture_width, o.convolutions)};
  return {o.picture_height / o.patch, o.picture_width / o.patch};
}

ModelOptions for_patches(ModelOptions o) {
  ATTEND_CHECK(o.picture_width % o.patch == 0 && o.picture_height % o.patch == 0, kValue,
               "model.patch: squares of {} pixels do not fill a picture of {} x {}; choose a divisor of both", o.patch, o.picture_width,
               o.picture_height);
  if (o.encoder == "recurrent" || o.encoder == "adaptive") o.encoder = "transformer";
  o.longest = (o.picture_width / o.patch) * (o.picture_height / o.patch);
  return o;
}

PictureEncoder::PictureEncoder(const ModelOptions& o) : o_(o), output_size_(o.embedding) {
  if (o.type != "captioner" || o.convolutions == 0) {
    o_ = for_patches(o);
    patch_ = register_module("patch", std::make_shared<Linear>(o.picture_channels * o.patch * o.patch, o.embedding));
    sequence_ = register_module("sequence", std::make_shared<SequenceEncoder>(o_, o.embedding, ColumnAxis::kCell));
    return;
  }
  ATTEND_CHECK(!relative_positions(o), kValue,
               "model.positions: {} works inside attention to itself, which convolutions have none of; use learned", o.positions);
  ATTEND_CHECK(o.filters % kGroups == 0, kValue, "model.filters must be a multiple of {}, got {}", kGroups, o.filters);
  auto in = o.picture_channels;
  for (std::int64_t i = 0; i < o.convolutions; ++i) {
    const auto out = channels_after(o, i);
    const auto name = [i](const char* part) { return fmt::format("convolution_{}_{}", i, part); };
    const auto deviation = std::sqrt(2.0 / static_cast<double>(9 * in));  // He et al. 2015
    layers_.push_back({register_parameter(name("weight"), at::empty({out, in, 3, 3}).normal_(0, deviation)),
                       register_parameter(name("bias"), at::zeros({out})), register_parameter(name("scale"), at::ones({out})),
                       register_parameter(name("shift"), at::zeros({out}))});
    in = out;
  }
  output_size_ = in;
  positions_ = register_module("positions", std::make_shared<InputPositions>(o.positions, in, picture_grid(o).cells(), o.input));
}

at::Tensor PictureEncoder::operator()(const at::Tensor& pictures, Observer* observer) const {
  const auto sizes = pictures.sizes();
  ATTEND_CHECK(sizes.size() == 4 && sizes[1] == o_.picture_channels && sizes[2] == o_.picture_height && sizes[3] == o_.picture_width,
               kShape, "pictures must be [B, {}, {}, {}], got {}", o_.picture_channels, o_.picture_height, o_.picture_width,
               shape_text(pictures));
  if (patch_) {
    const auto vectors = (*patch_)(patches_of(pictures, o_.patch));  // [B, L, N]
    return (*sequence_)(vectors, at::full({vectors.size(0)}, vectors.size(1), at::kLong), observer);
  }
  auto x = pictures - 0.5;
  for (const auto& layer : layers_) {
    x = at::conv2d(x, layer.weight, layer.bias, /*stride=*/2, /*padding=*/1);
    x = at::relu(at::group_norm(x, kGroups, layer.scale, layer.shift));
  }
  return (*positions_)(x.flatten(2).transpose(1, 2));  // [B, cells, channels]
}

}  // namespace attend
