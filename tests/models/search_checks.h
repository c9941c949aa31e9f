#pragma once
// Small networks to search with.
#include "attend/core/random.h"
#include "attend/models/steps.h"
#include "attend/search/search.h"
#include "attend/text/tokenizer.h"
#include "models/small_models.h"
#include "support/plain_search.h"
#include "support/tensors.h"

namespace attend::testing {

/// Batches, beams and single items add their numbers in other orders, and these models are steep: on some processors log-probabilities
/// then differ by 3e-5. A wrong row, mask or position is off by more than 1e-2.
inline constexpr double kOtherOrder = 1e-4;

inline constexpr std::int64_t kVocabulary = 7;  // <unk> <pad> <s> </s> and three words

/// A small float32 model whose weights are large enough, and its biases small enough, that what it says depends on what it reads.
inline std::shared_ptr<Seq2Seq> search_model(const ModelOptions& options) {
  auto model = make_model(options, kVocabulary, kVocabulary);
  at::NoGradGuard no_grad;
  RandomStream random(random_key(1, {}));
  for (auto& item : model->named_parameters()) {
    auto flat = item.value().view({-1});
    const bool embedding = item.key().find("embedding") != std::string::npos;
    const double reach = item.value().dim() < 2 ? 0.1 : embedding ? 2 : 1.5;  // uniform in ±reach
    if (item.key().find("norm") != std::string::npos) continue;
    for (std::int64_t i = 0; i < flat.numel(); ++i) flat.data_ptr<float>()[i] = static_cast<float>(reach * (2 * random.uniform() - 1));
  }
  model->eval();
  return model;
}

/// Adds to the logit of one token.
inline void favour(Seq2Seq& model, std::int32_t token, double amount) {
  at::NoGradGuard no_grad;
  model.named_parameters()["output_bias"][token] += amount;
}

struct Sources {
  at::Tensor ids = at::tensor({4, 6, 5, 3, 5, 3, 1, 1, 6, 6, 3, 1, 4, 5, 4, 3}, at::kLong).view({4, 4});
  at::Tensor lengths = at::tensor({4, 2, 3, 4}, at::kLong);
  Sources item(std::int64_t i) const {
    const auto length = lengths[i].item<std::int64_t>();
    return {ids.narrow(0, i, 1).narrow(1, 0, length), lengths.narrow(0, i, 1)};
  }
  std::int64_t size() const { return lengths.size(0); }
};

inline std::vector<SearchResult> search_all(const Seq2Seq& model, const Sources& s, const SearchOptions& options,
                                            const SearchControl& control = {}) {
  return search(*steps_of(model, s.ids, s.lengths), options, control);
}

/// Forced decoding of one sequence of tokens for one source.
inline SearchResult force_one(const Seq2Seq& model, const Sources& one, const std::vector<std::int32_t>& tokens,
                              const SearchControl& control = {}) {
  return force(*steps_of(model, one.ids, one.lengths), {&tokens, 1}, control).at(0);
}

}  // namespace attend::testing
