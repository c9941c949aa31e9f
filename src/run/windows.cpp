#include "attend/run/windows.h"

#include <algorithm>

#include "attend/text/unicode.h"

namespace attend {
namespace {

// Characters that tokens of a line spell: a run of white space is one, and none stands at either end.
std::uint64_t spelled_characters(std::string_view line) {
  std::uint64_t count = 0;
  bool space = false;
  for (std::size_t at = 0; at < line.size();) {
    if (is_white_space(next_character(line, at))) {
      space = count > 0;
    } else {
      count += space ? 2 : 1;
      space = false;
    }
  }
  return count;
}

}  // namespace

void each_line(std::string_view text, const std::function<void(std::string_view)>& take) {
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    take(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

Stream stream_of(const Tokenizer& tokenizer, std::string_view text) {
  const auto& special = tokenizer.special();
  Stream stream;
  stream.begin = special.begin;
  each_line(text, [&](std::string_view line) {
    for (const auto& token : tokenizer.encode(line)) {
      stream.ids.push_back(token.id);
      stream.unknown += token.id == special.unknown ? 1 : 0;
    }
    stream.ids.push_back(special.end);
    stream.characters += spelled_characters(line) + 1;
  });
  return stream;
}

Windows windows_of(const Stream& stream, const std::vector<Window>& windows) {
  Windows batch;
  std::size_t longest = 0;
  for (const auto& w : windows) longest = std::max(longest, w.size);
  const auto rows = static_cast<std::int64_t>(windows.size()), steps = static_cast<std::int64_t>(longest);
  batch.inputs = at::zeros({rows, steps}, index_options());  // [B, T]
  batch.wanted = at::zeros({rows, steps}, index_options());  // [B, T]
  batch.lengths = at::empty({rows}, index_options());        // [B]
  auto in = batch.inputs.accessor<std::int64_t, 2>(), out = batch.wanted.accessor<std::int64_t, 2>();
  for (std::int64_t b = 0; b < rows; ++b) {
    const auto& [begin, size] = windows[static_cast<std::size_t>(b)];
    for (std::size_t t = 0; t < size; ++t) {
      in[b][static_cast<std::int64_t>(t)] = begin + t == 0 ? stream.begin : stream.ids[begin + t - 1];
      out[b][static_cast<std::int64_t>(t)] = stream.ids[begin + t];
    }
    batch.lengths[b] = static_cast<std::int64_t>(size);
  }
  batch.live = within_lengths(batch.lengths, steps).flatten().nonzero().squeeze(1);  // [n]
  batch.targets = batch.wanted.flatten().index_select(0, batch.live);                // [n]
  return batch;
}

at::Tensor states_of(const Seq2Seq& model, const Windows& batch, Observer* observer) {
  const auto rows = batch.inputs.size(0);
  const auto encoded = model.encode(at::empty({rows, 0}, index_options()), at::zeros({rows}, index_options()), nullptr);
  return model.decode(*encoded, batch.inputs, batch.lengths, observer);
}

std::vector<std::string> lines_of(const Tokenizer& tokenizer, const std::vector<std::int32_t>& tokens) {
  std::vector<std::string> lines;
  for (auto begin = tokens.begin(); begin < tokens.end();) {
    const auto end = std::find(begin, tokens.end(), tokenizer.special().end);
    lines.push_back(tokenizer.decode(std::vector<std::int32_t>(begin, end)));
    begin = end == tokens.end() ? end : end + 1;
  }
  return lines;
}

}  // namespace attend
