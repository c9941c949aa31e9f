#pragma once
// The model folder: configuration, vocabularies and weights, with a manifest of checksums. A training checkpoint is a model
// folder with the optimiser's state beside it.
//
//   config.yaml  source.vocabulary  target.vocabulary  weights.safetensors  manifest.json
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "attend/core/options.h"
#include "attend/models/answerer.h"
#include "attend/text/tokenizer.h"

namespace attend {

/// Config section `text`: how each side becomes tokens.
struct TextOptions {
  bool shared;      ///< one vocabulary for both sides, trained on both with the options of `source`
  bool source_end;  ///< end the source with </s>, which then takes part in attention
  TokenizerOptions source, target;
  TextOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// A network that can run, with what turns text into its numbers and back. A side that is no text has no tokenizer.
template <class Network>
struct StoredModel {
  ModelOptions model;
  TextOptions text;
  std::shared_ptr<Tokenizer> source, target;
  std::shared_ptr<Network> network;
  /// Of its vocabularies; a side that is no text has the usual ones.
  BothSpecialIds special() const { return {source ? source->special() : SpecialIds{}, target ? target->special() : SpecialIds{}}; }
};
using AnyModel = StoredModel<Module>;
template <class Network>
AnyModel any_model(const StoredModel<Network>& m) {
  return {m.model, m.text, m.source, m.target, m.network};
}
/// make_network (models/seq2seq.h) for these vocabularies; null is a side that is no text.
std::shared_ptr<Module> make_network(const ModelOptions& options, const Tokenizer* source, const Tokenizer* target);

/// The same model with weights of another type, in eval mode. Torch's random generator is left as it is.
AnyModel clone(const AnyModel& model, at::ScalarType type);

/// Text in, text out.
using TranslationModel = StoredModel<Seq2Seq>;
/// Questions in, answers out: `source` is null for pictures, `target` (the answers) for readers.
using AnswerModel = StoredModel<Answerer>;

/// Writes the folder atomically (core/files.h: write_folder_atomic). `config` is the full resolved configuration as YAML; its
/// sections `model` and `text` must be those of `model`. `add` may write further files before the manifest is made.
void write_model(const std::string& folder, const AnyModel& model, const std::string& config,
                 const std::function<void(const std::string& folder)>& add = {});
inline void write_model(const std::string& folder, const TranslationModel& model, const std::string& config,
                        const std::function<void(const std::string& folder)>& add = {}) {
  write_model(folder, any_model(model), config, add);
}

/// Reads a model folder, or the folder of a training run (its `best`, else its `last`). The files are compared with the manifest's
/// checksums (folders without any are read as they are), weights are checked for names and shapes before memory is taken for them.
/// Throws kFile or kData naming the file, what was expected and the cure.
/// `adjust` may change options that shape no weight, such as dropout, before the network is made.
AnyModel read_any_model(const std::string& path, const std::function<void(ModelOptions&)>& adjust = {});
/// `model` as one whose network is an encoder–decoder, or one that answers; throws as fail_other_kind.
TranslationModel as_seq2seq(const AnyModel& model, const std::string& who);
AnswerModel as_answerer(const AnyModel& model, const std::string& who);
/// Throws kValue naming `who`, what the model reads and gives, and the verb for that.
[[noreturn]] void fail_other_kind(const AnyModel& model, const std::string& who);
/// What kind of model a folder holds, from its configuration alone.
ModelKind stored_kind(const std::string& path);
/// What a model folder needs of a configuration; the rest of its config.yaml belongs to training.
struct ModelSections {
  ModelOptions model;
  TextOptions text;
  void visit(OptionVisitor& v) {
    v.group(model, "model", "");
    v.group(text, "text", "");
  }
};
/// What section `section` of the configuration holds that made the model at `path`, by the keys of that section.
GivenValues stored_values(const std::string& path, const std::string& section);
/// What is stored there of some options of a section: those of SearchOptions in "decode", for example. Others of the section are passed
/// over.
template <class Options>
Options read_stored_options(const std::string& path, const std::string& section) {
  Options options;
  const auto stored = stored_values(path, section);
  GivenValues known;
  for (const auto& field : list_options(options).fields)
    if (const auto found = stored.find(field.key); found != stored.end()) known.insert(*found);
  assign(options, known);
  return options;
}

/// These sections of what is stored there.
ModelSections read_model_options(const std::string& path);
/// The model folder that `path` stands for: itself, or the best checkpoint of a run (store/run_folder.h: locate_model, which also says
/// what to tell the user).
std::string find_model_folder(const std::string& path);

/// Whether reading a model compares its files with the manifest's checksums, in the whole process; it does until told otherwise.
void verify_when_loading(bool verify);
bool verifies_when_loading();

struct FileCheck {
  std::string name;
  std::uint64_t bytes = 0;
  bool sound = false;
  std::string problem;  ///< empty when sound
};
/// Compares every file with the manifest's size and checksum. Throws kData for a manifest that names what is not in its folder.
std::vector<FileCheck> verify_model(const std::string& path);

/// Tensors by name to and from a safetensors file. Loading copies into `tensors`; a missing, unknown or misshapen one throws kData.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;
void save_tensors(const std::string& path, const NamedTensors& tensors);
void load_tensors(const std::string& path, const NamedTensors& tensors);
NamedTensors named_weights(const Module& module);

}  // namespace attend
