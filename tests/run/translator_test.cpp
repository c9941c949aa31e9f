// Text in, text out: order, batches, empty sentences, records, and the figures of an evaluation.
#include "attend/run/translator.h"

#include <set>

#include "attend/measure/error_rate.h"
#include "attend/run/evaluate.h"
#include "attend/run/text_batches.h"
#include "models/search_checks.h"
#include "models/seq2seq_checks.h"

namespace attend::testing {
namespace {

std::shared_ptr<Tokenizer> words(TokenizerOptions& options, const std::string& pieces) {
  options.kind = "words";
  return load_tokenizer(options, "<unk>\n<pad>\n<s>\n</s>\n" + pieces);
}

TranslationModel translation_model(const ModelOptions& options, double end = 0) {
  TranslationModel m;
  m.model = options;
  m.source = words(m.text.source, "one\ntwo\nthree\n");
  m.target = words(m.text.target, "un\ndeux\ntrois\n");
  m.network = search_model(options);
  favour(*m.network, SpecialIds().end, end);
  return m;
}

SearchOptions small_search() {
  auto o = plain_search(3, 2, 3);
  o.max_length_ratio = 1;
  return o;
}

const std::vector<std::string> kSources{"one two", "", "three", "two one three one two", "one", "  ", "three three two"};

class Translators : public ::testing::TestWithParam<const char*> {
 protected:
  static ModelOptions options() {
    const std::string type = GetParam();
    auto o = type == "rnn_seq2seq" ? rnn_options() : transformer_options();
    o.type = type;
    return o;
  }
};

TEST_P(Translators, KeepTheOrderWhateverTheBatches) {
  Translator translator(translation_model(options(), /*end=*/-1));
  const auto together = translator.translate(kSources, small_search());
  ASSERT_EQ(together.size(), kSources.size());
  std::set<std::string> texts;
  for (std::size_t i = 0; i < kSources.size(); ++i) {
    const std::vector<std::string> one{kSources[i]};
    const auto alone = translator.translate(one, small_search()).at(0);
    ASSERT_EQ(together[i].best.size(), alone.best.size()) << i;
    for (std::size_t n = 0; n < alone.best.size(); ++n) {
      EXPECT_EQ(together[i].best[n].text, alone.best[n].text) << i;
      EXPECT_NEAR(together[i].best[n].log_prob, alone.best[n].log_prob, kOtherOrder) << i;
    }
    texts.insert(together[i].text());
  }
  EXPECT_GT(texts.size(), 2u);
  for (const RunLimits limits : {RunLimits{.sentences = 2}, RunLimits{.tokens = 5}, RunLimits{.sentences = 1}}) {
    translator.limits = limits;
    const auto cut = translator.translate(kSources, small_search());
    for (std::size_t i = 0; i < kSources.size(); ++i) EXPECT_EQ(cut[i].text(), together[i].text()) << i;
  }
}

// Batches are cut and sorted by length, yet events name the source by its number; each source's last event holds what it became.
TEST_P(Translators, EventsNameTheirSource) {
  Translator translator(translation_model(options(), /*end=*/-1));
  translator.limits = {.sentences = 2};
  std::vector<std::shared_ptr<const GrowingRecord>> ended(kSources.size());
  SearchControl control{.record = true};
  control.on_step = [&](const StepEvent& event) {
    if (event.done) ended.at(static_cast<std::size_t>(event.item)) = event.record;
    return AfterStep::kGoOn;
  };
  const auto check = [&](const std::vector<Translated>& results) {
    for (std::size_t i = 0; i < kSources.size(); ++i) {
      ASSERT_EQ(static_cast<bool>(ended[i]), kSources[i].find_first_not_of(' ') != std::string::npos) << i;
      if (!ended[i]) continue;
      const auto tree = ended[i]->snapshot();
      const auto& nodes = results[i].record->data().nodes;
      ASSERT_EQ(tree.nodes.size(), nodes.size()) << i;
      for (std::size_t n = 0; n < nodes.size(); ++n) EXPECT_EQ(tree.nodes[n].logp, nodes[n].logp) << i;
    }
  };
  const auto found = translator.translate(kSources, small_search(), control);
  check(found);
  std::vector<std::string> targets;
  for (const auto& result : found) targets.push_back(result.text());
  ended.assign(kSources.size(), nullptr);
  check(translator.score(kSources, targets, control));
  control.on_step = [](const StepEvent& event) { return event.item == 4 ? AfterStep::kCancel : AfterStep::kGoOn; };
  EXPECT_ERROR(translator.translate(kSources, small_search(), control), kInterrupted, "interrupted");
}

TEST_P(Translators, AnEmptySentenceStaysEmpty) {
  const Translator translator(translation_model(options()));
  EXPECT_EQ(translator.translate(""), "");
  EXPECT_EQ(translator.translate(" \t"), "");
  auto o = small_search();
  o.min_length = 2;  // and nothing else is empty
  const auto recorded = translator.translate(kSources, o, {.record = true});
  for (std::size_t i = 0; i < kSources.size(); ++i) {
    EXPECT_EQ(recorded[i].text().empty(), i == 1 || i == 5) << i;
    EXPECT_EQ(recorded[i].record == nullptr, i == 1 || i == 5) << i;
  }
  EXPECT_TRUE(translator.translate(std::vector<std::string>{}, small_search()).empty());
}

TEST_P(Translators, TextIsWhatTheTokensSay) {
  const Translator translator(translation_model(options()));
  for (const auto& t : translator.translate(kSources, small_search()))
    for (const auto& h : t.best) {
      if (h.tokens.empty()) continue;  // an empty sentence
      EXPECT_EQ(h.text, translator.writer().target->decode(h.tokens));
      EXPECT_EQ(h.tokens.size(), h.log_probs.size());
    }
}

// Record's constructor checks its invariants; here: that what it holds is the run's.
TEST_P(Translators, RecordsHoldTheRun) {
  const Translator translator(translation_model(options(), -1));
  const auto run = translator.translate(kSources, small_search(), {.record = true});
  for (std::size_t i = 0; i < kSources.size(); ++i) {
    if (!run[i].record) continue;
    const auto& data = run[i].record->data();
    EXPECT_EQ(data.model, options().type);
    EXPECT_EQ(data.mechanism, attention_of(options()));
    EXPECT_EQ(data.options.at("beam"), "3");
    EXPECT_FALSE(data.forced);
    EXPECT_EQ(data.source.utf8, kSources[i]);
    ASSERT_GE(data.source.tokens.size(), 2u);
    EXPECT_TRUE(data.source.tokens.back().special);
    EXPECT_EQ(data.source.tokens.back().id, SpecialIds().end);
    for (std::size_t s = 0; s + 1 < data.source.tokens.size(); ++s) {
      EXPECT_EQ(data.source.tokens[s].word, s);
      EXPECT_FALSE(data.source.tokens[s].special);
    }
    ASSERT_EQ(data.hypotheses.size(), run[i].best.size());
    for (std::size_t n = 0; n < data.hypotheses.size(); ++n) {
      const auto& h = data.hypotheses[n];
      EXPECT_EQ(h.text.utf8, run[i].best[n].text);
      EXPECT_EQ(h.log_prob, run[i].best[n].log_prob);
      const auto path = run[i].record->path(n);
      ASSERT_EQ(path.size(), run[i].best[n].tokens.size());
      for (std::size_t t = 0; t < path.size(); ++t) {
        EXPECT_EQ(data.nodes[path[t]].token, run[i].best[n].tokens[t]);
        EXPECT_EQ(h.text.tokens[t].special, t + 1 == path.size());
        if (t + 1 < path.size()) {
          const auto span = h.text.tokens[t].span;
          EXPECT_EQ(h.text.utf8.substr(span.begin, span.end - span.begin), translator.writer().target->piece(h.text.tokens[t].id));
          EXPECT_EQ(h.text.tokens[t].word, t);
        }
      }
    }
    EXPECT_FALSE(data.maps.empty());
  }
}

// Column j of decoder.self is the token fed at step j: <s> for j = 0, then token j − 1.
TEST_P(Translators, RecordedMapsAreThoseOfDecodingTheSameTokens) {
  const Translator translator(translation_model(options(), -1));
  const auto run = translator.translate(kSources, small_search(), {.record = true});
  std::size_t rows = 0;
  for (std::size_t i = 0; i < kSources.size(); ++i) {
    if (!run[i].record) continue;
    const auto& record = *run[i].record;
    const auto ids = ids_with_end(*translator.writer().source, kSources[i]);
    const auto source = at::tensor(ids, at::kLong).unsqueeze(0);
    for (std::size_t n = 0; n < run[i].best.size(); ++n) {
      const auto& tokens = run[i].best[n].tokens;
      std::vector<std::int64_t> fed{SpecialIds().begin};
      for (std::size_t t = 0; t + 1 < tokens.size(); ++t) fed.push_back(tokens[t]);
      ResultKeeper keeper;
      at::NoGradGuard no_grad;
      const auto& network = *translator.writer().network;
      const auto encoded = network.encode(source, at::full({1}, source.size(1), at::kLong), &keeper);
      network.decode(*encoded, at::tensor(fed, at::kLong).unsqueeze(0), at::full({1}, static_cast<std::int64_t>(fed.size()), at::kLong),
                     &keeper);
      for (const auto& map : record.data().maps) {
        const auto own = keeper.seen.at(fmt::format("{}.{}", map.site.name, map.site.layer)).at(0).weights[0];  // [H, rows, columns]
        for (std::uint32_t head = 0; head < map.heads; ++head) {
          const auto matrix = record.map(map, head, n);
          const auto expected = map.site.name == "act.steps" ? at::diag(own[head][0]) : own[head];
          EXPECT_TRUE(close(at::tensor(matrix.values, at::kFloat).view({matrix.rows, matrix.cols}), expected, 1e-5))
              << map.site.name << " of " << i;
          rows += matrix.rows;
        }
      }
    }
  }
  EXPECT_GT(rows, 20u);
}

TEST_P(Translators, ScoreIsTheSearchsOwnFigure) {
  const Translator translator(translation_model(options(), -1));
  const auto run = translator.translate(kSources, small_search());
  std::vector<std::string> targets;
  for (const auto& t : run) targets.push_back(t.text());
  const auto scored = translator.score(kSources, targets, {.record = true});
  for (std::size_t i = 0; i < kSources.size(); ++i) {
    EXPECT_NEAR(scored[i].best.at(0).log_prob, run[i].best.at(0).log_prob, kOtherOrder) << i;
    EXPECT_EQ(scored[i].text(), targets[i]);
    if (!scored[i].record) continue;
    EXPECT_TRUE(scored[i].record->data().forced);
    EXPECT_EQ(scored[i].record->data().nodes.size(), scored[i].best[0].tokens.size());
  }
  expect_error(ErrorKind::kValue, {"score", "7 sources", "1 targets"}, [&] { translator.score(kSources, std::vector<std::string>{"un"}); });
}

TEST_P(Translators, EvaluationCountsWhatWasSaid) {
  const Translator translator(translation_model(options(), -1));
  const std::vector<std::string> sources{"one two", "three", "two one three"};
  EvaluateOptions o;
  o.search = small_search();
  auto references = evaluate(translator, sources, sources, o).translations;
  references[1] = "deux deux deux deux deux un";
  const auto e = evaluate(translator, sources, references, o);
  const auto value = [&](const char* name) { return e.metrics.value(name).value(); };
  EXPECT_NEAR(value("exact"), 2.0 / 3, 1e-12);
  ErrorRate words, characters(ErrorUnit::kCharacters);
  for (std::size_t i = 0; i < 3; ++i) {
    words.add(e.translations[i], references[i]);
    characters.add(e.translations[i], references[i]);
  }
  EXPECT_GT(value("wer"), 0);
  EXPECT_NE(value("wer"), value("cer"));
  EXPECT_DOUBLE_EQ(value("wer"), words.rate().value());
  EXPECT_DOUBLE_EQ(value("cer"), characters.rate().value());
  EXPECT_EQ(e.translations[0], references[0]);
  double sum = 0;
  std::size_t tokens = 0;
  for (const auto& s : translator.score(sources, references)) {
    sum -= s.best.at(0).log_prob;
    tokens += s.best.at(0).tokens.size();
  }
  EXPECT_EQ(e.target_tokens, tokens);
  EXPECT_NEAR(value("loss"), sum / static_cast<double>(tokens), 1e-12);
  EXPECT_NEAR(value("perplexity"), std::exp(value("loss")), 1e-12);
  expect_error(ErrorKind::kValue, {"3 sources", "0 references"}, [&] { evaluate(translator, sources, {}, o); });
}

// Links by the largest weight of the forced references, against themselves and against nothing but wrong ones.
TEST_P(Translators, AlignmentIsReadOffForcedDecoding) {
  const Translator translator(translation_model(options()));
  const std::vector<std::string> sources{"one two", "", "two one three"}, references{"un deux", "", "trois un deux"};
  std::vector<Links> gold(3), wrong(3);
  const auto scored = translator.score(sources, references, {.record = true});
  for (const std::size_t i : {std::size_t{0}, std::size_t{2}}) {
    gold[i] = links_of(*scored[i].record).links;
    const auto count = static_cast<std::uint32_t>(translator.writer().source->encode(sources[i]).size());
    ASSERT_EQ(gold[i].size(), i == 0 ? 2u : 3u);
    for (auto link : gold[i]) {
      link.source = (link.source + 1) % count;
      wrong[i].push_back(link);
    }
  }
  const auto figures = [&](std::span<const Links> links) {
    AttentionFigures sum;
    for (const auto& own : evaluate_attention(translator, sources, references, {.gold = links})) sum += own;
    return sum;
  };
  EXPECT_EQ(figures(gold).links.aer().value_or(-1), 0);
  EXPECT_EQ(figures(wrong).links.aer().value_or(-1), 1);
  EXPECT_EQ(figures({}).links.aer(), std::nullopt);
  expect_error(ErrorKind::kValue, {"3 sentences", "2 lines of gold links"}, [&] { figures(std::span(gold).first(2)); });
  gold[2].push_back({3, 0});
  const std::vector<std::string> places{"l:1", "l:2", "l:3"};
  expect_error(ErrorKind::kData, {"l:3", "3-0", "source word 3", "has 3"},
               [&] { evaluate_attention(translator, sources, references, {.gold = gold, .places = places}); });
}

// Entropies of the same rows: with and without </s>, by sentences and by rows.
TEST_P(Translators, EntropyOfAttentionSaysWhatItAverages) {
  const Translator translator(translation_model(options()));
  const std::vector<std::string> sources{"one two", "", "two one three one"}, references{"un", "", "trois un deux un deux un"};
  const auto each = evaluate_attention(translator, sources, references, {});
  ASSERT_EQ(each.size(), 3u);
  EXPECT_EQ(each[1].entropy.rows(), 0u);
  AttentionFigures all;
  double sentences = 0, rows = 0;
  std::uint64_t count = 0;
  for (const std::size_t i : {std::size_t{0}, std::size_t{2}}) {
    const std::uint64_t heads = each[i].entropy.rows() / (i == 0 ? 2 : 7);
    EXPECT_EQ(each[i].entropy.rows(), heads * (i == 0 ? 2 : 7)) << "the row that writes </s> is one";
    EXPECT_EQ(each[i].entropy_without_end.rows(), heads * (i == 0 ? 1 : 6));
    EXPECT_LE(*each[i].entropy_without_end.over_rows(), std::log(i == 0 ? 2.0 : 4.0) + 1e-9);
    sentences += *each[i].entropy.over_sentences() / 2;
    rows += *each[i].entropy.over_rows() * static_cast<double>(each[i].entropy.rows());
    count += each[i].entropy.rows();
    all += each[i];
  }
  EXPECT_NEAR(*all.entropy.over_sentences(), sentences, 1e-12);
  EXPECT_NEAR(*all.entropy.over_rows(), rows / static_cast<double>(count), 1e-12);
  EXPECT_NE(*all.entropy.over_sentences(), *all.entropy.over_rows());
}

// What was forced is shown as it was given: words that the vocabulary does not have, and their places.
TEST_P(Translators, AForcedTargetIsShownAsItWasGiven) {
  const Translator translator(translation_model(options()));
  const std::vector<std::string> sources{"one two"}, targets{"un  deca\u0301f, deux"};
  const auto scored = translator.score(sources, targets, {.record = true});
  const auto& text = scored[0].record->data().hypotheses[0].text;
  EXPECT_EQ(text.utf8, targets[0]);
  std::string shown;
  for (const auto& token : text.tokens) shown += targets[0].substr(token.span.begin, token.span.end - token.span.begin) + "|";
  EXPECT_EQ(shown, "un|deca\u0301f|,|deux||");
  EXPECT_EQ(text.tokens[1].id, SpecialIds().unknown);
  EXPECT_TRUE(text.tokens.back().special);
}

INSTANTIATE_TEST_SUITE_P(Models, Translators, ::testing::Values("rnn_seq2seq", "transformer", "universal_transformer"),
                         [](const auto& instance) { return std::string(instance.param); });

// Every position of the source says how long it pondered, on the diagonal of a map of its own.
TEST(Translators, OfAUniversalTransformerRecordTheirSteps) {
  auto options = transformer_options();
  options.type = "universal_transformer";
  const Translator translator(translation_model(options));
  const std::vector<std::string> sources{"one two three", "two"};
  const auto found = translator.translate(sources, small_search(), {.record = true});
  for (const auto& one : found) {
    const auto& map = one.record->find_map("act.steps", 0);
    const auto steps = one.record->map(map, 0);
    ASSERT_EQ(steps.rows, one.record->data().source.tokens.size());
    for (std::uint32_t r = 0; r < steps.rows; ++r)
      for (std::uint32_t c = 0; c < steps.cols; ++c)
        if (r == c) {
          EXPECT_GE(steps.at(r, c), 1);
        } else {
          EXPECT_EQ(steps.at(r, c), 0);
        }
  }
}

TEST(PadBatch, FillsWithPadding) {
  const std::vector<std::int64_t> a{5, 6, 3}, b{3};
  const auto batch = pad_batch({&a, &b});
  EXPECT_TRUE(same(batch.ids, at::tensor({5, 6, 3, 3, 0, 0}, at::kLong).view({2, 3})));
  EXPECT_TRUE(same(batch.lengths, at::tensor({3, 1}, at::kLong)));
}

}  // namespace
}  // namespace attend::testing
