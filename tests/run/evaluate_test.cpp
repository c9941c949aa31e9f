// Figures of texts, language models and answers: what is compared, what is counted, and that each thing counts once.
#include "attend/run/evaluate.h"
#include "attend/models/memory_hops.h"
#include "attend/models/recurrent_options.h"
#include "attend/run/translator.h"

#include <gtest/gtest.h>

#include <cmath>

#include "attend/core/files.h"
#include "attend/run/answers.h"
#include "attend/run/windows.h"
#include "models/search_checks.h"
#include "support/temp_folder.h"
#include "support/tensors.h"

namespace attend::testing {
namespace {

using Texts = std::vector<std::string>;

TEST(CompareTexts, BothSidesHaveOneForm) {
  const Texts said{"caf\u00e9 cr\u00e8me \u00e0 la carte", "\u00fcber die Br\u00fccke nach Z\u00fcrich"};
  const Texts decomposed{"cafe\u0301  cre\u0300me a\u0300 la carte ", "u\u0308ber die Bru\u0308cke\u00a0nach Zu\u0308rich"};
  const auto all = metrics_of({MetricNeed::kTexts});
  ASSERT_GE(all.size(), 8u);
  const auto same = compare_texts(said, said, {}, all);
  for (const auto& [name, best] : {std::pair("exact", 1), {"wer", 0}, {"cer", 0}, {"bleu", 100}, {"chrf", 100}, {"rouge_l", 100}})
    EXPECT_NEAR(same.value(name).value(), best, 1e-9) << name;
  for (const auto& [texts, references] : {std::pair(said, decomposed), std::pair(decomposed, said)})
    for (const auto& [metric, value, text] : compare_texts(texts, references, {}, all))
      EXPECT_DOUBLE_EQ(value.value(), same.value(metric->name).value()) << metric->name;
}

TEST(CompareTexts, LowerCaseIsForEveryFigure) {
  const Texts said{"The CAT saw \u00c9mile today"}, references{"the cat saw \u00e9mile today"};
  const auto mixed = compare_texts(said, references, {});
  EXPECT_EQ(mixed.value("exact"), 0);
  EXPECT_DOUBLE_EQ(mixed.value("wer").value(), 3.0 / 5);
  EXPECT_LT(mixed.value("bleu").value(), 50);
  const auto lower = compare_texts(said, references, {.lowercase = true});
  EXPECT_EQ(lower.value("exact"), 1);
  EXPECT_EQ(lower.value("wer"), 0);
  EXPECT_EQ(lower.value("cer"), 0);
  EXPECT_NEAR(lower.value("bleu").value(), 100, 1e-9);
  EXPECT_NE(lower.at("bleu").text.signature.find("case:lc"), std::string::npos);
}

TEST(CompareTexts, ASentenceAloneLeavesOutLongOrders) {
  const Texts text{"a b"};
  EXPECT_EQ(compare_texts(text, text, {}).value("bleu"), 0);
  EXPECT_NEAR(compare_texts(text, text, {.sentence = true}).value("bleu").value(), 100, 1e-9);
  expect_error(ErrorKind::kValue, {"1 texts", "0 references"}, [&] { compare_texts(text, {}, {}); });
}

TEST(LengthGroups, HoldEveryItemOnce) {
  const std::vector<std::size_t> lengths{5, 6, 1, 400, 51, 50, 10, 0};
  const auto groups = length_groups(lengths);
  ASSERT_EQ(groups.size(), 4u);
  EXPECT_EQ(groups[0].items, (std::vector<std::size_t>{0, 2, 7}));
  EXPECT_EQ(std::pair(groups[1].shortest, groups[1].longest), (std::pair<std::size_t, std::size_t>(6, 10)));
  EXPECT_EQ(groups[1].items, (std::vector<std::size_t>{1, 6}));
  EXPECT_EQ(groups[2].items, (std::vector<std::size_t>{5}));
  EXPECT_EQ(std::pair(groups[3].shortest, groups[3].longest), (std::pair<std::size_t, std::size_t>(51, 0)));
  EXPECT_EQ(groups[3].items, (std::vector<std::size_t>{3, 4}));
}

std::shared_ptr<Tokenizer> trained(const std::string& kind, const Texts& lines) {
  TokenizerOptions o;
  o.kind = kind;
  o.vocabulary_size = 60;
  return train_tokenizer(o, [&](const std::function<void(std::string_view)>& take) {
    for (const auto& line : lines) take(line);
  });
}

TEST(LinkUnitsOfAModel, FollowHowEachSideIsWritten) {
  const Texts english{"I love you", "we are cold", "you love the cold"}, chinese{"我爱你", "我们很冷", "你爱冷"};
  TranslationModel model;
  const auto units = [&](const char* source, const char* target) {
    model.source = trained(source, english);
    model.target = trained(target, chinese);
    return link_units(model);
  };
  EXPECT_EQ(units("unigram", "characters"), (LinkUnits{LinkUnit::kWords, LinkUnit::kTokens}));
  EXPECT_EQ(units("bpe", "unigram"), (LinkUnits{LinkUnit::kWords, LinkUnit::kCharacters}));
  EXPECT_EQ(units("words", "words"), (LinkUnits{LinkUnit::kTokens, LinkUnit::kTokens}));
  EXPECT_EQ(default_links(model).units, link_units(model));
  EXPECT_EQ(link_units(model, "words-characters"), (LinkUnits{LinkUnit::kWords, LinkUnit::kCharacters}));
  EXPECT_EQ(link_units(model, "words"), (LinkUnits{LinkUnit::kWords, LinkUnit::kWords}));
  EXPECT_EQ(link_units(model, "auto-words"), (LinkUnits{LinkUnit::kTokens, LinkUnit::kWords}));
  EXPECT_EQ(link_units(model, "auto"), link_units(model));
  for (const char* wrong : {"word", "words-", "words-word", "words-words-words", ""})
    expect_error(ErrorKind::kUsage, {"--link-units", "SOURCE-TARGET"}, [&] { link_units(model, wrong); });
}

// Gold links of the phrasebook count "?" apart, though it is written at a word.
TEST(LinkUnitsOfAModel, SetPunctuationApartWhereLinksAskForIt) {
  const Texts sources{"we are cold", "are you cold?"}, targets{"我们很冷", "你冷吗？"};
  const auto links = [](std::string_view text) { return parse_links(text, 0, "l"); };
  const std::vector<Links> within{links("0-0 2-3"), links("2-1")}, behind{links("0-0 2-3"), links("2-1 3-3")};
  const LinkUnits words{LinkUnit::kWords, LinkUnit::kTokens};
  EXPECT_EQ(fit_link_units(words, sources, targets, within), words);
  EXPECT_EQ(fit_link_units(words, sources, targets, behind), (LinkUnits{LinkUnit::kPunctuated, LinkUnit::kTokens}));
  const auto tokenizer = trained("bpe", {"we are cold", "are you cold?", "cold"});
  EXPECT_EQ(linked_count(*tokenizer, sources[1], LinkUnit::kPunctuated), 4u);
  EXPECT_EQ(linked_count(*tokenizer, sources[1], LinkUnit::kWords), 3u);
  const auto text = linked_text(*tokenizer, "we are we'll", LinkUnit::kPunctuated);
  EXPECT_EQ(text.tokens.back().word, 3u);  // 'll
}

// A language model that hears nothing of the past says the same of a token wherever it stands, so sums must agree whatever the window.
// Two layers, and gold links that are the argmax of the first: it has no error, the last one has.
TEST(AlignmentByLayer, TellsTheLayersApart) {
  TranslationModel m;
  m.model = transformer_options();
  m.model.of<DecoderDepthOptions>().decoder_layers = 2;
  for (auto* side : {&m.text.source, &m.text.target}) side->kind = "words";
  m.source = load_tokenizer(m.text.source, "<unk>\n<pad>\n<s>\n</s>\none\ntwo\nthree\n");
  m.target = load_tokenizer(m.text.target, "<unk>\n<pad>\n<s>\n</s>\nun\ndeux\ntrois\n");
  m.network = search_model(m.model);
  const Translator translator(std::move(m));
  const std::string sources[] = {"one two three", "three one", "two two one three"}, targets[] = {"un deux", "trois un deux", "deux un"};
  const auto options = default_links(translator.writer());
  std::vector<Links> gold;
  for (const auto& result : translator.score(sources, targets, {.record = true}))
    gold.push_back(attention_links(*result.record, options, {.site = {}, .layer = 0, .head = {}}));
  AttentionRequest request{.gold = gold, .places = {}, .links = options};
  const auto layers = alignment_by_layer(translator, sources, targets, request);
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_EQ(layers.at(0).aer(), 0);
  EXPECT_GT(layers.at(1).aer(), 0.05);
  EXPECT_EQ(best_layer(layers), 0);

  const auto aer_of = [&](std::optional<std::int64_t> layer) {
    request.choice.layer = layer;
    AttentionFigures sum;
    for (const auto& one : evaluate_attention(translator, sources, targets, request)) sum += one;
    return sum.links.aer();
  };
  EXPECT_EQ(aer_of({}), layers.at(1).aer());  // the last one unless it is chosen
  EXPECT_EQ(aer_of(0), 0);
  EXPECT_ERROR(aer_of(2), kValue, "layer 2 does not attend to the source; those that do: 0, 1");
  EXPECT_ERROR(best_layer({}), kValue, "no layer of the attention to the source has an alignment error rate");
}

TEST(LanguageModels, PredictEveryTokenOnceWhateverTheWindow) {
  ModelOptions o;
  o.type = "rnn_lm";
  o.attention = "none";
  o.embedding = 4;
  o.of<HiddenOptions>().hidden = 4;
  at::manual_seed(5);
  const auto made = make_network(o, 0, 9);
  const auto network = std::dynamic_pointer_cast<Seq2Seq>(made);
  ASSERT_NE(network, nullptr);
  network->eval();
  at::NoGradGuard no_grad;
  for (auto& parameter : network->named_parameters())
    if (parameter.value().dim() > 1) parameter.value().zero_();
  for (auto& parameter : network->named_parameters())
    if (parameter.value().dim() == 1 && parameter.value().size(0) == 9) parameter.value().copy_(at::arange(9) * 0.3);
  TranslationModel model;
  model.model = o;
  model.network = network;
  const Runner runner(model);
  for (const std::size_t size : {std::size_t{1}, std::size_t{2}, std::size_t{31}, std::size_t{101}}) {
    Stream stream;
    for (std::size_t i = 0; i < size; ++i) stream.ids.push_back(static_cast<std::int32_t>(3 + (i * i + i / 3) % 6));
    stream.characters = 7;
    const auto whole = runner.predict(stream, 1000);
    EXPECT_EQ(whole.tokens(), size);
    for (const std::int64_t window : {1, 2, 3, 4, 5, 6, 7, 31, 32}) {
      const auto score = runner.predict(stream, window);
      EXPECT_EQ(score.tokens(), size) << "window " << window;
      EXPECT_EQ(score.characters(), 7u);
      EXPECT_NEAR(score.nll(), whole.nll(), 1e-4 * static_cast<double>(size)) << "window " << window;
    }
  }
  EXPECT_EQ(runner.predict({}, 8).tokens(), 0u);
}

class EvaluatedAnswers : public ::testing::Test {
 protected:
  static AnswerModel model_of(const std::string& type, const std::string& source, const std::string& answers) {
    AnswerModel model;
    model.model.type = type;
    model.model.embedding = 8;
    model.model.of<ReadingOptions>().encoder_hidden = 4;
    model.model.of<MemoryHopsOptions>().statements = 3;
    model.source = trained("symbols", {source});
    if (!answers.empty()) model.target = trained("symbols", {answers});
    at::manual_seed(3);
    model.network = std::dynamic_pointer_cast<Answerer>(make_network(model.model, model.source.get(), model.target.get()));
    model.network->eval();
    return model;
  }
  std::string write(const std::string& name, const std::string& text) {
    write_file_atomic(folder_ / name, text);
    return folder_ / name;
  }
  TempFolder folder_;
};

// A statement that a line names twice holds its weight once.
TEST_F(EvaluatedAnswers, SupportIsAShare) {
  const auto path = write("a.txt", "1 Mary went home.\n2 John slept.\n3 Where is Mary?\thome\t1 1 1 2\n");
  const auto model = model_of("memory_hops", "Mary went home. John slept. Where is Mary?", "home");
  const auto quiz = read_quiz(Matter::kStory, {.text = path});
  quiz->prepare(any_model(model));
  const auto figures = evaluate_answers(Runner(model), *quiz);
  ASSERT_EQ(figures.support.size(), 3u);
  for (const double share : figures.support) EXPECT_NEAR(share, 1, 1e-6);  // both statements, all there are
  for (const double share : figures.support) EXPECT_LE(share, 1);
  EXPECT_EQ(figures.supported, 1u);
}

TEST_F(EvaluatedAnswers, LossesAreNeverBelowZero) {
  const auto text = write("a.doc_query", "1 ||| Ann Ann Ann\n<qid_0> ||| XXXXX saw\n");
  const auto answers = write("a.answer", "<qid_0> ||| Ann\n");
  const auto model = model_of("reader", "Ann saw XXXXX", "");
  const auto quiz = read_quiz(Matter::kDocument, {.text = text, .answers = answers});
  quiz->prepare(any_model(model));
  const auto figures = evaluate_answers(Runner(model), *quiz);  // one word thrice: its probability is a sum of floats, about one
  const auto loss = figures.metrics.value("loss");
  ASSERT_TRUE(loss);
  EXPECT_GE(*loss, 0);
  EXPECT_NEAR(*loss, 0, 1e-5);
  EXPECT_LE(figures.each[0].log_prob, 0);
}

TEST_F(EvaluatedAnswers, WithoutAnAnswerableItemThereIsNoLoss) {
  const auto path = write("a.txt", "gut ein Satz\nschlecht noch einer\n");
  const auto model = model_of("encoder_classifier", "ein Satz noch einer", "good bad");
  const auto quiz = read_quiz(Matter::kText, {.text = path});
  quiz->prepare(any_model(model));
  const auto figures = evaluate_answers(Runner(model), *quiz);
  EXPECT_EQ(figures.items, 2u);
  EXPECT_EQ(figures.unanswerable, 2u);
  EXPECT_EQ(figures.metrics.value("loss"), std::nullopt);
  EXPECT_EQ(figures.metrics.value("accuracy"), 0);
}

// Labels and words in another normal form are the same; names of special pieces are labels like others.
TEST_F(EvaluatedAnswers, LabelsAreComparedInOneForm) {
  const auto path = write("a.txt", "caf\u00e9 ein Satz\ncafe\u0301 ein Satz\n<s> ein Satz\n");
  const auto model = model_of("encoder_classifier", "ein Satz", "cafe\u0301 <s>");
  const auto quiz = read_quiz(Matter::kText, {.text = path});
  quiz->prepare(any_model(model));
  const auto figures = evaluate_answers(Runner(model), *quiz);
  EXPECT_EQ(figures.unanswerable, 0u);
  EXPECT_EQ(quiz->gold(0), quiz->gold(1));
  EXPECT_NE(quiz->gold(0), quiz->gold(2));
  EXPECT_EQ(figures.each[0].correct, figures.each[1].correct);
  EXPECT_NE(figures.each[0].correct, figures.each[2].correct);  // the three texts are the same
}

TEST_F(EvaluatedAnswers, WordsOfDocumentsAreComparedInOneForm) {
  const auto text = write("a.doc_query", "1 ||| cafe\u0301 caf\u00e9 saw\n<qid_0> ||| XXXXX saw\n");
  const auto answers = write("a.answer", "<qid_0> ||| caf\u00e9\n");
  const auto quiz = read_quiz(Matter::kDocument, {.text = text, .answers = answers});
  quiz->prepare(any_model(model_of("reader", "caf\u00e9 saw XXXXX", "")));
  EXPECT_EQ(quiz->gold(0), 0);
  EXPECT_EQ(quiz->answer(0, 0), "caf\u00e9");
}

}  // namespace
}  // namespace attend::testing
