#include "attend/models/model_options.h"

#include <algorithm>
#include <map>

namespace attend {

#define MODEL(name) extern const ModelEntry name##_entry;
#include "models/models.def"
#undef MODEL

namespace {

constinit const ModelEntry* const kAll[] = {
#define MODEL(name) &name##_entry,
#include "models/models.def"
#undef MODEL
};

void visit_type(ModelOptions& o, OptionVisitor& v) { v(o.type, "type", "rnn_seq2seq", "the model", one_of(model_names())); }

}  // namespace

ModelOptions::ModelOptions() {
  DefaultsVisitor v;
  visit_type(*this, v);
  visit_attention(*this, v);
  visit_embedding(*this, v);
  visit_dropout(*this, v);
}

void ModelOptions::visit(OptionVisitor& v) {
  visit_type(*this, v);
  find_model(type).options(*this, v);
}

void visit_attention(ModelOptions& o, OptionVisitor& v) {
  auto choices = attention_choices();
  choices.insert(choices.begin(), "auto");
  v(o.attention, "attention", "auto",
    "how the decoder attends to the source, or an encoder to itself; none is the bottleneck baseline; auto is additive in a recurrent "
    "model, scaled multi_head in a transformer",
    one_of(choices));
}

void visit_embedding(ModelOptions& o, OptionVisitor& v) {
  v(o.embedding, "embedding", 256, "size of token vectors; in a transformer the size of everything", between(1, 65536));
}

void visit_dropout(ModelOptions& o, OptionVisitor& v) {
  v(o.dropout, "dropout", 0.2, "share of units dropped in training", between(0, 0.95));
}

void visit_attending_network(ModelOptions& o, OptionVisitor& v) {
  visit_embedding(o, v);
  visit_dropout(o, v);
  visit_attention(o, v);
}

void EncoderDepthOptions::visit(OptionVisitor& v) { v(encoder_layers, "encoder_layers", 1, "layers of the encoder", between(1, 96)); }
void DecoderDepthOptions::visit(OptionVisitor& v) { v(decoder_layers, "decoder_layers", 1, "layers of the decoder", between(1, 96)); }

void TiedOptions::visit(OptionVisitor& v) {
  v(tied, "tied", "none", "shared tables: target = target embedding and output layer, all = source too (needs text.shared)",
    one_of({"none", "target", "all"}));
}

void CopyOptions::visit(OptionVisitor& v) {
  v(pointer_generator, "pointer_generator", false, "let the output layer copy words of the source, those outside the vocabulary too");
}

std::span<const ModelEntry* const> models() { return kAll; }

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const auto* entry : kAll) names.emplace_back(entry->name);
  return names;
}

const ModelEntry& find_model(std::string_view type) {
  for (const auto* entry : kAll)
    if (entry->name == type) return *entry;
  fail_unknown_name("model.type", type, model_names());
}

ModelKind model_kind(const std::string& type) { return find_model(type).kind; }

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
  for (const auto* entry : kAll)
    if (entry->kind == kind) names.emplace_back(entry->name);
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

std::string looks_by(const ModelOptions& o) {
  const auto& entry = find_model(o.type);
  return entry.looks_by ? entry.looks_by(o) : attention_of(o);
}

std::string attention_of(const ModelOptions& o) {
  return o.attention != "auto" ? o.attention : std::string(find_model(o.type).usual_attention(o));
}

}  // namespace attend
