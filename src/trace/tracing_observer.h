#pragma once
// Listens to a model step by step and writes down what it computes.
#include "attend/attention/observer.h"
#include "attend/trace/trace.h"

namespace attend {

/// Follows one sentence and one hypothesis: B = K = 1.
class TracingObserver final : public Observer {
 public:
  struct Selection {
    std::vector<Site> shown;           ///< whose calls are written down
    std::optional<Site> source;        ///< whose weights count as coverage and links
    std::optional<std::int64_t> head;  ///< null: every head
  };
  TracingObserver(Selection selection, std::vector<std::string> source) : selection_(std::move(selection)), source_(std::move(source)) {}

  /// The token of the next step's queries, and those read before it.
  void begin_step(const std::string& target, const std::vector<std::string>& read);
  /// What was seen since the last call.
  std::vector<TraceLine> take_lines() { return std::exchange(lines_, {}); }
  /// Weights on the source [S] of the latest step, mean over heads; undefined without attention.
  const at::Tensor& source_weights() const { return source_weights_; }

  Request request(const Site& site) override;
  void observe(const Site& site, const Result& result) override;
  bool wants_numbers() const override { return true; }
  void parts(const Site& site, const at::Tensor& query, const std::vector<ScorePart>& parts) override;
  void number(const std::string& name, const at::Tensor& value) override;

 private:
  bool shown(const Site& site) const;
  bool counts_as_coverage(const Site& site) const;
  TraceAttention one_query(const Site& site, const Result& result, std::int64_t head, std::int64_t t) const;

  Selection selection_;
  std::vector<std::string> source_, read_;
  std::string target_;
  bool reading_ = true;           // until the first step
  std::vector<ScorePart> parts_;  // of the call that observe() completes
  std::vector<TraceLine> lines_;
  at::Tensor source_weights_;
};

/// Coverage and links from the weights [S] of each step; special tokens do not align. No rows leave both empty.
void add_alignment(Trace& trace, const std::vector<at::Tensor>& rows, const std::vector<bool>& special_source,
                   const std::vector<bool>& special_target);

/// x as float64 numbers, row-major.
std::vector<double> numbers_of(const at::Tensor& x);

}  // namespace attend
