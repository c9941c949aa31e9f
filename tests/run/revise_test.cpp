// Reading a draft again: rounds, where they end, and what the record shows of them.
#include "attend/models/rnn_seq2seq.h"
#include "attend/models/steps.h"
#include "attend/run/translator.h"
#include "models/search_checks.h"

namespace attend::testing {
namespace {

ModelOptions revising_options() {
  auto o = rnn_options();
  o.of<ReviseOptions>().revise = true;
  return o;
}

std::vector<std::vector<std::int32_t>> texts_of(const std::vector<SearchResult>& found) {
  std::vector<std::vector<std::int32_t>> texts;
  for (const auto& one : found) texts.push_back(one.best[0].tokens);
  return texts;
}

TEST(Revising, EachRoundReadsTheOneBefore) {
  const auto model = search_model(revising_options());
  const Sources s;
  auto o = plain_search(3, 2, 4);
  const auto first = search_all(*model, s, o);
  o.rounds = 0;
  EXPECT_EQ(texts_of(search_in_rounds(*steps_of(*model, s.ids, s.lengths), o)), texts_of(first));
  auto expected = revise(*steps_of(*model, s.ids, s.lengths), texts_of(first), o);
  o.rounds = 1;
  const auto once = search_in_rounds(*steps_of(*model, s.ids, s.lengths), o);
  EXPECT_EQ(texts_of(once), texts_of(expected));
  o.rounds = 8;
  const auto often = search_in_rounds(*steps_of(*model, s.ids, s.lengths), o);
  std::size_t changed = 0;
  for (std::size_t i = 0; i < often.size(); ++i) {
    EXPECT_EQ(once[i].draft, first[i].best[0].tokens);
    EXPECT_EQ(once[i].best.size(), 2U);
    // By hand: while the text changes and grows no less likely.
    auto kept = once[i];
    for (int round = 1; round < 8 && kept.best[0].tokens != kept.draft; ++round) {
      const auto item = s.item(static_cast<std::int64_t>(i));
      auto next = revise(*steps_of(*model, item.ids, item.lengths), {&kept.best[0].tokens, 1}, o);
      if (next[0].best[0].log_prob < kept.best[0].log_prob) break;
      kept = std::move(next[0]);
      ++changed;
    }
    EXPECT_EQ(often[i].best[0].tokens, kept.best[0].tokens) << i;
    EXPECT_NEAR(often[i].best[0].log_prob, kept.best[0].log_prob, kOtherOrder) << i;
  }
  EXPECT_GT(changed, 0U);  // or nothing was tested
}

TEST(Revising, OtherModelsSearchOnce) {
  const auto model = search_model(rnn_options());
  const Sources s;
  const auto o = plain_search(2, 1, 4);
  EXPECT_EQ(texts_of(search_in_rounds(*steps_of(*model, s.ids, s.lengths), o)), texts_of(search_all(*model, s, o)));
  EXPECT_ERROR(revise(*steps_of(*model, s.ids, s.lengths), std::vector(4, std::vector<std::int32_t>{3}), o), kValue, "no second pass");
}

TEST(Revising, TheRecordShowsTheDraftBehindTheSource) {
  TranslationModel m;
  m.model = revising_options();
  for (auto* side : {&m.text.source, &m.text.target}) side->kind = "words";
  m.source = load_tokenizer(m.text.source, "<unk>\n<pad>\n<s>\n</s>\none\ntwo\nthree\n");
  m.target = load_tokenizer(m.text.target, "<unk>\n<pad>\n<s>\n</s>\nun\ndeux\ntrois\n");
  m.network = search_model(m.model);
  const Translator translator(std::move(m));
  const std::string sources[] = {"one two", "three two one one"}, drafts[] = {"deux un trois", "un"};
  const auto found = translator.revise(sources, drafts, plain_search(2, 1, 4), {.record = true});
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& record = *found[i].record;
    EXPECT_EQ(record.data().source.utf8, sources[i] + " " + drafts[i]);
    EXPECT_EQ(record.data().mechanism, "additive");
    const std::size_t draft = i == 0 ? 4 : 2, all = record.data().source.tokens.size();
    ASSERT_EQ(all, (i == 0 ? 3 : 5) + draft);
    const auto to_source = record.map(record.find_map("decoder.attention", 0), 0),
               to_draft = record.map(record.find_map("decoder.draft", 0), 0);
    for (std::uint32_t t = 0; t < to_draft.rows; ++t) {
      double of_source = 0, of_draft = 0;
      for (std::uint32_t c = 0; c < all; ++c) {
        const bool in_draft = c >= all - draft;
        EXPECT_EQ(to_source.at(t, c) > 0, !in_draft);
        EXPECT_EQ(to_draft.at(t, c) > 0, in_draft);
        of_source += to_source.at(t, c);
        of_draft += to_draft.at(t, c);
      }
      EXPECT_NEAR(of_source, 1, 1e-5);
      EXPECT_NEAR(of_draft, 1, 1e-5);
    }
  }
  EXPECT_ERROR(translator.revise(sources, std::span(drafts).first(1), plain_search(2, 1, 4)), kValue, "2 sources, 1 drafts");
}

}  // namespace
}  // namespace attend::testing
