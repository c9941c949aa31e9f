#pragma once
// What dispatch and the loops of each instruction set share. C headers only: sources that are compiled for one set include it.
#include <stdint.h>

#include "attend/kernels/fused_attention.h"

namespace attend::kernels {

constexpr int64_t kTileRows = 24;              // queries whose score rows are held together
constexpr int64_t kResident = 16384;           // keys up to which a tile holds its whole rows
constexpr int64_t kStreamed = 2048;            // keys that it holds at a time beyond
constexpr int64_t kPieceKeys = 1024;           // of few queries over a long source, keys that one worker reads at a time
constexpr int64_t kInPieces = 2 * kPieceKeys;  // keys of an item from which on that is done
constexpr int64_t kValueBlock = 128;           // keys of a block of values, whose flag says whether all of them are finite
constexpr int64_t kBackRows = 48;              // queries and keys of a tile on the way back
constexpr int64_t kBackKeys = 96;

/// A call with its place to work in.
struct FusedWork {
  FusedAttention call;
  FusedResults results;
  void* plans = nullptr;           // [B, Hk]: how the keys of a head are scored; of kinds of scores that plan
  void* packed_keys = nullptr;     // [B, Hk, panels, panel]
  void* packed_values = nullptr;   // [B, Hk, slices, slice]
  uint8_t* wild = nullptr;         // [B, Hk, ⌈S / kValueBlock⌉]: 1 where a value is NaN or infinite
  void* column_parts = nullptr;    // [B, H, chunks, S]; null where no column sums are asked for
  void* block_parts = nullptr;     // [B, H, chunks, 2, part_blocks, ⌈S / pool_keys⌉]: sums and maxima; null where none are asked for
  int64_t part_blocks = 0;         // blocks of rows that a chunk may touch
  const int64_t* items = nullptr;  // [B]: the item whose packed keys and values an item reads; null = its own
  int64_t first_head = 0;          // of B·Hk, that which plans, packed_keys, packed_values and wild begin with
  int64_t panels = 0;              // of all keys
  int64_t chunks = 0, chunk = 0;   // of all queries; queries in one, a multiple of kTileRows
  int64_t pieces = 0;              // of kPieceKeys keys, where few queries read a long source
  void* whole_rows = nullptr;      // [heads from first_whole on]: scores of few queries, then weights
  void* piece_sums = nullptr;      // [heads from first_whole on, pieces, T, Dv up to whole slices]
  int64_t first_whole = 0;         // of B·H
};

/// How few queries read a long source in pieces; heads: those of the keys where a piece is read, else those of the queries.
struct PieceKernels {
  int64_t (*rows_bytes)(const FusedWork& work);  // of a head's whole rows
  int64_t (*sums_bytes)(const FusedWork& work);  // of a head's sums of all pieces
  void (*score)(const FusedWork& work, int64_t key_head, int64_t piece, void* scratch);
  void (*weigh)(const FusedWork& work, int64_t head, void* scratch);
  void (*mix)(const FusedWork& work, int64_t key_head, int64_t piece, void* scratch);
  void (*add)(const FusedWork& work, int64_t head);
};

/// The loops for one kind of number. They allocate nothing and start no thread.
struct FusedKernels {
  int64_t panel;                                      // keys that are packed together
  int64_t real_bytes;                                 // of a number of the sums
  int64_t (*plan_bytes)(const FusedAttention& call);  // of a head; 0 where there is nothing to plan
  int64_t (*keys_bytes)(const FusedAttention& call);  // of the packed keys of a head
  int64_t (*values_bytes)(const FusedAttention& call);
  int64_t (*scratch_bytes)(const FusedWork& work);
  /// Plans a key head of B·Hk, before its keys are packed.
  void (*plan)(const FusedWork& work, int64_t head);
  /// Packs the panels [first, last) of a key head of B·Hk, and notes which of its blocks of values are wild.
  void (*pack)(const FusedWork& work, int64_t head, int64_t first, int64_t last);
  /// One chunk of queries of a head of B·H, in scratch that begins at a multiple of 64 bytes.
  void (*forward)(const FusedWork& work, int64_t head, int64_t chunk, void* scratch);
  /// The weights of a tile of a head of B·H from its lse [T], [rows, keys].
  void (*weigh)(const FusedWork& work, int64_t head, const WeightTile& tile, const void* lse, void* weights, void* scratch);
  /// The column sums and blocks of a head from those of its chunks.
  void (*add_parts)(const FusedWork& work, int64_t head);
  PieceKernels pieces;  // of the loops for few queries alone
};

/// Bytes that one head takes: keys and values of each key head, the rest of each query head.
struct FusedBackSizes {
  int64_t plans, key_panels, key_slices, value_panels;
  int64_t query_rows, query_slices, gradient_rows, gradient_slices, offsets, base2, query_parts;
  int64_t energy_parts;
  int64_t ranges, centre_parts;
};

/// A call on its way back, with its place to work in. Rows, panels and slices: operands.h.
struct FusedBackWork {
  FusedAttention call;
  FusedGradients gradients;
  FusedBackSizes sizes;
  void* plans = nullptr;                                      // as of FusedWork
  void *key_panels = nullptr, *key_slices = nullptr;          // of the keys
  bool keys_there = false;                                    // key_panels hold them already, as the way there packs them
  void* value_panels = nullptr;                               // of the values
  void *query_rows = nullptr, *query_slices = nullptr;        // of the queries
  void *gradient_rows = nullptr, *gradient_slices = nullptr;  // of the context's gradient
  void* offsets = nullptr;                                    // [T] a head: what is taken from each dO·v of a row
  void* base2 = nullptr;                                      // [T] a head: lse in powers of 2; +∞ on an empty row
  void* query_parts = nullptr;                                // [chunks, T, D up to whole slices] a head
  void* ranges = nullptr;                                     // [T, 2] a head: the keys that a row sees, where centres or keep say so
  void* centre_parts = nullptr;                               // [chunks, T] a head: gradients of the centres; null where not asked for
  void* energy_parts = nullptr;                               // [B, H, chunks, D up to whole vectors]; null where not asked for
  uint8_t* wild = nullptr;                                    // [⌈S / kBackKeys⌉] a key head: 1 where a key is NaN or infinite
  const int64_t* items = nullptr;                             // as of FusedWork, of plans, keys, values and wild
  int64_t first_key_head = 0, first_head = 0;                 // of B·Hk and B·H, those which these begin with
  int64_t tiles = 0;                                          // of kBackKeys keys
  int64_t chunks = 0, chunk = 0;                              // of keys; keys in one, a multiple of kBackKeys
};

struct FusedBackKernels {
  int64_t (*plan_bytes)(const FusedAttention& call);
  void (*plan)(const FusedBackWork& work, int64_t head);
  FusedBackSizes (*sizes)(const FusedBackWork& work);
  int64_t (*scratch_bytes)(const FusedBackWork& work);
  /// Packs the keys and values of the tiles [first, last) of a head of B·Hk.
  void (*pack_keys)(const FusedBackWork& work, int64_t head, int64_t first, int64_t last);
  /// Packs the rows [first, last) of a head of B·H; first is even.
  void (*pack_queries)(const FusedBackWork& work, int64_t head, int64_t first, int64_t last);
  /// The gradients of a chunk of keys of a head of B·Hk, and what it adds to those of the queries and of the bias.
  void (*backward)(const FusedBackWork& work, int64_t head, int64_t chunk, void* scratch);
  /// The gradients of the queries [first, last) of a head of B·H.
  void (*add_queries)(const FusedBackWork& work, int64_t head, int64_t first, int64_t last);
  /// The gradient of the energy of one of H heads.
  void (*add_energy)(const FusedBackWork& work, int64_t h);
};

extern const FusedKernels fused_additive_float32_portable, fused_additive_bfloat16_portable, fused_additive_float64_portable;
extern const FusedKernels fused_float32_portable, fused_bfloat16_portable, fused_float64_portable;
extern const FusedKernels fused_few_float32_portable, fused_few_bfloat16_portable, fused_few_float64_portable;
#if defined(__x86_64__)
extern const FusedKernels fused_additive_float32_avx2, fused_additive_bfloat16_avx2;
extern const FusedKernels fused_additive_float32_avx512, fused_additive_bfloat16_avx512;
extern const FusedKernels fused_float32_avx2, fused_bfloat16_avx2;
extern const FusedKernels fused_float32_avx512, fused_bfloat16_avx512, fused_bfloat16_avx512_bf16;
extern const FusedKernels fused_few_float32_avx2, fused_few_bfloat16_avx2;
extern const FusedKernels fused_few_float32_avx512, fused_few_bfloat16_avx512, fused_few_bfloat16_avx512_bf16;
#endif

extern const FusedBackKernels fused_additive_back_float32_portable, fused_additive_back_bfloat16_portable,
    fused_additive_back_float64_portable;
extern const FusedBackKernels fused_back_float32_portable, fused_back_bfloat16_portable, fused_back_float64_portable;
#if defined(__x86_64__)
extern const FusedBackKernels fused_additive_back_float32_avx2, fused_additive_back_bfloat16_avx2;
extern const FusedBackKernels fused_additive_back_float32_avx512, fused_additive_back_bfloat16_avx512;
extern const FusedBackKernels fused_back_float32_avx2, fused_back_bfloat16_avx2;
extern const FusedBackKernels fused_back_float32_avx512, fused_back_bfloat16_avx512, fused_back_bfloat16_avx512_bf16;
#endif

}  // namespace attend::kernels
