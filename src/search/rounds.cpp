// Reading what was written as a draft, again and again.
#include <numeric>

#include "attend/search/search.h"

namespace attend {
namespace {

std::vector<SearchResult> search_drafted(StepModel& pass, std::span<const std::vector<std::int32_t>> drafts, const SearchOptions& options,
                                         const SearchControl& control) {
  auto found = search(pass, options, control);
  for (std::size_t i = 0; i < drafts.size(); ++i) found[i].draft = drafts[i];
  return found;
}

}  // namespace

std::vector<SearchResult> revise(const StepModel& model, std::span<const std::vector<std::int32_t>> drafts, const SearchOptions& options,
                                 const SearchControl& control) {
  ATTEND_CHECK(static_cast<std::size_t>(model.items()) == drafts.size(), kValue, "revise: {} sources, {} drafts; give one draft a source",
               model.items(), drafts.size());
  ATTEND_CHECK(model.revises(), kValue, "this model has no second pass to read a draft with; train one with model.revise: true");
  std::vector<std::int64_t> all(drafts.size());
  std::iota(all.begin(), all.end(), std::int64_t{0});
  return search_drafted(*model.second_pass(all, drafts), drafts, options, control);
}

std::vector<SearchResult> search_in_rounds(StepModel& model, const SearchOptions& options, const SearchControl& control) {
  const bool revises = options.rounds > 0 && model.revises();
  auto first = control;
  first.record = control.record && !revises;
  auto found = search(model, options, first);
  std::vector<std::int64_t> going(found.size());  // items whose text still changes
  std::iota(going.begin(), going.end(), std::int64_t{0});
  for (std::int64_t round = 0; revises && round < options.rounds && !going.empty(); ++round) {
    std::vector<std::vector<std::int32_t>> drafts;
    for (const auto i : going) drafts.push_back(found[static_cast<std::size_t>(i)].best[0].tokens);
    const auto again = with_events(control, [&](StepEvent& event) {  // the pass numbers its items from 0
      event.item = going[static_cast<std::size_t>(event.item)];
      event.pass = round + 1;
    });
    const auto second = model.second_pass(going, drafts);
    auto revised = search_drafted(*second, drafts, options, again);
    std::vector<std::int64_t> next;
    for (std::size_t k = 0; k < going.size(); ++k) {
      auto& before = found[static_cast<std::size_t>(going[k])];
      if (round > 0 && revised[k].best[0].log_prob < before.best[0].log_prob) continue;
      if (revised[k].best[0].tokens != drafts[k]) next.push_back(going[k]);
      before = std::move(revised[k]);
    }
    going = std::move(next);
  }
  return found;
}

}  // namespace attend
