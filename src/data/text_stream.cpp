#include "attend/data/text_stream.h"

#include <algorithm>

#include "attend/core/error.h"
#include "attend/text/lines.h"
#include "attend/text/unicode.h"

namespace attend {
namespace {

/// Where a line begins that is nearest to `wanted`; the text's size counts as one.
std::size_t nearest_line(const std::string& text, std::size_t wanted) {
  if (wanted == 0) return 0;
  const auto behind = text.find('\n', wanted - 1);
  const auto before = wanted < 2 ? text.npos : text.rfind('\n', wanted - 2);
  const auto later = behind == text.npos ? text.size() : behind + 1;
  const auto earlier = before == text.npos ? 0 : before + 1;
  return later - wanted <= wanted - earlier ? later : earlier;
}

}  // namespace

std::string read_text(const std::string& path) {
  TextFile file(path, "a text", TextIs::kAnything);
  std::string text;
  text.reserve(file.map.bytes().size());
  while (!file.at_end()) {
    const auto line = file.take();
    file.check_text(line);
    text += normalise(line).bytes();
    text += '\n';
  }
  if (!file.map.bytes().ends_with('\n')) text.pop_back();
  return text;
}

TextParts split_text(const std::string& text, const TextShares& shares, const std::string& name) {
  ATTEND_CHECK(shares.dev >= 0 && shares.test >= 0 && shares.dev + shares.test < 1, kValue,
               "{}: the shares of dev and test must be at least 0 and less than 1 together, got {} and {}", name, shares.dev, shares.test);
  const auto size = static_cast<double>(text.size());
  const auto test_at = nearest_line(text, static_cast<std::size_t>(size * (1 - shares.test)));
  const auto dev_at = std::min(test_at, nearest_line(text, static_cast<std::size_t>(size * (1 - shares.test - shares.dev))));
  TextParts parts{text.substr(0, dev_at), text.substr(dev_at, test_at - dev_at), text.substr(test_at)};
  ATTEND_CHECK(!parts.train.empty() && (shares.dev == 0 || !parts.dev.empty()) && (shares.test == 0 || !parts.test.empty()), kData,
               "{}: {} bytes cannot be cut at line ends into training, dev {} and test {}; give a text with more lines or other shares",
               name, text.size(), shares.dev, shares.test);
  return parts;
}

}  // namespace attend
