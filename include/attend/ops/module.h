#pragma once
// What a part of a network is: parameters, buffers and further parts, by name. Has the names of torch::nn::Module, whose header brings
// libtorch's serialisation and scripting along and costs every source that sees it three seconds.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace attend {

/// Things by name, in the order they were registered in. Threads may share a list that none of them changes.
template <class Value>
class NamedList {
 public:
  class Item {
   public:
    Item(std::string key, Value value) : key_(std::move(key)), value_(std::move(value)) {}
    const std::string& key() const { return key_; }
    const Value& value() const { return value_; }
    Value& value() { return value_; }

   private:
    std::string key_;
    Value value_;
  };

  void add(std::string key, Value value) { items_.emplace_back(std::move(key), std::move(value)); }
  const Value* find(const std::string& key) const {
    for (const auto& item : items_)
      if (item.key() == key) return &item.value();
    return nullptr;
  }
  /// Throws std::out_of_range for a name that is not there.
  const Value& operator[](const std::string& key) const { return items_.at(place(key)).value(); }
  Value& operator[](const std::string& key) { return items_.at(place(key)).value(); }
  bool contains(const std::string& key) const { return find(key) != nullptr; }
  std::vector<std::string> keys() const {
    std::vector<std::string> all;
    for (const auto& item : items_) all.push_back(item.key());
    return all;
  }
  std::size_t size() const { return items_.size(); }
  bool is_empty() const { return items_.empty(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }
  auto begin() { return items_.begin(); }
  auto end() { return items_.end(); }

 private:
  std::size_t place(const std::string& key) const {
    std::size_t i = 0;
    while (i < items_.size() && items_[i].key() != key) ++i;
    return i;
  }
  std::vector<Item> items_;
};

/// Base of all layers, mechanisms and models. Reading and running one may be shared by threads; training and changing it may not.
class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// Parameters of this part, then of its parts, each part before what it is made of. Names of inner ones have dots: "score.weight".
  NamedList<at::Tensor> named_parameters() const;
  NamedList<at::Tensor> named_buffers() const;
  std::vector<at::Tensor> parameters() const;
  const NamedList<std::shared_ptr<Module>>& named_children() const { return children_; }

  /// Dropout and whatever else only training does, here and in all parts. A new module trains.
  void train(bool on = true);
  void eval() { train(false); }
  bool is_training() const { return training_; }

  /// Whether linear maps of this part and all of its parts round their weights and inputs to 8 bits where no gradients are kept
  /// (ops/packed_linear.h). Parameters stay as they are.
  void use_int8(bool on = true);
  bool uses_int8() const { return int8_; }

  /// Where this part stands, for draws (ops/draws.h): by its names from the whole down, once the whole was told to name_places(); else 0.
  std::uint64_t place() const { return place_; }
  void name_places(std::uint64_t place = 1);

  /// Turns parameters and buffers of real numbers into float32, float64 or bfloat16, once: a call never turns them. A part that does
  /// stay_wide() gets float32 in place of bfloat16. Throws kUnsupported for other types.
  void to(at::ScalarType type);
  /// The type of its first parameter or that of its parts; none without parameters.
  std::optional<at::ScalarType> type() const;
  /// Forgets all gradients.
  void zero_grad();

  /// Registers under a name that no other has and that has no dot; returns what was registered. A parameter takes gradients.
  at::Tensor register_parameter(std::string name, at::Tensor tensor);
  at::Tensor register_buffer(std::string name, at::Tensor tensor);
  template <class Part>
  std::shared_ptr<Part> register_module(std::string name, std::shared_ptr<Part> part) {
    add_child(std::move(name), part);
    return part;
  }

 protected:
  /// For parts whose own parameters meet numbers that are never of 16 bits, such as scores.
  void stay_wide() { wide_ = true; }

 private:
  void add_child(std::string name, std::shared_ptr<Module> part);
  void collect(const std::string& prefix, NamedList<at::Tensor> Module::*list, NamedList<at::Tensor>& all) const;

  NamedList<at::Tensor> parameters_, buffers_;
  NamedList<std::shared_ptr<Module>> children_;
  bool training_ = true, wide_ = false, int8_ = false;
  std::uint64_t place_ = 0;
};

}  // namespace attend
