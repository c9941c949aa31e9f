// Optimisers, schedules and clipping: against their formulas, and against what torch.optim makes of the same gradients.
#include "attend/train/optimiser.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "support/tensors.h"
#include "train/training.h"

namespace attend {
namespace {

nlohmann::json goldens() { return nlohmann::json::parse(read_file(ATTEND_SOURCE_DIR "/tests/train/goldens/optimisers.json")); }

TEST(Schedules, FollowTheirFormulas) {
  TrainOptions o;
  o.rate = 2;
  o.warmup = 100;
  o.schedule = "noam";
  EXPECT_DOUBLE_EQ(scheduled_rate(o, 50, 256), 2 / 16.0 * 50 * std::pow(100.0, -1.5));
  EXPECT_DOUBLE_EQ(scheduled_rate(o, 400, 256), 2 / 16.0 / 20.0);
  o.schedule = "inverse_sqrt";
  EXPECT_DOUBLE_EQ(scheduled_rate(o, 50, 256), 1.0);
  EXPECT_DOUBLE_EQ(scheduled_rate(o, 400, 256), 1.0);
  EXPECT_DOUBLE_EQ(scheduled_rate(o, 100, 256), 2.0);
  o.schedule = "cosine";
  o.steps = 300;
  o.minimum_rate = 0;
  EXPECT_DOUBLE_EQ(scheduled_rate(o, 200, 256), 1.0);
  EXPECT_NEAR(scheduled_rate(o, 300, 256), 0.0, 1e-15);
  o.schedule = "constant";
  EXPECT_DOUBLE_EQ(scheduled_rate(o, 25, 256), 0.5);
}

TEST(Optimiser, AdamFollowsItsPaper) {
  TrainOptions o;
  o.beta1 = 0.9;
  o.beta2 = 0.99;
  o.epsilon = 1e-8;
  auto p = at::tensor({1.0F, -2.0F}).requires_grad_(true);
  Optimiser optimiser(o, {{"p", p}});
  double m = 0, v = 0, x = 1.0;
  for (int t = 1; t <= 3; ++t) {
    p.mutable_grad() = at::tensor({0.5F * static_cast<float>(t), 1.0F});
    optimiser.step(0.1);
    const double g = 0.5 * t;
    m = 0.9 * m + 0.1 * g;
    v = 0.99 * v + 0.01 * g * g;
    x -= 0.1 * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.99, t))) + 1e-8);
  }
  EXPECT_NEAR(p[0].item<double>(), x, 1e-5);
}

// The gradients of tests/train/goldens/optimisers.py.
TEST(Optimiser, EqualsTorchOptim) {
  const auto cases = goldens().at("optimisers");
  ASSERT_EQ(cases.size(), 8U);
  for (const auto& golden : cases) {
    TrainOptions o;
    o.optimiser = golden.at("optimiser").get<std::string>();
    o.momentum = golden.at("momentum").get<double>();
    o.weight_decay = golden.at("weight_decay").get<double>();
    o.beta1 = 0.8;
    o.beta2 = 0.95;
    o.epsilon = 1e-6;
    const auto index = at::arange(5, at::kDouble);
    auto p = index.sin().requires_grad_(true);
    Optimiser optimiser(o, {{"p", p}});
    for (int t = 1; t <= 6; ++t) {
      p.mutable_grad() = (0.9 * index + 0.7 * t).cos();
      optimiser.step(0.1 / t);
    }
    const auto expected = at::tensor(golden.at("weights").get<std::vector<double>>(), at::kDouble);
    EXPECT_TRUE(at::allclose(p, expected, 1e-9, 1e-9)) << golden.dump() << p;
  }
}

TEST(Optimiser, PlateauEqualsTorchs) {
  const auto all = goldens();
  for (const auto& golden : all.at("plateaus")) {
    TrainOptions o;
    o.plateau_patience = golden.at("patience").get<std::int64_t>();
    o.plateau_factor = 0.5;
    PlateauState plateau;
    double best = std::numeric_limits<double>::infinity();
    std::vector<double> factors;
    for (const auto& loss : all.at("losses")) {
      const bool better = loss.get<double>() < best;
      if (better) best = loss.get<double>();
      plateau.validated(better, o);
      factors.push_back(plateau.factor);
    }
    EXPECT_EQ(factors, golden.at("factors").get<std::vector<double>>()) << o.plateau_patience;
  }
}

TEST(Optimiser, ClippingEqualsTorchs) {
  const auto cases = goldens().at("clips");
  ASSERT_EQ(cases.size(), 3U);
  for (const auto& golden : cases) {
    std::vector<at::Tensor> parameters{at::zeros({3}, at::kDouble).requires_grad_(true), at::zeros({4}, at::kDouble).requires_grad_(true)};
    for (int k = 0; k < 2; ++k) parameters[k].mutable_grad() = (at::arange(3 + k, at::kDouble) + k).cos();
    EXPECT_NEAR(clip_gradients(parameters, golden.at("largest").get<double>()), golden.at("norm").get<double>(), 1e-12);
    const auto clipped = at::cat({parameters[0].grad(), parameters[1].grad()});  // [7]
    EXPECT_TRUE(at::allclose(clipped, at::tensor(golden.at("gradients").get<std::vector<double>>(), at::kDouble), 1e-12, 1e-12));
  }
}

TEST(Optimiser, ClippingLeavesWhatIsSmallOrOff) {
  const auto gradients = at::tensor({3.0, -4.0}, at::kDouble);
  std::vector<at::Tensor> parameters{at::zeros({2}, at::kDouble).requires_grad_(true), at::zeros({1}, at::kDouble).requires_grad_(true)};
  for (const double largest : {0.0, 5.0, 6.0}) {  // the second parameter had no part in the loss
    parameters[0].mutable_grad() = gradients.clone();
    EXPECT_DOUBLE_EQ(clip_gradients(parameters, largest), 5);
    EXPECT_TRUE(at::equal(parameters[0].grad(), gradients)) << largest;
    EXPECT_FALSE(parameters[1].grad().defined());
  }
  EXPECT_DOUBLE_EQ(clip_gradients(parameters, 2.5), 5);
  EXPECT_NEAR(parameters[0].grad().norm().item<double>(), 2.5, 1e-6);
  EXPECT_EQ(clip_gradients({parameters[1]}, 1), 0);
}

// A parameter without a gradient stays, and so does what is known of it.
TEST(Optimiser, LeavesWhatHasNoGradient) {
  for (const std::string name : {"sgd", "adam", "adamw"}) {
    TrainOptions o;
    o.optimiser = name;
    o.momentum = 0.9;
    o.weight_decay = 0.1;
    auto moved = at::ones({3}, at::kDouble).requires_grad_(true), still = at::ones({3}, at::kDouble).requires_grad_(true);
    Optimiser optimiser(o, {{"moved", moved}, {"still", still}});
    moved.mutable_grad() = at::ones({3}, at::kDouble);
    optimiser.step(0.1);
    EXPECT_LT(moved.max().item<double>(), 1) << name;
    EXPECT_TRUE(at::equal(still, at::ones({3}, at::kDouble))) << name;
    for (const auto& [key, tensor] : optimiser.state()) {
      if (key.ends_with(".still")) {
        EXPECT_TRUE(tensor.eq(0).all().item<bool>()) << name << " " << key;
      }
    }
    optimiser.zero_gradients();
    EXPECT_FALSE(moved.grad().defined());
  }
}

// Whatever is combined goes through, and goes on bit for bit.
TEST_F(Training, EveryOptimiserUnderEveryScheduleResumesBitForBit) {
  const auto factor = [&](const std::string& run) {
    return nlohmann::json::parse(read_file(at(run) + "/last/training.json")).at("plateau_factor").get<double>();
  };
  for (const std::string optimiser_name : {"sgd", "adam", "adamw"})
    for (const std::string schedule : {"constant", "noam", "inverse_sqrt", "cosine", "plateau"})
      for (const std::string momentum : {"0", "0.9"})
        for (const std::string decay : {"0", "0.01"}) {
          if (optimiser_name != "sgd" && momentum != "0") continue;
          const auto name = optimiser_name + schedule + momentum + decay;
          SCOPED_TRACE(name);
          std::vector<std::string> changes{"train.optimiser=" + optimiser_name,
                                           "train.schedule=" + schedule,
                                           "train.momentum=" + momentum,
                                           "train.weight_decay=" + decay,
                                           "train.warmup=2",
                                           "train.steps=6",
                                           "train.validate_every=3",
                                           "train.validate_pairs=2",
                                           "data.dev_pairs=2",
                                           "train.samples=0"};
          // Hardly a pair is right so early: after the first validation few are better, and the rate falls at the others.
          const bool falls = schedule == "plateau";
          if (falls) changes.insert(changes.end(), {"train.validate_every=1", "train.plateau_patience=0", "train.metric=exact"});
          train(config(name + "-whole", changes));
          std::atomic<bool> stop{false};
          TrainEvents events;
          events.step = [&](const StepReport& r) { stop = r.step == 4; };
          const auto c = config(name + "-parts", changes);
          EXPECT_EQ(train(c, false, events, stop).end, TrainEnd::kInterrupted);
          EXPECT_TRUE(falls ? factor(name + "-parts") < 1 : factor(name + "-parts") == 1) << factor(name + "-parts");
          EXPECT_EQ(train(c, true).steps, 6);
          EXPECT_EQ(factor(name + "-parts"), factor(name + "-whole"));
          EXPECT_EQ(weights(name + "-parts"), weights(name + "-whole"));
          EXPECT_EQ(optimiser(name + "-parts"), optimiser(name + "-whole"));
        }
}

}  // namespace
}  // namespace attend
