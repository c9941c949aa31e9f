#include "attend/store/model_folder.h"

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "attend/core/archive.h"
#include "attend/core/files.h"
#include "attend/core/version.h"

namespace attend {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "attend.model";
constexpr int kMajor = 1, kMinor = 0;

Dtype dtype_of(const at::Tensor& x) {
  switch (x.scalar_type()) {
    case at::kBool: return Dtype::kBool;
    case at::kByte: return Dtype::kU8;
    case at::kInt: return Dtype::kI32;
    case at::kLong: return Dtype::kI64;
    case at::kHalf: return Dtype::kF16;
    case at::kBFloat16: return Dtype::kBF16;
    case at::kDouble: return Dtype::kF64;
    default: return Dtype::kF32;
  }
}

// The sections a model folder needs; the rest of config.yaml belongs to training.
struct StoredConfig {
  ModelOptions model;
  TextOptions text;
  void visit(OptionVisitor& v) {
    v.group(model, "model", "");
    v.group(text, "text", "");
  }
};

StoredConfig read_stored_config(const std::string& folder) {
  auto values = read_config(folder + "/config.yaml");
  std::erase_if(values, [](const auto& entry) { return !entry.first.starts_with("model.") && !entry.first.starts_with("text."); });
  StoredConfig config;
  assign(config, values);
  return config;
}

nlohmann::ordered_json manifest_of(const std::string& folder) {
  nlohmann::ordered_json files = nlohmann::ordered_json::object();
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  for (const auto& name : names) {
    const auto path = folder + "/" + name;
    files[name] = {{"bytes", fs::file_size(path)}, {"xxh3_128", checksum_file(path)}};
  }
  return {{"format", kFormat}, {"version", {kMajor, kMinor}}, {"attend", kVersion}, {"files", files}};
}

nlohmann::json read_manifest(const std::string& folder) {
  const auto path = folder + "/manifest.json";
  nlohmann::json manifest;
  try {
    manifest = nlohmann::json::parse(read_file(path));
    ATTEND_CHECK(manifest.at("format") == kFormat, kData, "{}: expected format {}, got {}", path, kFormat, manifest.at("format").dump());
    const int major = manifest.at("version").at(0).get<int>();
    ATTEND_CHECK(major == kMajor, kData, "{}: the model has format version {}, this attend reads {}; use the attend that wrote it ({})",
                 path, major, kMajor, manifest.value("attend", "unknown"));
    for (const auto& [name, about] : manifest.at("files").items()) {
      about.at("bytes").get<std::uint64_t>();
      about.at("xxh3_128").get<std::string>();
    }
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorKind::kData, "{}: not a model manifest ({}); the folder is damaged or no model", path, e.what());
  }
  return manifest;
}

}  // namespace

void TextOptions::visit(OptionVisitor& v) {
  v(shared, "shared", false, "one vocabulary for both sides, made with the options of text.source");
  v(source_end, "source_end", true, "end the source with </s>; without it attention can only rest on words");
  v.group(source, "source", "how source text becomes tokens");
  v.group(target, "target", "how target text becomes tokens");
}

NamedTensors named_weights(const Module& module) {
  NamedTensors tensors;
  for (const auto& item : module.named_parameters()) tensors.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) tensors.emplace_back(item.key(), item.value());
  return tensors;
}

void save_tensors(const std::string& path, const NamedTensors& tensors) {
  std::vector<at::Tensor> alive;
  std::vector<std::pair<std::string, ArrayView>> views;
  for (const auto& [name, tensor] : tensors) {
    alive.push_back(tensor.detach().cpu().contiguous());
    views.emplace_back(name, ArrayView{dtype_of(alive.back()), alive.back().sizes().vec(), alive.back().data_ptr()});
  }
  write_safetensors(path, views, {{"writer", std::string("attend ") + kVersion}});
}

void load_tensors(const std::string& path, const NamedTensors& tensors) {
  const SafetensorsFile file(path);
  at::NoGradGuard no_grad;
  std::set<std::string> wanted;
  for (const auto& [name, tensor] : tensors) {
    wanted.insert(name);
    ATTEND_CHECK(file.contains(name), kData,
                 "{}: has no '{}', which the configuration asks for; config.yaml and weights do not belong together", path, name);
    const auto& stored = file.at(name);
    ATTEND_CHECK(stored.shape == tensor.sizes().vec() && stored.dtype == dtype_of(tensor), kData,
                 "{}: {} is {} [{}], the configuration asks for {} {}; config.yaml and weights do not belong together", path, name,
                 name_of(stored.dtype), fmt::join(stored.shape, ", "), name_of(dtype_of(tensor)), shape_text(tensor));
    auto whole = tensor.contiguous();
    if (stored.bytes() > 0) std::memcpy(whole.data_ptr(), stored.data, stored.bytes());  // of an empty tensor both are null
    if (!whole.is_same(tensor)) tensor.copy_(whole);
  }
  for (const auto& [name, stored] : file.tensors())
    ATTEND_CHECK(wanted.contains(name), kData,
                 "{}: holds '{}', which the configuration has no place for; config.yaml and weights do not belong together", path, name);
}

void write_model(const std::string& folder, const AnyModel& model, const std::string& config,
                 const std::function<void(const std::string&)>& add) {
  write_folder_atomic(folder, [&](const std::string& inside) {
    auto write = [&](const char* name, std::string_view content) {
      FileWriter file(inside + "/" + name);
      file.write(content);
      file.sync_and_close();
    };
    write("config.yaml", config);
    if (model.source) write("source.vocabulary", model.source->serialize());
    if (model.target) write("target.vocabulary", model.target->serialize());
    save_tensors(inside + "/weights.safetensors", named_weights(*model.network));
    if (add) add(inside);
    write("manifest.json", manifest_of(inside).dump(2) + "\n");
  });
}

std::string find_model_folder(const std::string& path) {
  ATTEND_CHECK(fs::exists(path), kFile, "{}: no such model; give the folder of a model or of a training run", path);
  for (const auto* candidate : {"", "/best", "/last"})
    if (fs::exists(path + candidate + "/manifest.json")) return path + candidate;
  fail(ErrorKind::kFile,
       "{}: not a model: it has no manifest.json, and no best or last checkpoint; give the folder that `attend train --out` made", path);
}

ModelKind stored_kind(const std::string& path) { return model_kind(read_stored_config(find_model_folder(path)).model.type); }

AnyModel read_any_model(const std::string& path) {
  const auto folder = find_model_folder(path);
  const auto manifest = read_manifest(folder);
  AnyModel model;
  auto config = read_stored_config(folder);
  model.model = config.model;
  model.text = config.text;
  const auto tokenizer = [&](const char* name, const TokenizerOptions& options) -> std::shared_ptr<Tokenizer> {
    const auto file = folder + "/" + name;
    return manifest.at("files").contains(name) ? load_tokenizer(options, read_file(file)) : nullptr;
  };
  model.source = tokenizer("source.vocabulary", model.text.source);
  model.target = tokenizer("target.vocabulary", model.text.shared ? model.text.source : model.text.target);
  model.network = make_network(model.model, model.source ? model.source->size() : 0, model.target ? model.target->size() : 0);
  load_tensors(folder + "/weights.safetensors", named_weights(*model.network));
  model.network->eval();
  return model;
}

namespace {

// The verb for a model of that kind.
const char* verb_for(const ModelKind& kind) {
  if (kind.gives == Matter::kAnswer)
    return kind.reads == Matter::kText || kind.reads == Matter::kPicture ? "attend classify" : "attend answer";
  return kind.reads == Matter::kNothing ? "attend generate" : kind.reads == Matter::kPicture ? "attend caption" : "attend translate";
}

template <class Network>
StoredModel<Network> as_network(const AnyModel& m, const std::string& who) {
  const auto kind = model_kind(m.model.type);
  auto network = std::dynamic_pointer_cast<Network>(m.network);
  ATTEND_CHECK(network, kValue, "{}: a model of type {} {}; use {}", who, m.model.type, describe(kind), verb_for(kind));
  return {m.model, m.text, m.source, m.target, std::move(network)};
}

TranslationModel read_text_model(const std::string& path, Matter reads) {
  auto model = as_seq2seq(read_any_model(path), path);
  const auto kind = model_kind(model.model.type);
  ATTEND_CHECK(kind.reads == reads, kValue, "{}: a model of type {} {}; use {}", path, model.model.type, describe(kind), verb_for(kind));
  return model;
}

}  // namespace

TranslationModel as_seq2seq(const AnyModel& model, const std::string& who) { return as_network<Seq2Seq>(model, who); }
AnswerModel as_answerer(const AnyModel& model, const std::string& who) { return as_network<Answerer>(model, who); }
TranslationModel read_model(const std::string& path) { return read_text_model(path, Matter::kText); }
TranslationModel read_language_model(const std::string& path) { return read_text_model(path, Matter::kNothing); }
TranslationModel read_captioner(const std::string& path) { return read_text_model(path, Matter::kPicture); }
AnswerModel read_answer_model(const std::string& path) { return as_answerer(read_any_model(path), path); }

std::vector<FileCheck> verify_model(const std::string& path) {
  const auto folder = find_model_folder(path);
  const auto manifest = read_manifest(folder);
  std::vector<FileCheck> checks;
  for (const auto& [name, about] : manifest.at("files").items()) {
    FileCheck check{.name = name, .bytes = about.at("bytes").get<std::uint64_t>(), .sound = false, .problem = {}};
    const auto file = folder + "/" + name;
    std::error_code error;
    const auto size = fs::file_size(file, error);
    if (error) {
      check.problem = "missing";
    } else if (size != check.bytes) {
      check.problem = fmt::format("has {} bytes, the manifest says {}", size, check.bytes);
    } else if (checksum_file(file) != about.at("xxh3_128").get<std::string>()) {
      check.problem = "its checksum differs from the manifest's";
    }
    check.sound = check.problem.empty();
    checks.push_back(std::move(check));
  }
  return checks;
}

}  // namespace attend
