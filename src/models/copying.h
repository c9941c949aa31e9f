#pragma once
// What encoder–decoders share that may copy words of their source.
#include "attend/attention/pointer_generator.h"
#include "attend/models/seq2seq.h"

namespace attend {

// A source as such models read it, int64 [B, S, 2], taken apart: its tokens [B, S] and what they are to a target vocabulary of V.
std::pair<at::Tensor, SourceWords> split_source(const at::Tensor& source, std::int64_t vocabulary);
// Tokens as the embedding of V knows them: an own word is <unk>, whose id is `unknown`.
at::Tensor known_tokens(const at::Tensor& tokens, std::int64_t vocabulary, std::int64_t unknown);

// Passes everything on, and keeps what one site attended to.
class AttentionKeeper final : public Observer {
 public:
  AttentionKeeper(Site site, Observer* outer) : site_(std::move(site)), outer_(outer) {}
  Request request(const Site& site) override;
  void observe(const Site& site, const Result& result) override;
  bool wants_numbers() const override { return outer_ && outer_->wants_numbers(); }
  void parts(const Site& site, const at::Tensor& query, const std::vector<ScorePart>& parts) override { outer_->parts(site, query, parts); }
  void number(const std::string& name, const at::Tensor& value) override { outer_->number(name, value); }
  const Result& kept() const { return kept_; }

 private:
  bool is_site(const Site& site) const { return site.key() == site_.key(); }
  Site site_;
  Observer* outer_;
  Result kept_;
};

// Where the observer sees what is copied by.
const Site& copy_site();
// What a decoder has come to where it may copy.
struct CopyStep {
  at::Tensor logits;       // [B, T, V]
  at::Tensor states;       // s [B, T, N]
  at::Tensor vectors;      // x [B, T, Ne], of the tokens that were read
  const Result& attended;  // what it is to copy by
};
// The mixture, copying by the mean over heads. Site copy_site().
PointerMixture copy_output(const PointerGenerator& pointer, const CopyStep& step, const SourceWords& words, Observer* observer);

// Throws kValue where `attention` cannot be copied by.
void check_copying(const ModelOptions& options, const std::string& attention);

}  // namespace attend
