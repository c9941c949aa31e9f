// One class runs every kind of model: what it refuses, what it leaves alone, precision, threads, vocabularies from elsewhere.
#include "attend/run/runner.h"

#include <set>
#include <thread>

#include "attend/run/translator.h"
#include "attend/run/windows.h"
#include "models/search_checks.h"

namespace attend::testing {
namespace {

std::shared_ptr<Tokenizer> word_lines(TokenizerOptions& options, const std::string& lines) {
  options.kind = "words";
  return load_tokenizer(options, lines);
}

TranslationModel runnable(const ModelOptions& options) {
  TranslationModel m;
  m.model = options;
  m.source = word_lines(m.text.source, "<unk>\n<pad>\n<s>\n</s>\none\ntwo\nthree\n");
  m.target = word_lines(m.text.target, "<unk>\n<pad>\n<s>\n</s>\nun\ndeux\ntrois\n");
  m.network = search_model(options);
  return m;
}

const std::vector<std::string> kLines{"one two", "", "three one one two", "two", "zero three"};

std::vector<std::string> texts_of(const std::vector<Translated>& results) {
  std::vector<std::string> texts;
  for (const auto& result : results)
    for (const auto& best : result.best) texts.push_back(best.text);
  return texts;
}

TEST(Runners, RefuseANetworkThatIsBeingTrained) {
  const auto m = runnable(rnn_options());
  m.network->train();
  EXPECT_ERROR(Runner{m}, kValue, "rnn_seq2seq: the network is in training mode");
  EXPECT_TRUE(m.network->is_training());  // it is the caller's
}

TEST(Runners, RefuseWhatTheModelDoesNotDo) {
  const Runner runner(runnable(rnn_options()));
  EXPECT_ERROR(runner.generate("", 0, 1, {}), kValue,
               "rnn_seq2seq: a model of type rnn_seq2seq reads a text and gives a text; use attend translate");
  EXPECT_ERROR(runner.predict({}, 8), kValue, "use attend translate");
  EXPECT_ERROR(runner.answerer(), kValue, "use attend translate");
  auto o = rnn_options();
  o.type = "rnn_lm";
  o.attention = "none";
  const auto language_model = runnable(o);
  EXPECT_ERROR(Translator{language_model}, kValue, "use attend generate");
  const Runner writes(language_model);
  EXPECT_ERROR(writes.score(kLines, kLines), kValue, "use attend generate");
}

TEST(Runners, RoundAWholeCopyAndNotTheNetworkThatTheyWereGiven) {
  for (const auto& options : {rnn_options(), transformer_options()}) {
    SCOPED_TRACE(options.type);
    const auto m = runnable(options);
    RunnerOptions rounded;
    rounded.precision = "bfloat16";
    const auto state = at::globalContext().defaultGenerator(at::kCPU).get_state();
    const Runner exact(m), near(m, rounded);
    EXPECT_TRUE(same(at::globalContext().defaultGenerator(at::kCPU).get_state(), state));  // making a copy draws nothing of others'
    std::size_t narrow = 0, all = 0;
    for (const auto& p : near.model().network->named_parameters()) {
      all += static_cast<std::size_t>(p.value().numel());
      if (p.value().scalar_type() == at::kBFloat16) narrow += static_cast<std::size_t>(p.value().numel());
    }
    EXPECT_GT(narrow, all / 2);
    for (const auto& p : m.network->named_parameters()) EXPECT_EQ(p.value().scalar_type(), at::kFloat) << p.key();
    const std::vector<std::string> targets{"un deux", "", "trois un", "deux deux", "un"};
    const auto a = exact.score(kLines, targets), b = near.score(kLines, targets, {.record = true});
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const auto count = static_cast<double>(std::max<std::size_t>(a[i].best[0].tokens.size(), 1));
      // A token of log-probability −10 has logits of that size, which bfloat16 rounds by some hundredths at every layer.
      const auto given = a[i].best[0].log_prob / count;
      EXPECT_NEAR(given, b[i].best[0].log_prob / count, 0.3 + 0.15 * std::abs(given));
      largest = std::max(largest, std::abs(a[i].best[0].log_prob - b[i].best[0].log_prob));
    }
    EXPECT_GT(largest, 1e-5);  // else nothing was rounded
    EXPECT_TRUE(b[0].record);
  }
}

TEST(Runners, AreSharedByThreads) {
  for (const auto& options : {rnn_options(), transformer_options()}) {
    const Runner runner(runnable(options));
    const auto search = plain_search(3, 2, 5);
    const auto alone = texts_of(runner.translate(kLines, search));
    std::vector<std::vector<std::string>> said(4);
    std::vector<std::thread> threads;
    for (auto& own : said)
      threads.emplace_back([&runner, &search, &own] {
        at::set_num_threads(1);
        for (int i = 0; i < 5; ++i) own = texts_of(runner.translate(kLines, search, {.record = true}));
      });
    for (auto& thread : threads) thread.join();
    for (const auto& own : said) EXPECT_EQ(own, alone);
  }
}

// The same model with both vocabularies in another order, special tokens among them, and its tables' rows in that order.
TranslationModel reordered(const TranslationModel& m, const std::vector<std::int64_t>& order) {
  at::NoGradGuard no_grad;
  TranslationModel other;
  other.model = m.model;
  const auto listed = [&](const Tokenizer& tokenizer) {
    std::string lines;
    for (const auto id : order) lines += tokenizer.piece(static_cast<std::int32_t>(id)) + "\n";
    return lines;
  };
  other.source = word_lines(other.text.source, listed(*m.source));
  other.target = word_lines(other.text.target, listed(*m.target));
  other.network = search_model(m.model);
  other.network->set_unknown(other.target->special().unknown);
  const auto rows = at::tensor(at::ArrayRef<std::int64_t>(order), at::kLong);
  auto to = other.network->named_parameters();
  for (const auto& p : m.network->named_parameters()) {
    const bool by_token = p.value().dim() > 0 && p.value().size(0) == kVocabulary &&
                          (p.key().find("embedding") != std::string::npos || p.key().starts_with("output_"));
    to[p.key()].copy_(by_token ? p.value().index_select(0, rows) : p.value());
  }
  return other;
}

TEST(Runners, ReadSpecialTokensWhereverTheirVocabulariesHaveThem) {
  std::vector<ModelOptions> all{rnn_options(), transformer_options(), rnn_options(), transformer_options()};
  for (std::size_t i = 2; i < 4; ++i) all[i].of<CopyOptions>().pointer_generator = true;
  for (const auto& options : all) {
    SCOPED_TRACE(fmt::format("{}{}", options.type, options.of<CopyOptions>().pointer_generator ? ", copying" : ""));
    const auto usual = runnable(options);
    favour(*usual.network, SpecialIds().end, 1);
    const auto moved = reordered(usual, {5, 3, 6, 1, 0, 4, 2});  // </s> is 1, <pad> 3, <unk> 4, <s> 6
    ASSERT_EQ(moved.target->special(), (SpecialIds{.unknown = 4, .pad = 3, .begin = 6, .end = 1}));
    auto search = plain_search(3, 3, 6);
    search.allow_unknown = true;
    const auto a = Runner(usual).translate(kLines, search, {.record = true}), b = Runner(moved).translate(kLines, search, {.record = true});
    std::set<std::size_t> lengths;
    for (std::size_t i = 0; i < kLines.size(); ++i) {
      ASSERT_EQ(a[i].best.size(), b[i].best.size());
      for (std::size_t n = 0; n < a[i].best.size(); ++n) {
        EXPECT_EQ(a[i].best[n].text, b[i].best[n].text) << kLines[i];
        EXPECT_NEAR(a[i].best[n].log_prob, b[i].best[n].log_prob, kOtherOrder);
        lengths.insert(a[i].best[n].tokens.size());
      }
      if (kLines[i].empty()) continue;
      const auto &x = a[i].record->data(), &y = b[i].record->data();
      EXPECT_TRUE(y.source.tokens.back().special);
      EXPECT_EQ(y.source.tokens.back().id, 1);
      EXPECT_EQ(x.nodes.size(), y.nodes.size());
      EXPECT_EQ(y.hypotheses[0].text.tokens.back().special, x.hypotheses[0].text.tokens.back().special);
    }
    EXPECT_GT(lengths.size(), 1U);  // some end themselves, not all by the limit
    const std::vector<std::string> targets{"un deux", "trois", "", "deux quatre", "un"};
    const auto forced = Runner(usual).score(kLines, targets), other = Runner(moved).score(kLines, targets);
    for (std::size_t i = 0; i < kLines.size(); ++i) EXPECT_NEAR(forced[i].best[0].log_prob, other[i].best[0].log_prob, kOtherOrder);
  }
}

TEST(Runners, LanguageModelsReadSpecialTokensWhereverTheyAre) {
  auto o = rnn_options();
  o.type = "rnn_lm";
  o.attention = "none";
  const auto usual = runnable(o), moved = reordered(usual, {5, 3, 6, 1, 0, 4, 2});
  const Runner a(usual), b(moved);
  const std::string text = "un deux trois\ntrois un\n\nquatre deux\n";
  const auto left = a.predict(stream_of(*usual.target, text), 4), right = b.predict(stream_of(*moved.target, text), 4);
  EXPECT_EQ(left.tokens(), right.tokens());
  EXPECT_NEAR(left.nll(), right.nll(), kOtherOrder);
  SampleOptions draw;
  draw.temperature = 0;
  draw.max_tokens = 12;
  draw.past_end = true;
  EXPECT_EQ(a.generate("un", 0, 1, draw)[0].text(), b.generate("un", 0, 1, draw)[0].text());
}

}  // namespace
}  // namespace attend::testing
