#pragma once
// Config section `model`, and the registry of models.
//
// Each model declares what it reads: structs of its own, those of the parts it is built from, and those of the mechanism that was chosen
// for it (core/options.h). A configuration of a model holds these and no others.
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attend/attention/mechanism.h"
#include "attend/core/options.h"

namespace attend {

/// What the network looks like.
struct ModelOptions {
  std::string type, attention;  ///< attention: none, a mechanism, or auto: what the model usually takes
  std::int64_t embedding;       ///< size of token vectors
  double dropout;
  OptionSet own;  ///< of the model, its parts and its mechanisms, by their structs: `own.of<TransformerOptions>().feed_forward`

  ModelOptions();
  /// The type, then what a model of that type reads.
  void visit(OptionVisitor& v);
  template <OptionStruct Options>
  Options& of() {
    return own.of<Options>();
  }
  template <OptionStruct Options>
  const Options& of() const {
    return own.of<Options>();
  }
};

/// Whether a model with these options reads the struct of that type.
template <OptionStruct Options>
bool model_reads(ModelOptions options) {
  StructsVisitor v;
  options.visit(v);
  return v.met<Options>();
}

/// Parts of ModelOptions::visit, for the models that read them.
void visit_attention(ModelOptions& options, OptionVisitor& v);  ///< which mechanism; what it reads is visited by who makes it
void visit_embedding(ModelOptions& options, OptionVisitor& v);
void visit_dropout(ModelOptions& options, OptionVisitor& v);
void visit_attending_network(ModelOptions& options, OptionVisitor& v);  ///< all three, for one whose layers attend

/// Of an encoder that is a stack.
struct EncoderDepthOptions {
  std::int64_t encoder_layers;

  EncoderDepthOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of a decoder that is a stack.
struct DecoderDepthOptions {
  std::int64_t decoder_layers;

  DecoderDepthOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of models that write tokens.
struct TiedOptions {
  std::string tied;  ///< shared tables: none, target or all

  TiedOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of models that may copy words of their source (attention/pointer_generator.h).
struct CopyOptions {
  bool pointer_generator;

  CopyOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// What goes into a model and what comes out of it.
enum class Matter { kNothing, kText, kPicture, kDocument, kStory, kAnswer, kMaskedWords };
struct ModelKind {
  Matter reads, gives;
  bool operator==(const ModelKind&) const = default;
};

/// A line of models.def.
struct ModelEntry {
  std::string_view name;
  ModelKind kind;
  /// Visits all that it reads but the type.
  void (*options)(ModelOptions&, OptionVisitor&);
  /// What attention: auto stands for.
  std::string_view (*usual_attention)(const ModelOptions&);
  /// What its looking is called in records, where that is not its attention; null elsewhere.
  std::string (*looks_by)(const ModelOptions&) = nullptr;
  /// Builds it with fresh parameters; `source` and `target` are sizes of vocabularies. Throws kValue for options that cannot work.
  std::shared_ptr<Module> (*make)(const ModelOptions& options, std::int64_t source, std::int64_t target);
};

/// All models, in the order of models.def. Threads may share entries.
std::span<const ModelEntry* const> models();
std::vector<std::string> model_names();
/// Throws kUnknownName.
const ModelEntry& find_model(std::string_view type);
ModelKind model_kind(const std::string& type);
/// "reads a picture and gives an answer". Models of a kind: all names that have it.
std::string describe(const ModelKind& kind);
std::vector<std::string> models_of(const ModelKind& kind);
/// Throws kValue, naming those that do, unless a model of `type` is of `kind`.
void check_kind(const std::string& type, const ModelKind& kind, const std::string& who);

std::vector<std::string> attention_choices();  ///< "none" and every mechanism
/// options.attention, or what auto stands for in a model of its type.
std::string attention_of(const ModelOptions& options);
/// What a model looks by, as records name it: its attention, or what stands in its place.
std::string looks_by(const ModelOptions& options);

}  // namespace attend
