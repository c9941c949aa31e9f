#include "attend/store/model_folder.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <set>

#include "attend/core/archive.h"
#include "attend/core/files.h"
#include "attend/core/json.h"
#include "attend/core/version.h"
#include "attend/ops/memory.h"
#include "attend/store/run_folder.h"

namespace attend {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "attend.model";
constexpr int kMajor = 1, kMinor = 0;
constexpr std::uint64_t kLargestManifest = 64 << 20, kLargestVocabulary = std::uint64_t{4} << 30;

constexpr const char* kMissing = "missing";
constexpr std::uint64_t kSpareLines = 16;  // the special ones, which classes have no rows for

std::atomic<bool> compare_checksums{true};

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

ModelSections read_sections(const std::string& folder) {
  require_regular(folder + "/config.yaml");
  auto values = read_stored_config(folder + "/config.yaml");
  std::erase_if(values, [](const auto& entry) { return !entry.first.starts_with("model.") && !entry.first.starts_with("text."); });
  // Transformers stored before there was a choice had the paper's dot and general.
  if (values.contains("model.attention") && !values.contains("model.score_scaling"))
    values["model.score_scaling"] = {.texts = {"none"}, .where = folder + "/config.yaml", .stored = true};
  ModelSections config;
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
    require_regular(path);
    manifest = parse_json(read_file(path, kLargestManifest), path);
    ATTEND_CHECK(manifest.at("format") == kFormat, kData, "{}: expected format {}, got {}", path, kFormat, manifest.at("format").dump());
    const int major = manifest.at("version").at(0).get<int>();
    ATTEND_CHECK(major == kMajor, kData, "{}: the model has format version {}, this attend reads {}; use the attend that wrote it ({})",
                 path, major, kMajor, manifest.value("attend", "unknown"));
    for (const auto& [name, about] : manifest.at("files").items()) {
      // A manifest is data of a stranger: what it names is read.
      ATTEND_CHECK(!name.empty() && name != "." && name != ".." && name.find_first_of(std::string_view("/\0", 2)) == std::string::npos,
                   kData, "{}: names '{}', which is no file of its folder; the manifest is damaged or not to be trusted", path, name);
      ATTEND_CHECK(about.at("bytes").is_number_unsigned(), kData, "{}: the size of '{}' is {}; the manifest is damaged", path, name,
                   about.at("bytes").dump());
      if (about.contains("xxh3_128")) about.at("xxh3_128").get<std::string>();
    }
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorKind::kData, "{}: not a model manifest ({}); the folder is damaged or no model", path, json_problem(e));
  }
  return manifest;
}

/// What is wrong with a file of the manifest; empty when nothing is, or when the manifest of an old folder knows no checksum.
std::string problem_of(const std::string& folder, const std::string& name, const nlohmann::json& about) {
  const auto file = folder + "/" + name;
  std::error_code error;
  if (!fs::exists(file, error)) return kMissing;
  const auto size = fs::file_size(file, error);
  const auto bytes = about.at("bytes").get<std::uint64_t>();
  if (!error && size != bytes) return fmt::format("has {} bytes, the manifest says {}", size, bytes);
  if (!about.contains("xxh3_128")) return {};
  return checksum_file(file) == about.at("xxh3_128").get<std::string>() ? "" : "its checksum differs from the manifest's";
}

/// Throws unless `name` is as it was written, where the manifest knows it and checksums are compared.
void check_file(const std::string& folder, const nlohmann::json& manifest, const std::string& name) {
  if (!verifies_when_loading() || !manifest.at("files").contains(name)) return;
  const auto problem = problem_of(folder, name, manifest.at("files").at(name));
  if (problem == kMissing) return;  // its reader says so
  ATTEND_CHECK(
      problem.empty(), kData,
      "{}/{}: {}; the file was damaged or changed after it was written. Copy the folder again or use another checkpoint of the run; "
      "--no-verify reads it all the same",
      folder, name, problem);
}

/// The largest size of any tensor in the file; a vocabulary has a row for each piece somewhere.
std::uint64_t largest_size(const SafetensorsFile& file) {
  std::uint64_t largest = 0;
  for (const auto& [name, view] : file.tensors())
    for (const auto size : view.shape) largest = std::max(largest, static_cast<std::uint64_t>(size));
  return largest;
}

void fill(const NamedTensors& tensors, const SafetensorsFile& file, const std::string& path) {
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

}  // namespace

GivenValues stored_values(const std::string& path, const std::string& section) {
  GivenValues values;
  for (auto& [key, value] : read_stored_config(find_model_folder(path) + "/config.yaml"))
    if (key.starts_with(section + ".")) values.emplace(key.substr(section.size() + 1), value);
  return values;
}

void verify_when_loading(bool verify) { compare_checksums = verify; }
bool verifies_when_loading() { return compare_checksums; }

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

void load_tensors(const std::string& path, const NamedTensors& tensors) { fill(tensors, SafetensorsFile(path), path); }

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

std::string find_model_folder(const std::string& path) { return locate_model(path).folder; }

ModelSections read_model_options(const std::string& path) { return read_sections(find_model_folder(path)); }

ModelKind stored_kind(const std::string& path) { return model_kind(read_model_options(path).model.type); }

std::shared_ptr<Module> make_network(const ModelOptions& options, const Tokenizer* source, const Tokenizer* target) {
  const bool answers = model_kind(options.type).gives == Matter::kAnswer;
  std::int64_t outputs = 0;
  if (target) outputs = answers ? static_cast<std::int64_t>(ordinary_ids(*target).size()) : target->size();
  auto network = make_network(options, source ? source->size() : 0, outputs);
  if (auto* writer = dynamic_cast<TokenDecoder*>(network.get()); writer && target) writer->set_unknown(target->special().unknown);
  return network;
}

AnyModel read_any_model(const std::string& path, const std::function<void(ModelOptions&)>& adjust) {
  const auto folder = find_model_folder(path);
  const auto manifest = read_manifest(folder);
  for (const auto* name : {"config.yaml", "source.vocabulary", "target.vocabulary", "weights.safetensors"})
    check_file(folder, manifest, name);
  AnyModel model;
  auto config = read_sections(folder);
  model.model = config.model;
  if (adjust) adjust(model.model);
  model.text = config.text;
  const auto weights = folder + "/weights.safetensors";
  const SafetensorsFile tensors(weights);
  const auto rows = largest_size(tensors);
  const auto tokenizer = [&](const char* name, const TokenizerOptions& options) -> std::shared_ptr<Tokenizer> {
    const auto file = folder + "/" + name;
    if (!manifest.at("files").contains(name)) return nullptr;
    require_regular(file);
    const auto content = read_file(file, kLargestVocabulary);
    const auto lines = static_cast<std::uint64_t>(std::count(content.begin(), content.end(), '\n'));
    ATTEND_CHECK(!stores_a_line_a_piece(options) || lines <= rows + kSpareLines, kData,
                 "{}: has {} lines, but no tensor of weights.safetensors has more than {} rows; they do not belong together", file, lines,
                 rows);
    try {
      return load_tokenizer(options, content);
    } catch (const OutOfMemory&) {
      throw;
    } catch (const Error& e) {
      fail(e.kind(), "{}: {}", file, e.what());
    }
  };
  model.source = tokenizer("source.vocabulary", model.text.source);
  model.target = tokenizer("target.vocabulary", model.text.shared ? model.text.source : model.text.target);
  {
    // config.yaml may name any size; what it builds has to fit the weights that are there. Parts are made anew and thrown away while
    // they are filled, so some room is left.
    const auto held = static_cast<std::uint64_t>(fs::file_size(weights));
    const MemoryBudget budget(
        4 * held + (std::uint64_t{64} << 20),
        fmt::format("{}: holds {}, but the model of config.yaml is larger; config.yaml and weights do not belong together", weights,
                    size_text(held)));
    model.network = make_network(model.model, model.source.get(), model.target.get());
  }
  fill(named_weights(*model.network), tensors, weights);
  model.network->eval();
  return model;
}

namespace {

// The verb for a model of that kind.
const char* verb_for(const ModelKind& kind) {
  if (kind.gives == Matter::kMaskedWords) return "attend::MaskedLm of the library, which no verb runs";
  if (kind.gives == Matter::kAnswer)
    return kind.reads == Matter::kText || kind.reads == Matter::kPicture ? "attend classify" : "attend answer";
  return kind.reads == Matter::kNothing ? "attend generate" : kind.reads == Matter::kPicture ? "attend caption" : "attend translate";
}

template <class Network>
StoredModel<Network> as_network(const AnyModel& m, const std::string& who) {
  auto network = std::dynamic_pointer_cast<Network>(m.network);
  if (!network) fail_other_kind(m, who);
  return {m.model, m.text, m.source, m.target, std::move(network)};
}

}  // namespace

void fail_other_kind(const AnyModel& model, const std::string& who) {
  const auto kind = model_kind(model.model.type);
  fail(ErrorKind::kValue, "{}: a model of type {} {}; use {}", who, model.model.type, describe(kind), verb_for(kind));
}

TranslationModel as_seq2seq(const AnyModel& model, const std::string& who) { return as_network<Seq2Seq>(model, who); }
AnswerModel as_answerer(const AnyModel& model, const std::string& who) { return as_network<Answerer>(model, who); }

AnyModel clone(const AnyModel& model, at::ScalarType type) {
  const at::NoGradGuard no_grad;
  auto generator = at::globalContext().defaultGenerator(tensor_device());
  const auto state = generator.get_state();
  auto copy = model;
  copy.network = make_network(model.model, model.source.get(), model.target.get());
  generator.set_state(state);  // making a network draws initial weights
  copy.network->to(type);
  copy.network->eval();
  for (const auto list : {&Module::named_parameters, &Module::named_buffers}) {
    auto own = (copy.network.get()->*list)();
    for (const auto& item : (model.network.get()->*list)()) own[item.key()].copy_(item.value());
  }
  return copy;
}

std::vector<FileCheck> verify_model(const std::string& path) {
  const auto folder = find_model_folder(path);
  const auto manifest = read_manifest(folder);
  std::vector<FileCheck> checks;
  for (const auto& [name, about] : manifest.at("files").items()) {
    FileCheck check{.name = name, .bytes = about.at("bytes").get<std::uint64_t>(), .sound = false, .problem = {}};
    check.problem = problem_of(folder, name, about);
    check.sound = check.problem.empty();
    checks.push_back(std::move(check));
  }
  return checks;
}

}  // namespace attend
