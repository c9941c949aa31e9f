#include "attend/kernels/fused_attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "attend/core/error.h"
#include "kernels/cpu/fused_attention.h"
#include "kernels/loops.h"
#include "kernels/memory.h"
#include "kernels/run_fused_attention.h"

namespace attend::kernels {
namespace {

// A call whose window does not overflow when positions are added to it.
FusedAttention bounded(FusedAttention call) {
  call.left = std::min(call.left, kEverything);
  call.right = std::min(call.right, kEverything);
  return call;
}

// Whether each worker packs the heads that it takes in a place of its own, where they stay in the cache, in place of all workers packing
// all heads first. Then a head is a task: there must be so many that no worker waits long for another's last one.
bool pack_apart(const FusedAttention& call, const Workers& workers) {
  const auto heads = call.batch * call.key_heads;
  return heads >= 4 * workers.count() || (heads % workers.count() == 0 && !call.query_lengths && !call.key_lengths);
}

// Pieces in which few queries read their keys; 0 where they read them all at once: windows around centres see few, and what sparse rows
// keep for the way back is a second mix. Neither workers nor what is asked for decide, since no bit may depend on them.
std::int64_t pieces_of(const FusedAttention& call) {
  const bool plain = call.normaliser == Normaliser::kSoftmax && !call.window.centres;
  return few_queries(call) && plain && call.keys >= kInPieces ? (call.keys + kPieceKeys - 1) / kPieceKeys : 0;
}

void run_pieces(const FusedKernels& kernels, FusedWork work, const std::vector<Room>& scratch, Workers& workers) {
  const auto& piece = kernels.pieces;
  const auto& call = work.call;
  const auto key_heads = call.batch * call.key_heads, group = call.heads / call.key_heads;
  const auto scratch_of = [&](int worker) { return scratch[static_cast<std::size_t>(worker)].data(); };
  const bool mixes = work.results.context.data;
  if (key_heads >= 4 * workers.count()) {  // enough for each worker to take heads whole
    const auto rows = room_for_each(workers, group * piece.rows_bytes(work)), sums = room_for_each(workers, group * piece.sums_bytes(work));
    workers.run(key_heads, [&](std::int64_t head, int worker) {
      auto own = work;
      own.first_whole = head * group;
      own.whole_rows = rows[static_cast<std::size_t>(worker)].data(), own.piece_sums = sums[static_cast<std::size_t>(worker)].data();
      for (std::int64_t i = 0; i < work.pieces; ++i) piece.score(own, head, i, scratch_of(worker));
      for (std::int64_t i = 0; i < group; ++i) piece.weigh(own, head * group + i, scratch_of(worker));
      if (!mixes) return;
      for (std::int64_t i = 0; i < work.pieces; ++i) piece.mix(own, head, i, scratch_of(worker));
      for (std::int64_t i = 0; i < group; ++i) piece.add(own, head * group + i);
    });
    return;
  }
  const Room rows(key_heads * group * piece.rows_bytes(work)), sums(key_heads * group * piece.sums_bytes(work));
  work.whole_rows = rows.data(), work.piece_sums = sums.data();
  const auto by_pieces = [&](const auto& act) {
    workers.run(key_heads * work.pieces,
                [&](std::int64_t task, int worker) { act(work, task / work.pieces, task % work.pieces, scratch_of(worker)); });
  };
  by_pieces(piece.score);
  workers.run(key_heads * group, [&](std::int64_t head, int worker) { piece.weigh(work, head, scratch_of(worker)); });
  if (!mixes) return;
  by_pieces(piece.mix);
  workers.run(key_heads * group, [&](std::int64_t head, int /*worker*/) { piece.add(work, head); });
}

void check(const FusedAttention& c, const FusedResults& results, const char* who) {
  ATTEND_ASSERT(!results.choice == !results.log_choice);
  ATTEND_CHECK(!results.choice || c.keys <= kMostWhole, kValue, "{}: a key is chosen of at most {}, got S={}", who, kMostWhole, c.keys);
  ATTEND_CHECK(results.top >= 0 && results.top <= kMostTop, kValue, "{}: the largest weights of a row can be 0 to {}, got {}", who,
               kMostTop, results.top);
  ATTEND_CHECK(results.top <= c.keys, kValue, "{}: the {} largest of {} weights are asked for; ask for at most as many as there are keys",
               who, results.top, c.keys);
  ATTEND_ASSERT(results.top == 0 || c.batch * c.queries == 0 || (results.top_weights && results.top_keys));
  ATTEND_ASSERT(!results.pooled_mean == !results.pooled_max);
  ATTEND_CHECK(!results.pooled_mean || (results.pool_rows >= 1 && results.pool_keys >= 1), kValue,
               "{}: a block must hold at least 1 row and 1 key, got {} and {}", who, results.pool_rows, results.pool_keys);
  for (std::int64_t i = 0; i < results.row_count; ++i)
    ATTEND_CHECK(results.rows[i] >= (i > 0 ? results.rows[i - 1] + 1 : 0) && results.rows[i] < c.queries, kValue,
                 "{}: rows that are asked for must ascend from 0 to {}, got {} in place {}", who, c.queries - 1, results.rows[i], i);
}

}  // namespace

Isa fused_attention(const FusedAttention& call, const FusedResults& results, Workers& workers, const char* who) {
  return run_fused_attention(active_isa(), call, results, workers, who);
}

Isa run_fused_attention(Isa isa, const FusedAttention& call, const FusedResults& results, Workers& workers, const char* who) {
  check_call(call, who);
  check(call, results, who);
  const bool few = few_queries(call);
  const auto& kernels = few ? few_loops_of(call, isa) : loops_of(call, isa);
  FusedWork work;
  work.call = bounded(call);
  work.results = results;
  work.panels = key_tiles(call) * (kBackKeys / kernels.panel);
  constexpr std::int64_t kMostChunks = 64, kUsualTiles = 5;
  const auto tiles = (call.queries + kTileRows - 1) / kTileRows;
  work.chunk = std::max(kUsualTiles, (tiles + kMostChunks - 1) / kMostChunks) * kTileRows;
  work.chunks = (call.queries + work.chunk - 1) / work.chunk;

  const auto key_heads = call.batch * call.key_heads, heads = call.batch * call.heads;
  const auto blocks = (call.keys + kValueBlock - 1) / kValueBlock;
  const auto keys_bytes = kernels.keys_bytes(call), values_bytes = results.context.data ? kernels.values_bytes(call) : 0,
             plan_bytes = kernels.plan_bytes(call);  // of a head
  const Room columns(results.column_sums ? heads * work.chunks * call.keys * kernels.real_bytes : 0);
  work.column_parts = columns.data();
  if (results.pooled_mean) work.part_blocks = (work.chunk + results.pool_rows - 2) / results.pool_rows + 1;
  const auto part_numbers = results.pooled_mean ? 2 * work.part_blocks * ((call.keys + results.pool_keys - 1) / results.pool_keys) : 0;
  const Room parts(heads * work.chunks * part_numbers * kernels.real_bytes);
  work.block_parts = parts.data();
  const auto scratch = room_for_each(workers, kernels.scratch_bytes(work));
  const auto at = [](const std::vector<Room>& rooms, int worker) { return rooms[static_cast<std::size_t>(worker)].data(); };

  const auto run_all = [&] {
    // The last chunks of a causal call are the long ones.
    workers.run(heads * work.chunks, [&](std::int64_t task, int worker) {
      kernels.forward(work, task / work.chunks, work.chunks - 1 - task % work.chunks, at(scratch, worker));
    });
  };
  work.pieces = pieces_of(call);
  if (work.pieces > 0) {
    run_pieces(kernels, work, scratch, workers);
  } else if (few && call.batch * call.heads * call.queries * call.keys * (call.size + call.value_size) < 1 << 17) {
    for (std::int64_t head = 0; head < heads; ++head) kernels.forward(work, head, 0, at(scratch, 0));  // waking others would take longer
  } else if (few) {
    run_all();
  } else if (call.packed) {
    check_packed(call, isa, who);
    call.packed->place(work);
    run_all();
  } else if (pack_apart(call, workers)) {
    const auto packed = room_for_each(workers, keys_bytes), values = room_for_each(workers, values_bytes),
               wild = room_for_each(workers, blocks), plans = room_for_each(workers, plan_bytes);
    const auto group = call.heads / call.key_heads;
    workers.run(key_heads, [&](std::int64_t head, int worker) {
      auto own = work;
      own.first_head = head;
      own.packed_keys = at(packed, worker), own.packed_values = at(values, worker);
      own.wild = static_cast<std::uint8_t*>(at(wild, worker));
      own.plans = at(plans, worker);
      if (plan_bytes > 0) kernels.plan(own, head);
      kernels.pack(own, head, 0, work.panels);
      const auto first = head / call.key_heads * call.heads + head % call.key_heads * group;
      for (std::int64_t task = 0; task < group * work.chunks; ++task)
        kernels.forward(own, first + task / work.chunks, task % work.chunks, at(scratch, worker));
    });
  } else {
    const Room packed(key_heads * keys_bytes), values(key_heads * values_bytes), wild(key_heads * blocks), plans(key_heads * plan_bytes);
    work.plans = plans.data();
    if (plan_bytes > 0) workers.run(key_heads, [&](std::int64_t head, int /*worker*/) { kernels.plan(work, head); });
    work.packed_keys = packed.data(), work.packed_values = values.data();
    work.wild = static_cast<std::uint8_t*>(wild.data());
    // Pieces that hold whole blocks of values.
    const auto piece = std::max<std::int64_t>(1, 512 / kernels.panel), pieces = (work.panels + piece - 1) / piece;
    workers.run(key_heads * pieces, [&](std::int64_t task, int /*worker*/) {
      const auto first = task % pieces * piece;
      kernels.pack(work, task / pieces, first, std::min(first + piece, work.panels));
    });
    run_all();
  }
  if (results.column_sums || results.pooled_mean)
    workers.run(heads, [&](std::int64_t head, int /*worker*/) { kernels.add_parts(work, head); });
  return isa;
}

Isa fused_weights(const FusedAttention& call, const void* lse, const WeightTile& tile, void* weights, Workers& workers, const char* who) {
  return run_fused_weights(active_isa(), call, lse, tile, weights, workers, who);
}

Isa run_fused_weights(Isa isa, const FusedAttention& call, const void* lse, const WeightTile& tile, void* weights, Workers& workers,
                      const char* who) {
  check_call(call, who);
  ATTEND_ASSERT(!call.cache_rows);
  ATTEND_CHECK(0 <= tile.first_row && tile.first_row <= tile.end_row && tile.end_row <= call.queries && 0 <= tile.first_key &&
                   tile.first_key <= tile.end_key && tile.end_key <= call.keys,
               kValue, "{}: a tile must lie within T={} and S={}, got rows {} to {} and keys {} to {}", who, call.queries, call.keys,
               tile.first_row, tile.end_row, tile.first_key, tile.end_key);
  const auto& kernels = loops_of(call, isa);
  FusedWork work;
  work.call = bounded(call);
  work.panels = key_tiles(call) * (kBackKeys / kernels.panel);
  const auto group = call.heads / call.key_heads, rows = tile.end_row - tile.first_row, width = tile.end_key - tile.first_key;
  const auto keys = room_for_each(workers, call.packed ? 0 : kernels.keys_bytes(call)),
             plans = room_for_each(workers, call.packed ? 0 : kernels.plan_bytes(call)),
             scratch = room_for_each(workers, kernels.scratch_bytes(work));
  if (call.packed) {
    check_packed(call, isa, who);
    call.packed->place(work);
  }
  workers.run(call.batch * call.key_heads, [&](std::int64_t head, int worker) {
    const auto at = static_cast<std::size_t>(worker);
    auto own = work;
    if (!call.packed) {
      own.first_head = head;
      own.packed_keys = keys[at].data(), own.plans = plans[at].data();
      if (kernels.plan_bytes(call) > 0) kernels.plan(own, head);
      kernels.pack(own, head, tile.first_key / kernels.panel, (tile.end_key + kernels.panel - 1) / kernels.panel);
    }
    const auto first = head / call.key_heads * call.heads + head % call.key_heads * group;
    for (auto h = first; h < first + group; ++h)
      kernels.weigh(own, h, tile, static_cast<const char*>(lse) + h * call.queries * kernels.real_bytes,
                    static_cast<char*>(weights) + h * rows * width * kernels.real_bytes, scratch[at].data());
  });
  return isa;
}

Isa fused_attention_backward(const FusedAttention& call, const FusedGradients& gradients, Workers& workers, const char* who) {
  return run_fused_attention_backward(active_isa(), call, gradients, workers, who);
}

Isa run_fused_attention_backward(Isa isa, const FusedAttention& call, const FusedGradients& gradients, Workers& workers, const char* who) {
  check_call(call, who);
  ATTEND_ASSERT(!call.cache_rows);
  ATTEND_ASSERT(gradients.lse && (!gradients.entropy_gradient || gradients.entropy) &&
                (!gradients.maximum_gradient || (gradients.maximum && gradients.argmax)) &&
                !gradients.column_gradient == !gradients.column_dots);
  if (call.normaliser != Normaliser::kSoftmax)
    ATTEND_ASSERT(gradients.slope_context && gradients.lse_rest && !gradients.lse_gradient && !gradients.entropy_gradient &&
                  !gradients.maximum_gradient && !gradients.column_gradient && !gradients.choice_gradient);
  ATTEND_ASSERT(!gradients.choice_gradient || gradients.choice);
  ATTEND_ASSERT(!gradients.centre_gradient || (call.window.centres && call.window.deviation > 0));
  const auto& kernels = back_loops_of(call, isa);
  FusedBackWork work;
  work.call = bounded(call);
  work.gradients = gradients;
  work.tiles = key_tiles(call);
  // How keys are cut depends on their number alone, and so does the order in which the parts are added.
  const auto wanted = std::clamp<std::int64_t>(call.keys / 512, 1, 8);
  work.chunk = std::max<std::int64_t>(1, (work.tiles + wanted - 1) / wanted) * kBackKeys;
  work.chunks = (call.keys + work.chunk - 1) / work.chunk;
  work.sizes = kernels.sizes(work);

  const auto key_heads = call.batch * call.key_heads, heads = call.batch * call.heads, group = call.heads / call.key_heads;
  // Places for some key heads and the query heads that read them.
  const auto room_for = [&](std::int64_t of_keys) {
    std::vector<Room> rooms;
    const auto& z = work.sizes;
    for (const auto bytes : {z.plans, z.key_panels, z.key_slices, z.value_panels}) rooms.emplace_back(call.packed ? 0 : of_keys * bytes);
    for (const auto bytes :
         {z.query_rows, z.query_slices, z.gradient_rows, z.gradient_slices, z.offsets, z.base2, z.query_parts, z.ranges, z.centre_parts})
      rooms.emplace_back(of_keys * group * bytes);
    rooms.emplace_back(of_keys * work.tiles);
    return rooms;
  };
  const auto in = [](FusedBackWork w, const std::vector<Room>& rooms) {
    std::size_t at = 0;
    for (auto* place : {&w.plans, &w.key_panels, &w.key_slices, &w.value_panels, &w.query_rows, &w.query_slices, &w.gradient_rows,
                        &w.gradient_slices, &w.offsets, &w.base2, &w.query_parts, &w.ranges, &w.centre_parts})
      *place = rooms[at++].data();
    w.wild = static_cast<std::uint8_t*>(rooms[at].data());
    return w;
  };
  const Room energies(gradients.energy_gradient ? heads * work.sizes.energy_parts : 0);
  work.energy_parts = energies.data();
  const auto add_energies = [&] {
    if (gradients.energy_gradient) workers.run(call.heads, [&](std::int64_t h, int /*worker*/) { kernels.add_energy(work, h); });
  };
  const auto scratch = room_for_each(workers, kernels.scratch_bytes(work));
  const auto scratch_of = [&](int worker) { return scratch[static_cast<std::size_t>(worker)].data(); };

  // Items, heads and chunks that add to the same numbers of the bias, or of what distances add, are one task, which takes them in order.
  const auto& bias = gradients.bias_gradient;
  const auto together = [&](std::int64_t size, std::int64_t stride, bool by_distance) {
    return (bias.data && stride == 0) || (gradients.distance_gradient && by_distance) ? size : 1;
  };
  const auto items = together(call.batch, bias.batch, true), heads_together = together(call.key_heads, bias.head, false),
             chunks_together = together(work.chunks, bias.key, true);

  if (!call.packed && pack_apart(call, workers) && items == 1 && heads_together == 1) {
    std::vector<std::vector<Room>> rooms;
    for (int i = 0; i < workers.count(); ++i) rooms.push_back(room_for(1));
    workers.run(key_heads, [&](std::int64_t key_head, int worker) {
      auto own = in(work, rooms[static_cast<std::size_t>(worker)]);
      own.first_key_head = key_head;
      own.first_head = key_head / call.key_heads * call.heads + key_head % call.key_heads * group;
      if (work.sizes.plans > 0) kernels.plan(own, key_head);
      kernels.pack_keys(own, key_head, 0, work.tiles);
      for (std::int64_t i = 0; i < group; ++i) kernels.pack_queries(own, own.first_head + i, 0, call.queries);
      for (std::int64_t chunk = 0; chunk < work.chunks; ++chunk) kernels.backward(own, key_head, chunk, scratch_of(worker));
      for (std::int64_t i = 0; i < group; ++i) kernels.add_queries(own, own.first_head + i, 0, call.queries);
    });
    add_energies();
    return isa;
  }

  const auto rooms = room_for(key_heads);
  work = in(work, rooms);
  if (call.packed) {
    check_packed(call, isa, who);
    call.packed->place(work, who);
  }
  if (!call.packed && work.sizes.plans > 0) workers.run(key_heads, [&](std::int64_t head, int /*worker*/) { kernels.plan(work, head); });
  constexpr std::int64_t kTilesTogether = 4, kRowsTogether = 256;
  const auto key_pieces = call.packed ? 0 : (work.tiles + kTilesTogether - 1) / kTilesTogether,
             query_pieces = (call.queries + kRowsTogether - 1) / kRowsTogether;
  workers.run(key_heads * key_pieces + heads * query_pieces, [&](std::int64_t task, int /*worker*/) {
    if (task < key_heads * key_pieces) {
      const auto first = task % key_pieces * kTilesTogether;
      kernels.pack_keys(work, task / key_pieces, first, std::min(first + kTilesTogether, work.tiles));
    } else {
      task -= key_heads * key_pieces;
      const auto first = task % query_pieces * kRowsTogether;
      kernels.pack_queries(work, task / query_pieces, first, std::min(first + kRowsTogether, call.queries));
    }
  });
  // The first chunks of a causal call are the long ones.
  const auto chunk_tasks = work.chunks / std::max<std::int64_t>(1, chunks_together), head_tasks = call.key_heads / heads_together,
             item_tasks = call.batch / std::max<std::int64_t>(1, items);
  workers.run(item_tasks * head_tasks * chunk_tasks, [&](std::int64_t task, int worker) {
    const auto item = task / (head_tasks * chunk_tasks) * items, head = task / chunk_tasks % head_tasks * heads_together,
               chunk = task % chunk_tasks * chunks_together;
    for (std::int64_t b = item; b < item + items; ++b)
      for (std::int64_t h = head; h < head + heads_together; ++h)
        for (std::int64_t i = chunk; i < chunk + chunks_together; ++i)
          kernels.backward(work, b * call.key_heads + h, i, scratch_of(worker));
  });
  workers.run(heads * query_pieces, [&](std::int64_t task, int /*worker*/) {
    const auto first = task % query_pieces * kRowsTogether;
    kernels.add_queries(work, task / query_pieces, first, std::min(first + kRowsTogether, call.queries));
  });
  add_energies();
  return isa;
}

}  // namespace attend::kernels
