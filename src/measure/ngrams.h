#pragma once
// n-grams as numbers: an n-gram is its first n − 1 symbols and one more, so a map from (number of the prefix, symbol) to
// a number names every n-gram of every order exactly, without building strings.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace attend::scoring {

class NgramIndex {
 public:
  void clear() {
    numbers_.clear();
    orders_.clear();
  }
  std::size_t size() const { return orders_.size(); }
  int order(std::size_t ngram) const { return orders_[ngram]; }  ///< 0 for unigrams

  /// Calls see(number) for every n-gram up to `max_order` of a sequence, as often as it occurs.
  template <class See>
  void for_each(std::span<const std::uint32_t> symbols, int max_order, See see) {
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      std::uint64_t prefix = kNone;
      const std::size_t length = std::min<std::size_t>(static_cast<std::size_t>(max_order), symbols.size() - i);
      for (std::size_t n = 0; n < length; ++n) {
        const auto [at, fresh] = numbers_.try_emplace(prefix << 32 | symbols[i + n], static_cast<std::uint32_t>(orders_.size()));
        if (fresh) orders_.push_back(static_cast<int>(n));
        prefix = at->second;
        see(at->second);
      }
    }
  }

  /// Counts them: counts[number] (grown as needed).
  void count(std::span<const std::uint32_t> symbols, int max_order, std::vector<std::uint32_t>& counts) {
    for_each(symbols, max_order, [&](std::uint32_t number) {
      if (counts.size() <= number) counts.resize(number + std::size_t{1});
      ++counts[number];
    });
  }

 private:
  static constexpr std::uint64_t kNone = 0xFFFFFFFF;  // the prefix of unigrams
  std::unordered_map<std::uint64_t, std::uint32_t> numbers_;
  std::vector<int> orders_;
};

/// Numbers words in the order they are first seen. The views must outlive it.
class WordIndex {
 public:
  std::uint32_t number(std::u32string_view word) {
    return numbers_.try_emplace(word, static_cast<std::uint32_t>(numbers_.size())).first->second;
  }

 private:
  std::unordered_map<std::u32string_view, std::uint32_t> numbers_;
};

/// How many n-grams of order n + 1 a sequence has.
inline std::uint64_t ngrams_of(std::size_t length, int n) {
  const auto taken = static_cast<std::size_t>(n);
  return length > taken ? length - taken : 0;
}

/// Notes how many references each sentence has, for the signature: their number, or "var".
class ReferenceCount {
 public:
  void add(std::size_t references) {
    varies_ = varies_ || (sentences_ > 0 && references != references_);
    references_ = references;
    ++sentences_;
  }
  std::uint64_t sentences() const { return sentences_; }
  std::string text() const { return varies_ ? "var" : std::to_string(references_); }

 private:
  std::uint64_t sentences_ = 0;
  std::size_t references_ = 0;
  bool varies_ = false;
};

}  // namespace attend::scoring
