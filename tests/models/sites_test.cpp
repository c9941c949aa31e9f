// What models declare of their sites is what observers see there.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "attend/attention/multi_head.h"
#include "attend/models/answerer.h"
#include "attend/models/captioner.h"
#include "attend/models/encoder_classifier.h"
#include "attend/models/memory_hops.h"
#include "attend/models/ntm_model.h"
#include "attend/models/patch_classifier.h"
#include "attend/models/reader.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/rnn_seq2seq.h"
#include "attend/models/transformer_options.h"
#include "models/seq2seq_checks.h"

namespace attend::testing {
namespace {

// How many rows or columns of each kind the inputs of a call have, all of them different.
struct Counts {
  std::map<RowAxis, std::int64_t> rows;
  std::map<ColumnAxis, std::int64_t> columns;
};

// Compares every call with the declared site of its name and layer.
class DeclaredSites final : public Observer {
 public:
  DeclaredSites(const Network& network, Counts counts) : declared_(network.sites()), counts_(std::move(counts)) {
    std::set<std::pair<std::string_view, std::int64_t>> keys;
    for (const auto& site : declared_)
      EXPECT_TRUE(keys.insert(site.key()).second) << site.name << " " << site.layer << " is declared twice";
  }
  Request request(const Site&) override { return {.weights = true}; }
  void observe(const Site& site, const Result& result) override {
    SCOPED_TRACE(fmt::format("{} layer {}", site.name, site.layer));
    ++seen;
    EXPECT_NE(std::find(declared_.begin(), declared_.end(), site), declared_.end()) << "is not declared so";
    ASSERT_TRUE(result.weights.defined());
    const auto rows = result.weights.size(2), columns = result.weights.size(3);
    EXPECT_EQ(columns, counts_.columns.at(site.columns)) << "of kind " << static_cast<int>(site.columns);
    const bool a_number_each = site.role == SiteRole::kOther && rows == 1 && over_source(site.rows);  // as many as columns, in one row
    if (!a_number_each) {
      EXPECT_EQ(rows, counts_.rows.at(site.rows)) << "of kind " << static_cast<int>(site.rows);
    }
    sources += site.role == SiteRole::kSource ? 1 : 0;
  }
  int seen = 0, sources = 0;

 private:
  std::vector<Site> declared_;
  Counts counts_;
};

ModelOptions few_of(const std::string& type) {
  ModelOptions o;
  o.type = type;
  o.attention = type == "ntm_model" || type == "rnn_lm" || type == "memory_hops" ? "none" : "multi_head";
  o.embedding = 8;
  o.of<HeadOptions>().heads = 2;
  o.of<HiddenOptions>().hidden = o.of<ReadingOptions>().encoder_hidden = 6;
  o.of<TransformerOptions>().feed_forward = 12;
  o.of<EncoderDepthOptions>().encoder_layers = o.of<DecoderDepthOptions>().decoder_layers = 2;
  o.of<PonderOptions>().act.max_steps = 4;
  o.of<NtmModelOptions>().machine.rows = 11;
  o.of<NtmModelOptions>().machine.width = 3;
  o.of<LongestOptions>().longest = 40;
  o.of<PictureOptions>().picture_width = o.of<PictureOptions>().picture_height = 6;
  o.of<PatchOptions>().patch = 2;
  o.of<FilterOptions>().filters = 8;
  o.of<MemoryHopsOptions>().statements = 7;
  o.of<MemoryHopsOptions>().hops = 2;
  return o;
}

std::vector<ModelOptions> sequence_models() {
  std::vector<ModelOptions> all;
  for (const auto* type : {"rnn_seq2seq", "transformer", "universal_transformer", "ntm_model", "rnn_lm", "transformer_lm"})
    all.push_back(few_of(type));
  auto rnn = few_of("rnn_seq2seq");
  rnn.attention = "additive";
  rnn.of<OutputAttentionOptions>().output_attention = true;
  all.push_back(rnn);
  all.push_back(few_of("rnn_lm"));
  all.back().of<OutputAttentionOptions>().output_attention = true;
  for (const auto* type : {"rnn_seq2seq", "transformer"}) {
    all.push_back(few_of(type));
    all.back().of<CopyOptions>().pointer_generator = true;
  }
  return all;
}

constexpr std::int64_t kSteps = 4, kSource = 5, kDraft = 3, kSlots = 11;

TEST(DeclaredSites, OfSequenceModelsAreWhatObserversSee) {
  at::NoGradGuard no_grad;
  const Batch b;
  for (const auto& options : sequence_models()) {
    SCOPED_TRACE(fmt::format("{} copying {} own outputs {}", options.type, options.of<CopyOptions>().pointer_generator,
                             options.of<OutputAttentionOptions>().output_attention));
    const auto model = small_model(options);
    DeclaredSites observer(*model, {.rows = {{RowAxis::kNode, kSteps}, {RowAxis::kSource, kSource}},
                                    .columns = {{ColumnAxis::kSource, kSource}, {ColumnAxis::kStep, kSteps}, {ColumnAxis::kSlot, kSlots}}});
    const auto source = options.of<CopyOptions>().pointer_generator ? at::stack({b.source, b.source}, 2) : b.source;
    model->decode(*model->encode(source, b.lengths, &observer), b.inputs, b.target_lengths, &observer);
    const bool looks = options.type != "rnn_lm" && options.type != "transformer_lm";
    EXPECT_EQ(observer.sources > 0, looks);
    EXPECT_EQ(observer.seen > 0, !model->sites().empty());
  }
}

TEST(DeclaredSites, OfASecondPassTellTheDraftFromTheSource) {
  at::NoGradGuard no_grad;
  const Batch b;
  auto options = few_of("rnn_seq2seq");
  options.of<ReviseOptions>().revise = true;
  const auto model = small_model(options);
  const auto draft = at::tensor({2, 4, 5, 3, 2, 6, 3, 1, 2, 5, 4, 3}, at::kLong).view({3, 1 + kDraft});
  DeclaredSites observer(*model, {.rows = {{RowAxis::kNode, kSteps}, {RowAxis::kSource, kSource}},
                                  .columns = {{ColumnAxis::kSource, kSource}, {ColumnAxis::kDraft, kDraft}}});
  const auto encoded = model->encode_with_draft(b.source, b.lengths, draft, at::tensor({3, 2, 3}, at::kLong), &observer);
  model->second_pass()->decode(*encoded, b.inputs, b.target_lengths, &observer);
  EXPECT_EQ(observer.seen, 2);
  EXPECT_EQ(observer.sources, 1);  // the draft is not the source
}

TEST(DeclaredSites, OfACaptionerAreOverCells) {
  at::NoGradGuard no_grad;
  for (const std::int64_t convolutions : {0, 1}) {
    auto options = few_of("captioner");
    options.attention = "additive";
    options.of<ConvolutionOptions>().convolutions = convolutions;
    const auto model = small_model(options);
    const Batch b;
    const auto cells = picture_grid(options).cells();
    DeclaredSites observer(*model, {.rows = {{RowAxis::kNode, kSteps}, {RowAxis::kCell, cells}}, .columns = {{ColumnAxis::kCell, cells}}});
    const auto pictures = wave({3, 1, 6, 6}).abs();
    model->decode(*model->encode(pictures, at::full({3}, cells, at::kLong), &observer), b.inputs, b.target_lengths, &observer);
    EXPECT_EQ(observer.sources, 1);
    EXPECT_EQ(observer.seen, convolutions == 0 ? 3 : 1);
  }
}

// One item of every kind of question, no two of its sizes alike.
Questions one_item() {
  Questions q;
  q.text = at::tensor({5, 7, 4, 5, 8}, at::kLong).view({1, 5});
  q.text_lengths = at::tensor({5}, at::kLong);
  q.words = at::tensor({0, 1, 2, 0, 4}, at::kLong).view({1, 5});
  q.question = at::tensor({4, 8, 5}, at::kLong).view({1, 3});
  q.question_lengths = at::tensor({3}, at::kLong);
  q.statements = at::tensor({4, 5, 6, 6, 7, 8, 5, 4, 6, 6, 4, 4}, at::kLong).view({1, 6, 2});
  q.statement_lengths = at::full({1, 6}, 2, at::kLong);
  q.counts = at::tensor({6}, at::kLong);
  q.pictures = wave({1, 1, 6, 6}).abs();
  return q;
}

TEST(DeclaredSites, OfModelsThatAnswerAreWhatObserversSee) {
  at::NoGradGuard no_grad;
  std::vector<ModelOptions> all{few_of("memory_hops"), few_of("patch_classifier")};
  for (const auto* encoder : {"recurrent", "transformer", "universal", "adaptive"}) {
    all.push_back(few_of("encoder_classifier"));
    all.back().of<ClassifierOptions>().encoder = encoder;
  }
  for (const auto* reader : {"attention_over_attention", "question_to_doc", "doc_to_question"}) {
    all.push_back(few_of("reader"));
    all.back().of<ReaderOptions>().reader = reader;
  }
  for (const auto& options : all) {
    SCOPED_TRACE(fmt::format("{} {} {}", options.type, options.of<ClassifierOptions>().encoder, options.of<ReaderOptions>().reader));
    const auto model = std::dynamic_pointer_cast<Answerer>(make_network(options, 9, 7));
    ASSERT_TRUE(model);
    fill_parameters(*model, 0.4);
    model->eval();
    DeclaredSites observer(
        *model,
        {.rows = {{RowAxis::kNode, 1}, {RowAxis::kSource, 5}, {RowAxis::kDocument, 5}, {RowAxis::kQuestion, 3}, {RowAxis::kCell, 9}},
         .columns = {{ColumnAxis::kSource, 5},
                     {ColumnAxis::kDocument, 5},
                     {ColumnAxis::kQuestion, 3},
                     {ColumnAxis::kStatement, 6},
                     {ColumnAxis::kCell, 9}}});
    model->answer(one_item(), &observer);
    EXPECT_EQ(observer.sources, options.type == "memory_hops" ? 2 : 1);
  }
}

}  // namespace
}  // namespace attend::testing
