// Words outside the target's vocabulary: their numbers, their text, and models that copy them.
#include "attend/run/copies.h"

#include "attend/run/evaluate.h"
#include "attend/run/text_batches.h"
#include "attend/run/translator.h"
#include "attend/trace/trace.h"
#include "models/search_checks.h"

namespace attend::testing {
namespace {

std::shared_ptr<Tokenizer> tokenizer_of(TokenizerOptions& options, const std::string& kind, const std::string& pieces) {
  options.kind = kind;
  return load_tokenizer(options, "<unk>\n<pad>\n<s>\n</s>\n" + pieces);
}

// The sides share "two"; the target knows "deux" and "trois" beside it.
TranslationModel copying_model(const ModelOptions& options) {
  TranslationModel m;
  m.model = options;
  m.model.of<CopyOptions>().pointer_generator = true;
  m.source = tokenizer_of(m.text.source, "words", "one\ntwo\nthree\n");
  m.target = tokenizer_of(m.text.target, "words", "deux\ntrois\ntwo\n");
  m.network = search_model(m.model);
  return m;
}

TEST(CopyWords, AreTheTargetsOwnOrCountedFromTheVocabularysEnd) {
  const auto model = copying_model(rnn_options());
  const auto words = copy_words(model, "two Anna deux one Anna");
  EXPECT_EQ(words.ids, (std::vector<std::int64_t>{6, 7, 4, 8, 7, SpecialIds().end}));
  EXPECT_EQ(words.own, (std::vector<std::string>{"Anna", "one"}));
  EXPECT_EQ(copied_ids(*model.target, "Anna deux Otto one", words),
            (std::vector<std::int64_t>{7, 4, SpecialIds().unknown, 8, SpecialIds().end}));
}

TEST(CopyWords, AreAsManyAsTheSourceHasTokens) {
  auto model = copying_model(rnn_options());
  for (const bool end : {true, false}) {
    model.text.source_end = end;
    for (const char* source : {"two Anna", "", " "})
      EXPECT_EQ(copy_words(model, source).ids.size(), source_ids(*model.source, model.text, source).size()) << end << source;
  }
}

TEST(CopyWords, MeetAcrossKindsOfTokenizers) {
  auto model = copying_model(rnn_options());
  model.source = tokenizer_of(model.text.source, "characters", "a\nb\n");
  model.target = tokenizer_of(model.text.target, "symbols", "b\nc\n");
  const auto words = copy_words(model, "abz");
  EXPECT_EQ(words.ids, (std::vector<std::int64_t>{6, 4, 7, SpecialIds().end}));
  EXPECT_EQ(words.own, (std::vector<std::string>{"a", "z"}));
}

TEST(DecodeWith, WritesTheWordsInPlaceAndMovesTheSpans) {
  const auto model = copying_model(rnn_options());
  const CopyWords words{{}, {"Annabella", "x"}};
  const std::vector<std::int32_t> tokens{8, 4, 7, 0, 5, SpecialIds().end};
  std::vector<TextToken> spans;
  EXPECT_EQ(decode_with(*model.target, tokens, own_words(*model.target, tokens, words), &spans), "x deux Annabella <unk> trois");
  const std::vector<std::string> expected{"x", "deux", "Annabella", "<unk>", "trois", ""};
  const std::string text = "x deux Annabella <unk> trois";
  ASSERT_EQ(spans.size(), tokens.size());
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    EXPECT_EQ(text.substr(spans[t].begin, spans[t].end - spans[t].begin), expected[t]);
    EXPECT_EQ(spans[t].id, tokens[t]);
  }
}

TEST(WordsOfTokens, AreWholeWordsForPieces) {
  TokenizerOptions options;
  options.kind = "bpe";
  options.vocabulary_size = 12;
  const auto pieces = train_tokenizer(options, [](const auto& take) { take("ab abc ba cab"); });
  const auto words = words_of_tokens(*pieces, "cab ba");
  ASSERT_EQ(words.size(), pieces->encode("cab ba").size());
  EXPECT_EQ(words.front(), "cab");
  EXPECT_EQ(words.back(), "ba");
}

const std::vector<std::string> kNews{"one Anna two", "Otto", "three Berta one Otto two", ""};

class CopyingTranslators : public ::testing::TestWithParam<const char*> {
 protected:
  static TranslationModel model() {
    return copying_model(std::string_view(GetParam()) == "transformer" ? transformer_options() : rnn_options());
  }
  static SearchOptions options() {
    auto o = plain_search(4, 3, 4);
    o.min_length = 2;
    return o;
  }
};

TEST_P(CopyingTranslators, SayWordsTheyNeverLearnt) {
  const Translator translator(model());
  const auto run = translator.translate(kNews, options(), {.record = true});
  std::size_t copied = 0;
  for (std::size_t i = 0; i < kNews.size(); ++i)
    for (std::size_t n = 0; n < run[i].best.size(); ++n) {
      const auto& h = run[i].best[n];
      for (std::size_t t = 0; t < h.tokens.size(); ++t) {
        if (h.tokens[t] < kVocabulary) continue;
        ++copied;
        EXPECT_NE(kNews[i].find(h.pieces[t]), std::string::npos);
        const auto span = run[i].record->data().hypotheses[n].text.tokens[t].span;
        EXPECT_EQ(h.text.substr(span.begin, span.end - span.begin), h.pieces[t]);
      }
    }
  EXPECT_GT(copied, 5u);
}

TEST_P(CopyingTranslators, ScoreIsTheSearchsOwnFigureAndBatchesChangeNothing) {
  Translator translator(model());
  const auto run = translator.translate(kNews, options());
  std::vector<std::string> sources, targets;
  std::vector<const ScoredText*> found;
  for (std::size_t i = 0; i + 1 < kNews.size(); ++i)
    for (const auto& h : run[i].best) {
      sources.push_back(kNews[i]);
      targets.push_back(h.text);
      found.push_back(&h);
    }
  const auto scored = translator.score(sources, targets, {.record = true});
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(scored[i].best[0].tokens, found[i]->tokens);
    EXPECT_NEAR(scored[i].best[0].log_prob, found[i]->log_prob, kOtherOrder);
  }
  translator.limits.sentences = 1;
  const auto alone = translator.translate(kNews, options());
  for (std::size_t i = 0; i < kNews.size(); ++i) EXPECT_EQ(alone[i].text(), run[i].text());
}

TEST_P(CopyingTranslators, RecordsHoldTheSwitch) {
  const Translator translator(model());
  const auto searched = translator.translate(kNews, options(), {.record = true});
  std::vector<std::string> targets;
  for (const auto& t : searched) targets.push_back(t.text());
  const auto forced = translator.score(kNews, targets, {.record = true});
  for (std::size_t i = 0; i + 1 < kNews.size(); ++i) {
    const auto switches = [](const Record& record) {
      std::vector<float> values;
      for (const auto& scalar : record.data().scalars)
        if (scalar.name == "p_gen")
          for (const auto node : record.path(0)) values.push_back(scalar.values[node]);
      return values;
    };
    const auto own = switches(*searched[i].record), again = switches(*forced[i].record);
    ASSERT_EQ(own.size(), searched[i].best[0].tokens.size());
    ASSERT_EQ(again.size(), own.size());
    for (std::size_t t = 0; t < own.size(); ++t) {
      EXPECT_GT(own[t], 0);
      EXPECT_LT(own[t], 1);
      EXPECT_NEAR(own[t], again[t], kOtherOrder);
    }
    EXPECT_EQ(searched[i].record->find_map("output.copy", 0).heads, 1u);
  }
}

TEST_P(CopyingTranslators, AreTraced) {
  const auto m = model();
  TraceOptions o;
  o.target = "Anna deux";
  const auto traced = trace(m, kNews[0], o);
  ASSERT_EQ(traced.steps.size(), 3u);
  EXPECT_EQ(traced.steps[0].target, "Anna");
  EXPECT_EQ(traced.steps[1].previous, "Anna");
  EXPECT_EQ(traced.steps[0].choice->chosen.text, "Anna");
  const std::string sources[] = {kNews[0]}, targets[] = {*o.target};
  EXPECT_NEAR(traced.totals->log_prob, Translator(m).score(sources, targets)[0].best[0].log_prob, 1e-5);
  EXPECT_NE(trace_text(traced).find("p_gen"), std::string::npos);
  EXPECT_NE(trace_json(traced).find("output.copy"), std::string::npos);
}

// Every <unk> gives way to the word that its row of the attention, </s> left out, is largest at.
TEST_P(CopyingTranslators, ReplaceUnknownWords) {
  for (const bool copies : {false, true}) {
    auto m = model();
    if (!copies) {
      m.model.of<CopyOptions>().pointer_generator = false;
      m.network = search_model(m.model);
    }
    favour(*m.network, SpecialIds().unknown, 3);
    const Translator translator(m);
    auto o = options();
    o.replace_unk = true;
    const auto run = translator.translate(kNews, o, {.record = true});
    std::size_t replaced = 0;
    for (std::size_t i = 0; i + 1 < kNews.size(); ++i)
      for (std::size_t n = 0; n < run[i].best.size(); ++n) {
        const auto& h = run[i].best[n];
        const auto& record = *run[i].record;
        const bool layered = m.model.type == "transformer";
        const auto weights = record.mean_map(record.find_map(layered ? "decoder.cross" : "decoder.attention", layered ? 1 : 0), n);
        const auto words = words_of_tokens(*m.source, kNews[i]);
        EXPECT_EQ(h.text.find("<unk>"), std::string::npos);
        EXPECT_EQ(h.text, record.data().hypotheses[n].text.utf8);
        for (std::uint32_t t = 0; t < h.tokens.size(); ++t) {
          if (h.tokens[t] != SpecialIds().unknown) continue;
          ++replaced;
          std::uint32_t most = 0;
          for (std::uint32_t s = 1; s < words.size(); ++s)
            if (weights.at(t, s) > weights.at(t, most)) most = s;
          EXPECT_EQ(h.pieces[t], words[most]);
        }
      }
    EXPECT_GT(replaced, 5u);
    o.replace_unk = false;
    o.allow_unknown = true;
    EXPECT_NE(translator.translate(kNews, o)[0].text().find("<unk>"), std::string::npos);
  }
}

TEST(ReplaceUnknown, NeedsAttention) {
  auto m = copying_model(rnn_options());
  m.model.of<CopyOptions>().pointer_generator = false;
  m.model.attention = "none";
  m.network = search_model(m.model);
  favour(*m.network, SpecialIds().unknown, 9);
  SearchOptions o;
  o.replace_unk = true;
  expect_error(ErrorKind::kValue, {"decode.replace_unk", "attention to the source"}, [&] { Translator(m).translate(kNews, o); });
}

INSTANTIATE_TEST_SUITE_P(Models, CopyingTranslators, ::testing::Values("rnn_seq2seq", "transformer"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace attend::testing
