// Speed of linear layers with packed weights beside libtorch's, in one process, in turns; a line of JSON for each case. bench/linear.py
// runs it and keeps what it prints.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <atomic>

#include "attend/kernels/packed_linear.h"
#include "attend/kernels/workers.h"
#include "attend/ops/memory.h"
#include "paired.h"
#include "program.h"

namespace attend::bench {
namespace {

using kernels::WeightForm;

class Threads final : public kernels::Workers {
 public:
  int count() const override { return at::get_num_threads(); }
  void run(std::int64_t tasks, const std::function<void(std::int64_t, int)>& body) override {
    std::atomic<std::int64_t> next{0};
    at::parallel_for(0, std::min<std::int64_t>(count(), tasks), 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto worker = begin; worker < end; ++worker)
        for (auto task = next++; task < tasks; task = next++) body(task, static_cast<int>(worker));
    });
  }
};

std::string_view name_of(WeightForm form) {
  return form == WeightForm::kFloat32 ? "float32" : form == WeightForm::kBfloat16 ? "bfloat16" : "int8";
}

// A layer, packed once or, to be read from memory at every call, as often as the caches cannot hold.
class Layer {
 public:
  Layer(WeightForm form, const at::Tensor& weights, const at::Tensor& bias, bool from_memory)
      : bias_(bias), size_(kernels::packed_linear_bytes(form, weights.size(0), weights.size(1))) {
    const auto copies = from_memory ? beyond_caches() / size_ + 1 : 1;
    const kernels::LinearWeights given{weights.const_data_ptr<float>(), weights.size(0), weights.size(1), weights.stride(0)};
    for (std::int64_t i = 0; i < copies; ++i) {
      memory_.push_back(at::empty({size_}, at::kByte));
      packed_.push_back(kernels::pack_linear(form, given, memory_.back().data_ptr(), threads_));
    }
  }
  double gbytes() const { return 1e-9 * static_cast<double>(size_); }
  void operator()(const at::Tensor& x) {  // [M, K]
    const auto& weights = packed_[next_++ % packed_.size()];
    const auto y = at::empty({x.size(0), weights.outputs});
    kernels::PackedLinear call;
    call.weights = weights;
    call.rows = x.size(0);
    call.x = {x.const_data_ptr(), x.stride(0)};
    call.bias = bias_.const_data_ptr();
    call.y = y.data_ptr(), call.y_row = weights.outputs;
    kernels::packed_linear(call, threads_);
  }

 private:
  Threads threads_;
  at::Tensor bias_;
  std::int64_t size_;
  std::vector<at::Tensor> memory_;
  std::vector<kernels::PackedWeights> packed_;
  std::size_t next_ = 0;
};

void compare(Bench& bench, std::int64_t outputs, std::int64_t inputs) {
  const auto weights = at::randn({outputs, inputs}), bias = at::randn({outputs});
  const auto half_weights = weights.to(at::kBFloat16), half_bias = bias.to(at::kBFloat16);
  Layer single(WeightForm::kFloat32, weights, bias, false), half(WeightForm::kBfloat16, weights, bias, false),
      bytes(WeightForm::kInt8, weights, bias, false);
  for (const std::int64_t rows : {1, 4, 12, 32, 128}) {
    const auto x = at::randn({rows, inputs}), half_x = x.to(at::kBFloat16);
    const auto shape = fmt::format("M{} N{} K{}", rows, outputs, inputs);
    const double work = 2e-9 * static_cast<double>(rows * outputs * inputs);
    const auto ours = [&] { single(x); };
    bench.pair("float32 " + shape, work, "libtorch", ours, [&] { at::linear(x, weights, bias); }, {single.gbytes()});
    bench.pair(
        "bfloat16 " + shape, work, "libtorch", [&] { half(x); }, [&] { at::linear(half_x, half_weights, half_bias); }, {half.gbytes()});
    bench.pair("int8 " + shape, work, "our own float32", [&] { bytes(x); }, ours, {bytes.gbytes()});
  }
}

// Every call finds its weights in memory.
void compare_in_memory(Bench& bench, std::int64_t outputs, std::int64_t inputs) {
  const auto weights = at::randn({outputs, inputs}), bias = at::randn({outputs});
  Layer single(WeightForm::kFloat32, weights, bias, true);
  std::vector<at::Tensor> theirs;
  for (std::int64_t i = 0; i <= beyond_caches() / (4 * outputs * inputs); ++i) theirs.push_back(weights.clone());
  std::size_t next = 0;
  for (const std::int64_t rows : {1, 4, 12}) {
    const auto x = at::randn({rows, inputs});
    const auto shape = fmt::format("from memory M{} N{} K{}", rows, outputs, inputs);
    const double work = 2e-9 * static_cast<double>(rows * outputs * inputs);
    const auto ours = [&] { single(x); };
    bench.pair("float32 " + shape, work, "libtorch", ours, [&] { at::linear(x, theirs[next++ % theirs.size()], bias); },
               {single.gbytes(), /*from_memory=*/true});
    for (const auto form : {WeightForm::kBfloat16, WeightForm::kInt8}) {
      Layer narrow(form, weights, bias, true);
      bench.pair(fmt::format("{} {}", name_of(form), shape), work, "our own float32", [&] { narrow(x); }, ours,
                 {narrow.gbytes(), /*from_memory=*/true});
    }
  }
}

void run(const BenchOptions& o) {
  keep_freed_memory();
  at::manual_seed(1);
  const at::NoGradGuard no_grad;
  Bench bench(o);
  for (const auto& [outputs, inputs] :
       {std::pair<std::int64_t, std::int64_t>{256, 256}, {1024, 256}, {256, 1024}, {8000, 256}, {2048, 512}, {32000, 512}})
    compare(bench, outputs, inputs);
  compare_in_memory(bench, 32000, 512);
}

}  // namespace
}  // namespace attend::bench

int main(int argc, char** argv) { return attend::bench::run_program("linear_speed", argc, argv, attend::bench::run); }
