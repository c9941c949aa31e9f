#include "attend/models/seq2seq.h"

#include <algorithm>
#include <map>

#include "attend/models/captioner.h"
#include "attend/models/encoder_classifier.h"
#include "attend/models/masked_lm.h"
#include "attend/models/memory_hops.h"
#include "attend/models/ntm_model.h"
#include "attend/models/patch_classifier.h"
#include "attend/models/reader.h"
#include "attend/models/rnn_lm.h"
#include "attend/models/rnn_seq2seq.h"
#include "attend/models/transformer.h"
#include "attend/models/transformer_lm.h"
#include "attend/models/universal_transformer.h"

namespace attend {
namespace {

// Options may be set in code, where no config reader has looked at them.
class RangeChecker final : public OptionVisitor {
  void on(bool&, bool, const Field&) override {}
  void on(std::int64_t& f, std::int64_t, const Field& about) override { check(static_cast<double>(f), about); }
  void on(double& f, double, const Field& about) override { check(f, about); }
  void on(std::string& f, const std::string&, const Field& about) override {
    const auto& valid = about.range->choices;
    if (!valid.empty() && std::find(valid.begin(), valid.end(), f) == valid.end())
      fail_unknown_name(fmt::format("model.{}", about.name), f, valid);
  }
  void on(std::vector<std::string>&, const std::vector<std::string>&, const Field&) override {}
  static void check(double value, const Field& about) {
    ATTEND_CHECK(value >= about.range->low && value <= about.range->high, kValue, "model.{} must be {}, got {}", about.name,
                 about.range->describe(), value);
  }
};

}  // namespace

std::vector<Site> joined_sites(std::initializer_list<std::vector<Site>> parts) {
  std::vector<Site> all;
  for (const auto& part : parts)
    for (const auto& site : part)
      if (std::find(all.begin(), all.end(), site) == all.end()) all.push_back(site);
  return all;
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
#define MODEL(name, reads, gives) names.emplace_back(#name);
#include "models/models.def"
#undef MODEL
  return names;
}

ModelKind model_kind(const std::string& type) {
#define MODEL(name, reads, gives) \
  if (type == #name) return {Matter::reads, Matter::gives};
#include "models/models.def"
#undef MODEL
  fail_unknown_name("model.type", type, model_names());
}

std::string describe(const ModelKind& kind) {
  static const std::map<Matter, const char*> kNames{{Matter::kNothing, "nothing"},
                                                    {Matter::kText, "a text"},
                                                    {Matter::kPicture, "a picture"},
                                                    {Matter::kDocument, "a document"},
                                                    {Matter::kStory, "a story"},
                                                    {Matter::kAnswer, "an answer"},
                                                    {Matter::kMaskedWords, "its masked words"}};
  return fmt::format("reads {} and gives {}", kNames.at(kind.reads), kNames.at(kind.gives));
}

std::vector<std::string> models_of(const ModelKind& kind) {
  std::vector<std::string> names;
  for (const auto& name : model_names())
    if (model_kind(name) == kind) names.push_back(name);
  return names;
}

void check_kind(const std::string& type, const ModelKind& kind, const std::string& who) {
  ATTEND_CHECK(model_kind(type) == kind, kValue, "{}: a model of type {} {}; what {} is wanted here: {}", who, type,
               describe(model_kind(type)), describe(kind), fmt::join(models_of(kind), ", "));
}

std::vector<std::string> attention_choices() {
  std::vector<std::string> names{"none"};
  for (const auto* entry : mechanisms())
    if (entry->make) names.emplace_back(entry->name);
  return names;
}

void ModelOptions::visit(OptionVisitor& v) {
  auto attentions = attention_choices();
  attentions.insert(attentions.begin(), "auto");
  v(type, "type", "rnn_seq2seq", "the model", one_of(model_names()));
  v(attention, "attention", "auto",
    "how the decoder attends to the source; none is the bottleneck baseline; auto is additive in a recurrent model, scaled multi_head in a "
    "transformer",
    one_of(attentions));
  v(self_attention, "self_attention", "",
    "within a transformer's encoder and decoder; empty: attention itself where it is a score, else scaled_dot");
  v(layer_attention, "layer_attention", {}, "attention to the source for each decoder layer of a transformer in place of one for all");
  v(heads, "heads", 4, "heads of multi_head and of a transformer's layers", between(1, 256));
  v(embedding, "embedding", 256, "size of token vectors; in a transformer the size of everything", between(1, 65536));
  v(hidden, "hidden", 512, "size of the recurrent decoder's state", between(1, 65536));
  v(encoder_layers, "encoder_layers", 1, "layers of the encoder", between(1, 96));
  v(decoder_layers, "decoder_layers", 1, "layers of the decoder", between(1, 96));
  v(dropout, "dropout", 0.2, "share of units dropped in training", between(0, 0.95));
  v(tied, "tied", "none", "shared tables: target = target embedding and output layer, all = source too (needs text.shared)",
    one_of({"none", "target", "all"}));
  v(cell, "cell", "lstm", "recurrent cell", one_of({"rnn_tanh", "lstm", "gru"}));
  v(encoder_hidden, "encoder_hidden", 256, "size of each encoder direction", between(1, 65536));
  v(bidirectional, "bidirectional", true, "read the source in both directions");
  v(sum_directions, "sum_directions", false, "add the two directions instead of joining them");
  v(bridge, "bridge", "linear", "how the encoder's end starts the decoder", one_of({"zero", "copy", "linear", "mean", "backward_first"}));
  v(timing, "timing", "after", "attend with the state before the step (Bahdanau) or after it (Luong)", one_of({"before", "after"}));
  v(input_feeding, "input_feeding", true, "feed the attended state into the next step");
  v(readout, "readout", "tanh", "between state and output layer: tanh, maxout or linear", one_of({"tanh", "maxout", "linear"}));
  v(readout_embedding, "readout_embedding", false, "let the readout see the previous token's vector too");
  v(fixed_context, "fixed_context", false, "with attention none: feed the encoder's last state at every step");
  v(recurrent_bias, "recurrent_bias", true, "biases in cells, bridge and readout");
  v(output_attention, "output_attention", false, "let the output layer look back at the decoder's own earlier outputs");
  v(pointer_generator, "pointer_generator", false, "let the output layer copy words of the source, those outside the vocabulary too");
  v(revise, "revise", false, "rnn_seq2seq: a second decoder reads the source and what the first one wrote");
  v(context_gate, "context_gate", false, "timing before: a gate says how much of the context each step takes in");
  v(psi_replace_query, "psi_replace_query", true, "soft_psi: the next state reads the context");
  v(feed_forward, "feed_forward", 1024, "hidden size of a transformer's feed-forward part", between(1, 1 << 20));
  v(norm, "norm", "pre", "the norm before or after each part of a transformer's layer", one_of({"pre", "post"}));
  v(positions, "positions", "sinusoidal", "how a transformer knows the order of tokens",
    one_of({"none", "sinusoidal", "learned", "relative", "relative_bias", "rotary", "alibi"}));
  v(longest, "longest", 512, "positions in a learned table", between(1, 1 << 24));
  v(attention_bias, "attention_bias", true, "biases in a transformer's attention projections");
  block.visit(v);
  input.visit(v);
  v(output_transform, "output_transform", false, "masked_lm: a linear map, the activation and a norm before the output layer, as BERT has");
  v(encoder, "encoder", "recurrent",
    "of a classifier: recurrent, transformer, universal (one layer until every position halts) or adaptive (a cell that ponders over each "
    "input)",
    one_of({"recurrent", "transformer", "universal", "adaptive"}));
  v(whole, "whole", false,
    "a classifier takes the whole line as one input: every place has token vectors of its own, and they are added up");
  v(pooling, "pooling", "attention_pooling", "how a classifier leaves one vector: by attention, the mean, or the first position",
    one_of({"attention_pooling", "mean", "first"}));
  v(reader, "reader", "attention_over_attention",
    "how a document is read: attention_over_attention, question_to_doc (its places by the question) or doc_to_question (its words with "
    "what "
    "the question says to them)",
    one_of({"attention_over_attention", "question_to_doc", "doc_to_question"}));
  v(hops, "hops", 3, "times memory_hops looks into the story", between(1, 100));
  v(statements, "statements", 50, "statements that memory_hops holds, the latest ones", between(1, 10000));
  v(position_encoding, "position_encoding", true, "memory_hops: a word counts by its place in the sentence");
  v(picture_width, "picture_width", 28, "pictures are brought to this width", between(1, 4096));
  v(picture_height, "picture_height", 28, "and to this height", between(1, 4096));
  v(picture_channels, "picture_channels", 1, "1 is grey, 3 is colour", between(1, 3));
  v(patch, "patch", 4, "side of the squares that a picture is cut into", between(1, 4096));
  v(convolutions, "convolutions", 4, "of a captioner: layers that halve the picture; 0 reads patches by a transformer encoder",
    between(0, 10));
  v(filters, "filters", 32, "channels of its first convolution, a multiple of 8; each next one has twice as many, up to eight times",
    between(1, 4096));
  v(act.max_steps, "act_max_steps", 10, "steps over one input at most", between(1, 1000));
  v(act.epsilon, "act_epsilon", 0.01, "a step that brings the sum of halting to 1 - this is the last", between(0, 0.999));
  v(act.bias, "act_bias", 1.0, "of the halting at the start: larger halts sooner", between(-100, 100));
  v(act_combine, "act_combine", "weighted", "universal: weighted mean of the steps, or interpolate as models of Tensor2Tensor do",
    one_of({"weighted", "interpolate"}));
  v(ntm.controller, "controller", "lstm", "of an ntm_model: a recurrent cell, or feed_forward",
    one_of({"rnn_tanh", "lstm", "gru", "feed_forward"}));
  v(ntm.rows, "memory_rows", 128, "rows of its memory", between(1, 1 << 20));
  v(ntm.width, "memory_width", 20, "numbers in a row", between(1, 65536));
  v(ntm.read_heads, "read_heads", 1, "heads that read the memory", between(1, 64));
  v(ntm.write_heads, "write_heads", 1, "heads that write it", between(1, 64));
  v(ntm.learned_start, "learned_start", false, "where the heads begin is learned; else at row 0");
  mechanism.visit(v);
}

std::string attention_of(const ModelOptions& o) {
  if (o.attention != "auto") return o.attention;
  if (o.type == "encoder_classifier" && o.encoder != "transformer" && o.encoder != "universal")
    return o.pooling == "attention_pooling" ? o.pooling : "none";
  if (o.type == "rnn_lm" || o.type == "ntm_model" || o.type == "memory_hops") return "none";
  const bool recurrent = o.type == "rnn_seq2seq" || o.type == "captioner" || o.type == "reader";
  return recurrent ? "additive" : "multi_head";
}

std::shared_ptr<Seq2Seq> make_model(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary) {
  auto model = std::dynamic_pointer_cast<Seq2Seq>(make_network(options, source_vocabulary, target_vocabulary));
  ATTEND_CHECK(model, kValue, "model.type: {} does not turn one sequence into another; use rnn_seq2seq or transformer", options.type);
  return model;
}

namespace {

std::shared_ptr<Module> make_by_type(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary) {
#define MODEL(name, reads, gives) \
  if (options.type == #name) return make_##name(options, source_vocabulary, target_vocabulary);
#include "models/models.def"
#undef MODEL
  fail_unknown_name("model.type", options.type, model_names());
}

}  // namespace

std::shared_ptr<Module> make_network(const ModelOptions& given, std::int64_t source_vocabulary, std::int64_t target_vocabulary) {
  auto options = given;
  options.attention = attention_of(options);
  RangeChecker checker;
  options.visit(checker);
  if (options.tied == "all")
    ATTEND_CHECK(source_vocabulary == target_vocabulary, kValue,
                 "model.tied: all needs one vocabulary for both sides, got {} and {} entries; set text.shared: true", source_vocabulary,
                 target_vocabulary);
  const auto& layers = options.layer_attention;
  ATTEND_CHECK(options.mechanism.head_scores.empty() || options.attention == "multi_head" ||
                   std::find(layers.begin(), layers.end(), "multi_head") != layers.end(),
               kValue, "model.head_scores are those of multi_head's heads; {} has none: set attention: multi_head", options.attention);
  ATTEND_CHECK(!options.pointer_generator || options.type == "rnn_seq2seq" || options.type == "transformer", kValue,
               "model.pointer_generator: {} cannot copy words of a source; use rnn_seq2seq or transformer", options.type);
  const bool takes_types = options.type == "masked_lm" ||
                           (options.type == "encoder_classifier" && (options.encoder == "transformer" || options.encoder == "universal"));
  ATTEND_CHECK(options.input.token_types == 0 || takes_types, kValue,
               "model.token_types: {} is given no types with its tokens; use masked_lm, or encoder_classifier with encoder: transformer",
               options.type);
  ATTEND_CHECK(!options.revise || options.type == "rnn_seq2seq", kValue, "model.revise: {} has no second pass; use rnn_seq2seq",
               options.type);
  const auto network = make_by_type(options, source_vocabulary, target_vocabulary);
  network->name_places();
  return network;
}

std::unique_ptr<Encoded> Seq2Seq::encode_with_draft(const at::Tensor& /*source*/, const at::Tensor& /*lengths*/,
                                                    const at::Tensor& /*draft*/, const at::Tensor& /*draft_lengths*/,
                                                    Observer* /*observer*/) const {
  throw Error(ErrorKind::kValue, "this model has no second pass to read a draft with; train one with model.revise: true");
}

void check_decoding(const ModelOptions& o, const std::string& attention) {
  const auto& can = find_mechanism(attention).capabilities;
  ATTEND_CHECK(!can.ignores_query, kValue,
               "model.attention: {} reads with learned queries, so a decoder would see the same at every step; use it in a classifier, "
               "additive here",
               attention);
  ATTEND_CHECK(o.mechanism.centre != "scaled" || attention != "local_m", kValue,
               "model.centre: scaled needs the target's length, which decoding does not know before its end; use step");
  ATTEND_CHECK(
      o.mechanism.centre == "default" || (o.mechanism.centre == "inside" || o.mechanism.centre == "paper") == (attention == "local_p"),
      kValue, "model.centre: {} does not belong to {}; local_m takes step, local_p paper or inside", o.mechanism.centre, attention);
}

std::int64_t parameter_count(const Module& module) {
  std::int64_t count = 0;
  for (const auto& p : module.parameters()) count += p.numel();
  return count;
}

}  // namespace attend
