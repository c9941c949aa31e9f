#pragma once
// Small models to search with, and a search that tries everything.
#include <algorithm>
#include <atomic>
#include <cmath>

#include "attend/attention/multi_head.h"
#include "attend/core/random.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/transformer_options.h"
#include "attend/run/search.h"
#include "attend/text/tokenizer.h"
#include "support/tensors.h"

namespace attend::testing {

/// Batches, beams and single items add their numbers in other orders, and these models are steep: on some processors log-probabilities
/// then differ by 3e-5. A wrong row, mask or position is off by more than 1e-2.
inline constexpr double kOtherOrder = 1e-4;

inline constexpr std::int64_t kVocabulary = 7;  // <unk> <pad> <s> </s> and three words

inline ModelOptions rnn_options() {
  ModelOptions o;
  o.embedding = 4;
  o.of<ReadingOptions>().encoder_hidden = 3;
  o.of<HiddenOptions>().hidden = 6;
  return o;
}
inline ModelOptions transformer_options() {
  ModelOptions o;
  o.type = "transformer";
  o.attention = "multi_head";
  o.embedding = 8;
  o.of<HeadOptions>().heads = 2;
  o.of<TransformerOptions>().feed_forward = 12;
  o.of<EncoderDepthOptions>().encoder_layers = o.of<DecoderDepthOptions>().decoder_layers = 2;
  return o;
}

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

/// A model that wants to be stopped while it takes its third step.
class StoppingModel final : public Seq2Seq {
 public:
  explicit StoppingModel(std::shared_ptr<Seq2Seq> model) : model_(std::move(model)) {}
  std::unique_ptr<Encoded> encode(const at::Tensor& source, const at::Tensor& lengths, Observer* observer) const override {
    return model_->encode(source, lengths, observer);
  }
  at::Tensor decode(const Encoded& encoded, const at::Tensor& inputs, const at::Tensor& target_lengths, Observer* observer) const override {
    return model_->decode(encoded, inputs, target_lengths, observer);
  }
  at::Tensor logits(const at::Tensor& states) const override { return model_->logits(states); }
  std::vector<Site> sites() const override { return model_->sites(); }
  std::unique_ptr<DecoderState> start(const Encoded& encoded, std::int64_t count) const override { return model_->start(encoded, count); }
  at::Tensor step(const Encoded& encoded, DecoderState& state, const at::Tensor& tokens, Observer* observer) const override {
    stop = ++steps >= 3;
    return model_->step(encoded, state, tokens, observer);
  }
  mutable std::atomic<bool> stop{false};
  mutable int steps = 0;

 private:
  std::shared_ptr<Seq2Seq> model_;
};

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

/// At most `length` tokens whatever the source's length; ranks by log-probability.
inline SearchOptions plain_search(std::int64_t beam, std::int64_t n_best, std::int64_t length) {
  SearchOptions o;
  o.beam = beam;
  o.n_best = n_best;
  o.max_length_ratio = 0;
  o.max_length_extra = length;
  o.length_penalty = 0;
  return o;
}

inline std::vector<SearchResult> search_all(const Seq2Seq& model, const Sources& s, const SearchOptions& options, bool record = false) {
  return search(model, s.ids, s.lengths, options, record);
}

/// Forced decoding of one sequence of tokens for one source.
inline SearchResult force_one(const Seq2Seq& model, const Sources& one, const std::vector<std::int32_t>& tokens, bool record = false) {
  const std::vector<std::int64_t> ids(tokens.begin(), tokens.end());
  const auto length = static_cast<std::int64_t>(ids.size());
  return force(model, one.ids, one.lengths, at::tensor(ids, at::kLong).unsqueeze(0), at::full({1}, length, at::kLong), record).at(0);
}

/// All sequences over </s> and the three words that end in </s> and have at most `length` tokens.
inline std::vector<std::vector<std::int32_t>> all_sequences(std::size_t length) {
  std::vector<std::vector<std::int32_t>> done, open{{}};
  while (!open.empty()) {
    const auto prefix = open.back();
    open.pop_back();
    done.push_back(prefix);
    done.back().push_back(kEndId);
    if (prefix.size() + 1 < length)
      for (std::int32_t word = kEndId + 1; word < kVocabulary; ++word) {
        open.push_back(prefix);
        open.back().push_back(word);
      }
  }
  return done;
}

inline double lp(double alpha, std::size_t length) { return std::pow((5.0 + static_cast<double>(length)) / 6.0, alpha); }

}  // namespace attend::testing
