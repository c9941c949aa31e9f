// The fused attention over products: against a plain computation in float64, for every instruction set that this processor has.
#include "kernels/run_dot_attention.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/expect_error.h"

namespace attend::kernels {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Sizes and masks of a call, with numbers that follow from them.
struct Case {
  std::int64_t batch = 1, heads = 1, key_heads = 1, queries = 1, keys = 1, size = 8, value_size = 8;
  std::int64_t left = kEverything, right = kEverything;
  std::vector<std::int64_t> query_lengths, key_lengths;
  bool keep = false, bias = false, slopes = false;
  double stretch = 1;  // of the queries: large ones make sharp rows
  std::string name;
};

struct Inputs {
  std::vector<double> q, k, v;     // [B, H, T, D], [B, Hk, S, D], [B, Hk, S, Dv]
  std::vector<std::uint8_t> keep;  // [B, H, T, S]
  std::vector<float> bias, slopes;
};

// As a float of either kind holds it, so that every kind computes with the same numbers.
double rounded(double x, Number number) {
  if (number == Number::kFloat64) return x;
  const auto single = static_cast<float>(x);
  if (number == Number::kFloat32) return single;
  std::uint32_t bits;
  std::memcpy(&bits, &single, 4);
  bits = (bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000u;
  float half;
  std::memcpy(&half, &bits, 4);
  return half;
}

Inputs inputs_of(const Case& c, Number number) {
  Inputs in;
  const auto fill = [&](std::vector<double>& x, std::int64_t count, double step, double by) {
    for (std::int64_t i = 0; i < count; ++i)
      x.push_back(rounded(by * 1.4 * std::cos(step * static_cast<double>(i) + 0.3 * static_cast<double>(i % 7)), number));
  };
  fill(in.q, c.batch * c.heads * c.queries * c.size, 0.731, c.stretch);
  fill(in.k, c.batch * c.key_heads * c.keys * c.size, 1.173, 1);
  fill(in.v, c.batch * c.key_heads * c.keys * c.value_size, 0.577, 1);
  const auto cells = c.batch * c.heads * c.queries * c.keys;
  for (std::int64_t i = 0; c.keep && i < cells; ++i) in.keep.push_back(i % 5 != 0 && i / c.keys % 11 != 3);  // rows 3, 14, ... see nothing
  for (std::int64_t i = 0; c.bias && i < cells; ++i)
    in.bias.push_back(i % 13 == 0 ? -std::numeric_limits<float>::infinity() : static_cast<float>(std::sin(0.37 * static_cast<double>(i))));
  for (std::int64_t h = 0; c.slopes && h < c.heads; ++h) in.slopes.push_back(0.25f / static_cast<float>(h + 1));
  return in;
}

// What a call gives, as float64.
struct Outputs {
  std::vector<double> context, lse, entropy, maximum, columns;
  std::vector<std::int64_t> argmax;
  std::vector<double> scores;  // [B, H, T, S], of the plain computation
};

Outputs plainly(const Case& c, const Inputs& in) {
  Outputs out;
  out.columns.assign(static_cast<std::size_t>(c.batch * c.heads * c.keys), 0);
  for (std::int64_t b = 0; b < c.batch; ++b)
    for (std::int64_t h = 0; h < c.heads; ++h)
      for (std::int64_t t = 0; t < c.queries; ++t) {
        const auto kh = b * c.key_heads + h / (c.heads / c.key_heads), row = (b * c.heads + h) * c.queries + t;
        const auto tb = c.query_lengths.empty() ? c.queries : c.query_lengths[static_cast<std::size_t>(b)];
        const auto sb = c.key_lengths.empty() ? c.keys : c.key_lengths[static_cast<std::size_t>(b)];
        std::vector<double> e(static_cast<std::size_t>(c.keys), -kInfinity);
        double m = -kInfinity;
        std::int64_t best = -1;
        for (std::int64_t s = 0; s < sb && t < tb; ++s) {
          const auto at = t + sb - tb;
          const auto cell = static_cast<std::size_t>(row * c.keys + s);
          if (s < at - c.left || s > at + c.right || (c.keep && !in.keep[cell])) continue;
          double x = 0;
          for (std::int64_t d = 0; d < c.size; ++d)
            x += in.q[static_cast<std::size_t>(row * c.size + d)] * in.k[static_cast<std::size_t>((kh * c.keys + s) * c.size + d)];
          x /= std::sqrt(static_cast<double>(c.size));
          if (c.slopes) x -= static_cast<double>(in.slopes[static_cast<std::size_t>(h)]) * static_cast<double>(std::abs(s - at));
          if (c.bias) x += static_cast<double>(in.bias[cell]);
          e[static_cast<std::size_t>(s)] = x;
          if (x > m) m = x, best = s;
        }
        double l = 0, spread = 0;
        for (const auto x : e)
          if (x > -kInfinity) l += std::exp(x - m), spread += std::exp(x - m) * (x - m);
        out.argmax.push_back(best);
        out.scores.insert(out.scores.end(), e.begin(), e.end());
        out.lse.push_back(l > 0 ? m + std::log(l) : -kInfinity);
        out.entropy.push_back(l > 0 ? std::log(l) - spread / l : 0);
        out.maximum.push_back(l > 0 ? 1 / l : 0);
        for (std::int64_t d = 0; d < c.value_size; ++d) {
          double x = 0;
          for (std::int64_t s = 0; s < c.keys && l > 0; ++s)
            if (const auto y = e[static_cast<std::size_t>(s)]; y > -kInfinity)
              x += std::exp(y - m) / l * in.v[static_cast<std::size_t>((kh * c.keys + s) * c.value_size + d)];
          out.context.push_back(x);
        }
        for (std::int64_t s = 0; s < c.keys && l > 0; ++s)
          if (const auto y = e[static_cast<std::size_t>(s)]; y > -kInfinity)
            out.columns[static_cast<std::size_t>((b * c.heads + h) * c.keys + s)] += std::exp(y - m) / l;
      }
  return out;
}

// Bytes between guards, against a page that may not be read where `at_page` says so.
class Bytes {
 public:
  Bytes(std::size_t size, bool at_page) : size_(size) {
    page_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    mapped_ = (size / page_ + 3) * page_;
    base_ = static_cast<char*>(mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_NE(static_cast<void*>(base_), MAP_FAILED);
    std::memset(base_, kGuard, mapped_);
    EXPECT_EQ(mprotect(base_, page_, PROT_NONE), 0);
    EXPECT_EQ(mprotect(base_ + mapped_ - page_, page_, PROT_NONE), 0);
    data_ = at_page ? base_ + mapped_ - page_ - size : base_ + page_;
  }
  ~Bytes() { munmap(base_, mapped_); }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  char* data() const { return data_; }
  bool guarded() const {
    for (const char* p = base_ + page_; p < base_ + mapped_ - page_; ++p)
      if ((p < data_ || p >= data_ + size_) && *p != kGuard) return false;
    return true;
  }

 private:
  static constexpr char kGuard = 0x5a;
  std::size_t size_, page_, mapped_;
  char *base_, *data_;
};

std::size_t bytes_of(Number number) { return number == Number::kFloat64 ? 8 : number == Number::kFloat32 ? 4 : 2; }

void write(char* to, double x, Number number) {
  const auto single = static_cast<float>(x);
  if (number == Number::kFloat64) {
    std::memcpy(to, &x, 8);
  } else if (number == Number::kFloat32) {
    std::memcpy(to, &single, 4);
  } else {
    std::uint32_t bits;
    std::memcpy(&bits, &single, 4);
    const auto half = static_cast<std::uint16_t>(std::isnan(x) ? 0x7fc0 : bits >> 16);
    std::memcpy(to, &half, 2);
  }
}
double read(const char* from, Number number) {
  double x = 0;
  float single = 0;
  if (number == Number::kFloat64) {
    std::memcpy(&x, from, 8);
    return x;
  }
  if (number == Number::kFloat32) {
    std::memcpy(&single, from, 4);
    return static_cast<double>(single);
  }
  std::uint16_t half;
  std::memcpy(&half, from, 2);
  const auto bits = static_cast<std::uint32_t>(half) << 16;
  std::memcpy(&single, &bits, 4);
  return static_cast<double>(single);
}

// Threads that draw tasks from one counter, so that any of them may come in any order.
class Crew final : public Workers {
 public:
  explicit Crew(int count) : count_(count) {}
  int count() const override { return count_; }
  void run(std::int64_t tasks, const std::function<void(std::int64_t, int)>& body) override {
    std::int64_t next = 0;
    std::mutex mutex;
    std::vector<std::thread> threads;
    for (int worker = 0; worker < count_; ++worker)
      threads.emplace_back([&, worker] {
        for (;;) {
          std::int64_t task;
          {
            const std::lock_guard lock(mutex);
            if (next == tasks) return;
            task = next++;
          }
          body(task, worker);
        }
      });
    for (auto& thread : threads) thread.join();
  }

 private:
  int count_;
};

struct How {
  Isa isa = Isa::kPortable;
  Number number = Number::kFloat32;
  bool statistics = true;
  int workers = 1;
  bool swapped = false;  // [B, L, H, D] in memory
  bool at_page = true;
};

struct Ran {
  Outputs out;
  std::string bits;  // of the context
  Isa isa;
};

Ran run(const Case& c, const Inputs& in, const How& how) {
  const auto bytes = bytes_of(how.number);
  const auto real = how.number == Number::kFloat64 ? Number::kFloat64 : Number::kFloat32;
  DotAttention call;
  call.number = how.number;
  call.batch = c.batch, call.heads = c.heads, call.key_heads = c.key_heads;
  call.queries = c.queries, call.keys = c.keys, call.size = c.size, call.value_size = c.value_size;
  call.scale = 1 / std::sqrt(static_cast<double>(c.size));
  call.left = c.left, call.right = c.right;
  call.query_lengths = c.query_lengths.empty() ? nullptr : c.query_lengths.data();
  call.key_lengths = c.key_lengths.empty() ? nullptr : c.key_lengths.data();
  // Strides of [B, H, L, D] in this order, or with H and L swapped.
  const auto strides = [&](std::int64_t heads, std::int64_t rows, std::int64_t size, auto& x) {
    x.batch = heads * rows * size;
    x.head = how.swapped ? size : rows * size;
    x.row = how.swapped ? heads * size : size;
  };
  const auto put = [&](const std::vector<double>& from, const Bytes& to, std::int64_t heads, std::int64_t rows, std::int64_t size,
                       Rows& x) {
    strides(heads, rows, size, x);
    x.data = to.data();
    for (std::int64_t b = 0; b < c.batch; ++b)
      for (std::int64_t h = 0; h < heads; ++h)
        for (std::int64_t i = 0; i < rows; ++i)
          for (std::int64_t d = 0; d < size; ++d)
            write(to.data() + static_cast<std::size_t>(b * x.batch + h * x.head + i * x.row + d) * bytes,
                  from[static_cast<std::size_t>(((b * heads + h) * rows + i) * size + d)], how.number);
  };
  const Bytes q(in.q.size() * bytes, how.at_page), k(in.k.size() * bytes, how.at_page), v(in.v.size() * bytes, how.at_page);
  put(in.q, q, c.heads, c.queries, c.size, call.query);
  put(in.k, k, c.key_heads, c.keys, c.size, call.key);
  put(in.v, v, c.key_heads, c.keys, c.value_size, call.value);
  const auto cells = [&](auto& x) { x.batch = c.heads * c.queries * c.keys, x.head = c.queries * c.keys, x.row = c.keys, x.key = 1; };
  if (c.keep) call.keep.data = in.keep.data(), cells(call.keep);
  if (c.bias) call.bias.data = in.bias.data(), cells(call.bias);
  if (c.slopes) call.slopes = in.slopes.data();

  const auto rows = static_cast<std::size_t>(c.batch * c.heads * c.queries), columns = static_cast<std::size_t>(c.batch * c.heads * c.keys);
  const auto wide = bytes_of(real);
  const Bytes context(rows * static_cast<std::size_t>(c.value_size) * bytes, how.at_page), lse(rows * wide, how.at_page),
      entropy(rows * wide, how.at_page), maximum(rows * wide, how.at_page), argmax(rows * 8, how.at_page),
      sums(columns * wide, how.at_page);
  DotResults results;
  strides(c.heads, c.queries, c.value_size, results.context);
  results.context.data = context.data();
  if (how.statistics) {
    results.lse = lse.data(), results.entropy = entropy.data(), results.maximum = maximum.data(), results.column_sums = sums.data();
    results.argmax = reinterpret_cast<std::int64_t*>(argmax.data());
  }
  Ran ran;
  Crew crew(how.workers);
  OneWorker one;
  Workers& workers = how.workers > 1 ? static_cast<Workers&>(crew) : one;
  ran.isa = run_dot_attention(how.isa, call, results, workers, "test");
  for (const auto* guarded : {&q, &k, &v, &context, &lse, &entropy, &maximum, &argmax, &sums}) EXPECT_TRUE(guarded->guarded());
  for (std::int64_t b = 0; b < c.batch; ++b)
    for (std::int64_t h = 0; h < c.heads; ++h)
      for (std::int64_t t = 0; t < c.queries; ++t)
        for (std::int64_t d = 0; d < c.value_size; ++d) {
          const char* at =
              context.data() +
              static_cast<std::size_t>(b * results.context.batch + h * results.context.head + t * results.context.row + d) * bytes;
          ran.bits.append(at, bytes);
          ran.out.context.push_back(read(at, how.number));
        }
  for (std::size_t i = 0; how.statistics && i < rows; ++i) {
    ran.out.lse.push_back(read(lse.data() + i * wide, real));
    ran.out.entropy.push_back(read(entropy.data() + i * wide, real));
    ran.out.maximum.push_back(read(maximum.data() + i * wide, real));
    ran.out.argmax.push_back(results.argmax[i]);
  }
  for (std::size_t i = 0; how.statistics && i < columns; ++i) ran.out.columns.push_back(read(sums.data() + i * wide, real));
  return ran;
}

// The largest difference; infinity where one is NaN or infinite and the other is not the same.
double apart(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return kInfinity;
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    const auto d = std::abs(a[i] - b[i]);
    if (!(d < kInfinity)) return kInfinity;
    worst = std::max(worst, d);
  }
  return worst;
}

void expect_right(const Case& c, const How& how) {
  SCOPED_TRACE(c.name + " T=" + std::to_string(c.queries) + " S=" + std::to_string(c.keys) + " D=" + std::to_string(c.size) +
               " Dv=" + std::to_string(c.value_size) + " " + std::string(isa_name(how.isa)));
  const auto in = inputs_of(c, how.number);
  const auto right = plainly(c, in);
  const auto ran = run(c, in, how);
  double largest = 0;  // of the scores: what they lack in their last bits is lacking everywhere
  for (const auto x : right.lse)
    if (x > -kInfinity) largest = std::max(largest, std::abs(x));
  const double unit = (how.number == Number::kFloat64 ? 1e-14 : 2e-6) * (2.5 + largest / 4);
  EXPECT_LE(apart(ran.out.context, right.context), how.number == Number::kBfloat16 ? 1e-2 : unit);
  EXPECT_LE(apart(ran.out.lse, right.lse), 2 * unit);
  EXPECT_LE(apart(ran.out.entropy, right.entropy), 4 * unit);
  EXPECT_LE(apart(ran.out.maximum, right.maximum), unit);
  EXPECT_LE(apart(ran.out.columns, right.columns), unit * static_cast<double>(8 + c.queries / 16));
  for (std::size_t row = 0; row < right.argmax.size(); ++row) {
    const auto key = ran.out.argmax[row], best = right.argmax[row];
    if (key == best) continue;
    ASSERT_TRUE(key >= 0 && best >= 0 && key < c.keys) << row << ": " << key << ", not " << best;
    const auto* scores = right.scores.data() + static_cast<std::int64_t>(row) * c.keys;
    EXPECT_NEAR(scores[key], scores[best], unit) << row;  // so near that float32 may not tell them apart
  }
}

std::vector<Isa> sets_here() {
  std::vector<Isa> sets;
  for (const auto isa : instruction_sets())
    if (cpu_has(isa)) sets.push_back(isa);
  return sets;
}

std::vector<Case> masked_cases() {
  return {{.queries = 49, .keys = 49, .right = 0, .name = "causal"},
          {.queries = 25, .keys = 97, .right = 0, .name = "causal, fewer queries"},
          {.queries = 97, .keys = 25, .right = 0, .name = "causal, more queries: the first rows see nothing"},
          {.queries = 113, .keys = 113, .left = 5, .right = 3, .name = "window"},
          {.queries = 257, .keys = 257, .left = 16, .right = 0, .name = "causal window"},
          {.batch = 3,
           .heads = 2,
           .key_heads = 2,
           .queries = 33,
           .keys = 47,
           .query_lengths = {33, 0, 17},
           .key_lengths = {47, 12, 0},
           .name = "lengths"},
          {.batch = 2,
           .heads = 2,
           .key_heads = 1,
           .queries = 48,
           .keys = 48,
           .right = 0,
           .query_lengths = {48, 31},
           .key_lengths = {40, 31},
           .name = "causal lengths"},
          {.heads = 8, .key_heads = 2, .queries = 17, .keys = 23, .name = "grouped"},
          {.queries = 25, .keys = 47, .keep = true, .name = "keep"},
          {.queries = 25, .keys = 47, .bias = true, .name = "bias"},
          {.heads = 2, .key_heads = 2, .queries = 25, .keys = 47, .slopes = true, .name = "slopes"},
          {.batch = 2,
           .heads = 4,
           .key_heads = 2,
           .queries = 49,
           .keys = 49,
           .size = 20,
           .value_size = 40,
           .left = 30,
           .right = 0,
           .query_lengths = {49, 20},
           .key_lengths = {49, 20},
           .keep = true,
           .bias = true,
           .slopes = true,
           .name = "all at once"},
          {.queries = 30, .keys = 300, .stretch = 300, .name = "sharp"}};
}

TEST(DotAttention, AgreesOnAwkwardSizes) {
  for (const auto isa : sets_here()) {
    for (const std::int64_t queries : {1, 2, 16, 23, 25, 48, 113})
      for (const std::int64_t keys : {1, 2, 15, 17, 129, 257})
        expect_right({.queries = queries, .keys = keys, .size = 20, .value_size = 32}, {.isa = isa});
    for (const std::int64_t size : {1, 8, 59, 64, 111, 128})
      for (const std::int64_t value_size : {1, 7, 8, 40, 64, 96, 129})
        expect_right({.queries = 26, .keys = 33, .size = size, .value_size = value_size}, {.isa = isa});
    expect_right({.queries = 1023, .keys = 1025, .size = 64, .value_size = 64}, {.isa = isa});
  }
}

TEST(DotAttention, AgreesUnderEveryMask) {
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kBfloat16, Number::kFloat64})
      for (const auto swapped : {false, true})
        for (const auto& c : masked_cases()) expect_right(c, {.isa = isa, .number = number, .swapped = swapped});
}

// Keys beyond those that a tile holds at once: totals move from part to part, and column sums come from a second pass.
TEST(DotAttention, AgreesWhereRowsAreStreamed) {
  for (const auto isa : sets_here()) {
    expect_right({.queries = 26, .keys = 16400, .size = 4, .value_size = 5, .name = "streamed"}, {.isa = isa});
    expect_right({.queries = 26, .keys = 16500, .size = 4, .value_size = 5, .right = 0, .stretch = 40, .name = "streamed, causal, sharp"},
                 {.isa = isa});
  }
}

// Items and rows that see fewer keys of a source too long to be held at once.
TEST(DotAttention, AgreesWhereALongSourceHasShortItems) {
  for (const auto isa : sets_here()) {
    expect_right({.batch = 2, .queries = 26, .keys = 16500, .size = 4, .value_size = 5, .key_lengths = {5000, 16500}, .name = "short item"},
                 {.isa = isa});
    expect_right({.queries = 26, .keys = 20000, .size = 4, .value_size = 5, .left = 9000, .right = 0, .name = "wide window"}, {.isa = isa});
  }
}

TEST(DotAttention, InputsAreNotReadBeyondEitherEnd) {
  for (const auto isa : sets_here())
    for (const auto at_page : {true, false})
      expect_right({.queries = 25, .keys = 33, .size = 13, .value_size = 11}, {.isa = isa, .at_page = at_page});
}

TEST(DotAttention, NothingIsLeftOfNothing) {
  for (const auto isa : sets_here()) {
    for (const auto& c : {Case{.queries = 0, .keys = 5}, Case{.queries = 5, .keys = 0}, Case{.batch = 0, .queries = 5, .keys = 5}}) {
      const auto in = inputs_of(c, Number::kFloat32);
      const auto ran = run(c, in, {.isa = isa});
      EXPECT_LE(apart(ran.out.context, plainly(c, in).context), 0);
      for (const auto key : ran.out.argmax) EXPECT_EQ(key, -1);
      for (const auto lse : ran.out.lse) EXPECT_EQ(lse, -kInfinity);
    }
  }
}

// Not a number where nobody may look: behind the lengths, behind the diagonal, where keep hides.
TEST(DotAttention, WhatIsHiddenDoesNotLeak) {
  for (const auto isa : sets_here())
    for (const double poison : {std::numeric_limits<double>::quiet_NaN(), kInfinity}) {
      Case padded{.batch = 2, .queries = 33, .keys = 47, .query_lengths = {33, 20}, .key_lengths = {47, 21}, .name = "padding"};
      auto in = inputs_of(padded, Number::kFloat32);
      const auto right = plainly(padded, in);
      for (std::int64_t s = 21; s < 47; ++s)
        for (std::int64_t d = 0; d < 8; ++d)
          in.k[static_cast<std::size_t>((47 + s) * 8 + d)] = in.v[static_cast<std::size_t>((47 + s) * 8 + d)] = poison;
      for (std::int64_t t = 20; t < 33; ++t) in.q[static_cast<std::size_t>((33 + t) * 8)] = poison;
      EXPECT_LE(apart(run(padded, in, {.isa = isa}).out.context, right.context), 5e-6);

      Case causal{.queries = 60, .keys = 60, .right = 0, .name = "causal"};
      in = inputs_of(causal, Number::kFloat32);
      const auto before = plainly(causal, in);
      in.k[41 * 8] = in.v[41 * 8 + 3] = poison;
      const auto ran = run(causal, in, {.isa = isa});
      for (std::size_t i = 0; i < 41 * 8; ++i) ASSERT_NEAR(ran.out.context[i], before.context[i], 5e-6) << i;
      if (std::isnan(poison)) {
        EXPECT_TRUE(std::isnan(ran.out.context[50 * 8 + 3]));  // who may look at it sees it
      }

      Case kept{.queries = 25, .keys = 47, .keep = true, .name = "keep"};
      in = inputs_of(kept, Number::kFloat32);
      for (std::size_t cell = 30; cell < in.keep.size(); cell += 47) in.keep[cell] = 0;
      const auto hidden = plainly(kept, in);
      in.k[30 * 8 + 1] = in.v[30 * 8 + 1] = poison;
      EXPECT_LE(apart(run(kept, in, {.isa = isa}).out.context, hidden.context), 5e-6);
    }
}

TEST(DotAttention, BitsDependOnTheCallAlone) {
  const Case c{.batch = 3,
               .heads = 4,
               .key_heads = 2,
               .queries = 301,
               .keys = 301,
               .size = 32,
               .value_size = 24,
               .right = 0,
               .query_lengths = {301, 40, 200},
               .key_lengths = {301, 40, 250},
               .name = "threads"};
  const auto in = inputs_of(c, Number::kFloat32);
  for (const auto isa : sets_here()) {
    const auto once = run(c, in, {.isa = isa});
    EXPECT_EQ(once.isa, isa);
    for (const int workers : {2, 3, 4}) {
      const auto again = run(c, in, {.isa = isa, .workers = workers});
      EXPECT_EQ(again.bits, once.bits) << workers;
      EXPECT_EQ(again.out.columns, once.out.columns) << workers;
    }
    EXPECT_EQ(run(c, in, {.isa = isa, .statistics = false}).bits, once.bits);  // statistics are paid for in time alone
    // The second item by itself, without its padding.
    Case alone = c;
    alone.batch = 1, alone.queries = alone.keys = 40, alone.query_lengths = alone.key_lengths = {};
    Inputs own;
    const auto cut = [&](const std::vector<double>& from, std::vector<double>& to, std::int64_t heads, std::int64_t size) {
      for (std::int64_t h = 0; h < heads; ++h)
        for (std::int64_t i = 0; i < 40 * size; ++i) to.push_back(from[static_cast<std::size_t>((heads + h) * 301 * size + i)]);
    };
    cut(in.q, own.q, 4, 32);
    cut(in.k, own.k, 2, 32);
    cut(in.v, own.v, 2, 24);
    const auto single = run(alone, own, {.isa = isa});
    for (std::int64_t h = 0; h < 4; ++h)
      EXPECT_EQ(single.bits.substr(static_cast<std::size_t>(h * 40 * 24 * 4), 40 * 24 * 4),
                once.bits.substr(static_cast<std::size_t>((4 + h) * 301 * 24 * 4), 40 * 24 * 4));
  }
}

// Gradients of Σ g_c · context + Σ g_l lse + Σ g_e entropy.
struct Gradients {
  std::vector<double> context, lse, entropy;  // what flows in
  std::vector<double> q, k, v;                // what comes out
};

Gradients flowing(const Case& c, Number number) {
  Gradients g;
  const auto rows = c.batch * c.heads * c.queries;
  for (std::int64_t i = 0; i < rows * c.value_size; ++i) g.context.push_back(rounded(std::cos(0.919 * static_cast<double>(i)), number));
  for (std::int64_t i = 0; i < rows; ++i) {
    g.lse.push_back(rounded(std::sin(1.3 * static_cast<double>(i)), Number::kFloat32));
    g.entropy.push_back(rounded(std::cos(2.1 * static_cast<double>(i)), Number::kFloat32));
  }
  return g;
}

void differentiate_plainly(const Case& c, const Inputs& in, const Outputs& out, Gradients& g) {
  const auto at = [](auto& x, std::int64_t i) -> auto& { return x[static_cast<std::size_t>(i)]; };
  g.q.assign(in.q.size(), 0), g.k.assign(in.k.size(), 0), g.v.assign(in.v.size(), 0);
  const double scale = 1 / std::sqrt(static_cast<double>(c.size));
  for (std::int64_t row = 0; row < c.batch * c.heads * c.queries; ++row) {
    const auto head = row / c.queries, kh = head / c.heads * c.key_heads + head % c.heads / (c.heads / c.key_heads);
    double delta = 0;
    for (std::int64_t d = 0; d < c.value_size; ++d)
      delta += at(out.context, row * c.value_size + d) * at(g.context, row * c.value_size + d);
    for (std::int64_t s = 0; s < c.keys; ++s) {
      const auto e = at(out.scores, row * c.keys + s);
      if (e == -kInfinity) continue;
      const auto ln = e - at(out.lse, row), w = std::exp(ln);
      double product = 0;
      for (std::int64_t d = 0; d < c.value_size; ++d) {
        product += at(g.context, row * c.value_size + d) * at(in.v, (kh * c.keys + s) * c.value_size + d);
        at(g.v, (kh * c.keys + s) * c.value_size + d) += w * at(g.context, row * c.value_size + d);
      }
      const auto slope = w * (product - delta + at(g.lse, row) - at(g.entropy, row) * (ln + at(out.entropy, row)));
      for (std::int64_t d = 0; d < c.size; ++d) {
        at(g.q, row * c.size + d) += scale * slope * at(in.k, (kh * c.keys + s) * c.size + d);
        at(g.k, (kh * c.keys + s) * c.size + d) += scale * slope * at(in.q, row * c.size + d);
      }
    }
  }
}

// The gradients that flow in are those of `g`; context, lse and entropy are those of `out`.
struct RanBack {
  Gradients g;
  Isa isa;
};
RanBack run_back(const Case& c, const Inputs& in, const Outputs& out, const Gradients& g, const How& how) {
  const auto bytes = bytes_of(how.number);
  const auto real = how.number == Number::kFloat64 ? Number::kFloat64 : Number::kFloat32;
  DotAttention call;
  call.number = how.number;
  call.batch = c.batch, call.heads = c.heads, call.key_heads = c.key_heads;
  call.queries = c.queries, call.keys = c.keys, call.size = c.size, call.value_size = c.value_size;
  call.scale = 1 / std::sqrt(static_cast<double>(c.size));
  call.left = c.left, call.right = c.right;
  call.query_lengths = c.query_lengths.empty() ? nullptr : c.query_lengths.data();
  call.key_lengths = c.key_lengths.empty() ? nullptr : c.key_lengths.data();
  const auto cells = [&](auto& x) { x.batch = c.heads * c.queries * c.keys, x.head = c.queries * c.keys, x.row = c.keys, x.key = 1; };
  if (c.keep) call.keep.data = in.keep.data(), cells(call.keep);
  if (c.bias) call.bias.data = in.bias.data(), cells(call.bias);
  if (c.slopes) call.slopes = in.slopes.data();
  const auto strides = [&](std::int64_t heads, std::int64_t rows, std::int64_t size, auto& x) {
    x.batch = heads * rows * size;
    x.head = how.swapped ? size : rows * size;
    x.row = how.swapped ? heads * size : size;
  };
  const auto each = [&](std::int64_t heads, std::int64_t rows, std::int64_t size, const auto& x, const auto& take) {
    for (std::int64_t b = 0, n = 0; b < c.batch; ++b)
      for (std::int64_t h = 0; h < heads; ++h)
        for (std::int64_t i = 0; i < rows; ++i)
          for (std::int64_t d = 0; d < size; ++d)
            take(static_cast<std::size_t>(b * x.batch + h * x.head + i * x.row + d) * bytes, static_cast<std::size_t>(n++));
  };
  const auto put = [&](const std::vector<double>& from, const Bytes& to, std::int64_t heads, std::int64_t rows, std::int64_t size,
                       Rows& x) {
    strides(heads, rows, size, x);
    x.data = to.data();
    each(heads, rows, size, x, [&](std::size_t at, std::size_t n) { write(to.data() + at, from[n], how.number); });
  };
  const auto numbers = [&](const std::vector<double>& from, const Bytes& to) {
    for (std::size_t i = 0; i < from.size(); ++i) write(to.data() + i * bytes_of(real), from[i], real);
    return static_cast<const void*>(to.data());
  };
  const Bytes q(in.q.size() * bytes, how.at_page), k(in.k.size() * bytes, how.at_page), v(in.v.size() * bytes, how.at_page),
      o(out.context.size() * bytes, how.at_page), flows(g.context.size() * bytes, how.at_page), dq(in.q.size() * bytes, how.at_page),
      dk(in.k.size() * bytes, how.at_page), dv(in.v.size() * bytes, how.at_page);
  const auto row_bytes = out.lse.size() * bytes_of(real);
  const Bytes lse(row_bytes, how.at_page), entropy(row_bytes, how.at_page), lse_gradient(row_bytes, how.at_page),
      entropy_gradient(row_bytes, how.at_page);
  DotGradients gradients;
  put(in.q, q, c.heads, c.queries, c.size, call.query);
  put(in.k, k, c.key_heads, c.keys, c.size, call.key);
  put(in.v, v, c.key_heads, c.keys, c.value_size, call.value);
  put(out.context, o, c.heads, c.queries, c.value_size, gradients.context);
  put(g.context, flows, c.heads, c.queries, c.value_size, gradients.context_gradient);
  gradients.lse = numbers(out.lse, lse), gradients.entropy = numbers(out.entropy, entropy);
  if (!g.lse.empty()) gradients.lse_gradient = numbers(g.lse, lse_gradient);
  if (!g.entropy.empty()) gradients.entropy_gradient = numbers(g.entropy, entropy_gradient);
  strides(c.heads, c.queries, c.size, gradients.query_gradient), gradients.query_gradient.data = dq.data();
  strides(c.key_heads, c.keys, c.size, gradients.key_gradient), gradients.key_gradient.data = dk.data();
  strides(c.key_heads, c.keys, c.value_size, gradients.value_gradient), gradients.value_gradient.data = dv.data();
  Crew crew(how.workers);
  OneWorker one;
  RanBack ran;
  ran.isa = run_dot_attention_backward(how.isa, call, gradients, how.workers > 1 ? static_cast<Workers&>(crew) : one, "test");
  for (const auto* guarded : {&q, &k, &v, &o, &flows, &dq, &dk, &dv, &lse, &entropy, &lse_gradient, &entropy_gradient})
    EXPECT_TRUE(guarded->guarded());
  const auto take = [&](std::vector<double>& to, const Bytes& from, std::int64_t heads, std::int64_t rows, std::int64_t size,
                        const MutableRows& x) {
    each(heads, rows, size, x, [&](std::size_t at, std::size_t) { to.push_back(read(from.data() + at, how.number)); });
  };
  take(ran.g.q, dq, c.heads, c.queries, c.size, gradients.query_gradient);
  take(ran.g.k, dk, c.key_heads, c.keys, c.size, gradients.key_gradient);
  take(ran.g.v, dv, c.key_heads, c.keys, c.value_size, gradients.value_gradient);
  return ran;
}

void expect_gradients(const Case& c, const How& how, bool statistics = true) {
  SCOPED_TRACE(c.name + " T=" + std::to_string(c.queries) + " S=" + std::to_string(c.keys) + " D=" + std::to_string(c.size) +
               " Dv=" + std::to_string(c.value_size) + " " + std::string(isa_name(how.isa)));
  const auto in = inputs_of(c, how.number);
  auto out = plainly(c, in);
  for (auto& x : out.context) x = rounded(x, how.number);
  auto g = flowing(c, how.number);
  if (!statistics) g.lse.assign(g.lse.size(), 0), g.entropy.assign(g.entropy.size(), 0);
  differentiate_plainly(c, in, out, g);
  auto given = g;
  if (!statistics) given.lse.clear(), given.entropy.clear();
  const auto ran = run_back(c, in, out, given, how);
  double largest = 1, score = 0;
  for (const auto* x : {&g.q, &g.k, &g.v})
    for (const auto y : *x) largest = std::max(largest, std::abs(y));
  for (const auto x : out.lse)
    if (x > -kInfinity) score = std::max(score, std::abs(x));
  const double unit = (how.number == Number::kFloat64 ? 1e-14 : how.number == Number::kFloat32 ? 2e-6 : 4e-3) * largest * (2.5 + score / 2);
  EXPECT_LE(apart(ran.g.q, g.q), unit);
  EXPECT_LE(apart(ran.g.k, g.k), unit);
  EXPECT_LE(apart(ran.g.v, g.v), unit);
}

TEST(DotAttentionBackward, AgreesOnAwkwardSizes) {
  for (const auto isa : sets_here()) {
    for (const std::int64_t queries : {1, 2, 23, 47, 48, 49, 113})
      for (const std::int64_t keys : {1, 15, 17, 95, 96, 97, 257})
        expect_gradients({.queries = queries, .keys = keys, .size = 20, .value_size = 32}, {.isa = isa});
    for (const std::int64_t size : {1, 8, 59, 64, 128})
      for (const std::int64_t value_size : {1, 7, 40, 64, 129})
        expect_gradients({.queries = 50, .keys = 99, .size = size, .value_size = value_size}, {.isa = isa});
    expect_gradients({.queries = 513, .keys = 1600, .size = 32, .value_size = 24, .name = "several chunks"}, {.isa = isa});
  }
}

TEST(DotAttentionBackward, AgreesUnderEveryMask) {
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kBfloat16, Number::kFloat64})
      for (const auto statistics : {true, false})
        for (const auto& c : masked_cases()) expect_gradients(c, {.isa = isa, .number = number, .swapped = statistics}, statistics);
}

TEST(DotAttentionBackward, WhatIsHiddenDoesNotLeak) {
  for (const auto isa : sets_here())
    for (const auto& c :
         {Case{.batch = 2, .queries = 33, .keys = 120, .query_lengths = {33, 20}, .key_lengths = {120, 100}, .name = "padding"},
          Case{.queries = 60, .keys = 110, .keep = true, .name = "keep"}}) {
      auto in = inputs_of(c, Number::kFloat32);
      const std::int64_t hidden = 105;  // the key nobody sees
      for (std::size_t cell = hidden; c.keep && cell < in.keep.size(); cell += 110) in.keep[cell] = 0;
      const auto out = plainly(c, in);
      auto g = flowing(c, Number::kFloat32);
      differentiate_plainly(c, in, out, g);
      const auto key = static_cast<std::size_t>(((c.batch - 1) * c.keys + hidden) * 8);
      in.k[key] = in.v[key + 1] = std::nan("");
      if (c.keep) in.q[3 * 8] = g.context[3 * 8 + 2] = g.lse[3] = std::nan("");  // of a row that sees nothing
      if (c.batch == 2) {
        in.q[(33 + 25) * 8] = std::nan("");
        g.context[(33 + 25) * 8] = g.lse[33 + 25] = kInfinity;
      }
      const auto ran = run_back(c, in, out, g, {.isa = isa});
      EXPECT_LE(apart(ran.g.q, g.q), 2e-5) << c.name;
      EXPECT_LE(apart(ran.g.k, g.k), 2e-5) << c.name;
      EXPECT_LE(apart(ran.g.v, g.v), 2e-5) << c.name;
    }
}

TEST(DotAttentionBackward, BitsDependOnTheCallAlone) {
  const Case c{.batch = 2,
               .heads = 4,
               .key_heads = 2,
               .queries = 140,
               .keys = 1100,
               .size = 24,
               .value_size = 20,
               .right = 0,
               .query_lengths = {140, 90},
               .key_lengths = {1100, 700},
               .name = "threads"};
  const auto in = inputs_of(c, Number::kFloat32);
  const auto out = plainly(c, in);
  const auto g = flowing(c, Number::kFloat32);
  for (const auto isa : sets_here()) {
    const auto once = run_back(c, in, out, g, {.isa = isa});
    EXPECT_EQ(once.isa, isa);
    for (const int workers : {2, 3, 4}) {
      const auto again = run_back(c, in, out, g, {.isa = isa, .workers = workers});
      EXPECT_EQ(again.g.q, once.g.q);
      EXPECT_EQ(again.g.k, once.g.k);
      EXPECT_EQ(again.g.v, once.g.v);
    }
  }
}

// One worker packs short sources beside its scratch, many share what is packed.
TEST(DotAttentionBackward, WhereItIsPackedChangesNoBit) {
  const Case c{.batch = 2,
               .heads = 4,
               .key_heads = 2,
               .queries = 130,
               .keys = 150,
               .size = 24,
               .value_size = 20,
               .right = 0,
               .query_lengths = {130, 90},
               .key_lengths = {150, 70},
               .name = "short"};
  const auto in = inputs_of(c, Number::kFloat32);
  const auto out = plainly(c, in);
  const auto g = flowing(c, Number::kFloat32);
  for (const auto isa : sets_here()) {
    const auto apart = run(c, in, {.isa = isa}), together = run(c, in, {.isa = isa, .workers = 4});
    EXPECT_EQ(apart.bits, together.bits);
    EXPECT_EQ(apart.out.columns, together.out.columns);
    const auto apart_back = run_back(c, in, out, g, {.isa = isa}), together_back = run_back(c, in, out, g, {.isa = isa, .workers = 4});
    EXPECT_EQ(apart_back.g.q, together_back.g.q);
    EXPECT_EQ(apart_back.g.k, together_back.g.k);
    EXPECT_EQ(apart_back.g.v, together_back.g.v);
  }
  expect_right(c, {});
  expect_gradients(c, {});
}

// Another set may run only where the asked one has no loops for these numbers.
TEST(DotAttention, TheAskedInstructionSetRuns) {
  const Case c{.queries = 3, .keys = 5};
  for (const auto isa : sets_here())
    for (const auto number : {Number::kFloat32, Number::kBfloat16, Number::kFloat64})
      EXPECT_EQ(run(c, inputs_of(c, number), {.isa = isa, .number = number}).isa, number == Number::kFloat64 ? Isa::kPortable : isa);
  for (const auto isa : instruction_sets())
    if (!cpu_has(isa)) GTEST_LOG_(INFO) << "this processor does not have " << isa_name(isa);
}

TEST(DotAttention, SaysWhatDoesNotFit) {
  OneWorker one;
  float x[8] = {};
  DotAttention call;
  call.batch = call.heads = call.key_heads = call.queries = call.keys = call.size = call.value_size = 1;
  call.query.data = call.key.data = call.value.data = x;
  DotResults results;
  results.context.data = x;
  const auto refuses = [&](const DotAttention& wrong, ErrorKind kind, const std::vector<std::string>& words) {
    const auto said = error_of(kind, [&] { dot_attention(wrong, results, one, "sdpa"); });
    for (const auto& word : words) EXPECT_NE(said.find(word), std::string::npos) << said;
  };
  auto wrong = call;
  wrong.heads = 3, wrong.key_heads = 2;
  refuses(wrong, ErrorKind::kShape, {"sdpa", "3 query heads", "2 key heads"});
  wrong = call;
  wrong.scale = std::nan("");
  refuses(wrong, ErrorKind::kValue, {"sdpa", "scale", "nan"});
  wrong = call;
  const std::int64_t longer = 2;
  wrong.key_lengths = &longer;
  refuses(wrong, ErrorKind::kValue, {"key lengths", "0 to 1", "got 2 for item 0"});
  wrong = call;
  wrong.left = -1;
  refuses(wrong, ErrorKind::kValue, {"window", "-1"});
  wrong = call;
  wrong.size = 0;
  refuses(wrong, ErrorKind::kShape, {"D and Dv", "0"});
}

}  // namespace
}  // namespace attend::kernels
