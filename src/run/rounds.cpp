// Reading what was written as a draft, again and again.
#include <numeric>

#include "attend/run/search.h"
#include "attend/text/tokenizer.h"

namespace attend {

Drafts pad_drafts(const std::vector<std::vector<std::int32_t>>& drafts) {
  std::size_t longest = 0;
  for (const auto& draft : drafts) longest = std::max(longest, draft.size());
  const auto rows = static_cast<std::int64_t>(drafts.size()), columns = static_cast<std::int64_t>(longest) + 1;
  Drafts padded{at::full({rows, columns}, kPadId, at::kLong), at::empty({rows}, at::kLong)};
  padded.ids.select(1, 0).fill_(kBeginId);
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    std::copy(drafts[i].begin(), drafts[i].end(), padded.ids.data_ptr<std::int64_t>() + i * static_cast<std::size_t>(columns) + 1);
    padded.lengths.data_ptr<std::int64_t>()[i] = static_cast<std::int64_t>(drafts[i].size());
  }
  return padded;
}

std::vector<SearchResult> search_in_rounds(const Seq2Seq& model, const at::Tensor& source, const at::Tensor& lengths,
                                           const SearchOptions& options, bool record) {
  const bool revises = model.second_pass() && options.rounds > 0;
  auto found = search(model, source, lengths, options, record && !revises);
  std::vector<std::int64_t> going(found.size());  // items whose text still changes
  std::iota(going.begin(), going.end(), std::int64_t{0});
  for (std::int64_t round = 0; revises && round < options.rounds && !going.empty(); ++round) {
    std::vector<std::vector<std::int32_t>> drafts;
    for (const auto i : going) drafts.push_back(found[static_cast<std::size_t>(i)].best[0].tokens);
    const auto chosen = at::tensor(going, at::kLong);
    auto revised = revise(model, source.index_select(0, chosen), lengths.index_select(0, chosen), drafts, options, record);
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
