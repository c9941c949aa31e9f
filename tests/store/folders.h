#pragma once
// A small model folder to read, damage and write anew.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "attend/attention/multi_head.h"
#include "attend/core/files.h"
#include "attend/core/json.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/transformer_options.h"
#include "attend/store/model_folder.h"
#include "support/temp_folder.h"
#include "support/tensors.h"

namespace attend::testing {

namespace fs = std::filesystem;

// As training writes it, with a section that is none of the model's business.
inline std::string config_of(const TranslationModel& m) {
  return to_yaml(list_options(ModelSections{m.model, m.text})) + "train:\n  steps: 7\n";
}

inline TranslationModel example(const std::string& type, bool shared = false) {
  TranslationModel m;
  m.model.type = type;
  m.model.embedding = 8;
  m.model.of<HiddenOptions>().hidden = m.model.of<ReadingOptions>().encoder_hidden = m.model.of<TransformerOptions>().feed_forward = 6;
  m.model.of<HeadOptions>().heads = 2;
  if (type == "transformer") m.model.attention = "multi_head";
  m.text.shared = shared;
  m.text.source.kind = "words";
  m.text.target.kind = "characters";
  const std::string source = "<unk>\n<pad>\n<s>\n</s>\nhouse\ntree\n", target = "<unk>\n<pad>\n<s>\n</s>\n家\n树\n木\n";
  m.source = load_tokenizer(m.text.source, source);
  m.target = shared ? m.source : load_tokenizer(m.text.target, target);
  if (shared) {
    m.model.of<TiedOptions>().tied = "all";
    if (type == "rnn_seq2seq") m.model.embedding = m.model.of<HiddenOptions>().hidden;
  }
  at::manual_seed(11);
  m.network = make_model(m.model, m.source->size(), m.target->size());
  m.network->eval();
  return m;
}

inline void expect_same_bits(const NamedTensors& got, const NamedTensors& expected) {
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

inline at::Tensor answer(const TranslationModel& m) {
  at::NoGradGuard no_grad;
  const auto source = at::tensor({4, 5, 3}, at::kLong).unsqueeze(0), lengths = at::full({1}, 3, at::kLong);
  const auto encoded = m.network->encode(source, lengths, nullptr);
  return m.network->logits(m.network->decode(*encoded, at::tensor({2, 4, 5}, at::kLong).unsqueeze(0), lengths, nullptr));
}

// Writes the manifest anew, as whoever made such a folder would have.
inline void seal(const std::string& folder) {
  auto manifest = parse_json(read_file(folder + "/manifest.json"), "manifest");
  for (auto& [name, about] : manifest["files"].items())
    about = {{"bytes", fs::file_size(folder + "/" + name)}, {"xxh3_128", checksum_file(folder + "/" + name)}};
  std::ofstream(folder + "/manifest.json", std::ios::binary) << manifest.dump();
}

// Replaces one piece of text in a file.
inline void edit(const std::string& path, const std::string& from, const std::string& to) {
  auto content = read_file(path);
  const auto at = content.find(from);
  ASSERT_NE(at, std::string::npos) << from << " in " << path;
  content.replace(at, from.size(), to);
  std::ofstream(path, std::ios::binary) << content;
}

struct Folder {
  TempFolder temp;
  std::string path = temp / "model";
  Folder() {
    const auto m = example("rnn_seq2seq");
    write_model(path, m, config_of(m), [](const std::string& inside) { std::ofstream(inside + "/extra.txt") << "more\n"; });
  }
  std::string operator/(const std::string& name) const { return path + "/" + name; }
};

inline std::map<std::string, std::string> problems(const std::string& path) {
  std::map<std::string, std::string> found;
  for (const auto& check : verify_model(path)) {
    EXPECT_EQ(check.sound, check.problem.empty());
    if (!check.sound) found[check.name] = check.problem;
  }
  return found;
}

}  // namespace attend::testing
