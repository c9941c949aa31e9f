#pragma once
// Parallel text on disk: memory-mapped, indexed by line, larger than memory if need be; and the order in which
// training reads it.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace attend {

/// What was read and what was left out, for one message to the user.
struct CorpusReport {
  std::uint64_t pairs = 0;
  std::uint64_t blank = 0, too_long = 0, broken = 0;  ///< skipped
  std::vector<std::string> examples;                  ///< "file:line: reason", the first few of each kind
};

/// Bytes of the longest line that is taken for a sentence or a document.
inline constexpr std::uint64_t kLongestLine = 65536;

struct CorpusOptions {
  std::uint64_t max_line_bytes = kLongestLine;  ///< longer lines are skipped and counted
  bool header = false;                          ///< the first line names columns and is no pair
  bool skip_broken = false;                     ///< broken UTF-8 or NUL: skip and count instead of an error
  bool keep_blank = false;                      ///< a blank side is a text like any other: such pairs are kept
};

/// Two line-aligned texts (or one TSV's first two columns). CRLF and a BOM are dropped; blank lines on both sides are
/// skipped and counted; a blank line on one side is skipped and counted too. A NUL byte counts as broken. Errors (kData,
/// `file:line`): unequal line counts, broken UTF-8, a TSV line without a tab, no pair left. kFile: missing, empty, a directory.
/// Threads may share one: its const members only read.
class ParallelCorpus {
 public:
  static ParallelCorpus from_files(const std::string& source, const std::string& target, const CorpusOptions& options = {});
  static ParallelCorpus from_tsv(const std::string& path, const CorpusOptions& options = {});
  ParallelCorpus(ParallelCorpus&&) noexcept;
  ParallelCorpus& operator=(ParallelCorpus&&) noexcept;
  ~ParallelCorpus();

  std::size_t size() const;
  std::string_view source(std::size_t i) const;
  std::string_view target(std::size_t i) const;
  std::string_view extra(std::size_t i) const;  ///< a TSV's further columns (links, attribution), empty otherwise
  std::string place(std::size_t i) const;       ///< "file:line" of pair i
  std::uint64_t line(std::size_t i) const;      ///< that line's number, from 1
  std::uint64_t lines() const;                  ///< of the file (of each of the two), a header and skipped ones included
  const CorpusReport& report() const;

 private:
  struct State;
  explicit ParallelCorpus(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// How batches are made. A batch holds examples of similar length, so that little is padding.
struct BatchPlan {
  std::int64_t size = 4096;  ///< target tokens (with padding) or sentences
  bool by_tokens = true;
  std::int64_t window = 20000;  ///< examples shuffled together, then sorted by length inside
  std::uint64_t seed = 1;
};

/// Where an iterator stands; saved in checkpoints, so that training continues with the very next batch.
struct BatchPosition {
  std::uint64_t epoch = 0, batch = 0;
  bool operator==(const BatchPosition&) const = default;
};

/// Walks a corpus in an order that depends on (seed, epoch) alone: examples are shuffled, cut into windows, sorted by
/// length inside a window, cut into batches, and the batches of a window shuffled. Bounded memory: the order of indices
/// (4 bytes an example) and one window's lengths. Each example with length > 0 comes exactly once an epoch.
/// One thread at a time, const members too: batches_in_epoch() keeps what it counted.
class BatchIterator {
 public:
  /// `length(i)` is what example i costs (its longer side in tokens); 0 leaves the example out. A batch by tokens costs its
  /// longest length times its number of examples, at most plan.size unless it holds one example alone. To continue at
  /// `start`, lengths are read from the beginning of its epoch. Throws kData when no example has a length, or when the
  /// epoch of `start` has fewer batches than that.
  BatchIterator(std::size_t examples, std::function<std::int64_t(std::size_t)> length, BatchPlan plan, BatchPosition start = {});
  ~BatchIterator();
  /// Indices of the next batch; begins a new epoch by itself. `position()` then names the batch after it: behind the last
  /// one of epoch e that is {e + 1, 0}.
  std::vector<std::size_t> next();
  BatchPosition position() const;
  /// Of the epoch `position()` is in; reads every length once an epoch.
  std::uint64_t batches_in_epoch() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace attend
