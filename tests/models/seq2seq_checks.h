#pragma once
// What every encoder–decoder must satisfy, whatever it is made of.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "attend/models/seq2seq.h"
#include "support/tensors.h"

namespace attend::testing {

inline constexpr std::int64_t kSourceVocabulary = 9, kTargetVocabulary = 8;

/// Three pairs of uneven lengths, one item full in S and another in T.
struct Batch {
  at::Tensor source = at::tensor({5, 7, 4, 3, 1, 7, 7, 6, 4, 3, 6, 3, 1, 1, 1}, at::kLong).view({3, 5});
  at::Tensor lengths = at::tensor({4, 5, 2}, at::kLong);
  at::Tensor inputs = at::tensor({2, 4, 7, 5, 2, 6, 1, 1, 2, 5, 5, 1}, at::kLong).view({3, 4});
  at::Tensor target_lengths = at::tensor({4, 2, 3}, at::kLong);
};

/// bool [B, L]: true where an item's own positions are.
inline at::Tensor own(const at::Tensor& lengths, std::int64_t size) {
  return at::arange(size, at::kLong).unsqueeze(0).lt(lengths.unsqueeze(1));
}

inline at::Tensor states_of(const Seq2Seq& model, const Batch& b, Observer* observer = nullptr) {
  return model.decode(*model.encode(b.source, b.lengths, observer), b.inputs, b.target_lengths, observer);
}
/// Rows past an item's target are unspecified: zeros instead.
inline at::Tensor live_states(const Seq2Seq& model, const Batch& b) {
  const auto states = states_of(model, b);
  return at::where(own(b.target_lengths, states.size(1)).unsqueeze(-1), states, at::zeros({}, states.options()));
}

inline void expect_steps_equal_teacher_forcing(const Seq2Seq& model, double tolerance) {
  at::NoGradGuard no_grad;
  const Batch b;
  const auto encoded = model.encode(b.source, b.lengths, nullptr);
  const auto all = model.decode(*encoded, b.inputs, at::tensor({4, 4, 4}, at::kLong), nullptr);  // [B, T, N]
  const auto state = model.start(*encoded, b.inputs.size(1));
  for (std::int64_t t = 0; t < b.inputs.size(1); ++t)
    EXPECT_TRUE(close(model.step(*encoded, *state, b.inputs.narrow(1, t, 1), nullptr), all.narrow(1, t, 1), tolerance)) << "step " << t;
}

inline void expect_batch_equals_single(const Seq2Seq& model, double tolerance) {
  at::NoGradGuard no_grad;
  const Batch b;
  const auto together = states_of(model, b);
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto s = b.lengths[i].item<std::int64_t>(), t = b.target_lengths[i].item<std::int64_t>();
    const Batch alone{b.source.narrow(0, i, 1).narrow(1, 0, s), b.lengths.narrow(0, i, 1), b.inputs.narrow(0, i, 1).narrow(1, 0, t),
                      b.target_lengths.narrow(0, i, 1)};
    EXPECT_TRUE(close(states_of(model, alone)[0], together[i].narrow(0, 0, t), tolerance)) << "item " << i;
  }
}

/// The same model in bfloat16, whose numbers have 8 bits, gives nearly the same probabilities.
inline void expect_bfloat16_is_near(Seq2Seq& model, double tolerance) {
  at::NoGradGuard no_grad;
  const Batch b;
  const auto probabilities = [&] {
    const auto states = live_states(model, b);
    return at::softmax(model.logits(states).to(at::kDouble), -1);  // [B, T, V]; of models that copy the softmax of ln P is P
  };
  const auto exact = probabilities();
  model.to(at::kBFloat16);
  const auto near = probabilities();
  EXPECT_TRUE(close(near, exact, tolerance)) << "largest difference " << (near - exact).abs().max().item<double>();
  EXPECT_FALSE(same(near, exact)) << "nothing was rounded";
}

/// A scalar of all live logits.
inline at::Tensor loss_of(const Seq2Seq& model, const Batch& b) {
  const auto log_p = at::log_softmax(model.logits(live_states(model, b)), -1);  // [B, T, V]
  const auto live = own(b.target_lengths, b.inputs.size(1)).unsqueeze(-1);
  const auto mix = wave({3, 4, kTargetVocabulary}, 0.3).to(log_p.scalar_type());
  return at::where(live, log_p * mix.narrow(1, 0, log_p.size(1)), at::zeros({}, log_p.options())).sum();
}

inline std::vector<at::Tensor> gradients_of(Seq2Seq& model, const Batch& b) {
  model.zero_grad();
  loss_of(model, b).backward();
  std::vector<at::Tensor> gradients;
  for (const auto& p : model.parameters()) gradients.push_back(gradient_of(p).clone());
  return gradients;
}

/// Tokens behind an item's end, and more of them, change neither outputs nor gradients: not even one whose vector is NaN, as long
/// as only the source side reads that table.
inline void expect_padding_is_free(Seq2Seq& model, double tolerance) {
  const Batch plain;
  Batch filled = plain;
  const auto fill = [](const at::Tensor& ids, const at::Tensor& lengths, std::int64_t token) {
    return at::where(own(lengths, ids.size(1)), ids, token);
  };
  filled.source = at::cat({fill(plain.source, plain.lengths, 0), at::full({3, 2}, 6, at::kLong)}, 1);
  filled.inputs = fill(plain.inputs, plain.target_lengths, 4);
  const auto expected_states = live_states(model, plain);
  const auto expected = gradients_of(model, plain);
  auto parameters = model.named_parameters();
  if (auto* table = parameters.find("source_embedding.weight")) {
    at::NoGradGuard no_grad;
    (*table)[0].fill_(std::numeric_limits<double>::quiet_NaN());
  }
  EXPECT_TRUE(close(live_states(model, filled), expected_states, tolerance));
  const auto got = gradients_of(model, filled);
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(close(got[i], expected[i], 10 * tolerance)) << "gradient " << i;
}

/// Hypotheses as rows: whatever reorder() and select() make of them, each row's state is that of its own words alone.
class HypothesisWalk {
 public:
  HypothesisWalk(const Seq2Seq& model, double tolerance) : model_(model), tolerance_(tolerance) {}

  void run() {
    at::NoGradGuard no_grad;
    encoded_ = model_.encode(batch_.source, batch_.lengths, nullptr);
    state_ = model_.start(*encoded_, 6);
    rows_ = {{0, {}}, {1, {}}, {2, {}}};
    step(1, {2, 2, 2});
    reorder({0, 0, 1, 1, 2, 2}, 2);  // one hypothesis becomes two
    step(2, {4, 5, 6, 7, 5, 4});
    reorder({1, 0, 1, 3, 3, 2, 4, 5, 5}, 3);  // crossed, doubled, grown to three
    step(3, {5, 5, 6, 4, 7, 6, 4, 4, 5});
    reorder({2, 0, 1, 4, 4, 3, 8, 7, 6}, 3);  // as many as before, in other places
    step(3, {4, 6, 7, 7, 5, 4, 6, 5, 4});
    encoded_ = encoded_->select(at::tensor({2, 0}, at::kLong));  // the middle item is done, the others change places
    reorder({8, 6, 2, 2}, 2);
    step(2, {7, 5, 6, 4});
    reorder({1, 2}, 1);  // shrunk
    step(1, {4, 5});
  }

 private:
  struct Row {
    std::int64_t item;
    std::vector<std::int64_t> tokens;
  };

  void reorder(const std::vector<std::int64_t>& from, std::int64_t beams) {
    std::vector<Row> next;
    for (const auto r : from) next.push_back(rows_.at(static_cast<std::size_t>(r)));
    rows_ = std::move(next);
    state_->reorder(at::tensor(from, at::kLong), beams);
  }

  void step(std::int64_t beams, const std::vector<std::int64_t>& tokens) {
    const auto got = model_.step(*encoded_, *state_, at::tensor(tokens, at::kLong).view({-1, beams}), nullptr).flatten(0, 1);  // [B·K, N]
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      rows_[r].tokens.push_back(tokens[r]);
      const auto i = rows_[r].item, length = static_cast<std::int64_t>(rows_[r].tokens.size());
      const Batch alone{batch_.source.narrow(0, i, 1), batch_.lengths.narrow(0, i, 1), at::tensor(rows_[r].tokens, at::kLong).unsqueeze(0),
                        at::full({1}, length, at::kLong)};
      EXPECT_TRUE(close(got[static_cast<std::int64_t>(r)], states_of(model_, alone)[0][length - 1], tolerance_))
          << "row " << r << " after " << length << " tokens";
    }
  }

  const Seq2Seq& model_;
  double tolerance_;
  Batch batch_;
  std::unique_ptr<Encoded> encoded_;
  std::unique_ptr<DecoderState> state_;
  std::vector<Row> rows_;
};

/// select() is encoding the chosen items.
inline void expect_select_is_consistent(const Seq2Seq& model, double tolerance) {
  at::NoGradGuard no_grad;
  const Batch b;
  const auto items = at::tensor({2, 0, 2}, at::kLong);
  const Batch chosen{b.source.index_select(0, items), b.lengths.index_select(0, items), b.inputs.index_select(0, items),
                     b.target_lengths.index_select(0, items)};
  const auto encoded = model.encode(b.source, b.lengths, nullptr)->select(items);
  EXPECT_TRUE(same(encoded->lengths, chosen.lengths));
  EXPECT_TRUE(close(model.decode(*encoded, chosen.inputs, chosen.target_lengths, nullptr), states_of(model, chosen), tolerance));
}

/// Along a random direction of all parameters together the loss changes as the gradient says, which each part's own test cannot see of the
/// whole: what is fed back, shared, or taken from a tape. For float64 models whose loss has no kink nearby.
inline void expect_gradient_is_the_slope(Seq2Seq& model) {
  const at::NoGradGuard no_grad;
  const auto parameters = model.parameters();
  std::vector<at::Tensor> directions;
  double expected = 0;
  for (const auto& p : parameters) {
    directions.push_back(at::randn_like(p));
    if (p.grad().defined()) expected += (p.grad() * directions.back()).sum().template item<double>();
  }
  const auto loss_at = [&](double step) {
    for (std::size_t i = 0; i < directions.size(); ++i) parameters[i].add_(directions[i], step);
    const auto loss = loss_of(model, Batch{}).template item<double>();
    for (std::size_t i = 0; i < directions.size(); ++i) parameters[i].add_(directions[i], -step);
    return loss;
  };
  constexpr double kStep = 1e-6;
  EXPECT_NEAR((loss_at(kStep) - loss_at(-kStep)) / (2 * kStep), expected, 1e-5 * (1 + std::abs(expected)));
}

/// Every parameter has a gradient that is finite and not all zero, and all together are the loss's slope; those `flat` says so of may be
/// zero. Parameters that need have no gradient at one point, because of the attention's score: a rectifier that stays open for every key
/// adds the same to all scores, and `location` does not read keys.
inline bool flat_by_score(const std::string& score, const std::string& name) {
  if (score == "additive_relu") return name.find("query_weight") != std::string::npos || name.ends_with(".bias");
  if (score == "location") return name.ends_with("key_weight") || name.ends_with("key_bias");
  return score == "local_rnn" && name.ends_with("energy_bias");  // a constant, which the softmax forgets
}

inline void expect_gradient_everywhere(
    Seq2Seq& model, const std::function<bool(const std::string&)>& flat = [](const auto&) { return false; }) {
  model.zero_grad();
  loss_of(model, Batch{}).backward();
  for (const auto& p : model.named_parameters()) {
    if (flat(p.key()) && !p.value().grad().defined()) continue;
    ASSERT_TRUE(p.value().grad().defined()) << p.key();
    EXPECT_TRUE(all_finite(p.value().grad())) << p.key();
    if (!flat(p.key())) {
      EXPECT_GT(p.value().grad().abs().max().template item<double>(), 1e-12) << p.key();
    }
  }
  expect_gradient_is_the_slope(model);
}

/// Every result a model showed, by site and layer, in order.
class ResultKeeper final : public Observer {
 public:
  Request request(const Site&) override { return Request::everything(); }
  void observe(const Site& site, const Result& result) override { seen[fmt::format("{}.{}", site.name, site.layer)].push_back(result); }
  std::map<std::string, std::vector<Result>> seen;
};

/// Watching changes nothing: not a bit, or, where another implementation serves those who ask for weights, no more than rounding.
inline ::testing::AssertionResult unchanged_by_watching(const at::Tensor& watched, const at::Tensor& alone, const ModelOptions& options) {
  return options.attention == "linear" ? close(watched, alone, 1e-12) : same(watched, alone);
}

/// A small model with weights from cosines, in evaluation mode.
inline std::shared_ptr<Seq2Seq> small_model(const ModelOptions& options, at::ScalarType type = at::kDouble) {
  const auto source = options.of<TiedOptions>().tied == "all" ? kTargetVocabulary : kSourceVocabulary;
  auto model = make_model(options, source, kTargetVocabulary);
  fill_parameters(*model, 0.5);
  model->to(type);
  model->eval();
  return model;
}

struct Precision {
  at::ScalarType type;
  double tolerance;
};
inline constexpr Precision kPrecisions[] = {{at::kDouble, 1e-10}, {at::kFloat, 1e-5}};

}  // namespace attend::testing
