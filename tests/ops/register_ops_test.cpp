#include "attend/ops/register_ops.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <gtest/gtest.h>

#include "attend/ops/fused_attention.h"

namespace attend {
namespace {

at::Tensor waves(at::IntArrayRef sizes, double phase) {
  return at::cos(at::arange(c10::multiply_integers(sizes), double_options()) * 1.7 + phase).view(sizes).requires_grad_(true);
}

// The operator with these arguments, by name, and what its schema says of the others.
torch::jit::Stack called(const char* name, const std::vector<at::Tensor>& sources, const std::map<std::string, c10::IValue>& options = {}) {
  const auto op = c10::Dispatcher::singleton().findSchemaOrThrow(name, "");
  torch::jit::Stack stack(sources.begin(), sources.end());
  for (std::size_t i = sources.size(); i < op.schema().arguments().size(); ++i) {
    const auto& argument = op.schema().arguments()[i];
    const auto given = options.find(argument.name());
    stack.push_back(given == options.end() ? *argument.default_value() : given->second);
  }
  op.callBoxed(&stack);
  return stack;
}

TEST(RegisterOps, MakesOperatorsOfTheFunctions) {
  register_ops();
  register_ops();
  const std::vector<at::Tensor> sources = {waves({2, 2, 5, 3}, 0), waves({2, 2, 7, 3}, 1), waves({2, 2, 7, 4}, 2)};
  FusedAttentionOptions options;
  options.scale = 0.5, options.right = 0, options.entropy = true;
  const auto ours = fused_attention(sources[0], sources[1], sources[2], options);
  (ours.context.square().sum() + ours.entropy.sum()).backward();
  const auto gradient = sources[1].grad().clone();  // [2, 2, 7, 3]
  sources[1].mutable_grad().reset();
  const auto theirs = called("attend::fused_attention", sources, {{"scale", 0.5}, {"right", 0}, {"entropy", true}});
  EXPECT_TRUE(at::equal(theirs[0].toTensor(), ours.context));
  (theirs[0].toTensor().square().sum() + theirs[2].toTensor().sum()).backward();
  EXPECT_TRUE(at::equal(sources[1].grad(), gradient));
}

TEST(RegisterOps, ErrorsAreThoseOfLibtorch) {
  register_ops();
  EXPECT_THROW(called("attend::entmax", {waves({3}, 0)}, {{"alpha", 9.0}}), c10::ValueError);
  EXPECT_THROW(called("attend::fused_attention", {waves({3}, 0), waves({3}, 0), waves({3}, 0)}), c10::ValueError);
}

}  // namespace
}  // namespace attend
