#include "attend/run/rerank.h"
#include "attend/models/rnn_seq2seq.h"
#include "attend/run/translator.h"

#include "attend/measure/text_scores.h"
#include "models/search_checks.h"

namespace attend::testing {
namespace {

std::shared_ptr<Tokenizer> word_list(TokenizerOptions& options, const std::string& pieces) {
  options.kind = "words";
  return load_tokenizer(options, "<unk>\n<pad>\n<s>\n</s>\n" + pieces);
}

TranslationModel reranked_model(const ModelOptions& options, const std::string& from = "one\ntwo\nthree\n",
                                const std::string& to = "un\ndeux\ntrois\n") {
  TranslationModel m;
  m.model = options;
  if (model_kind(options.type).reads == Matter::kText) m.source = word_list(m.text.source, from);
  m.target = word_list(m.text.target, to);
  m.network = search_model(options);
  favour(*m.network, SpecialIds().end, -1);
  return m;
}

RerankOptions options_with(double alpha, double beta) {
  RerankOptions o;
  o.search = plain_search(5, 5, 4);
  o.search.length_penalty = alpha;
  o.search.coverage_penalty = beta;
  o.search.allow_unknown = true;
  return o;
}

const std::vector<std::string> kTexts{"one two", "three", "", "two one three one two"};

std::vector<std::size_t> as_found(std::size_t n) {
  std::vector<std::size_t> order(n);
  for (std::size_t i = 0; i < n; ++i) order[i] = i;
  return order;
}

// A draft stands behind the source in a record; neither coverage nor entropy may count it.
TEST(Reranker, OfAModelThatRevisesReadsTheSourceAndNotTheDraft) {
  auto model = rnn_options();
  model.of<ReviseOptions>().revise = true;
  const Translator translator(reranked_model(model));
  const auto o = options_with(0.6, 0);
  const auto lists = Reranker(translator, o).candidates(kTexts);
  const auto found = translator.translate(kTexts, o.search, {.record = true});
  for (std::size_t i = 0; i < kTexts.size(); ++i) {
    if (kTexts[i].empty()) continue;
    const auto& record = *found[i].record;
    const auto part = record.part(ColumnAxis::kSource);
    ASSERT_EQ(part.end, record.data().source.tokens.size() - record.part(ColumnAxis::kDraft).end + record.part(ColumnAxis::kDraft).begin);
    ASSERT_LT(part.end, record.data().source.tokens.size());
    for (std::size_t n = 0; n < found[i].best.size(); ++n) {
      const auto weights = record.map(record.find_map("decoder.attention", 0), 0, n);
      std::vector<double> sums(part.end, 0.0);
      for (std::uint32_t t = 0; t < weights.rows; ++t)
        for (std::uint32_t s = 0; s < part.end; ++s) sums[s] += weights.at(t, s);
      EXPECT_NEAR(lists[i][n].features[1], coverage_term(sums), 1e-9);
      EXPECT_LE(lists[i][n].features[2], std::log(static_cast<double>(part.end)) + 1e-6);  // nat, over the source's tokens
    }
  }
}

class Rerankers : public ::testing::TestWithParam<const char*> {
 protected:
  const Translator translator_{reranked_model(std::string_view(GetParam()) == "transformer" ? transformer_options() : rnn_options())};
};

TEST_P(Rerankers, KeepTheSearchsOrderByTheSearchsOwnPenalties) {
  for (const auto& [alpha, beta] : {std::pair{0.0, 0.0}, std::pair{0.7, 0.0}, std::pair{0.7, 0.3}}) {
    const auto o = options_with(alpha, beta);
    const auto found = translator_.translate(kTexts, o.search);
    const auto lists = Reranker(translator_, o).candidates(kTexts);
    ASSERT_EQ(lists.size(), kTexts.size());
    for (std::size_t i = 0; i < lists.size(); ++i) {
      ASSERT_EQ(lists[i].size(), found[i].best.size());
      const RerankWeights weights{{"coverage", beta}};
      EXPECT_EQ(rerank(lists[i], weights), as_found(lists[i].size())) << i;
      for (std::size_t n = 0; n < lists[i].size(); ++n)
        EXPECT_NEAR(rerank_score(lists[i][n], weights), found[i].best[n].score, 1e-4) << i << " " << n;
    }
  }
}

TEST_P(Rerankers, JudgeAHypothesisByItsOwnAttention) {
  const auto o = options_with(0, 0);
  const auto lists = Reranker(translator_, o).candidates(kTexts);
  const auto found = translator_.translate(kTexts, o.search);
  for (const std::size_t i : {std::size_t{0}, std::size_t{3}})
    for (std::size_t n = 0; n < lists[i].size(); ++n) {
      const std::vector<std::string> source{kTexts[i]}, target{found[i].best[n].text};
      if (found[i].best[n].text.find("<unk>") != std::string::npos) continue;
      const auto forced = translator_.score(source, target, {.record = true})[0];
      const auto& data = forced.record->data();
      const bool layered = data.model == "transformer";
      const auto weights =
          forced.record->mean_map(forced.record->find_map(layered ? "decoder.cross" : "decoder.attention", layered ? 1 : 0));
      std::vector<double> coverage(weights.cols, 0.0);
      double entropy = 0;
      for (std::uint32_t t = 0; t < weights.rows; ++t)
        for (std::uint32_t s = 0; s < weights.cols; ++s) {
          coverage[s] += weights.at(t, s);
          entropy -= weights.at(t, s) * std::log(weights.at(t, s)) / weights.rows;
        }
      EXPECT_NEAR(lists[i][n].features[1], coverage_term(coverage), 1e-3);
      EXPECT_NEAR(lists[i][n].features[2], entropy, 1e-4);
    }
}

TEST_P(Rerankers, CountUnknownWordsAndAskOtherModels) {
  const Translator reverse(reranked_model(rnn_options(), "un\ndeux\ntrois\n", "one\ntwo\nthree\n"));
  auto lm_options = rnn_options();
  lm_options.type = "rnn_lm";
  lm_options.attention = "none";
  const Runner language_model(reranked_model(lm_options));
  auto o = options_with(0.5, 0);
  const auto lists = Reranker(translator_, o, &reverse, &language_model).candidates(kTexts);
  std::size_t unknown = 0, compared = 0;
  for (std::size_t i = 0; i < lists.size(); ++i)
    for (const auto& candidate : lists[i]) {
      const auto count = static_cast<double>(translator_.writer().target->encode(candidate.text).size());
      EXPECT_LE(candidate.features[3], count);
      unknown += candidate.features[3] > 0;
      EXPECT_LT(candidate.features[5], 0);
      if (candidate.text.empty() || kTexts[i].empty()) continue;
      ++compared;
      const std::vector<std::string> source{candidate.text}, target{kTexts[i]};
      EXPECT_NEAR(candidate.features[4], reverse.score(source, target)[0].best[0].log_prob, 1e-4);
    }
  EXPECT_GT(unknown, 0u);
  EXPECT_GT(compared, 5u);
  const Runner translating(reranked_model(rnn_options()));
  expect_error(ErrorKind::kValue, {"rerank", "language model", "generate"}, [&] { Reranker(translator_, o, nullptr, &translating); });
}

INSTANTIATE_TEST_SUITE_P(Models, Rerankers, ::testing::Values("rnn_seq2seq", "transformer"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST(Rerank, SortsByTheWeightedSumAndTiesKeepTheirOrder) {
  const CandidateList list{{"a", {-1, 0, 2, 0, 0, 0}}, {"b", {-2, 0, 0, 0, 0, 0}}, {"c", {-1, 0, 2, 1, 0, 0}}};
  EXPECT_EQ(rerank(list, {}), (std::vector<std::size_t>{0, 2, 1}));
  EXPECT_EQ(rerank(list, {{"entropy", -1}}), (std::vector<std::size_t>{1, 0, 2}));
  EXPECT_EQ(rerank(list, {{"unknown", 0.5}}), (std::vector<std::size_t>{2, 0, 1}));
  expect_error(ErrorKind::kUnknownName, {"rerank feature", "entropie", "entropy"}, [&] { rerank(list, {{"entropie", 1}}); });
}

// With α = 1 and long texts the score is six times the mean log-probability, so both sort alike.
TEST(Rerank, LongTextsAreRankedByTheirMean) {
  CandidateList list;
  std::vector<double> means;
  for (int n = 0; n < 5; ++n) {
    const double length = 400 + 100 * n, log_prob = -length * (1 + 0.1 * ((n * 3) % 5));
    means.push_back(log_prob / length);
    list.push_back({std::to_string(n), {log_prob / length_penalty(1, static_cast<std::size_t>(length)), 0, 0, 0, 0, 0}});
    EXPECT_NEAR(list.back().features[0], 6 * means.back(), 0.2);
  }
  const auto order = rerank(list, {});
  for (std::size_t i = 1; i < order.size(); ++i) EXPECT_GE(means[order[i - 1]], means[order[i]]);
}

TEST(TuneWeights, FindTheFeatureThatTellsRightFromWrong) {
  std::vector<CandidateList> lists;
  std::vector<std::string> references;
  for (int i = 0; i < 20; ++i) {
    const double doubt = 0.2 + 0.05 * i;
    lists.push_back({{"wrong", {-1, 0, doubt, 0, 0, 0}}, {"right", {-1 - 0.4 * doubt, 0, 0, 0, 0, 0}}});
    references.emplace_back("right");
  }
  const auto exact = [&](std::span<const std::string> texts) {
    ExactMatch match;
    for (std::size_t i = 0; i < texts.size(); ++i) match.add(texts[i], references[i]);
    return match.share().value();
  };
  const std::vector<std::string> tuned{"coverage", "entropy"};
  const auto weights = tune_weights(lists, {}, tuned, exact);
  EXPECT_LT(weights.at("entropy"), -0.4);
  for (const auto& list : lists) EXPECT_EQ(list[rerank(list, weights)[0]].text, "right");
  EXPECT_FALSE(weights.contains("coverage"));
  const std::vector<std::string> useless{"coverage"};
  EXPECT_TRUE(tune_weights(lists, {}, useless, exact).empty());
}

}  // namespace
}  // namespace attend::testing
