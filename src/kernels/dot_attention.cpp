#include "attend/kernels/dot_attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "attend/core/error.h"
#include "kernels/cpu/dot_attention.h"
#include "kernels/memory.h"
#include "kernels/run_dot_attention.h"

namespace attend::kernels {
namespace {

// By instruction set, then by number; null where a set has no loops for a number, and the next lower one is taken.
constexpr std::array<std::array<const DotKernels*, 3>, 4> kTables = {{
    {&dot_float32_portable, &dot_bfloat16_portable, &dot_float64_portable},
#if defined(__x86_64__)
    {&dot_float32_avx2, &dot_bfloat16_avx2, nullptr},
    {&dot_float32_avx512, &dot_bfloat16_avx512, nullptr},
#endif
}};

constexpr std::array<std::array<const DotBackKernels*, 3>, 4> kBackTables = {{
    {&dot_back_float32_portable, &dot_back_bfloat16_portable, &dot_back_float64_portable},
#if defined(__x86_64__)
    {&dot_back_float32_avx2, &dot_back_bfloat16_avx2, nullptr},
    {&dot_back_float32_avx512, &dot_back_bfloat16_avx512, nullptr},
#endif
}};

// The strongest set up to `isa` that has loops for these numbers; the portable one has them for all.
Isa set_for(Isa isa, Number number) {
  auto at = static_cast<std::size_t>(isa);
  while (!kTables.at(at).at(static_cast<std::size_t>(number))) --at;
  return static_cast<Isa>(at);
}

constexpr std::int64_t kShort = 256;  // keys, and on the way back queries, of a head that one worker packs for itself

void check(const DotAttention& c, const char* who) {
  ATTEND_CHECK(c.batch >= 0 && c.heads >= 1 && c.key_heads >= 1 && c.queries >= 0 && c.keys >= 0, kShape,
               "{}: sizes must be at least 0 and heads at least 1, got B={}, H={}, Hk={}, T={}, S={}", who, c.batch, c.heads, c.key_heads,
               c.queries, c.keys);
  ATTEND_CHECK(c.heads % c.key_heads == 0, kShape, "{}: {} query heads cannot share {} key heads; H must be a multiple of Hk", who, c.heads,
               c.key_heads);
  ATTEND_CHECK(c.size >= 1 && c.value_size >= 1, kShape, "{}: D and Dv must be at least 1, got {} and {}", who, c.size, c.value_size);
  ATTEND_CHECK(std::isfinite(c.scale), kValue, "{}: the scale must be a finite number, got {}", who, c.scale);
  ATTEND_CHECK(c.left >= 0 && c.right >= 0, kValue, "{}: a window must reach at least 0 keys to either side, got {} and {}", who, c.left,
               c.right);
  const auto within = [&](const std::int64_t* lengths, std::int64_t size, const char* what) {
    for (std::int64_t b = 0; lengths && b < c.batch; ++b)
      ATTEND_CHECK(lengths[b] >= 0 && lengths[b] <= size, kValue, "{}: {} lengths must be 0 to {}, got {} for item {}", who, what, size,
                   lengths[b], b);
  };
  within(c.query_lengths, c.queries, "query");
  within(c.key_lengths, c.keys, "key");
}

}  // namespace

Isa dot_attention(const DotAttention& call, const DotResults& results, Workers& workers, const char* who) {
  return run_dot_attention(active_isa(), call, results, workers, who);
}

Isa run_dot_attention(Isa isa, const DotAttention& call, const DotResults& results, Workers& workers, const char* who) {
  check(call, who);
  ATTEND_ASSERT(results.context.data || call.batch * call.queries == 0);
  isa = set_for(isa, call.number);
  const auto& kernels = *kTables.at(static_cast<std::size_t>(isa)).at(static_cast<std::size_t>(call.number));
  DotWork work;
  work.call = call;
  work.call.left = std::min(call.left, kEverything);
  work.call.right = std::min(call.right, kEverything);
  work.results = results;
  work.panels = (call.keys + kernels.panel - 1) / kernels.panel;
  constexpr std::int64_t kMostChunks = 64, kUsualTiles = 5;
  const auto tiles = (call.queries + kTileRows - 1) / kTileRows;
  work.chunk = std::max(kUsualTiles, (tiles + kMostChunks - 1) / kMostChunks) * kTileRows;
  work.chunks = (call.queries + work.chunk - 1) / work.chunk;

  const auto key_heads = call.batch * call.key_heads, heads = call.batch * call.heads;
  const auto blocks = (call.keys + kValueBlock - 1) / kValueBlock;
  const auto columns_of_values = (call.value_size + kernels.slice - 1) / kernels.slice * kernels.slice;
  const auto keys_bytes = work.panels * kernels.panel * call.size * kernels.real_bytes;  // of a head
  const auto values_bytes = call.keys * columns_of_values * kernels.real_bytes;
  const Room columns(results.column_sums ? heads * work.chunks * call.keys * kernels.real_bytes : 0);
  work.column_parts = columns.data();
  const auto scratch = room_for_each(workers, kernels.scratch_bytes(work));
  const auto at = [](const std::vector<Room>& rooms, int worker) { return rooms[static_cast<std::size_t>(worker)].data(); };

  // Short sources: a worker packs a head beside its scratch, where it stays in the cache while the head's queries pass.
  if (call.keys <= kShort && key_heads >= 2 * workers.count()) {
    const auto packed = room_for_each(workers, keys_bytes), values = room_for_each(workers, values_bytes),
               wild = room_for_each(workers, blocks);
    const auto group = call.heads / call.key_heads;
    workers.run(key_heads, [&](std::int64_t head, int worker) {
      auto own = work;
      own.first_head = head;
      own.packed_keys = at(packed, worker), own.packed_values = at(values, worker);
      own.wild = static_cast<std::uint8_t*>(at(wild, worker));
      kernels.pack(own, head, 0, work.panels);
      const auto first = head / call.key_heads * call.heads + head % call.key_heads * group;
      for (std::int64_t task = 0; task < group * work.chunks; ++task)
        kernels.forward(own, first + task / work.chunks, task % work.chunks, at(scratch, worker));
    });
  } else {
    const Room packed(key_heads * keys_bytes), values(key_heads * values_bytes), wild(key_heads * blocks);
    work.packed_keys = packed.data(), work.packed_values = values.data();
    work.wild = static_cast<std::uint8_t*>(wild.data());
    // Pieces that hold whole blocks of values.
    const auto piece = std::max<std::int64_t>(1, 512 / kernels.panel), pieces = (work.panels + piece - 1) / piece;
    workers.run(key_heads * pieces, [&](std::int64_t task, int /*worker*/) {
      const auto first = task % pieces * piece;
      kernels.pack(work, task / pieces, first, std::min(first + piece, work.panels));
    });
    // The last chunks of a causal call are the long ones.
    workers.run(heads * work.chunks, [&](std::int64_t task, int worker) {
      kernels.forward(work, task / work.chunks, work.chunks - 1 - task % work.chunks, at(scratch, worker));
    });
  }
  if (results.column_sums) workers.run(heads, [&](std::int64_t head, int /*worker*/) { kernels.add_columns(work, head); });
  return isa;
}

Isa dot_attention_backward(const DotAttention& call, const DotGradients& gradients, Workers& workers, const char* who) {
  return run_dot_attention_backward(active_isa(), call, gradients, workers, who);
}

Isa run_dot_attention_backward(Isa isa, const DotAttention& call, const DotGradients& gradients, Workers& workers, const char* who) {
  check(call, who);
  ATTEND_ASSERT(gradients.lse && (!gradients.entropy_gradient || gradients.entropy));
  isa = set_for(isa, call.number);
  const auto& kernels = *kBackTables.at(static_cast<std::size_t>(isa)).at(static_cast<std::size_t>(call.number));
  DotBackWork work;
  work.call = call;
  work.call.left = std::min(call.left, kEverything);
  work.call.right = std::min(call.right, kEverything);
  work.gradients = gradients;
  const auto tiles = (call.keys + kBackKeys - 1) / kBackKeys;
  work.panels = tiles * (kBackKeys / kernels.panel);
  // How keys are cut depends on their number alone, and so does the order in which the parts are added.
  const auto wanted = std::clamp<std::int64_t>(call.keys / 512, 1, 8);
  work.chunk = std::max<std::int64_t>(1, (tiles + wanted - 1) / wanted) * kBackKeys;
  work.chunks = (call.keys + work.chunk - 1) / work.chunk;

  const auto key_heads = call.batch * call.key_heads, heads = call.batch * call.heads, group = call.heads / call.key_heads;
  const auto sliced = [&](std::int64_t size) { return (size + kernels.slice - 1) / kernels.slice * kernels.slice; };
  const bool half = call.number == Number::kBfloat16;
  // Room for some key heads and the query heads that read them.
  const auto room_for = [&](std::int64_t of_keys) {
    const auto of_queries = of_keys * group;
    const auto numbers = [&](std::int64_t count) { return Room(count * kernels.real_bytes); };
    std::vector<Room> rooms;
    rooms.push_back(numbers(of_keys * work.panels * kernels.panel * call.size));
    rooms.push_back(numbers(of_keys * work.panels * kernels.panel * call.value_size));
    rooms.push_back(numbers(of_keys * call.keys * sliced(call.size)));
    rooms.push_back(numbers(of_queries * call.queries * sliced(call.size)));
    rooms.push_back(numbers(of_queries * call.queries * sliced(call.value_size)));
    rooms.push_back(numbers(half ? of_queries * call.queries * call.size : 0));
    rooms.push_back(numbers(half ? of_queries * call.queries * call.value_size : 0));
    rooms.push_back(numbers(of_queries * call.queries));
    rooms.push_back(numbers(of_queries * call.queries));
    rooms.push_back(numbers(of_queries * work.chunks * call.queries * sliced(call.size)));
    rooms.emplace_back(of_keys * tiles);
    return rooms;
  };
  const auto in = [](DotBackWork w, const std::vector<Room>& rooms) {
    std::size_t at = 0;
    for (auto* place : {&w.key_panels, &w.value_panels, &w.key_slices, &w.query_slices, &w.gradient_slices, &w.query_rows, &w.gradient_rows,
                        &w.offsets, &w.base2, &w.query_parts})
      *place = rooms[at++].data();
    w.wild = static_cast<std::uint8_t*>(rooms[at].data());
    return w;
  };
  const auto scratch = room_for_each(workers, kernels.scratch_bytes(work));
  const auto scratch_of = [&](int worker) { return scratch[static_cast<std::size_t>(worker)].data(); };

  // Short sequences: a worker does all of a head, in a place of its own.
  if (call.keys <= kShort && call.queries <= kShort && key_heads >= 2 * workers.count()) {
    std::vector<std::vector<Room>> rooms;
    for (int i = 0; i < workers.count(); ++i) rooms.push_back(room_for(1));
    workers.run(key_heads, [&](std::int64_t key_head, int worker) {
      auto own = in(work, rooms[static_cast<std::size_t>(worker)]);
      own.first_key_head = key_head;
      own.first_head = key_head / call.key_heads * call.heads + key_head % call.key_heads * group;
      kernels.pack_keys(own, key_head, 0, tiles);
      for (std::int64_t i = 0; i < group; ++i) kernels.pack_queries(own, own.first_head + i, 0, call.queries);
      for (std::int64_t chunk = 0; chunk < work.chunks; ++chunk) kernels.backward(own, key_head, chunk, scratch_of(worker));
      for (std::int64_t i = 0; i < group; ++i) kernels.add_queries(own, own.first_head + i, 0, call.queries);
    });
    return isa;
  }

  const auto rooms = room_for(key_heads);
  work = in(work, rooms);
  constexpr std::int64_t kTilesTogether = 4, kRowsTogether = 256;
  const auto key_pieces = (tiles + kTilesTogether - 1) / kTilesTogether, query_pieces = (call.queries + kRowsTogether - 1) / kRowsTogether;
  workers.run(key_heads * key_pieces + heads * query_pieces, [&](std::int64_t task, int /*worker*/) {
    if (task < key_heads * key_pieces) {
      const auto first = task % key_pieces * kTilesTogether;
      kernels.pack_keys(work, task / key_pieces, first, std::min(first + kTilesTogether, tiles));
    } else {
      task -= key_heads * key_pieces;
      const auto first = task % query_pieces * kRowsTogether;
      kernels.pack_queries(work, task / query_pieces, first, std::min(first + kRowsTogether, call.queries));
    }
  });
  // The first chunks of a causal call are the long ones.
  workers.run(key_heads * work.chunks,
              [&](std::int64_t task, int worker) { kernels.backward(work, task / work.chunks, task % work.chunks, scratch_of(worker)); });
  workers.run(heads * query_pieces, [&](std::int64_t task, int /*worker*/) {
    const auto first = task % query_pieces * kRowsTogether;
    kernels.add_queries(work, task / query_pieces, first, std::min(first + kRowsTogether, call.queries));
  });
  return isa;
}

}  // namespace attend::kernels
