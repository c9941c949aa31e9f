#include "attend/ops/draws.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <numbers>

#include "attend/core/random.h"

namespace attend {
namespace {

thread_local Draws* current = nullptr;

std::uint64_t from_the_generator() {
  auto* generator = at::get_generator_or_default<at::CPUGeneratorImpl>(std::nullopt, at::detail::getDefaultCPUGenerator());
  const std::lock_guard lock(generator->mutex_);
  return generator->random64();
}

// (n + 0.5) / 2^52: in (0, 1), and exact.
double open_uniform(std::uint64_t bits) { return (static_cast<double>(bits >> 12) + 0.5) * 0x1.0p-52; }

// Calls fill(stream of the row, its numbers) for each row of [keys.size(), ...sizes].
template <class Fill>
at::Tensor filled(const std::vector<std::uint64_t>& keys, at::IntArrayRef sizes, const Fill& fill) {
  std::vector<std::int64_t> shape{static_cast<std::int64_t>(keys.size())};
  shape.insert(shape.end(), sizes.begin(), sizes.end());
  auto out = at::empty(shape, double_options());  // [keys, ...sizes]
  const auto width = sizes.empty() ? 1 : sizes.back();
  if (out.numel() == 0) return out;
  const auto rows = out.numel() / width, inner = rows / static_cast<std::int64_t>(keys.size());
  auto* to = out.mutable_data_ptr<double>();
  at::parallel_for(0, rows, 1 + (1 << 12) / width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      RandomStream stream(row_key(keys[static_cast<std::size_t>(r / inner)], r % inner, shape));
      fill(stream, to + r * width, width);
    }
  });
  return out;
}

}  // namespace

Draws::Draws(std::uint64_t run, std::uint64_t step, std::vector<std::uint64_t> items)
    : key_(random_key(run, {step})), items_(std::move(items)), outer_(current) {
  current = this;
}

Draws::Draws(std::uint64_t part, std::vector<std::uint64_t> items) : items_(std::move(items)), outer_(current) {
  ATTEND_ASSERT(outer_);
  key_ = random_key(outer_->key_, {part});
  current = this;
}

Draws::~Draws() { current = outer_; }

const std::vector<std::uint64_t>* Draws::current_items() { return current ? &current->items_ : nullptr; }

std::vector<std::uint64_t> draw_keys(std::uint64_t place, std::int64_t batch) {
  std::vector<std::uint64_t> keys(static_cast<std::size_t>(batch));
  if (!current) {
    const auto run = from_the_generator();
    for (std::size_t b = 0; b < keys.size(); ++b) keys[b] = random_key(run, {b});
    return keys;
  }
  ATTEND_CHECK(current->items_.size() == keys.size(), kValue, "draws: a batch of {} items draws numbers for {}; open a scope of its own",
               current->items_.size(), batch);
  const auto call = random_key(current->key_, {place, current->drawn_[place]++});
  for (std::size_t b = 0; b < keys.size(); ++b) keys[b] = random_key(call, {current->items_[b]});
  return keys;
}

std::uint64_t row_key(std::uint64_t item_key, std::int64_t row, at::IntArrayRef sizes) {
  auto key = item_key;
  for (std::size_t d = sizes.size() - 1; d-- > 1;) {
    key = random_key(key, {static_cast<std::uint64_t>(row % sizes[d])});
    row /= sizes[d];
  }
  return key;
}

at::Tensor uniform_draws(const std::vector<std::uint64_t>& keys, at::IntArrayRef sizes) {
  return filled(keys, sizes, [](RandomStream& stream, double* to, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) to[i] = open_uniform(stream());
  });
}

at::Tensor normal_draws(const std::vector<std::uint64_t>& keys, at::IntArrayRef sizes) {
  return filled(keys, sizes, [](RandomStream& stream, double* to, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
      const double radius = std::sqrt(-2 * std::log(open_uniform(stream())));
      to[i] = radius * std::cos(2 * std::numbers::pi * open_uniform(stream()));
    }
  });
}

}  // namespace attend
