// The model folder: written and read bit for bit, and verified file by file; tensors alone.
#include "attend/store/model_folder.h"

#include <filesystem>
#include <fstream>

#include "attend/core/files.h"
#include "store/folders.h"
#include "support/expect_error.h"

namespace attend::testing {
namespace {

class Folders : public ::testing::TestWithParam<const char*> {};

TEST_P(Folders, RoundTripBitForBit) {
  const TempFolder temp;
  for (const bool shared : {false, true}) {
    const auto written = example(GetParam(), shared);
    const auto folder = temp / (shared ? "shared" : "apart");
    write_model(folder, written, config_of(written));
    const auto read = as_seq2seq(read_any_model(folder), "m");
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
