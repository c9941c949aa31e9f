#pragma once
// CIDEr-D (Vedantam, Zitnick & Parikh, 2015) as the COCO caption scorer computes it.
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace attend {

/// How much a caption says what people said of the same image, rare n-grams counting more than common ones.
///
///     score = 10 / 4 · Σ_n mean over references r of
///             exp(−(l(c) − l(r))² / 2σ²) · Σ_g min(c_g, r_g) · r_g / (|c| |r|),   σ = 6
///
/// with c, r the vectors of counts × ln(items / items with g in a reference) over the n-grams g of order n, and l the number
/// of words. They are split at white space and compared as they are; the scorer's own program first lower-cases, splits
/// by the Penn Treebank's rules and drops punctuation. A corpus of one item scores 0: every n-gram is common.
/// Memory grows with the corpus, by its n-grams.
/// One thread at a time may add. Once all is added, threads may share it: const members only read.
class Cider {
 public:
  Cider();
  Cider(Cider&&) noexcept;
  Cider& operator=(Cider&&) noexcept;
  ~Cider();

  /// Adds one item with all its references. Throws kValue without a reference, kData for broken UTF-8, naming the item.
  void add(std::string_view hypothesis, std::span<const std::string_view> references);

  /// Mean over the items, 0 to 10; papers print it times 100 (1.205 as 120.5). Throws kValue before the first item.
  double score() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace attend
