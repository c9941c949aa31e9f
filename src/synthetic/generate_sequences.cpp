#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <numeric>
#include <set>
#include <unordered_set>

#include "attend/core/error.h"
#include "attend/core/random.h"
#include "attend/synthetic/generate.h"

namespace attend {
namespace {

constexpr std::uint64_t kCountless = std::numeric_limits<std::uint64_t>::max();

/// a to z, then aa, ab, ..., az, ba, ...
std::string symbol_name(std::uint64_t number) {
  std::string name;
  for (std::uint64_t rest = number + 1; rest > 0; rest = (rest - 1) / 26)
    name.insert(name.begin(), static_cast<char>('a' + (rest - 1) % 26));
  return name;
}

std::uint64_t saturating_power(std::uint64_t base, std::uint64_t exponent) {
  std::uint64_t result = 1;
  for (; exponent > 0; --exponent) {
    if (result > kCountless / base) return kCountless;
    result *= base;
  }
  return result;
}

/// Where each output token of a task comes from: target t repeats source order[t].
std::vector<std::uint32_t> source_order(const std::string& task, const std::vector<std::uint64_t>& symbols) {
  std::vector<std::uint32_t> order(symbols.size());
  std::iota(order.begin(), order.end(), 0u);
  if (task == "reverse") std::reverse(order.begin(), order.end());
  if (task == "sort") std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return symbols[a] < symbols[b]; });
  return order;
}

GeneratedPair symbol_pair(const std::string& task, const std::vector<std::uint64_t>& symbols) {
  GeneratedPair pair;
  const auto order = source_order(task, symbols);
  for (std::uint32_t t = 0; t < order.size(); ++t) {
    const char* const gap = t ? " " : "";
    pair.source += gap + symbol_name(symbols[t]);
    pair.target += gap + symbol_name(symbols[order[t]]);
    pair.links.push_back({order[t], t, true});
  }
  std::sort(pair.links.begin(), pair.links.end(), [](const GoldLink& a, const GoldLink& b) { return a.source < b.source; });
  return pair;
}

/// `count` different numbers below `space`, in random order.
std::vector<std::uint64_t> choose_distinct(std::uint64_t count, std::uint64_t space, RandomStream& stream) {
  std::vector<std::uint64_t> chosen;
  if (space / 2 <= count) {  // most of them: shuffle all
    std::vector<std::uint64_t> all(space);
    std::iota(all.begin(), all.end(), std::uint64_t{0});
    for (std::uint64_t i = 0; i < count; ++i) {
      std::swap(all[i], all[i + stream.below(space - i)]);
      chosen.push_back(all[i]);
    }
    return chosen;
  }
  std::unordered_set<std::uint64_t> seen;
  while (chosen.size() < count) {
    const auto number = stream.below(space);
    if (seen.insert(number).second) chosen.push_back(number);
  }
  return chosen;
}

/// Distinct sequences of one length. Long ones are too many to number and are told apart as they are drawn.
void draw_sequences(std::uint64_t count, std::uint64_t length, std::uint64_t symbols, RandomStream& stream,
                    std::vector<std::vector<std::uint64_t>>& to) {
  const auto space = saturating_power(symbols, length);
  if (space != kCountless) {
    for (auto number : choose_distinct(count, space, stream)) {
      std::vector<std::uint64_t> sequence(length);
      for (auto& symbol : sequence) symbol = number % symbols, number /= symbols;
      to.push_back(std::move(sequence));
    }
    return;
  }
  std::set<std::vector<std::uint64_t>> seen;
  while (seen.size() < count) {
    std::vector<std::uint64_t> sequence(length);
    for (auto& symbol : sequence) symbol = stream.below(symbols);
    if (seen.insert(sequence).second) to.push_back(std::move(sequence));
  }
}

void check_enough(const SequenceOptions& o, std::uint64_t exist, const char* cure) {
  ATTEND_CHECK(exist == kCountless || static_cast<std::uint64_t>(o.pairs) <= exist, kValue,
               "data.sequences: {} pairs asked for, but task '{}' has only {} different ones with these options; ask for fewer or {}",
               o.pairs, o.task, exist, cure);
}

std::vector<GeneratedPair> symbol_pairs(const SequenceOptions& o) {
  ATTEND_CHECK(o.minimum_length <= o.maximum_length, kValue,
               "data.sequences: minimum_length must be at most maximum_length, got {} and {}; swap them", o.minimum_length,
               o.maximum_length);
  const auto symbols = static_cast<std::uint64_t>(o.symbols);
  const auto shortest = static_cast<std::uint64_t>(o.minimum_length), longest = static_cast<std::uint64_t>(o.maximum_length);
  std::uint64_t exist = 0;
  for (auto length = shortest; length <= longest; ++length) {
    const auto more = saturating_power(symbols, length);
    exist = more > kCountless - exist ? kCountless : exist + more;
  }
  check_enough(o, exist, "raise maximum_length or symbols");
  // Short lengths may have fewer sequences than their share; what they lack goes to the longer ones.
  RandomStream stream(random_key(static_cast<std::uint64_t>(o.seed), {11}));
  std::vector<std::vector<std::uint64_t>> sequences;
  auto left = static_cast<std::uint64_t>(o.pairs);
  for (auto length = shortest; length <= longest; ++length) {
    const auto lengths = longest - length + 1;
    const auto share = std::min((left + lengths - 1) / lengths, saturating_power(symbols, length));
    draw_sequences(share, length, symbols, stream, sequences);
    left -= share;
  }
  for (std::size_t i = sequences.size(); i > 1; --i) std::swap(sequences[i - 1], sequences[stream.below(i)]);
  std::vector<GeneratedPair> pairs;
  for (const auto& sequence : sequences) pairs.push_back(symbol_pair(o.task, sequence));
  return pairs;
}

constexpr std::array kMonths{"January", "February", "March",     "April",   "May",      "June",
                             "July",    "August",   "September", "October", "November", "December"};
constexpr std::array kWeekdays{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
/// Y year, M month's name, m month's number, D day, W weekday, o ordinal ending; other tokens stand for themselves.
constexpr std::array kFormats{"M D , Y", "D M Y", "W D M Y", "the D o of M Y", "Y / m / D"};

std::string_view ordinal_ending(unsigned day) {
  if (day / 10 == 1) return "th";
  return day % 10 == 1 ? "st" : day % 10 == 2 ? "nd" : day % 10 == 3 ? "rd" : "th";
}

GeneratedPair date_pair(std::chrono::sys_days day, std::string_view format) {
  const std::chrono::year_month_day date(day);
  const int year = static_cast<int>(date.year());
  const auto month = static_cast<unsigned>(date.month()), number = static_cast<unsigned>(date.day());
  GeneratedPair pair;
  std::uint32_t year_at = 0, month_at = 0, day_at = 0, token = 0;
  while (!format.empty()) {
    const auto end = std::min(format.find(' '), format.size());
    const auto item = format.substr(0, end);
    format.remove_prefix(std::min(end + 1, format.size()));
    if (!pair.source.empty()) pair.source += ' ';
    if (item == "Y")
      year_at = token, pair.source += std::to_string(year);
    else if (item == "M")
      month_at = token, pair.source += kMonths[month - 1];
    else if (item == "m")
      month_at = token, pair.source += std::to_string(month);
    else if (item == "D")
      day_at = token, pair.source += std::to_string(number);
    else if (item == "W")
      pair.source += kWeekdays[std::chrono::weekday(day).c_encoding()];
    else if (item == "o")
      pair.source += ordinal_ending(number);
    else
      pair.source += item;
    ++token;
  }
  const std::string iso = fmt::format("{:04}-{:02}-{:02}", year, month, number);
  for (std::uint32_t t = 0; t < iso.size(); ++t) {
    if (t) pair.target += ' ';
    pair.target += iso[t];
    pair.links.push_back({t < 4 ? year_at : t < 7 ? month_at : day_at, t, iso[t] != '-'});
  }
  std::stable_sort(pair.links.begin(), pair.links.end(), [](const GoldLink& a, const GoldLink& b) { return a.source < b.source; });
  return pair;
}

std::vector<GeneratedPair> date_pairs(const SequenceOptions& o) {
  using namespace std::chrono;
  ATTEND_CHECK(o.first_year <= o.last_year, kValue, "data.sequences: first_year must be at most last_year, got {} and {}; swap them",
               o.first_year, o.last_year);
  const sys_days first = year(static_cast<int>(o.first_year)) / January / 1;
  const sys_days last = year(static_cast<int>(o.last_year)) / December / 31;
  const auto exist = static_cast<std::uint64_t>((last - first).count() + 1) * kFormats.size();
  check_enough(o, exist, "widen first_year to last_year");
  RandomStream stream(random_key(static_cast<std::uint64_t>(o.seed), {12}));
  std::vector<GeneratedPair> pairs;
  for (const auto number : choose_distinct(static_cast<std::uint64_t>(o.pairs), exist, stream)) {
    pairs.push_back(date_pair(first + days(static_cast<std::int64_t>(number / kFormats.size())), kFormats[number % kFormats.size()]));
  }
  return pairs;
}

}  // namespace

void SequenceOptions::visit(OptionVisitor& v) {
  v(task, "task", "reverse", "what turns the source into the target", one_of({"reverse", "copy", "sort", "dates"}));
  v(pairs, "pairs", 10000, "how many different pairs", between(0, 100'000'000));
  v(minimum_length, "minimum_length", 3, "symbols in the shortest sequence", between(1, 10'000));
  v(maximum_length, "maximum_length", 12, "symbols in the longest sequence", between(1, 10'000));
  v(symbols, "symbols", 26, "how many different symbols", between(1, 1'000'000));
  v(first_year, "first_year", 1950, "earliest year of dates", between(1000, 9999));
  v(last_year, "last_year", 2049, "latest year of dates", between(1000, 9999));
  v(seed, "seed", 1, "the same seed and options give the same bytes", at_least(0));
}

std::vector<GeneratedPair> generate_sequences(const SequenceOptions& options) {
  static const std::vector<std::string> tasks{"reverse", "copy", "sort", "dates"};
  if (std::find(tasks.begin(), tasks.end(), options.task) == tasks.end()) fail_unknown_name("data.sequences: task", options.task, tasks);
  const auto positive = [](std::int64_t value, const char* name) {
    ATTEND_CHECK(value >= 1, kValue, "data.sequences: {} must be at least 1, got {}", name, value);
  };
  ATTEND_CHECK(options.pairs >= 0, kValue, "data.sequences: pairs must be at least 0, got {}", options.pairs);
  positive(options.minimum_length, "minimum_length");
  positive(options.maximum_length, "maximum_length");
  positive(options.symbols, "symbols");
  const auto year_fits = [](std::int64_t year) { return year >= 1000 && year <= 9999; };
  ATTEND_CHECK(year_fits(options.first_year) && year_fits(options.last_year), kValue,
               "data.sequences: years must have four digits, 1000 to 9999, got {} and {}", options.first_year, options.last_year);
  return options.task == "dates" ? date_pairs(options) : symbol_pairs(options);
}

}  // namespace attend
