#include "search/steps.h"

namespace attend {

std::shared_ptr<GrowingRecord> begin_record(StepModel& model, std::int64_t item, const SearchControl& control) {
  auto record = std::make_shared<GrowingRecord>(model.size_of(item));
  if (!control.record) return record;
  record->add_encoder(model.encoder_maps(item));
  if (model.items() == 1) record->add_summaries(model.take_summaries());
  return record;
}

SearchTree end_record(const std::shared_ptr<GrowingRecord>& record) {
  if (record.use_count() == 1) return record->release();  // nobody else can come by it any more
  record->finish();
  return record->snapshot();
}

void stop_if_asked(const SearchControl& control) { ATTEND_CHECK(!control.stop || !*control.stop, kInterrupted, "interrupted"); }

void tell(const StepEvent& event, const SearchControl& control) {
  ATTEND_CHECK(!control.on_step || control.on_step(event) == AfterStep::kGoOn, kInterrupted, "interrupted");
}

}  // namespace attend
