#pragma once
// Tensors for tests: values that are the same on every machine, and comparisons that say what differs.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "attend/ops/torch.h"
#include "support/expect_error.h"

namespace attend::testing {

/// Tests are small: on a busy machine waiting for a second thread takes ten times as long as the work itself.
inline const bool kOneThread = (at::set_num_threads(1), true);

/// cos(phase), cos(phase + 1), ... in float64: no random generator, no pattern a wrong index could hide in.
inline at::Tensor wave(at::IntArrayRef sizes, double phase = 0) {
  return at::arange(c10::multiply_integers(sizes), at::kDouble).add_(phase).cos_().view(sizes);
}

/// The module in float64, its i-th parameter set to scale · wave(phase i).
template <class Network>  // ours, or one of libtorch's
void fill_parameters(Network& module, double scale = 1) {
  module.to(at::kDouble);
  double phase = 0.3;
  for (auto& item : module.named_parameters()) item.value().set_data(wave(item.value().sizes(), phase += 0.7) * scale);
}

/// A leaf that collects a gradient.
inline at::Tensor leaf(const at::Tensor& x) { return x.detach().clone().requires_grad_(true); }

inline ::testing::AssertionResult same_shape(const at::Tensor& got, const at::Tensor& expected) {
  if (!got.defined() || !expected.defined())
    return got.defined() == expected.defined() ? ::testing::AssertionSuccess() : ::testing::AssertionFailure() << "one tensor is undefined";
  if (got.sizes() == expected.sizes()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "shape " << shape_text(got) << ", expected " << shape_text(expected);
}

/// The gradient a backward pass left at a leaf; zeros when it reached the leaf not at all.
inline at::Tensor gradient_of(const at::Tensor& x) { return x.grad().defined() ? x.grad() : at::zeros_like(x); }

/// Every element within `tolerance`; equal infinities are equal, NaN never is.
inline ::testing::AssertionResult close(const at::Tensor& got, const at::Tensor& expected, double tolerance) {
  if (auto shape = same_shape(got, expected); !shape || !got.defined()) return shape;
  const auto a = got.detach().to(at::kDouble), b = expected.detach().to(at::kDouble);
  const auto good = a.sub(b).abs().le(tolerance).logical_or(a.eq(b));
  if (good.all().item<bool>()) return ::testing::AssertionSuccess();
  const auto first = good.flatten().logical_not().nonzero()[0].item<std::int64_t>();
  return ::testing::AssertionFailure() << "element " << first << " of " << shape_text(got) << ": "
                                       << fmt::format("{:.17g}", a.flatten()[first].item<double>()) << ", expected "
                                       << fmt::format("{:.17g}", b.flatten()[first].item<double>()) << " within " << tolerance;
}

/// Equal element by element (0 and −0 are equal).
inline ::testing::AssertionResult same(const at::Tensor& got, const at::Tensor& expected) { return close(got, expected, 0); }

inline ::testing::AssertionResult all_zero(const at::Tensor& x) { return same(x, at::zeros_like(x)); }

inline ::testing::AssertionResult all_finite(const at::Tensor& x) {
  if (at::isfinite(x).all().item<bool>()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "NaN or Inf in " << shape_text(x);
}

/// `action` throws an Error of `kind` whose text holds every fragment.
template <class Action>
void expect_error(ErrorKind kind, const std::vector<std::string>& fragments, Action action) {
  const auto text = error_of(kind, action);
  for (const auto& fragment : fragments) EXPECT_PRED_FORMAT2(::testing::IsSubstring, fragment, text);
}

}  // namespace attend::testing
