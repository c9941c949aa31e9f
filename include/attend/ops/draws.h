#pragma once
// Random numbers of a network, by counter: a number depends on the run, its step, the number of the item, the place in the network that
// draws it, how often that place has drawn, and its own coordinates. It depends on no other item of the batch, on no thread and no order.
#include <cstdint>
#include <map>
#include <vector>

#include "attend/ops/torch.h"

namespace attend {

/// Where this thread's draws come from while it lives; scopes nest. Without one, each draw takes one number of libtorch's generator in
/// place of run and step, and counts its items from 0.
/// It belongs to the thread that made it, which also destroys it; draws of other threads do not see it.
class Draws {
 public:
  /// items: the numbers of the batch's examples, wherever in a batch they stand.
  Draws(std::uint64_t run, std::uint64_t step, std::vector<std::uint64_t> items);
  /// A part of the pass that is under way, with draws of its own: one whose batch holds other items, or that depends on how far another
  /// part went. There must be a scope already.
  Draws(std::uint64_t part, std::vector<std::uint64_t> items);
  ~Draws();
  /// The items of this thread's scope; null without one.
  static const std::vector<std::uint64_t>* current_items();
  Draws(const Draws&) = delete;
  Draws& operator=(const Draws&) = delete;

 private:
  friend std::vector<std::uint64_t> draw_keys(std::uint64_t place, std::int64_t batch);
  std::uint64_t key_;
  std::vector<std::uint64_t> items_;
  std::map<std::uint64_t, std::uint64_t> drawn_;  // calls so far, by place
  Draws* outer_;
};

/// A key for each item of one more draw at this place of the network (Module::place). Throws kValue when the scope's items are not `batch`.
std::vector<std::uint64_t> draw_keys(std::uint64_t place, std::int64_t batch);

/// The key of a row of an item's numbers, the coordinates of which are all but the first and the last index of `sizes`: row i of
/// sizes[1] × ... × sizes[n − 2] rows. That another item is longer changes nothing.
std::uint64_t row_key(std::uint64_t item_key, std::int64_t row, at::IntArrayRef sizes);

/// Numbers in (0, 1), float64 [keys.size(), ...sizes]: neither end is drawn.
at::Tensor uniform_draws(const std::vector<std::uint64_t>& keys, at::IntArrayRef sizes);
/// Numbers of the standard normal distribution, likewise (Box & Muller 1958).
at::Tensor normal_draws(const std::vector<std::uint64_t>& keys, at::IntArrayRef sizes);

}  // namespace attend
