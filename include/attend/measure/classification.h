#pragma once
// Scores of classifiers: confusion matrix, accuracy, precision, recall and F1 of each class, macro-F1.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attend {

/// How one class fared; with *tp* the items of the class that were predicted as it.
struct ClassScore {
  std::uint64_t correct = 0;        ///< tp
  std::uint64_t predicted = 0;      ///< items predicted as the class
  std::uint64_t gold = 0;           ///< items of the class
  std::optional<double> precision;  ///< tp / predicted; null when it was never predicted
  std::optional<double> recall;     ///< tp / gold; null when no item is of it
  std::optional<double> f1;         ///< 2 tp / (predicted + gold); null when it occurs on neither side
};

/// Counts predictions by gold class; all scores follow from the counts.
/// One thread at a time may add. Once all is added, threads may share it: const members only read.
class ConfusionMatrix {
 public:
  /// Throws kValue without classes or for a class named twice.
  explicit ConfusionMatrix(std::vector<std::string> classes);

  /// Adds one item by class numbers. Throws kValue for a number that is no class.
  void add(std::size_t predicted, std::size_t gold);
  /// By class names. Throws kUnknownName.
  void add(std::string_view predicted, std::string_view gold);

  const std::vector<std::string>& classes() const { return classes_; }
  std::uint64_t total() const { return total_; }
  /// Items of class `gold` that were predicted as `predicted`. Throws as add.
  std::uint64_t count(std::size_t gold, std::size_t predicted) const;

  ClassScore of_class(std::size_t index) const;  ///< throws as add
  /// Correct items / items, 0 to 1; null before the first item.
  std::optional<double> accuracy() const;
  /// Mean of F1 over the classes that have one, each weighing the same, 0 to 1; null before the first item.
  std::optional<double> macro_f1() const;

  /// The counts as text: a row for each gold class, a column for each predicted one.
  std::string table() const;

 private:
  void check(std::size_t index, const char* what) const;
  std::size_t index_of(std::string_view name) const;

  std::vector<std::string> classes_;
  std::vector<std::uint64_t> counts_;  // [gold, predicted]
  std::uint64_t total_ = 0;
};

}  // namespace attend
