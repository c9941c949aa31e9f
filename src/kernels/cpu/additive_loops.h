#pragma once
// What the loops of additive scores share with whoever calls them. C headers only: sources that are compiled for one set include it.
#include <math.h>
#include <stdint.h>

namespace attend::kernels {

/// How the terms v f(q + k) of a head are computed. kFolded and kCapped hold e^2q and e^2k in tables, for
/// tanh(q + k) = 1 − 2/(1 + e^2q e^2k).
enum class AdditivePath : uint8_t {
  kFolded,  ///< tanh from tables, v divided into the denominator
  kCapped,  ///< tanh from tables, products capped and v apart: keys further apart, or v that is hardly there
  kTanh,    ///< tanh computed each time: keys that no table of this kind of number can hold
  kRelu
};

/// The least and the largest of some numbers, NaN passed over.
struct AdditiveRange {
  double low = INFINITY, high = -INFINITY;
  bool finite = true;  ///< none is NaN or infinite
};

/// What the loops know of a head. It depends on f, on the range of the head's keys and on v alone, so that queries may come later, and a
/// row's numbers do not depend on other rows.
struct AdditivePlan {
  AdditivePath path = AdditivePath::kTanh;
  int power = 0;                         ///< tables hold e^2q 2^power and e^2k 2^−power
  double key_low = 0, key_high = 0;      ///< of all keys
  double query_low = 0, query_high = 0;  ///< queries beyond count as this much: tanh is −1 or 1 there
  double constant = 0, factor = 0;       ///< score = constant + factor · what the loops sum
};

/// A table [rows, channels] in blocks of a vector's lanes. Row i, channels from b · lanes on: at i · row + b · block, in numbers.
/// By blocks, {data, lanes, rows · lanes}, it is read in order. By rows, {data, row, lanes}: a row of a power of 2 is slow.
struct AdditiveTable {
  void* data = nullptr;
  int64_t row = 0, block = 0;
};

/// What flows back through a tile of queries and keys.
struct AdditiveBack {
  const AdditivePlan* plan = nullptr;
  const void* ds = nullptr;  ///< [rows, keys]: gradient of the scores; 0 where a query does not see a key
  int64_t ds_row = 0, rows = 0, keys = 0, size = 0;
  AdditiveTable query_table, key_table;  ///< prepared
  AdditiveTable dq, dk;                  ///< added to
  void* dv = nullptr;                    ///< [size up to whole vectors], added to
  bool wild = false;                     ///< some query or key of the tile is NaN or infinite: then one whose dS is 0 adds nothing even so
};

}  // namespace attend::kernels
