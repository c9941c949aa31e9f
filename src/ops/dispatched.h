#pragma once
// What the operators of the dispatcher (attend/ops/register_ops.h) share: kernels that take their arguments from a stack, so that one
// function serves operators with any number of them, and errors as Python knows them.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "attend/ops/torch.h"

namespace attend::dispatched {

using torch::jit::Stack;

/// How one operator differentiates. `places` are the arguments that may have gradients; the first `differentiable` results have them.
/// `saved_results` of the results are kept for the way back, and the arguments where `saves_arguments`. `flow_back` gives the arguments of
/// operator attend::<name>_backward, which returns a gradient for each place; those that are not wanted are not looked at.
struct Differentiation {
  std::string name;
  std::vector<std::size_t> places;
  std::size_t differentiable = 1, saved_results = 0;
  bool saves_arguments = true;
  Stack (*flow_back)(const Stack& arguments, const std::vector<at::Tensor>& results, const std::vector<at::Tensor>& gradients,
                     const std::vector<bool>& wanted) = nullptr;
};

/// Defines attend::<name> with this text behind its name: "(Tensor x) -> Tensor". It promises that what it gives aliases nothing.
void define(torch::Library& library, const std::string& name, const std::string& schema);

/// Kernels of key Autograd. `differentiates`: by the operator's own backward.
void differentiates(torch::Library& autograd, const Differentiation& how);
/// For operators that are backward passes themselves: a second derivative is an error when it is asked for, not before.
void differentiates_once(torch::Library& autograd, const std::string& name);
/// What it gives has no gradient.
void has_no_gradient(torch::Library& autograd, const std::string& name);
/// An argument that wants a gradient is an error.
void is_for_inference(torch::Library& autograd, const std::string& name);

/// Calls f, and throws what is attend::Error as the error of libtorch that Python knows: ValueError, NotImplementedError, RuntimeError.
void in_torch_errors(const std::function<void()>& f);

/// in_torch_errors() around a function of an operator, for TORCH_LIBRARY's unboxed kernels.
template <auto f>
struct Guarded;
template <class Result, class... Args, Result (*f)(Args...)>
struct Guarded<f> {
  static Result call(Args... args) {
    std::optional<Result> result;
    in_torch_errors([&] {
      const at::NoGradGuard no_grad;
      result = f(args...);
    });
    return std::move(*result);
  }
};

/// The same of a function of a stack: takes its arguments from the end and leaves its results there. Without gradients.
template <void (*f)(Stack&)>
void guarded_stack(const c10::OperatorHandle&, c10::DispatchKeySet, Stack* stack) {
  in_torch_errors([&] {
    const at::NoGradGuard no_grad;
    f(*stack);
  });
}

inline c10::List<bool> bool_list(const std::vector<bool>& values) {
  c10::List<bool> list;
  for (const bool value : values) list.push_back(value);
  return list;
}

/// Nothing where a result must be: [0].
inline at::Tensor nothing_like(const at::Tensor& x) { return at::empty({0}, x.options().requires_grad(false)); }

}  // namespace attend::dispatched
