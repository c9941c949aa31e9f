#include "ops/dispatched.h"

namespace attend::dispatched {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

// What differentiates() was told, by the operator's name: a graph holds the name.
std::map<std::string, const Differentiation>& differentiations() {
  static std::map<std::string, const Differentiation> all;
  return all;
}

bool is_tracked(const c10::IValue& x) {
  if (!x.isTensor() || !x.toTensor().defined()) return false;
  return (at::GradMode::is_enabled() && x.toTensor().requires_grad()) || x.toTensor()._fw_grad(/*level=*/0).defined();
}

// What operator attend::<name> makes of these arguments, by all keys that the dispatcher has in force.
Stack called(const std::string& name, Stack arguments) {
  c10::Dispatcher::singleton().findSchemaOrThrow(("attend::" + name).c_str(), "").callBoxed(&arguments);
  return arguments;
}

tensor_list tensors_of(const Stack& stack) {
  tensor_list tensors;
  for (const auto& x : stack) tensors.push_back(x.toTensor());
  return tensors;
}

struct Differentiated : Function<Differentiated> {
  static tensor_list forward(AutogradContext* ctx, at::TensorList, const Stack& arguments, const Differentiation* how) {
    tensor_list results;
    {
      const at::AutoDispatchBelowADInplaceOrView below;
      results = tensors_of(called(how->name, arguments));
    }
    // Tensors are saved as variables, so that one written to before the way back is noticed; all others as they are.
    tensor_list saved(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(how->saved_results));
    std::vector<c10::IValue> others;
    for (const auto& x : arguments) {
      others.push_back(x.isTensor() ? c10::IValue() : x);
      if (x.isTensor()) saved.push_back(how->saves_arguments ? x.toTensor() : at::Tensor());
    }
    ctx->save_for_backward(std::move(saved));
    ctx->saved_data["arguments"] = c10::ivalue::Tuple::create(std::move(others));
    std::vector<bool> is_tensor;
    for (const auto& x : arguments) is_tensor.push_back(x.isTensor());
    ctx->saved_data["is_tensor"] = bool_list(is_tensor);
    ctx->saved_data["operator"] = how->name;
    ctx->set_materialize_grads(false);
    ctx->mark_non_differentiable({results.begin() + static_cast<std::ptrdiff_t>(how->differentiable), results.end()});
    return results;
  }

  static tensor_list backward(AutogradContext* ctx, tensor_list gradients) {
    const auto& how = differentiations().at(ctx->saved_data["operator"].toStringRef());
    const bool flows = std::any_of(gradients.begin(), gradients.end(), [](const at::Tensor& g) { return g.defined(); });
    const auto saved = ctx->get_saved_variables();
    auto arguments = ctx->saved_data["arguments"].toTuple()->elements().vec();
    const auto is_tensor = ctx->saved_data["is_tensor"].toBoolList();
    auto next = how.saved_results;
    for (std::size_t i = 0; i < arguments.size(); ++i)
      if (is_tensor[i]) arguments[i] = saved[next++];
    // The graph holds those places alone where a tensor was given.
    std::vector<bool> wanted;
    std::size_t edges = 0;
    for (const auto place : how.places) wanted.push_back(is_tensor[place] && ctx->needs_input_grad(edges++));
    gradients.resize(how.differentiable);
    const tensor_list results(saved.begin(), saved.begin() + static_cast<std::ptrdiff_t>(how.saved_results));
    const auto flow = flows ? called(how.name + "_backward", how.flow_back(arguments, results, gradients, wanted)) : Stack();
    tensor_list given;
    for (std::size_t i = 0; i < how.places.size(); ++i)
      if (is_tensor[how.places[i]]) given.push_back(flows && wanted[i] ? flow[i].toTensor() : at::Tensor());
    given.resize(given.size() + 2);  // of the arguments that are no tensors
    return given;
  }
};

class DifferentiatedKernel final : public c10::OperatorKernel {
 public:
  explicit DifferentiatedKernel(const Differentiation* how) : how_(how) {}
  void operator()(const c10::OperatorHandle& op, c10::DispatchKeySet keys, Stack* stack) {
    const auto count = op.schema().arguments().size();
    const auto arguments = torch::jit::last(*stack, count);
    tensor_list tracked;
    bool is_needed = false;
    for (const auto place : how_->places) {
      if (!arguments[place].isTensor()) continue;
      tracked.push_back(arguments[place].toTensor());
      is_needed = is_needed || is_tracked(arguments[place]);
    }
    if (!is_needed) return op.redispatchBoxed(keys & c10::after_autograd_keyset, stack);
    const auto results = Differentiated::apply(at::TensorList(tracked), Stack(arguments.begin(), arguments.end()), how_);
    torch::jit::drop(*stack, count);
    for (const auto& result : results) stack->emplace_back(result);
  }

 private:
  const Differentiation* how_;
};

struct Once : Function<Once> {
  static tensor_list forward(AutogradContext*, at::TensorList, const c10::OperatorHandle& op, Stack arguments) {
    const at::AutoDispatchBelowADInplaceOrView below;
    op.callBoxed(&arguments);
    return tensors_of(arguments);
  }
  static tensor_list backward(AutogradContext*, tensor_list) {
    TORCH_CHECK_NOT_IMPLEMENTED(false,
                                "attend: create_graph needs second derivatives, which the operators of torch.ops.attend do not have; ",
                                "use the plain composition of tensor operations");
  }
};

void once_kernel(const c10::OperatorHandle& op, c10::DispatchKeySet keys, Stack* stack) {
  const auto count = op.schema().arguments().size();
  const auto arguments = torch::jit::last(*stack, count);
  tensor_list tracked;
  for (const auto& x : arguments)
    if (is_tracked(x)) tracked.push_back(x.toTensor());
  if (tracked.empty()) return op.redispatchBoxed(keys & c10::after_autograd_keyset, stack);
  const auto results = Once::apply(at::TensorList(tracked), op, Stack(arguments.begin(), arguments.end()));
  torch::jit::drop(*stack, count);
  for (const auto& result : results) stack->emplace_back(result);
}

void no_gradient_kernel(const c10::OperatorHandle& op, c10::DispatchKeySet keys, Stack* stack) {
  op.redispatchBoxed(keys & c10::after_autograd_keyset, stack);
}

void inference_kernel(const c10::OperatorHandle& op, c10::DispatchKeySet keys, Stack* stack) {
  for (const auto& x : torch::jit::last(*stack, op.schema().arguments().size()))
    TORCH_CHECK_NOT_IMPLEMENTED(!is_tracked(x), op.schema().name(), " has no gradients; call it under torch.no_grad()");
  op.redispatchBoxed(keys & c10::after_autograd_keyset, stack);
}

}  // namespace

void define(torch::Library& library, const std::string& name, const std::string& schema) {
  library.def((name + schema).c_str(), {at::Tag::pt2_compliant_tag});
}

void differentiates(torch::Library& autograd, const Differentiation& how) {
  const auto* kept = &differentiations().emplace(how.name, how).first->second;
  autograd.impl(how.name.c_str(), torch::CppFunction::makeFromBoxedFunctor(std::make_unique<DifferentiatedKernel>(kept)));
}
void differentiates_once(torch::Library& autograd, const std::string& name) {
  autograd.impl(name.c_str(), torch::CppFunction::makeFromBoxedFunction<&once_kernel>());
}
void has_no_gradient(torch::Library& autograd, const std::string& name) {
  autograd.impl(name.c_str(), torch::CppFunction::makeFromBoxedFunction<&no_gradient_kernel>());
}
void is_for_inference(torch::Library& autograd, const std::string& name) {
  autograd.impl(name.c_str(), torch::CppFunction::makeFromBoxedFunction<&inference_kernel>());
}

void in_torch_errors(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    const c10::SourceLocation here{__func__, __FILE__, static_cast<std::uint32_t>(__LINE__)};
    switch (error.kind()) {
      case ErrorKind::kValue:
      case ErrorKind::kShape:
      case ErrorKind::kUnknownName: throw c10::ValueError(here, error.what());
      case ErrorKind::kUnsupported: throw c10::NotImplementedError(here, error.what());
      default: throw c10::Error(here, error.what());
    }
  }
}

}  // namespace attend::dispatched
