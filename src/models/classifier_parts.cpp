#include "models/classifier_parts.h"

#include "attend/attention/attention_pooling.h"
#include "attend/attention/multi_head.h"
#include "attend/layers/blocks.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/transformer_options.h"

namespace attend {

std::int64_t Questions::batch() const {
  for (const auto* part : {&text, &question, &statements, &pictures})
    if (part->defined()) return part->size(0);
  return 0;
}

std::int64_t checked_answers(std::int64_t answers) {
  ATTEND_CHECK(answers > 0, kValue, "a model that answers needs a vocabulary of answers, got one of {} answers", answers);
  return answers;
}

namespace {

// Tells the observer how many steps each position took.
void show_steps(const Pondering& pondering, const Site& site, Observer* observer) {
  if (!observer) return;
  Result result;
  result.weights = pondering.steps.unsqueeze(1).unsqueeze(1);  // [B, 1, 1, S]
  result.kind = WeightKind::kUnnormalised;
  result.extras["ponder"] = {pondering.ponder, Axis::kItem};
  observer->observe(site, result);
}

}  // namespace

SequenceEncoder::SequenceEncoder(const ModelOptions& o, const Of& of)
    : dropout_(o.dropout),
      ponder_site_{.name = "act.steps",
                   .rows = of.columns == ColumnAxis::kCell ? RowAxis::kCell : RowAxis::kSource,
                   .columns = of.columns,
                   .mechanism = ""},
      output_size_(o.embedding) {
  if (of.encoder == "recurrent") {
    recurrent_ = register_module("recurrent", std::make_shared<RecurrentEncoder>(recurrent_encoder_options(o, of.input_size)));
    output_size_ = recurrent_->output_size();
    return;
  }
  const bool universal = of.encoder == "universal";
  if (universal || of.encoder == "adaptive") ponder_ = o.of<PonderOptions>().act;
  if (of.encoder == "adaptive") {
    output_size_ = o.of<ReadingOptions>().encoder_hidden;
    cell_ = register_module("cell", std::make_shared<AdaptiveCell>(o.of<CellOptions>().cell, of.input_size, output_size_, ponder_));
    return;
  }
  const auto heads = o.of<HeadOptions>().heads;
  ATTEND_CHECK(
      of.input_size == o.embedding && (o.embedding % heads == 0 || o.of<ProjectionOptions>().head_size > 0), kValue,
      "model.embedding must be the size of what the encoder reads and a multiple of model.heads, got {} for vectors of {} and {} heads",
      o.embedding, of.input_size, heads);
  ATTEND_CHECK(o.attention != "none", kValue, "model.attention: none leaves a {} encoder nothing to read with; use multi_head or a score",
               of.encoder);
  if (universal)
    block_ = register_module("halting", std::make_shared<AdaptiveBlock>(o.embedding, ponder_, o.of<CombineOptions>().act_combine));
  input_.emplace(*this, o, "", StackInput::Of{.places = !universal, .types = of.types});
  const auto bias = shared_relative_bias(*this, "relative_bias", o);  // [H, buckets]
  const auto layers = universal ? SiteLayers::kRepeated : SiteLayers::kStack;
  for (std::int64_t i = 0; i < (universal ? 1 : o.of<EncoderDepthOptions>().encoder_layers); ++i)
    layers_.push_back(
        register_module(fmt::format("layer_{}", i), std::make_shared<EncoderLayer>(o, encoder_site(o, i, of.columns, layers), bias)));
  if (o.of<TransformerOptions>().norm == "pre") norm_ = register_module("norm", std::make_shared<Norm>(o.embedding, o.of<BlockOptions>()));
}

void visit_sequence_encoder(const SequenceEncoder::Of& of, ModelOptions& o, OptionVisitor& v) {
  if (of.encoder == "recurrent") return visit_recurrent_encoder(o, v);
  const bool universal = of.encoder == "universal";
  if (universal || of.encoder == "adaptive") v.once<PonderOptions>(o.own);
  if (of.encoder == "adaptive") return visit_options<CellOptions, ReadingOptions>(o.own, v);
  if (universal)
    v.once<CombineOptions>(o.own);
  else
    v.once<EncoderDepthOptions>(o.own);
  if (of.types) v.once<TokenTypeOptions>(o.own);
  visit_transformer_layers(o, v, !universal);
}

at::Tensor SequenceEncoder::operator()(const at::Tensor& vectors, const at::Tensor& lengths, Observer* observer,
                                       const at::Tensor& types) const {
  if (recurrent_) return (*recurrent_)(vectors, lengths, observer).states;
  if (cell_) {
    const auto found = (*cell_)(vectors, lengths);
    show_steps(found, ponder_site_, observer);
    return found.outputs;
  }
  const auto padding = within_lengths(lengths, vectors.size(1)).logical_not().unsqueeze(-1);     // [B, S, 1]
  const auto input = (*input_)(vectors.masked_fill(padding, 0.0), 0, types);                     // [B, S, N]
  const auto states = through_layers(apply_dropout(*this, input, dropout_), lengths, observer);  // [B, S, N]
  return norm_ ? (*norm_)(states) : states;
}

at::Tensor SequenceEncoder::through_layers(const at::Tensor& input, const at::Tensor& lengths, Observer* observer) const {
  if (block_) {
    std::int64_t step = 0;
    const auto block = [&](const at::Tensor& x) { return (*layers_[0])(x, lengths, observer, step++); };
    const auto found = (*block_)(block, input, lengths);
    show_steps(found, ponder_site_, observer);
    return found.outputs;
  }
  auto x = input;  // [B, S, N]
  for (std::size_t i = 0; i < layers_.size(); ++i) x = (*layers_[i])(x, lengths, observer);
  return x;
}

std::vector<Site> SequenceEncoder::sites() const {
  std::vector<Site> sites;
  for (const auto& layer : layers_) {
    for (std::int64_t times = 0; times < (block_ ? ponder_.max_steps : 1); ++times) {
      sites.push_back(layer->site());
      sites.back().layer += times;
    }
  }
  if (cell_ || block_) sites.push_back(ponder_site_);
  return sites;
}

Pooling::Pooling(const ModelOptions& o, std::int64_t size, ColumnAxis of)
    : kind_(o.of<PoolingChoiceOptions>().pooling),
      site_{.name = "pool", .columns = of, .role = SiteRole::kSource, .mechanism = kind_},
      size_(size) {
  if (kind_ != "attention_pooling") return;
  const MechanismOptions m{.heads = 1, .query_size = size, .key_size = size, .value_size = size, .own = o.own};
  rows_ = m.of<PoolingOptions>().rows;
  attention_ = register_module("attention", make_mechanism(kind_, m));
}

void visit_pooling(ModelOptions& o, OptionVisitor& v) {
  v.once<PoolingChoiceOptions>(o.own);
  const auto& kind = o.of<PoolingChoiceOptions>().pooling;
  if (kind == "attention_pooling") find_mechanism(kind).options(o.own, v);
}

at::Tensor Pooling::operator()(const at::Tensor& states, const at::Tensor& lengths, Observer* observer) const {
  if (kind_ == "first") return states.select(1, 0);
  if (kind_ == "mean") {
    if (!lengths.defined()) return states.mean(1);
    const auto padding = within_lengths(lengths, states.size(1)).logical_not().unsqueeze(-1);  // [B, S, 1]
    return states.masked_fill(padding, 0.0).sum(1) / lengths.clamp_min(1).unsqueeze(1);
  }
  const auto keys = states.unsqueeze(1);  // [B, 1, S, N]
  const auto memory = attention_->prepare(keys, keys, Mask{.key_lengths = lengths});
  const auto rows = at::zeros({states.size(0), 1, rows_, size_}, states.options());  // [B, 1, r, N]; only counted
  return attend_observed(*attention_, rows, memory, nullptr, site_, observer).context.flatten(1);
}

}  // namespace attend
