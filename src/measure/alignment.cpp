#include "attend/measure/alignment.h"

#include <algorithm>
#include <charconv>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/measure/metrics.h"

namespace attend {
namespace {

constexpr std::string_view kBlank = " \t\r";

bool same_pair(const Link& a, const Link& b) { return a.source == b.source && a.target == b.target; }

/// Source-major; of a sure and a possible link between the same words the sure one first.
bool comes_before(const Link& a, const Link& b) {
  if (a.source != b.source) return a.source < b.source;
  if (a.target != b.target) return a.target < b.target;
  return a.sure && !b.sure;
}

bool read_number(const char*& at, const char* end, std::uint32_t& number) {
  const auto [stop, error] = std::from_chars(at, end, number);
  at = stop;
  return error == std::errc();
}

bool read_link(std::string_view text, Link& link) {
  const char* at = text.data();
  const char* const end = at + text.size();
  bool good = read_number(at, end, link.source) && at != end && (*at == '-' || *at == 'p' || *at == '?');
  if (good) {
    link.sure = *at++ == '-';
    good = read_number(at, end, link.target) && at == end;
  }
  return good;
}

// Calls take(word) for each stretch between blanks, until it returns false.
template <class Take>
bool each_word(std::string_view line, const Take& take) {
  for (std::size_t at = line.find_first_not_of(kBlank); at != line.npos;) {
    const std::size_t end = std::min(line.find_first_of(kBlank, at), line.size());
    if (!take(line.substr(at, end - at))) return false;
    at = line.find_first_not_of(kBlank, end);
  }
  return true;
}

bool all_links(std::string_view column) {
  bool any = false;
  return each_word(column,
                   [&](std::string_view word) {
                     Link link;
                     any = true;
                     return read_link(word, link);
                   }) &&
         any;
}

Link parse_link(std::string_view text, int base, const std::string& place) {
  Link link;
  ATTEND_CHECK(read_link(text, link), kData,
               "{}: '{}' is no link; expected i-j (sure), or ipj or i?j (possible), i the source word, j the target word", place, text);
  const auto first = static_cast<std::uint32_t>(base);
  ATTEND_CHECK(link.source >= first && link.target >= first, kData,
               "{}: link '{}' has a word 0, but words were to be counted from 1; read the file with base 0", place, text);
  link.source -= first;
  link.target -= first;
  return link;
}

void check_base(int base) { ATTEND_CHECK(base == 0 || base == 1, kValue, "links: base must be 0 or 1, got {}", base); }

std::optional<double> ratio(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

Links sorted_links(Links links) {
  std::sort(links.begin(), links.end(), comes_before);
  links.erase(std::unique(links.begin(), links.end(), same_pair), links.end());
  return links;
}

Links parse_links(std::string_view line, int base, const std::string& place) {
  check_base(base);
  Links links;
  each_word(line, [&](std::string_view word) {
    links.push_back(parse_link(word, base, place));
    return true;
  });
  return sorted_links(std::move(links));
}

Links parse_link_columns(std::string_view columns, int base, const std::string& place) {
  check_base(base);
  const auto first = columns.substr(0, columns.find('\t'));
  for (auto rest = columns; !rest.empty();) {
    const auto column = rest.substr(0, rest.find('\t'));
    rest.remove_prefix(std::min(column.size() + 1, rest.size()));
    if (!column.empty() && all_links(column)) return parse_links(column, base, place);
  }
  if (first.find_first_not_of(kBlank) == first.npos) return {};
  return parse_links(first, base, place);  // which names what is no link
}

void check_links(const Links& links, std::uint32_t sources, std::uint32_t targets, const std::string& place) {
  for (const Link& link : links) {
    const bool source = link.source >= sources;
    if (!source && link.target < targets) continue;
    fail(ErrorKind::kData,
         "{}: link {}-{} joins {} word {}, counted from 0, and the sentence has {}; is the file of these sentences, are its words counted "
         "from 1, or are other units counted (words, tokens, characters)?",
         place, link.source, link.target, source ? "source" : "target", source ? link.source : link.target, source ? sources : targets);
  }
}

std::string format_links(const Links& links, int base) {
  check_base(base);
  std::string text;
  for (const Link& link : links)
    text += fmt::format("{}{}{}{}", text.empty() ? "" : " ", std::uint64_t{link.source} + static_cast<std::uint64_t>(base),
                        link.sure ? '-' : 'p', std::uint64_t{link.target} + static_cast<std::uint64_t>(base));
  return text;
}

std::vector<Links> read_links(const std::string& path, int base) {
  check_base(base);
  const MappedFile file(path);
  std::vector<Links> pairs;
  std::string_view rest = file.bytes();
  if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    pairs.push_back(parse_links(rest.substr(0, end), base, fmt::format("{}:{}", file.path(), pairs.size() + 1)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return pairs;
}

void AlignmentScore::add(const Links& found, const Links& gold) {
  const Links claims = sorted_links(found), truth = sorted_links(gold);
  found_ += claims.size();
  for (const Link& link : truth) sure_ += link.sure;
  for (const Link& claim : claims) {
    // A sure link sorts before a possible one between the same words, so this finds the pair whatever its kind.
    const auto at = std::lower_bound(truth.begin(), truth.end(), Link{claim.source, claim.target, true}, comes_before);
    if (at == truth.end() || !same_pair(*at, claim)) continue;
    ++found_possible_;
    found_sure_ += at->sure;
  }
}

AlignmentScore& AlignmentScore::operator+=(const AlignmentScore& other) {
  found_ += other.found_;
  sure_ += other.sure_;
  found_sure_ += other.found_sure_;
  found_possible_ += other.found_possible_;
  return *this;
}

std::optional<double> AlignmentScore::precision() const { return ratio(found_possible_, found_); }
std::optional<double> AlignmentScore::recall() const { return ratio(found_sure_, sure_); }
std::optional<double> AlignmentScore::aer() const {
  const auto agreed = ratio(found_sure_ + found_possible_, found_ + sure_);
  if (!agreed) return std::nullopt;
  return 1 - *agreed;
}
std::optional<double> AlignmentScore::f_measure(double alpha) const {
  ATTEND_CHECK(alpha >= 0 && alpha <= 1, kValue, "f_measure: alpha must be 0 to 1, got {}", alpha);
  const auto p = precision(), r = recall();
  if (!p || !r) return std::nullopt;
  const double denominator = alpha * *r + (1 - alpha) * *p;  // the formula multiplied out: no division by a precision of 0
  return denominator == 0 ? 0 : *p * *r / denominator;
}

extern constinit const MetricEntry aer_metric{.sentence = "alignment error rate of links read off the attention, against gold links",
                                              .needs = {MetricNeed::kGoldLinks},
                                              .unit = "a share",
                                              .larger_is_better = false,
                                              .print = {.label = "AER", .brief_decimals = 1, .share = true},
                                              .of_links = [](const AlignmentScore& score) { return score.aer(); }};

}  // namespace attend
