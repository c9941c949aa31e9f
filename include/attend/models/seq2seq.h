#pragma once
// Encoder–decoder models behind one face: teacher forcing for training and scoring, single steps for decoding.
#include <memory>
#include <string>
#include <vector>

#include "attend/attention/observer.h"
#include "attend/models/model_options.h"

namespace attend {

/// A source batch after the encoder, ready for the decoder: memories are prepared once. Threads may share one: a decoder only reads it.
class Encoded {
 public:
  virtual ~Encoded() = default;
  /// The chosen items (int64 [B'], each below B), in that order.
  virtual std::unique_ptr<Encoded> select(const at::Tensor& items) const = 0;
  at::Tensor lengths;  ///< int64 [B]
  std::int64_t batch() const { return lengths.size(0); }
};

/// The state of K hypotheses for each of B items; hypotheses are rows, item-major: row = b·K + k.
/// One thread at a time: every step changes it.
class DecoderState {
 public:
  virtual ~DecoderState() = default;
  /// Row r continues from the old row rows[r] (int64 [B'·K']); `beams` is K'. Items may be dropped: B' ≤ B.
  virtual void reorder(const at::Tensor& rows, std::int64_t beams) = 0;
};

/// A network that shows where it attends. Threads may share one as any Module: they may run it at the same time, but not while it is
/// trained or changed. Each run has an observer of its own.
class Network : public Module {
 public:
  /// Every site that an observer may be told of. Their layers count from 0; a layer that is applied again and again has one for each time.
  virtual std::vector<Site> sites() const = 0;
};

/// Declarations of the parts of a network as those of the whole, each site once.
std::vector<Site> joined_sites(std::initializer_list<std::vector<Site>> parts);

/// What writes tokens of something encoded. What begins a sequence and what ends it is the business of the vocabulary; of its special ids
/// a model that copies knows one, that of <unk>, as which it reads words that the vocabulary does not hold.
/// Threads may share one as any Network: what changes from step to step is in the caller's DecoderState.
class TokenDecoder : public Network {
 public:
  /// Teacher forcing: inputs int64 [B, T] beginning with <s>; returns the states before the output layer, [B, T, N]. Rows past
  /// an item's target_lengths are unspecified. Models that copy return what their output layer says, ln P [B, T, V + own words], since it
  /// reads the source.
  virtual at::Tensor decode(const Encoded& encoded, const at::Tensor& inputs, const at::Tensor& target_lengths,
                            Observer* observer) const = 0;
  /// Scores over the vocabulary: states [.., N] -> logits [.., V]. Models that copy return what they are given.
  virtual at::Tensor logits(const at::Tensor& states) const = 0;

  /// A state before the first step, with one hypothesis an item and room for `steps` steps.
  virtual std::unique_ptr<DecoderState> start(const Encoded& encoded, std::int64_t steps) const = 0;
  /// One step for tokens int64 [B, K] (<s> first): states [B, K, N]. The observer receives [B, H, K, S], of sites whose columns
  /// are steps [B·K, H, 1, t].
  virtual at::Tensor step(const Encoded& encoded, DecoderState& state, const at::Tensor& tokens, Observer* observer) const = 0;

  /// The id of <unk> in the vocabulary that it writes in; 0 until it is told.
  std::int64_t unknown() const { return unknown_; }
  void set_unknown(std::int64_t id) { unknown_ = id; }

 private:
  std::int64_t unknown_ = 0;
};

/// p(y | x) as a network. Threads may share it as any Network.
class Seq2Seq : public TokenDecoder {
 public:
  /// source int64 [B, S] ending in </s> and padded; lengths int64 [B], each at least 1. Models that copy
  /// (pointer_generator) read [B, S, 2]: each token beside what it is to the target, its id there or V, V + 1, ... for the item's own
  /// words outside the vocabulary of V.
  virtual std::unique_ptr<Encoded> encode(const at::Tensor& source, const at::Tensor& lengths, Observer* observer) const = 0;

  /// The second pass of a model that revises, which writes while it reads the source and a draft: p₂(y | x, ŷ); null for others.
  /// Formula: s_t = cell([E y_{t−1}; c¹_t; c²_t], s_{t−1}), c¹ over the encoder's states, c² over [ŝ_j; E ŷ_j] of the draft ŷ that the
  /// first pass has gone through. Paper: Xia et al. 2017, §3. Site of c²: decoder.draft.
  virtual const TokenDecoder* second_pass() const { return nullptr; }
  /// What the second pass reads: a source as for encode, and drafts int64 [B, 1 + D] from <s> to </s>, padded; draft_lengths int64 [B],
  /// <s> not counted. Throws kValue for a model that does not revise.
  virtual std::unique_ptr<Encoded> encode_with_draft(const at::Tensor& source, const at::Tensor& lengths, const at::Tensor& draft,
                                                     const at::Tensor& draft_lengths, Observer* observer) const;
};

/// Builds a model of any type with fresh parameters from torch's generator; a vocabulary of 0 is a side that is no text. The target of a
/// model that answers is how many answers there are. Throws for combinations that cannot work, with the reason.
std::shared_ptr<Module> make_network(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary);
/// The same for encoder–decoders; throws kValue for other types.
std::shared_ptr<Seq2Seq> make_model(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary);
/// Throws kValue when a decoder cannot attend to its source with `attention`, naming the reason and what to use.
void check_decoding(const ModelOptions& options, const std::string& attention);
std::int64_t parameter_count(const Module& module);

}  // namespace attend
