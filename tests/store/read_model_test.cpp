// Reading a model folder: what is damaged, missing, too large or of another kind is named before it is used.
#include <sys/stat.h>

#include "attend/attention/dot.h"
#include "attend/attention/scaled_dot.h"
#include "attend/models/masked_lm.h"
#include "store/folders.h"
#include "support/expect_error.h"

namespace attend::testing {
namespace {

TEST(ReadModel, NamesWhatIsMissing) {
  for (const auto* name : {"config.yaml", "source.vocabulary", "target.vocabulary", "weights.safetensors"}) {
    const Folder folder;
    fs::remove(folder / name);
    EXPECT_ERROR(read_any_model(folder.path), kFile, name);
  }
}

TEST(ReadModel, RefusesCutOffWeights) {
  const Folder folder;
  fs::resize_file(folder / "weights.safetensors", fs::file_size(folder / "weights.safetensors") - 4);
  EXPECT_ERROR(read_any_model(folder.path), kData, "weights.safetensors");
}

TEST(ReadModel, RefusesAnotherMajorVersionNamingBoth) {
  const Folder folder;
  const auto manifest = folder / "manifest.json";
  auto content = read_file(manifest);
  const auto at = content.find('1', content.find("\"version\""));
  content[at] = '2';
  std::ofstream(manifest, std::ios::binary) << content;
  expect_error(ErrorKind::kData, {"manifest.json", "format version 2", "reads 1", "use the attend that wrote it"},
               [&] { read_any_model(folder.path); });
  expect_error(ErrorKind::kData, {"format version 2"}, [&] { verify_model(folder.path); });
}

TEST(ReadModel, RefusesWhatIsNoManifest) {
  for (const auto* content :
       {"", "{", "[]", "{\"format\": 3}", "{\"format\": \"attend.model\", \"version\": [1, 0], \"files\": {\"a\": {}}}",
        "{\"format\": \"attend.model\", \"version\": \"1.0\", \"files\": {}}"}) {
    const Folder folder;
    std::ofstream(folder / "manifest.json", std::ios::binary) << content;
    EXPECT_ERROR(read_any_model(folder.path), kData, "manifest.json") << content;
  }
  const Folder folder;
  edit(folder / "manifest.json", "attend.model", "attend.other");
  expect_error(ErrorKind::kData, {"expected format attend.model", "attend.other"}, [&] { read_any_model(folder.path); });
}

TEST(ReadModel, RefusesWeightsOfAnotherShape) {
  const Folder folder;
  edit(folder / "config.yaml", "hidden: 6", "hidden: 7");
  seal(folder.path);
  expect_error(ErrorKind::kData, {"weights.safetensors", "[", "the configuration asks for", "do not belong together"},
               [&] { read_any_model(folder.path); });
}

TEST(ReadModel, RefusesTensorsTooManyOrTooFew) {
  {
    const Folder folder;  // a cell without biases has no place for them
    edit(folder / "config.yaml", "recurrent_bias: true", "recurrent_bias: false");
    seal(folder.path);
    expect_error(ErrorKind::kData, {"weights.safetensors", "holds '", "bias", "no place"}, [&] { read_any_model(folder.path); });
  }
  const Folder folder;
  edit(folder / "config.yaml", "decoder_layers: 1", "decoder_layers: 2");
  seal(folder.path);
  expect_error(ErrorKind::kData, {"weights.safetensors"}, [&] { read_any_model(folder.path); });
}

TEST(ReadModel, RefusesUnknownOptionsOfTheModel) {
  const Folder folder;
  edit(folder / "config.yaml", "recurrent_bias:", "recurent_bias:");
  seal(folder.path);
  expect_error(ErrorKind::kUnknownName, {"config.yaml", "recurent_bias", "recurrent_bias"}, [&] { read_any_model(folder.path); });
}

// Their configuration has no such key, and they were trained unscaled.
TEST(ReadModel, LeavesTransformersOfBeforeUnscaled) {
  const TempFolder temp;
  auto m = example("transformer");
  m.model.attention = "dot";
  m.model.of<ScalingOptions>().scaling = "none";
  m.network = make_model(m.model, m.source->size(), m.target->size());
  m.network->eval();
  const auto path = temp / "model";
  write_model(path, m, config_of(m));
  edit(path + "/config.yaml", "  score_scaling: none", "  #");
  seal(path);
  const auto read = as_seq2seq(read_any_model(path), "m");
  EXPECT_EQ(read.model.of<ScalingOptions>().scaling, "none");
  EXPECT_TRUE(same(answer(read), answer(m)));
}

// What a stack shares is stored once, and what is set is read back.
TEST(ReadModel, KeepsTheOptionsOfBlocks) {
  const TempFolder temp;
  auto m = example("transformer");
  auto& o = m.model;
  o.of<TransformerOptions>().positions = "relative_bias";
  o.of<RelativeBiasOptions>().shared = true;
  o.of<RelativeBiasOptions>().buckets = 4;
  o.of<RelativeBiasOptions>().farthest = 3;
  o.of<ProjectionOptions>().head_size = 6;
  o.of<ProjectionOptions>().key_bias = false;
  o.of<ScaledDotOptions>().scale = 1;
  o.of<BlockOptions>().norm_kind = "rms";
  o.of<BlockOptions>().norm_epsilon = 1e-6;
  o.of<BlockOptions>().activation = "gelu_tanh";
  o.of<BlockOptions>().gated = true;
  o.of<EmbeddingNormOptions>().embedding_norm = true;
  m.network = make_model(o, m.source->size(), m.target->size());
  fill_parameters(*m.network, 0.4);
  m.network->to(at::kFloat);
  m.network->eval();
  write_model(temp / "model", m, config_of(m));
  const auto read = as_seq2seq(read_any_model(temp / "model"), "m");
  EXPECT_EQ(to_yaml(list_options(read.model)), to_yaml(list_options(o)));
  expect_same_bits(named_weights(*read.network), named_weights(*m.network));
  EXPECT_TRUE(same(answer(read), answer(m)));
}

TEST(ReadModel, AnEncoderAloneIsForPrograms) {
  const TempFolder temp;
  const auto m = example("transformer");
  AnyModel filler = any_model(m);
  filler.model.type = "masked_lm";
  filler.target = nullptr;
  filler.network = make_network(filler.model, m.source->size(), 0);
  write_model(temp / "model", filler, to_yaml(list_options(ModelSections{filler.model, filler.text})));
  EXPECT_TRUE(std::dynamic_pointer_cast<MaskedLm>(read_any_model(temp / "model").network));
  expect_error(ErrorKind::kValue, {"masked_lm reads a text and gives its masked words", "attend::MaskedLm"},
               [&] { as_seq2seq(read_any_model(temp / "model"), "m"); });
  expect_error(ErrorKind::kValue, {"masked_lm", "attend::MaskedLm"}, [&] { as_answerer(read_any_model(temp / "model"), "m"); });
}

TEST(ReadModel, ComparesChecksumsBeforeAnythingIsUsed) {
  for (const auto* name : {"config.yaml", "source.vocabulary", "target.vocabulary", "weights.safetensors"}) {
    const Folder folder;
    auto content = read_file(folder / name);
    content.back() = static_cast<char>(content.back() ^ 1);  // of the weights the last one: a number like any other
    std::ofstream(folder / name, std::ios::binary) << content;
    expect_error(ErrorKind::kData, {name, "its checksum differs", "use another checkpoint", "--no-verify"},
                 [&] { read_any_model(folder.path); });
  }
  const Folder folder;
  auto content = read_file(folder / "weights.safetensors");
  content.back() = static_cast<char>(content.back() ^ 1);
  std::ofstream(folder / "weights.safetensors", std::ios::binary) << content;
  verify_when_loading(false);
  EXPECT_NO_THROW(read_any_model(folder.path));
  verify_when_loading(true);
}

TEST(ReadModel, OldFoldersWithoutChecksumsAreRead) {
  const Folder folder;
  auto manifest = parse_json(read_file(folder / "manifest.json"), "manifest");
  for (auto& [name, about] : manifest["files"].items()) about.erase("xxh3_128");
  std::ofstream(folder / "manifest.json", std::ios::binary) << manifest.dump();
  EXPECT_NO_THROW(read_any_model(folder.path));
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
    expect_error(ErrorKind::kData, {"manifest.json", "is no file of its folder"}, [&] { read_any_model(folder.path); });
  }
}

TEST(ReadModel, TakesNoMemoryForWhatTheWeightsCannotFill) {
  const Folder folder;
  edit(folder / "config.yaml", "hidden: 6", "hidden: 65536");
  seal(folder.path);
  expect_error(ErrorKind::kValue, {"weights.safetensors: holds", "the model of config.yaml is larger", "do not belong together"},
               [&] { read_any_model(folder.path); });
}

TEST(ReadModel, AVocabularyOfMoreLinesThanTheWeightsHaveRows) {
  const Folder folder;
  std::string lines = read_file(folder / "source.vocabulary");
  for (int i = 0; i < 200'000; ++i) lines += fmt::format("word{}\n", i);
  std::ofstream(folder / "source.vocabulary", std::ios::binary) << lines;
  seal(folder.path);
  expect_error(ErrorKind::kData, {"source.vocabulary: has 200006 lines, but no tensor"}, [&] { read_any_model(folder.path); });
}

TEST(ReadModel, PipesInTheFolderAreRefused) {
  for (const auto* name : {"config.yaml", "source.vocabulary", "weights.safetensors", "manifest.json"}) {
    const Folder folder;
    fs::remove(folder / name);
    ASSERT_EQ(::mkfifo((folder / name).c_str(), 0600), 0);
    verify_when_loading(false);  // sizes alone would tell
    expect_error(ErrorKind::kFile, {name, "expected a regular file, got a pipe or device"}, [&] { read_any_model(folder.path); });
    verify_when_loading(true);
    EXPECT_THROW(read_any_model(folder.path), Error);
  }
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
  expect_same_bits(named_weights(*read_any_model(temp / "run").network), named_weights(*m.network));
  std::ofstream(temp / "file") << "x";
  EXPECT_ERROR(find_model_folder(temp / "file"), kFile, "not a model");
  std::filesystem::create_directory(temp / "bert");
  std::ofstream(temp / "bert/config.json") << "{}";
  EXPECT_ERROR(find_model_folder(temp / "bert"), kFile, "it has no manifest.json");
  std::ofstream(temp / "bert/pytorch_model.bin") << "x";
  EXPECT_ERROR(find_model_folder(temp / "bert"), kFile,
               "a pretrained model in the form of Hugging Face (config.json beside pytorch_model.bin)");
}

}  // namespace
}  // namespace attend::testing
