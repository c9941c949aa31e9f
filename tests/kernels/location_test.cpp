// Location filters: against plain loops in float64, for every instruction set that this processor has.
#include "kernels/fused_cases.h"
#include "kernels/run_location.h"

namespace attend::kernels {
namespace {

struct Filtered {
  std::vector<double> f, x_gradient, weight_gradient;
};
struct Given {
  std::vector<double> x, weights, flow;
};

std::vector<double> waves(std::int64_t count, double pace, Number number) {
  std::vector<double> all;
  for (std::int64_t i = 0; i < count; ++i) all.push_back(rounded(std::sin(pace * static_cast<double>(i) + 0.3), number));
  return all;
}
Given given(const LocationFilters& c) {
  const auto rows = c.batch * c.heads * c.queries;
  return {waves(rows * c.channels * c.keys, 1.7, c.number), waves(c.heads * c.filters * c.channels * c.width, 0.9, c.number),
          waves(rows * c.keys * c.filters, 2.3, c.number)};
}

Filtered plainly(const LocationFilters& c, const Given& g) {
  Filtered out{std::vector<double>(g.flow.size()), std::vector<double>(g.x.size()), std::vector<double>(g.weights.size())};
  for (std::int64_t row = 0; row < c.batch * c.heads * c.queries; ++row)
    for (std::int64_t s = 0; s < c.keys; ++s)
      for (std::int64_t j = 0; j < c.filters; ++j)
        for (std::int64_t channel = 0; channel < c.channels; ++channel)
          for (std::int64_t i = 0; i < c.width; ++i) {
            const auto from = s + i - c.width / 2;
            if (from < 0 || from >= c.keys) continue;
            const auto f = static_cast<std::size_t>((row * c.keys + s) * c.filters + j),
                       x = static_cast<std::size_t>((row * c.channels + channel) * c.keys + from),
                       w = static_cast<std::size_t>(((row / c.queries % c.heads * c.filters + j) * c.channels + channel) * c.width + i);
            out.f[f] += g.weights[w] * g.x[x];
            out.x_gradient[x] += g.weights[w] * g.flow[f];
            out.weight_gradient[w] += g.x[x] * g.flow[f];
          }
  return out;
}

struct FilteredRan : Filtered {
  std::string bits;
  Isa isa, back_isa;
};

FilteredRan run_filtered(LocationFilters c, const Given& g, Isa isa, int workers = 1, bool at_page = true) {
  const auto bytes = bytes_of(c.number);
  const auto of = [&](const std::vector<double>& numbers) { return numbers.size() * bytes; };
  const Bytes x(of(g.x), at_page), w(of(g.weights), at_page), flow(of(g.flow), at_page), f(of(g.flow), at_page), dx(of(g.x), at_page),
      dw(of(g.weights), at_page), dx_alone(of(g.x), at_page), dw_alone(of(g.weights), at_page);
  const auto fill = [&](const Bytes& to, const std::vector<double>& numbers) {
    for (std::size_t i = 0; i < numbers.size(); ++i) write(to.data() + i * bytes, numbers[i], c.number);
  };
  fill(x, g.x);
  fill(w, g.weights);
  fill(flow, g.flow);
  c.weights = w.data();
  Crew crew(workers);
  FilteredRan ran;
  ran.isa = run_location(isa, c, x.data(), f.data(), crew, "test");
  ran.back_isa = run_location_backward(isa, c, x.data(), flow.data(), dx.data(), dw.data(), crew, "test");
  run_location_backward(isa, c, x.data(), flow.data(), dx_alone.data(), nullptr, crew, "test");
  run_location_backward(isa, c, x.data(), flow.data(), nullptr, dw_alone.data(), crew, "test");
  EXPECT_EQ(std::memcmp(dx.data(), dx_alone.data(), g.x.size() * bytes), 0);
  EXPECT_EQ(std::memcmp(dw.data(), dw_alone.data(), g.weights.size() * bytes), 0);
  for (const auto* guarded : {&x, &w, &flow, &f, &dx, &dw, &dx_alone, &dw_alone}) EXPECT_TRUE(guarded->guarded());
  const auto numbers = [&](const Bytes& from, std::size_t count, std::vector<double>& to) {
    for (std::size_t i = 0; i < count; ++i) to.push_back(read(from.data() + i * bytes, c.number));
    ran.bits.append(from.data(), count * bytes);
  };
  numbers(f, g.flow.size(), ran.f);
  numbers(dx, g.x.size(), ran.x_gradient);
  numbers(dw, g.weights.size(), ran.weight_gradient);
  return ran;
}

LocationFilters filters_of(Number number, std::int64_t batch, std::int64_t heads, std::int64_t queries, std::int64_t keys) {
  LocationFilters c;
  c.number = number, c.batch = batch, c.heads = heads, c.queries = queries, c.keys = keys;
  return c;
}

TEST(Location, AgreesOnAwkwardSizes) {
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kFloat64})
      for (const std::int64_t keys : {0, 1, 3, 4, 5, 40})
        for (const std::int64_t filters : {1, 7, 8, 10, 17, 33})
          for (const std::int64_t width : {1, 3, 5, 11, 15}) {
            auto c = filters_of(number, 2, 1 + keys % 2, 1 + filters % 2, keys);
            c.channels = 1 + width % 2, c.filters = filters, c.width = width;
            SCOPED_TRACE(std::string(isa_name(isa)) + " S " + std::to_string(keys) + " F " + std::to_string(filters) + " W " +
                         std::to_string(width));
            const auto g = given(c);
            const auto right = plainly(c, g);
            const auto ran = run_filtered(c, g, isa, 1, keys % 2 == 1);
            EXPECT_EQ(ran.isa, number == Number::kFloat64 ? Isa::kPortable : std::min(isa, Isa::kAvx512));
            EXPECT_EQ(ran.isa, ran.back_isa);
            const double unit = number == Number::kFloat64 ? 1e-13 : 2e-5;
            EXPECT_LE(apart(ran.f, right.f), unit);
            EXPECT_LE(apart(ran.x_gradient, right.x_gradient), unit);
            EXPECT_LE(apart(ran.weight_gradient, right.weight_gradient), unit);
          }
}

TEST(Location, BitsDoNotDependOnWorkers) {
  auto c = filters_of(Number::kFloat32, 9, 2, 2, 21);
  c.channels = 2, c.filters = 10, c.width = 11;
  const auto g = given(c);
  for (const auto isa : sets_here()) {
    const auto one = run_filtered(c, g, isa).bits;
    for (const int workers : {2, 3, 5}) EXPECT_EQ(one, run_filtered(c, g, isa, workers).bits);
  }
}

}  // namespace
}  // namespace attend::kernels
