// Training speed of one model on synthetic batches: target tokens a second and peak memory, as one JSON line.
//   attend_train_speed [key=value ...]   batch source target vocabulary steps warmup threads, and model.* of a configuration
#include <sys/resource.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "attend/core/memory.h"
#include "attend/kernels/isa.h"
#include "attend/models/recurrent_options.h"
#include "attend/ops/cross_entropy.h"
#include "attend/ops/products.h"
#include "attend/train/config.h"
#include "attend/train/optimiser.h"
#include "program.h"

namespace attend {
namespace {

struct SpeedOptions {
  std::int64_t batch, source, target, vocabulary, steps, warmup, threads;
  std::string matmul;
  ModelOptions model;
  SpeedOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(batch, "batch", 128, "sentences");
    v(source, "source", 16, "source tokens");
    v(target, "target", 16, "target tokens");
    v(vocabulary, "vocabulary", 8000, "entries on each side");
    v(steps, "steps", 10, "updates that are timed");
    v(warmup, "warmup", 3, "updates before");
    v(threads, "threads", 2, "processor threads");
    v(matmul, "matmul", "auto", "matrix products", one_of({"auto", "float32", "bfloat16"}));
    v.group(model, "model", "what the network looks like");
  }
};

void run(const SpeedOptions& o) {
  keep_freed_memory();
  choose_products(o.matmul);
  at::manual_seed(1);
  const auto model = make_model(o.model, o.vocabulary, o.vocabulary);
  TrainOptions train;
  Optimiser optimiser(train, named_weights(*model));
  const auto source = at::randint(4, o.vocabulary, {o.batch, o.source}, at::kLong);
  const auto lengths = at::randint(o.source / 2, o.source + 1, {o.batch}, at::kLong);
  const auto targets = at::randint(4, o.vocabulary, {o.batch, o.target}, at::kLong);
  const auto inputs = at::cat({at::full({o.batch, 1}, 2, index_options()), targets.narrow(1, 0, o.target - 1)}, 1);
  const auto target_lengths = at::full({o.batch}, o.target, index_options());
  double nll = 0;
  auto update = [&] {
    const auto encoded = model->encode(source, lengths, nullptr);
    const auto states = model->decode(*encoded, inputs, target_lengths, nullptr);
    const auto entropy = cross_entropy(model->logits(states.flatten(0, 1)), targets.flatten(), 0.1);
    (entropy.loss / static_cast<double>(targets.numel())).backward();
    clip_gradients(optimiser.parameters(), 1.0);
    optimiser.step(1e-3);
    optimiser.zero_gradients();
    nll = entropy.nll;
  };
  for (std::int64_t i = 0; i < o.warmup; ++i) update();
  const auto start = std::chrono::steady_clock::now();
  for (std::int64_t i = 0; i < o.steps; ++i) update();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const nlohmann::ordered_json json = {{"tokens_per_second", static_cast<double>(o.steps * targets.numel()) / seconds},
                                       {"loss", nll / static_cast<double>(targets.numel())},
                                       {"parameters", parameter_count(*model)},
                                       {"peak_mib", static_cast<double>(usage.ru_maxrss) / 1024},
                                       {"isa", kernels::isa_name(kernels::active_isa())}};
  fmt::print("{}\n", json.dump());
}

}  // namespace
}  // namespace attend

int main(int argc, char** argv) {
  // The peer's model: bi-LSTM 2x128 -> LSTM 512, additive, input feeding.
  return attend::bench::run_program("train_speed", argc, argv, attend::run,
                                    {"model.embedding=256", "model.encoder_hidden=128", "model.hidden=512", "model.dropout=0.3"});
}
