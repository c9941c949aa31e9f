// The model folder: written and read bit for bit, and what is damaged, missing or of another kind is named.
#include "attend/store/model_folder.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "attend/core/files.h"
#include "attend/core/json.h"
#include "attend/ops/memory.h"
#include "support/expect_error.h"
#include "support/temp_folder.h"
#include "support/tensors.h"

namespace attend::testing {
namespace {

namespace fs = std::filesystem;

// The configuration of a model folder, as training writes it, with a section that is none of the model's business.
struct Config {
  ModelOptions model;
  TextOptions text;
  void visit(OptionVisitor& v) {
    v.group(model, "model", "");
    v.group(text, "text", "");
  }
};

std::string config_of(const TranslationModel& m) {
  Config config;
  config.model = m.model;
  config.text = m.text;
  return to_yaml(list_options(config)) + "train:\n  steps: 7\n";
}

TranslationModel example(const std::string& type, bool shared = false) {
  TranslationModel m;
  m.model.type = type;
  m.model.embedding = 8;
  m.model.hidden = m.model.encoder_hidden = m.model.feed_forward = 6;
  m.model.heads = 2;
  if (type == "transformer") m.model.attention = "multi_head";
  m.text.shared = shared;
  m.text.source.kind = "words";
  m.text.target.kind = "characters";
  const std::string source = "<unk>\n<pad>\n<s>\n</s>\nhouse\ntree\n", target = "<unk>\n<pad>\n<s>\n</s>\n家\n树\n木\n";
  m.source = load_tokenizer(m.text.source, source);
  m.target = shared ? m.source : load_tokenizer(m.text.target, target);
  if (shared) {
    m.model.tied = "all";
    if (type == "rnn_seq2seq") m.model.embedding = m.model.hidden;
  }
  at::manual_seed(11);
  m.network = make_model(m.model, m.source->size(), m.target->size());
  m.network->eval();
  return m;
}

void expect_same_bits(const NamedTensors& got, const NamedTensors& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].first, expected[i].first);
    ASSERT_EQ(got[i].second.sizes(), expected[i].second.sizes()) << got[i].first;
    ASSERT_EQ(got[i].second.scalar_type(), expected[i].second.scalar_type()) << got[i].first;
    const auto a = got[i].second.detach().contiguous(), b = expected[i].second.detach().contiguous();
    if (a.nbytes() > 0) {
      EXPECT_EQ(std::memcmp(a.data_ptr(), b.data_ptr(), a.nbytes()), 0) << got[i].first;
    }
  }
}

at::Tensor answer(const TranslationModel& m) {
  at::NoGradGuard no_grad;
  const auto source = at::tensor({4, 5, 3}, at::kLong).unsqueeze(0), lengths = at::full({1}, 3, at::kLong);
  const auto encoded = m.network->encode(source, lengths, nullptr);
  return m.network->logits(m.network->decode(*encoded, at::tensor({2, 4, 5}, at::kLong).unsqueeze(0), lengths, nullptr));
}

// Writes the manifest anew, as whoever made such a folder would have.
void seal(const std::string& folder) {
  auto manifest = parse_json(read_file(folder + "/manifest.json"), "manifest");
  for (auto& [name, about] : manifest["files"].items())
    about = {{"bytes", fs::file_size(folder + "/" + name)}, {"xxh3_128", checksum_file(folder + "/" + name)}};
  std::ofstream(folder + "/manifest.json", std::ios::binary) << manifest.dump();
}

// Replaces one piece of text in a file.
void edit(const std::string& path, const std::string& from, const std::string& to) {
  auto content = read_file(path);
  const auto at = content.find(from);
  ASSERT_NE(at, std::string::npos) << from << " in " << path;
  content.replace(at, from.size(), to);
  std::ofstream(path, std::ios::binary) << content;
}

class Folders : public ::testing::TestWithParam<const char*> {};

TEST_P(Folders, RoundTripBitForBit) {
  const TempFolder temp;
  for (const bool shared : {false, true}) {
    const auto written = example(GetParam(), shared);
    const auto folder = temp / (shared ? "shared" : "apart");
    write_model(folder, written, config_of(written));
    const auto read = read_model(folder);
    expect_same_bits(named_weights(*read.network), named_weights(*written.network));
    EXPECT_TRUE(same(answer(read), answer(written)));
    EXPECT_EQ(to_yaml(list_options(read.model)), to_yaml(list_options(written.model)));
    EXPECT_EQ(to_yaml(list_options(read.text)), to_yaml(list_options(written.text)));
    EXPECT_EQ(read.source->serialize(), written.source->serialize());
    EXPECT_EQ(read.target->serialize(), written.target->serialize());
    EXPECT_EQ(read.target->options().kind, shared ? "words" : "characters");
    EXPECT_FALSE(read.network->is_training());
  }
}

TEST_P(Folders, SameModelSameBytes) {
  const TempFolder temp;
  const auto m = example(GetParam());
  write_model(temp / "a", m, config_of(m));
  write_model(temp / "b", m, config_of(m));
  for (const auto& entry : fs::directory_iterator(temp / "a"))
    EXPECT_EQ(read_file(entry.path().string()), read_file(temp / ("b/" + entry.path().filename().string()))) << entry.path();
}

INSTANTIATE_TEST_SUITE_P(Models, Folders, ::testing::Values("rnn_seq2seq", "transformer"),
                         [](const auto& instance) { return std::string(instance.param); });

struct Folder {
  TempFolder temp;
  std::string path = temp / "model";
  Folder() {
    const auto m = example("rnn_seq2seq");
    write_model(path, m, config_of(m), [](const std::string& inside) { std::ofstream(inside + "/extra.txt") << "more\n"; });
  }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
};

TEST(ModelFolder, HoldsItsFilesAndNoOthers) {
  const Folder folder;
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.path)) names.insert(entry.path().filename().string());
  EXPECT_EQ(names, (std::set<std::string>{"config.yaml", "source.vocabulary", "target.vocabulary", "weights.safetensors", "extra.txt",
                                          "manifest.json"}));
}

TEST(ModelFolder, IsNotWrittenOver) {
  const Folder folder;
  const auto m = example("rnn_seq2seq");
  EXPECT_THROW(write_model(folder.path, m, config_of(m)), Error);
  EXPECT_TRUE(verify_model(folder.path).at(0).sound);
}

TEST(ModelFolder, LeavesNothingBehindWhenWritingFails) {
  const TempFolder temp;
  const auto m = example("rnn_seq2seq");
  EXPECT_THROW(write_model(temp / "model", m, config_of(m), [](const std::string&) { fail(ErrorKind::kFile, "disk full"); }), Error);
  EXPECT_TRUE(temp.names().empty());
}

std::map<std::string, std::string> problems(const std::string& path) {
  std::map<std::string, std::string> found;
  for (const auto& check : verify_model(path)) {
    EXPECT_EQ(check.sound, check.problem.empty());
    if (!check.sound) found[check.name] = check.problem;
  }
  return found;
}

TEST(VerifyModel, FindsASoundFolderSound) {
  const Folder folder;
  EXPECT_TRUE(problems(folder.path).empty());
  const auto checks = verify_model(folder.path);
  ASSERT_EQ(checks.size(), 5u);
  for (const auto& check : checks) EXPECT_EQ(check.bytes, fs::file_size(folder / check.name));
}

TEST(VerifyModel, FindsAFlippedByteInEveryFile) {
  for (const auto* name : {"config.yaml", "source.vocabulary", "target.vocabulary", "weights.safetensors", "extra.txt"}) {
    const Folder folder;
    auto content = read_file(folder / name);
    content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 1);
    std::ofstream(folder / name, std::ios::binary) << content;
    const auto found = problems(folder.path);
    ASSERT_EQ(found.size(), 1u) << name;
    EXPECT_NE(found.at(name).find("checksum"), std::string::npos) << found.at(name);
  }
}

TEST(VerifyModel, FindsWhatIsMissingOrCutOff) {
  const Folder folder;
  fs::remove(folder / "extra.txt");
  const auto size = fs::file_size(folder / "weights.safetensors");
  fs::resize_file(folder / "weights.safetensors", size - 1);
  const auto found = problems(folder.path);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found.at("extra.txt"), "missing");
  EXPECT_EQ(found.at("weights.safetensors"), fmt::format("has {} bytes, the manifest says {}", size - 1, size));
}

TEST(ReadModel, NamesWhatIsMissing) {
  for (const auto* name : {"config.yaml", "source.vocabulary", "target.vocabulary", "weights.safetensors"}) {
    const Folder folder;
    fs::remove(folder / name);
    EXPECT_ERROR(read_model(folder.path), kFile, name);
  }
}

TEST(ReadModel, RefusesCutOffWeights) {
  const Folder folder;
  fs::resize_file(folder / "weights.safetensors", fs::file_size(folder / "weights.safetensors") - 4);
  EXPECT_ERROR(read_model(folder.path), kData, "weights.safetensors");
}

TEST(ReadModel, RefusesAnotherMajorVersionNamingBoth) {
  const Folder folder;
  const auto manifest = folder / "manifest.json";
  auto content = read_file(manifest);
  const auto at = content.find('1', content.find("\"version\""));
  content[at] = '2';
  std::ofstream(manifest, std::ios::binary) << content;
  expect_error(ErrorKind::kData, {"manifest.json", "format version 2", "reads 1", "use the attend that wrote it"},
               [&] { read_model(folder.path); });
  expect_error(ErrorKind::kData, {"format version 2"}, [&] { verify_model(folder.path); });
}

TEST(ReadModel, RefusesWhatIsNoManifest) {
  for (const auto* content :
       {"", "{", "[]", "{\"format\": 3}", "{\"format\": \"attend.model\", \"version\": [1, 0], \"files\": {\"a\": {}}}",
        "{\"format\": \"attend.model\", \"version\": \"1.0\", \"files\": {}}"}) {
    const Folder folder;
    std::ofstream(folder / "manifest.json", std::ios::binary) << content;
    EXPECT_ERROR(read_model(folder.path), kData, "manifest.json") << content;
  }
  const Folder folder;
  edit(folder / "manifest.json", "attend.model", "attend.other");
  expect_error(ErrorKind::kData, {"expected format attend.model", "attend.other"}, [&] { read_model(folder.path); });
}

TEST(ReadModel, RefusesWeightsOfAnotherShape) {
  const Folder folder;
  edit(folder / "config.yaml", "hidden: 6", "hidden: 7");
  seal(folder.path);
  expect_error(ErrorKind::kData, {"weights.safetensors", "[", "the configuration asks for", "do not belong together"},
               [&] { read_model(folder.path); });
}

TEST(ReadModel, RefusesTensorsTooManyOrTooFew) {
  {
    const Folder folder;  // a cell without biases has no place for them
    edit(folder / "config.yaml", "recurrent_bias: true", "recurrent_bias: false");
    seal(folder.path);
    expect_error(ErrorKind::kData, {"weights.safetensors", "holds '", "bias", "no place"}, [&] { read_model(folder.path); });
  }
  const Folder folder;
  edit(folder / "config.yaml", "decoder_layers: 1", "decoder_layers: 2");
  seal(folder.path);
  expect_error(ErrorKind::kData, {"weights.safetensors"}, [&] { read_model(folder.path); });
}

TEST(ReadModel, RefusesUnknownOptionsOfTheModel) {
  const Folder folder;
  edit(folder / "config.yaml", "recurrent_bias:", "recurent_bias:");
  seal(folder.path);
  expect_error(ErrorKind::kUnknownName, {"config.yaml", "recurent_bias", "recurrent_bias"}, [&] { read_model(folder.path); });
}

// Their configuration has no such key, and they were trained unscaled.
TEST(ReadModel, LeavesTransformersOfBeforeUnscaled) {
  const TempFolder temp;
  auto m = example("transformer");
  m.model.attention = "dot";
  m.model.mechanism.scaling = "none";
  m.network = make_model(m.model, m.source->size(), m.target->size());
  m.network->eval();
  const auto path = temp / "model";
  write_model(path, m, config_of(m));
  edit(path + "/config.yaml", "  score_scaling: none", "  #");
  seal(path);
  const auto read = read_model(path);
  EXPECT_EQ(read.model.mechanism.scaling, "none");
  EXPECT_TRUE(same(answer(read), answer(m)));
}

TEST(ReadModel, ComparesChecksumsBeforeAnythingIsUsed) {
  for (const auto* name : {"config.yaml", "source.vocabulary", "target.vocabulary", "weights.safetensors"}) {
    const Folder folder;
    auto content = read_file(folder / name);
    content.back() = static_cast<char>(content.back() ^ 1);  // of the weights the last one: a number like any other
    std::ofstream(folder / name, std::ios::binary) << content;
    expect_error(ErrorKind::kData, {name, "its checksum differs", "use another checkpoint", "--no-verify"},
                 [&] { read_model(folder.path); });
    expect_error(ErrorKind::kData, {name, "its checksum differs"}, [&] { check_files(folder.path, {"extra.txt", name}); });
  }
  const Folder folder;
  auto content = read_file(folder / "weights.safetensors");
  content.back() = static_cast<char>(content.back() ^ 1);
  std::ofstream(folder / "weights.safetensors", std::ios::binary) << content;
  verify_when_loading(false);
  EXPECT_NO_THROW(read_model(folder.path));
  verify_when_loading(true);
}

TEST(ReadModel, OldFoldersWithoutChecksumsAreRead) {
  const Folder folder;
  auto manifest = parse_json(read_file(folder / "manifest.json"), "manifest");
  for (auto& [name, about] : manifest["files"].items()) about.erase("xxh3_128");
  std::ofstream(folder / "manifest.json", std::ios::binary) << manifest.dump();
  EXPECT_NO_THROW(read_model(folder.path));
  EXPECT_TRUE(problems(folder.path).empty());
}

TEST(ReadModel, AManifestNamesNothingOutsideItsFolder) {
  for (const auto* name : {"../secret", "/etc/hostname", "..", ".", "", "a/b"}) {
    const Folder folder;
    std::ofstream(folder.temp / "secret") << "x";
    auto manifest = parse_json(read_file(folder / "manifest.json"), "manifest");
    manifest["files"][name] = {{"bytes", 1}, {"xxh3_128", checksum("x")}};
    std::ofstream(folder / "manifest.json", std::ios::binary) << manifest.dump();
    expect_error(ErrorKind::kData, {"manifest.json", "is no file of its folder"}, [&] { verify_model(folder.path); });
    expect_error(ErrorKind::kData, {"manifest.json", "is no file of its folder"}, [&] { read_model(folder.path); });
  }
}

TEST(ReadModel, TakesNoMemoryForWhatTheWeightsCannotFill) {
  const Folder folder;
  edit(folder / "config.yaml", "hidden: 6", "hidden: 65536");
  seal(folder.path);
  expect_error(ErrorKind::kValue, {"weights.safetensors: holds", "the model of config.yaml is larger", "do not belong together"},
               [&] { read_model(folder.path); });
}

TEST(ReadModel, AVocabularyOfMoreLinesThanTheWeightsHaveRows) {
  const Folder folder;
  std::string lines = read_file(folder / "source.vocabulary");
  for (int i = 0; i < 200'000; ++i) lines += fmt::format("word{}\n", i);
  std::ofstream(folder / "source.vocabulary", std::ios::binary) << lines;
  seal(folder.path);
  expect_error(ErrorKind::kData, {"source.vocabulary: has 200006 lines, but no tensor"}, [&] { read_model(folder.path); });
}

TEST(ReadModel, PipesInTheFolderAreRefused) {
  for (const auto* name : {"config.yaml", "source.vocabulary", "weights.safetensors", "manifest.json"}) {
    const Folder folder;
    fs::remove(folder / name);
    ASSERT_EQ(::mkfifo((folder / name).c_str(), 0600), 0);
    verify_when_loading(false);  // sizes alone would tell
    expect_error(ErrorKind::kFile, {name, "expected a regular file, got a pipe or device"}, [&] { read_model(folder.path); });
    verify_when_loading(true);
    EXPECT_THROW(read_model(folder.path), Error);
  }
}

TEST(TensorMemory, WhatCannotBeHadIsAnErrorWithFigures) {
  guard_tensor_memory();
  expect_error(ErrorKind::kValue, {"out of memory: a tensor needs", "can be had", "smaller model"},
               [] { at::empty({std::int64_t{1} << 50}); });
  const MemoryBudget budget(1000, "too large for these weights");
  EXPECT_NO_THROW(at::empty({100}));
  expect_error(ErrorKind::kValue, {"too large for these weights"}, [] { at::empty({200}); });
}

TEST(FindModelFolder, TakesTheFolderItsBestOrItsLast) {
  const TempFolder temp;
  const auto m = example("rnn_seq2seq");
  fs::create_directory(temp / "run");
  EXPECT_ERROR(find_model_folder(temp / "run"), kFile, "manifest.json");
  EXPECT_ERROR(find_model_folder(temp / "run"), kFile, "attend train");
  EXPECT_ERROR(find_model_folder(temp / "nowhere"), kFile, "nowhere: no such model");
  write_model(temp / "run/last", m, config_of(m));
  EXPECT_EQ(find_model_folder(temp / "run"), temp / "run/last");
  write_model(temp / "run/best", m, config_of(m));
  EXPECT_EQ(find_model_folder(temp / "run"), temp / "run/best");
  EXPECT_EQ(find_model_folder(temp / "run/last"), temp / "run/last");
  expect_same_bits(named_weights(*read_model(temp / "run").network), named_weights(*m.network));
  std::ofstream(temp / "file") << "x";
  EXPECT_ERROR(find_model_folder(temp / "file"), kFile, "not a model");
  std::filesystem::create_directory(temp / "bert");
  std::ofstream(temp / "bert/config.json") << "{}";
  EXPECT_ERROR(find_model_folder(temp / "bert"), kFile, "it has no manifest.json");
  std::ofstream(temp / "bert/pytorch_model.bin") << "x";
  EXPECT_ERROR(find_model_folder(temp / "bert"), kFile,
               "a pretrained model in the form of Hugging Face (config.json beside pytorch_model.bin)");
}

TEST(Tensors, EveryNumberFormatSurvives) {
  const TempFolder temp;
  const auto base = wave({3, 5}, 0.3) * 90;
  NamedTensors written, read;
  for (const auto type : {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong, at::kInt, at::kByte, at::kBool}) {
    const auto name = std::string(c10::toString(type));
    written.emplace_back(name, base.abs().to(type));
    read.emplace_back(name, at::zeros({3, 5}, type));
  }
  written.emplace_back("scalar", at::full({}, 3.5));
  read.emplace_back("scalar", at::zeros({}));
  written.emplace_back("empty", at::zeros({0, 4}));
  read.emplace_back("empty", at::zeros({0, 4}));
  save_tensors(temp / "all.safetensors", written);
  load_tensors(temp / "all.safetensors", read);
  expect_same_bits(read, written);
}

TEST(Tensors, StridedOnesAreWrittenAndReadInOrder) {
  const TempFolder temp;
  const auto x = wave({4, 3}, 0.1);
  save_tensors(temp / "x.safetensors", {{"x", x.t()}});
  const auto into = at::zeros({4, 3}, at::kDouble);
  load_tensors(temp / "x.safetensors", {{"x", into.t()}});
  EXPECT_TRUE(same(into, x));
}

TEST(Tensors, RefusesWhatDoesNotFitAndSaysWhy) {
  const TempFolder temp;
  const auto path = temp / "x.safetensors";
  save_tensors(path, {{"a", at::zeros({2, 3})}, {"b", at::zeros({4})}});
  const auto a = at::zeros({2, 3}), b = at::zeros({4});
  expect_error(ErrorKind::kData, {"x.safetensors", "a is float32 [2, 3]", "asks for float32 [3, 2]"}, [&] {
    load_tensors(path, {{"a", at::zeros({3, 2})}, {"b", b}});
  });
  expect_error(ErrorKind::kData, {"a is float32 [2, 3]", "asks for float64 [2, 3]"}, [&] {
    load_tensors(path, {{"a", at::zeros({2, 3}, at::kDouble)}, {"b", b}});
  });
  expect_error(ErrorKind::kData, {"x.safetensors", "has no 'c'"}, [&] { load_tensors(path, {{"a", a}, {"b", b}, {"c", b}}); });
  expect_error(ErrorKind::kData, {"x.safetensors", "holds 'b'", "no place"}, [&] { load_tensors(path, {{"a", a}}); });
}

}  // namespace
}  // namespace attend::testing
