#pragma once
// Goldens of other programs as support/peers.py writes them: what they hold, and how a part of ours is held to one.
#include "attend/core/files.h"
#include "attend/core/json.h"
#include "attend/core/options.h"
#include "support/tensors.h"

namespace attend::testing {

/// centre + scale cos(0.37 k² + phase), k = 0, 1, ...: what both sides draw every tensor from.
inline at::Tensor drawn(at::IntArrayRef sizes, double phase, double scale = 1, double centre = 0) {
  const auto k = at::arange(c10::multiply_integers(sizes), at::kDouble);  // [numbers]
  return (k * k * 0.37 + phase).cos().mul(scale).add(centre).view(sizes);
}

/// One comparison.
class Golden {
 public:
  explicit Golden(nlohmann::json json) : json_(std::move(json)) {}
  std::string name() const { return json_.at("name"); }
  double tolerance() const { return json_.at("tolerance"); }
  bool has(const char* key) const { return json_.contains(key); }
  template <class Value>
  Value get(const char* key) const {
    return json_.at(key).get<Value>();
  }
  /// The options that it was made for, over the defaults.
  template <class Options>
  Options options() const {
    Options chosen;
    assign(chosen, parse_config(json_.at("options"), name()));
    return chosen;
  }
  /// Rows of whole numbers, int64 [B, L], or one of them, int64 [B].
  at::Tensor ids(const char* key) const {
    const auto& rows = json_.at(key);
    std::vector<std::int64_t> flat;
    for (const auto& row : rows)
      for (const auto& id : row.is_array() ? row : nlohmann::json::array({row})) flat.push_back(id);
    const auto all = at::tensor(flat, at::kLong);
    return rows.at(0).is_array() ? all.view({static_cast<std::int64_t>(rows.size()), -1}) : all;
  }

  /// Every parameter in float64 as it was drawn. What the golden names must be what there is, name by name.
  void fill(Module& module) const {
    module.to(at::kDouble);
    module.eval();
    auto own = module.named_parameters();
    auto names = own.keys();
    std::vector<std::string> given;
    for (const auto& p : json_.at("parameters")) given.push_back(p.at(0));
    auto sorted = given;
    std::sort(names.begin(), names.end());
    std::sort(sorted.begin(), sorted.end());
    ASSERT_EQ(names, sorted);
    for (const auto& p : json_.at("parameters")) {
      const auto& mine = own[p.at(0)];
      const auto sizes = p.at(1).get<std::vector<std::int64_t>>();
      ASSERT_EQ(mine.sizes(), at::IntArrayRef(sizes)) << p.at(0);
      mine.set_data(drawn(sizes, p.at(2), p.at(3), p.at(4)));
    }
  }

  /// Outputs by name, then the gradients of Σ output ⊙ drawn.
  void expect(const std::vector<std::pair<std::string, at::Tensor>>& outputs, const Module* module = nullptr) const {
    ASSERT_EQ(outputs.size(), json_.at("outputs").size());
    at::Tensor loss = at::zeros({}, at::kDouble);
    for (const auto& [name, value] : outputs) {
      const auto& golden = json_.at("outputs").at(name);
      const auto sizes = golden.at("shape").get<std::vector<std::int64_t>>();
      const auto expected = at::tensor(golden.at("values").get<std::vector<double>>(), at::kDouble).view(sizes);
      EXPECT_TRUE(close(value, expected, tolerance())) << name;
      if (module) loss = loss + (value * drawn(sizes, 0.9)).sum();
    }
    if (!module) return;
    loss.backward();
    const auto own = module->named_parameters();
    for (const auto& [name, product] : json_.at("gradients").items()) {
      const auto& x = own[name];
      const auto got = (gradient_of(x) * drawn(x.sizes(), 1.7)).sum().item<double>(), expected = product.get<double>();
      EXPECT_NEAR(got, expected, tolerance() * (10 + std::abs(expected))) << "gradient of " << name;
    }
  }

 private:
  nlohmann::json json_;
};
inline void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.name(); }

/// The cases of tests/<path>; with `part` those alone that name it.
inline std::vector<Golden> goldens_of(const std::string& path, const std::string& part = "") {
  auto file = nlohmann::json::parse(read_file(std::string(ATTEND_SOURCE_DIR "/tests/") + path));
  std::vector<Golden> all;
  for (auto& golden : file.at("cases"))
    if (part.empty() || golden.value("part", "") == part) all.emplace_back(std::move(golden));
  return all;
}

/// For INSTANTIATE_TEST_SUITE_P.
inline constexpr auto name_of_golden = [](const auto& instance) { return instance.param.name(); };

}  // namespace attend::testing
