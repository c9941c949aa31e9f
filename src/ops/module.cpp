#include "attend/ops/module.h"

#include "attend/core/random.h"
#include "attend/ops/torch.h"

namespace attend {
namespace {

template <class Value>
void add(NamedList<Value>& list, std::string name, Value value) {
  ATTEND_ASSERT(!name.empty() && name.find('.') == std::string::npos && !list.contains(name));
  list.add(std::move(name), std::move(value));
}

}  // namespace

void Module::collect(const std::string& prefix, NamedList<at::Tensor> Module::*list, NamedList<at::Tensor>& all) const {
  for (const auto& item : this->*list)
    if (item.value().defined()) all.add(prefix + item.key(), item.value());
  for (const auto& child : children_) child.value()->collect(prefix + child.key() + ".", list, all);
}

NamedList<at::Tensor> Module::named_parameters() const {
  NamedList<at::Tensor> all;
  collect("", &Module::parameters_, all);
  return all;
}

NamedList<at::Tensor> Module::named_buffers() const {
  NamedList<at::Tensor> all;
  collect("", &Module::buffers_, all);
  return all;
}

std::vector<at::Tensor> Module::parameters() const {
  std::vector<at::Tensor> all;
  for (const auto& item : named_parameters()) all.push_back(item.value());
  return all;
}

void Module::train(bool on) {
  training_ = on;
  for (const auto& child : children_) child.value()->train(on);
}

void Module::use_int8(bool on) {
  int8_ = on;
  for (const auto& child : children_) child.value()->use_int8(on);
}

void Module::name_places(std::uint64_t place) {
  place_ = place;
  for (const auto& child : children_) {
    auto own = place;
    for (const char letter : child.key()) own = random_key(own, {static_cast<std::uint64_t>(letter)});
    child.value()->name_places(own);
  }
}

void Module::to(at::ScalarType type) {
  ATTEND_CHECK(type == at::kFloat || type == at::kDouble || type == at::kBFloat16, kUnsupported,
               "weights may be float32, float64 or bfloat16, got {}; float16 has no room for sums above 65,504", c10::toString(type));
  const auto own = wide_ && type == at::kBFloat16 ? at::kFloat : type;
  for (auto* list : {&parameters_, &buffers_})
    for (auto& item : *list)
      if (item.value().defined() && item.value().is_floating_point()) item.value().set_data(item.value().to(own));
  for (const auto& child : children_) child.value()->to(type);
}

std::optional<at::ScalarType> Module::type() const {
  for (const auto& item : parameters_)
    if (item.value().defined()) return item.value().scalar_type();
  for (const auto& child : children_)
    if (const auto found = child.value()->type()) return found;
  return {};
}

void Module::zero_grad() {
  for (auto& item : parameters_)
    if (item.value().defined()) item.value().mutable_grad() = at::Tensor();
  for (const auto& child : children_) child.value()->zero_grad();
}

at::Tensor Module::register_parameter(std::string name, at::Tensor tensor) {
  if (tensor.defined()) tensor.set_requires_grad(true);
  add(parameters_, std::move(name), tensor);
  return tensor;
}

at::Tensor Module::register_buffer(std::string name, at::Tensor tensor) {
  add(buffers_, std::move(name), tensor);
  return tensor;
}

void Module::add_child(std::string name, std::shared_ptr<Module> part) {
  ATTEND_ASSERT(part);
  add(children_, std::move(name), std::move(part));
}

}  // namespace attend
