#pragma once
// What search, sampling and forcing share beside their options: whether they record, who follows them, and how they are ended.
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "attend/search/growing_record.h"

namespace attend {

/// What one step did for one item.
struct StepEvent {
  std::int64_t item = 0;       ///< its number among those that were given
  std::int64_t step = 0;       ///< 0 for the first token
  std::int64_t pass = 0;       ///< 0, or in rounds which time a draft is being read
  std::size_t first_node = 0;  ///< the step's nodes are record->nodes()[first_node] and those after it
  bool done = false;           ///< this item's last step
  /// All that was kept of the item. Another thread may follow it by snapshot(), also after the search.
  std::shared_ptr<const GrowingRecord> record;
};
enum class AfterStep { kGoOn, kCancel };

/// Both ways of ending a run early throw kInterrupted from the call that searches.
struct SearchControl {
  bool record = false;                      ///< keep what every node attended to, at every site
  MapKeeping keep;                          ///< how much of maps that are seen whole: those of the reading, and of forced targets
  const std::atomic<bool>* stop = nullptr;  ///< looked at before each step: any thread or signal may set it
  /// Called in the searching thread after each step, once for each item that took part, in the order of the items.
  std::function<AfterStep(const StepEvent&)> on_step = {};
};

/// The same control, whose events are edited before they are told: for who searches a part of the items and must give their own numbers.
/// `control` must outlive it.
inline SearchControl with_events(const SearchControl& control, std::function<void(StepEvent&)> edit) {
  auto own = control;
  if (control.on_step)
    own.on_step = [&control, edit = std::move(edit)](const StepEvent& event) {
      auto told = event;
      edit(told);
      return control.on_step(told);
    };
  return own;
}

}  // namespace attend
