// Who reads which options: what a model visits is what it reads, and a key of another is refused by name.
#include <gtest/gtest.h>

#include "attend/models/recurrent_options.h"
#include "attend/models/rnn_seq2seq.h"
#include "attend/models/seq2seq.h"
#include "attend/models/transformer_options.h"
#include "support/expect_error.h"

namespace attend::testing {
namespace {

ModelOptions given(const std::string& yaml) {
  ModelOptions o;
  assign(o, parse_config(yaml, "model.yaml"));
  return o;
}

std::set<std::string> keys_of(const ModelOptions& o) {
  std::set<std::string> keys;
  for (const auto& field : list_options(o).fields) keys.insert(field.key);
  return keys;
}

// Each model small, and some of the choices that bring in more.
std::vector<std::string> small_models() {
  std::vector<std::string> all;
  for (const auto& type : model_names()) all.push_back("type: " + type + "\nembedding: 8\n");
  for (const auto* more : {"attention: none\nfixed_context: true", "attention: local_m", "attention: local_p", "attention: soft_psi",
                           "attention: hard\nscore: additive", "attention: multi_head\nhead_attention: coverage", "timing: before",
                           "revise: true", "pointer_generator: true", "bidirectional: false", "output_attention: true"})
    all.push_back(std::string("type: rnn_seq2seq\nembedding: 8\n") + more + "\n");
  for (const auto* more : {"attention: grouped_query", "attention: additive", "attention: knn", "positions: rotary", "positions: learned",
                           "positions: relative", "positions: relative_bias", "positions: alibi", "self_attention: local_m",
                           "layer_attention: [coverage]", "pointer_generator: true", "norm: post"})
    all.push_back(std::string("type: transformer\nembedding: 8\n") + more + "\n");
  for (const auto* encoder : {"recurrent", "transformer", "universal", "adaptive"})
    for (const auto* pooling : {"attention_pooling", "mean", "first"})
      all.push_back(fmt::format("type: encoder_classifier\nembedding: 8\nencoder: {}\npooling: {}\n", encoder, pooling));
  for (const auto* reader : {"attention_over_attention", "question_to_doc", "doc_to_question"})
    all.push_back(fmt::format("type: reader\nembedding: 8\nreader: {}\n", reader));
  all.emplace_back("type: encoder_classifier\nembedding: 8\nwhole: true\n");
  all.emplace_back("type: captioner\nembedding: 8\nconvolutions: 0\nencoder: universal\n");
  all.emplace_back("type: patch_classifier\nembedding: 8\npositions: learned\n");
  return all;
}

// Read, but neither visited nor set by the model itself: a setting that no configuration could reach. Visited, but not read while it is
// built: a key that is swallowed.
TEST(OptionsOfModels, WhatIsVisitedIsWhatIsRead) {
  for (const auto& yaml : small_models()) {
    SCOPED_TRACE(yaml);
    auto options = given(yaml);
    ListVisitor listed;
    options.visit(listed);
    const auto resolved = [&] {
      auto copy = options;
      copy.attention = attention_of(options);
      return copy;
    }();
    OptionSet::Watch watch;
    find_model(options.type).make(resolved, 9, 9);
    for (const auto& type : watch.read)
      EXPECT_TRUE(listed.met().contains(type) || watch.written.contains(type)) << "read and not visited: " << type.name();
    for (const auto& type : listed.met())
      EXPECT_TRUE(watch.read.contains(type) || watch.written.contains(type) || listed.passed_over().contains(type))
          << "visited and not read: " << type.name();
  }
}

TEST(OptionsOfModels, AKeyOfAnotherIsRefusedByName) {
  const std::vector<std::array<const char*, 3>> cases{
      {"type: transformer\nrevise: true", "revise is not read with type: transformer", "type: rnn_seq2seq"},
      {"type: rnn_lm\npointer_generator: true", "pointer_generator is not read with type: rnn_lm", "type: rnn_seq2seq or transformer"},
      {"type: transformer\ntoken_types: 2", "token_types is not read with type: transformer", "masked_lm"},
      {"type: encoder_classifier\ntoken_types: 2", "token_types is not read with", "encoder: transformer or universal"},
      {"fixed_context: true", "fixed_context is not read with attention: auto", "attention: none"},
      {"context_gate: true", "context_gate is not read with timing: after", "timing: before"},
      {"norm: post", "norm is not read with type: rnn_seq2seq", "transformer"},
      {"memory_rows: 9", "memory_rows is not read with type: rnn_seq2seq", "type: ntm_model"},
      {"window: 3", "window is not read with attention: auto", "attention: local_m, local_p or local_rnn"},
      {"attention: local_m\nhard_test: soft", "hard_test is not read with attention: local_m", "gumbel, gumbel_st, hard or hard_st"},
      {"type: rnn_lm\nattention: additive", "attention is not read with type: rnn_lm", "transformer"},
  };
  for (const auto& [yaml, said, readers] : cases) {
    SCOPED_TRACE(yaml);
    try {
      given(yaml);
      ADD_FAILURE() << "nothing was refused";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kValue);
      EXPECT_NE(std::string(e.what()).find(said), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find(readers), std::string::npos) << e.what();
    }
  }
  EXPECT_ERROR(given("widnow: 3"), kUnknownName, "did you mean 'window'");
}

// Options of versions that wrote everybody's are passed over where nobody reads them; what no version knows is not.
TEST(OptionsOfModels, StoredKeysOfOthersArePassedOver) {
  auto values = parse_config("type: transformer\nmemory_rows: 9\nfeed_forward: 12\n", "config.yaml");
  for (auto& [key, value] : values) value.stored = true;
  ModelOptions o;
  assign(o, values);
  EXPECT_EQ(o.of<TransformerOptions>().feed_forward, 12);
  EXPECT_FALSE(keys_of(o).contains("memory_rows"));
  values["memory_rose"] = {.texts = {"9"}, .where = "config.yaml:4", .stored = true};
  EXPECT_ERROR(assign(o, values), kUnknownName, "unknown key 'memory_rose'");
}

TEST(OptionsOfModels, AConfigurationHoldsWhatAppliesAndComesBack) {
  for (const auto& yaml : small_models()) {
    SCOPED_TRACE(yaml);
    const auto written = to_yaml(list_options(given(yaml)));
    EXPECT_EQ(to_yaml(list_options(given(written))), written);
  }
  const auto keys = keys_of(given("attention: local_m"));
  for (const auto* key : {"window", "local_clamp", "score", "hidden", "bridge"}) EXPECT_TRUE(keys.contains(key)) << key;
  for (const auto* key : {"local_renorm", "knn_keys", "norm", "memory_rows", "picture_width", "hops", "energy", "heads"})
    EXPECT_FALSE(keys.contains(key)) << key;
  EXPECT_TRUE(keys_of(given("attention: local_m\nscore: additive")).contains("energy"));
}

// What is said of the inside of heads concerns the attention to the source; layers that read themselves have none of it.
TEST(OptionsOfModels, InsideOfHeadsIsOfTheSourceAlone) {
  EXPECT_TRUE(keys_of(given("type: transformer")).contains("head_attention"));
  EXPECT_FALSE(keys_of(given("type: transformer_lm")).contains("head_attention"));
  EXPECT_TRUE(keys_of(given("type: transformer\nhead_attention: local_m")).contains("window"));
}

}  // namespace
}  // namespace attend::testing
