#pragma once
// How a model shows its attention: it passes an Observer down, which receives every call's result beside the site it was made at.
#include <string>

#include "attend/attention/mechanism.h"
#include "attend/record/site.h"

namespace attend {

/// Is told what a model attends to while the model runs, by the thread that runs it. One thread at a time; runs at the same time in several
/// threads take an observer each.
class Observer {
 public:
  virtual ~Observer() = default;
  /// What to ask of the mechanism at this site.
  virtual Request request(const Site& site) = 0;
  /// The same where the sizes of the call are known: those of its weights [B, H, T, S].
  virtual Request request(const Site& site, const CallSizes& /*sizes*/) { return request(site); }
  /// The result of the call, detached from training or not as it came. weights [B, H, T, S].
  virtual void observe(const Site& site, const Result& result) = 0;

  /// True for an observer that follows the whole computation: only then are the two functions below called.
  virtual bool wants_numbers() const { return false; }
  /// The query [B, H, T, Dq] of the call that observe() tells of next, and the parts of its scores.
  virtual void parts(const Site& /*site*/, const at::Tensor& /*query*/, const std::vector<ScorePart>& /*parts*/) {}
  /// Any other number, in the order of the computation: embeddings, states, ... (docs/guide/trace.md lists the names). From encode()
  /// [B, S, *] or [B, *], from step() [B·K, *] or [B, K, *]; decode() shows none.
  virtual void number(const std::string& /*name*/, const at::Tensor& /*value*/) {}
};

/// The observer if it wants every number, else null.
inline Observer* number_observer(Observer* observer) { return observer && observer->wants_numbers() ? observer : nullptr; }

/// Attends and shows the result to the observer, if there is one.
inline Result attend_observed(const Mechanism& mechanism, const at::Tensor& query, const Memory& memory, State* state, const Site& site,
                              Observer* observer) {
  if (auto* follower = number_observer(observer)) follower->parts(site, query, mechanism.parts(query, memory));
  const CallSizes sizes{query.size(0), mechanism.weight_heads(query.size(1)), query.size(2), memory.size()};
  Result result = mechanism.attend(query, memory, state, observer ? observer->request(site, sizes) : Request{});
  if (observer) observer->observe(site, result);
  return result;
}

}  // namespace attend
