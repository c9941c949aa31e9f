// Captions of pictures: what is said of each, and what is counted of it.
#include "attend/run/captions.h"
#include "attend/models/patch_classifier.h"
#include "attend/models/recurrent_options.h"

#include <filesystem>

#include "attend/core/files.h"
#include "attend/measure/bleu.h"
#include "attend/measure/cider.h"
#include "attend/models/captioner.h"
#include "models/search_checks.h"
#include "support/temp_folder.h"

namespace attend::testing {
namespace {

class Captions : public ::testing::Test {
 protected:
  void SetUp() override {
    auto& o = model_.model;
    o = {};
    o.type = "captioner";
    o.attention = "additive";
    o.of<PictureOptions>().picture_width = o.of<PictureOptions>().picture_height = 8;
    o.of<PictureOptions>().picture_channels = 3;
    o.of<ConvolutionOptions>().convolutions = 1;
    o.of<FilterOptions>().filters = 8;
    o.embedding = 6;
    o.of<HiddenOptions>().hidden = 6;
    o.dropout = 0;
    model_.text.target.kind = "words";
    model_.target = load_tokenizer(model_.text.target, "<unk>\n<pad>\n<s>\n</s>\na\nred\ndog\n");
    model_.network = make_model(o, 0, model_.target->size());
    fill_parameters(*model_.network, 0.9);
    model_.network->to(at::kFloat);
    model_.network->eval();
    search_.beam = 2;
    search_.max_length_ratio = 0;
    search_.max_length_extra = 5;
    std::filesystem::create_directories(folder_ / "pictures");
    for (int i = 0; i < 3; ++i) {
      Image picture{8, 8, 3, {}};
      for (int p = 0; p < 8 * 8 * 3; ++p) picture.pixels.push_back(static_cast<std::uint8_t>((37 * p * (i + 1)) % 251));
      write_file_atomic(folder_ / ("pictures/" + std::to_string(i) + ".png"), to_png(picture));
    }
  }

  // What people said; the second of the first picture is `said`.
  PictureSet set(const std::string& said) const {
    write_file_atomic(folder_ / "captions.txt", "0.png#0\tA red dog.\n0.png#1\t" + said + "\n1.png#0\ta dog\n1.png#1\tred a red dog\n" +
                                                    "2.png#0\tdog dog a red cat\n");
    PictureSet set(folder_ / "pictures", folder_ / "captions.txt", "");
    set.load(model_.model);
    return set;
  }

  // −ln p of each picture's first caption by one pass over that picture alone, and its tokens.
  std::pair<double, std::size_t> forced(const PictureSet& set, std::size_t count) const {
    at::NoGradGuard no_grad;
    double nll = 0;
    std::size_t tokens = 0;
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<std::int64_t> right;
      for (const auto& token : model_.target->encode(set.captions(i)[0])) right.push_back(token.id);
      right.push_back(SpecialIds().end);
      std::vector<std::int64_t> before{SpecialIds().begin};
      before.insert(before.end(), right.begin(), right.end() - 1);
      const auto encoded = model_.network->encode(set.batch(std::vector<std::size_t>{i}),
                                                  at::full({1}, picture_grid(model_.model).cells(), at::kLong), nullptr);
      const auto length = at::full({1}, static_cast<std::int64_t>(right.size()), at::kLong);                   // [1]
      const auto states = model_.network->decode(*encoded, at::tensor(before).unsqueeze(0), length, nullptr);  // [1, T, N]
      const auto log_probs = at::log_softmax(model_.network->logits(states), -1)[0];                           // [T, V]
      nll -= log_probs.gather(1, at::tensor(right).unsqueeze(1)).sum().item<double>();
      tokens += right.size();
    }
    return {nll, tokens};
  }

  TranslationModel model_;
  SearchOptions search_;
  TempFolder folder_;
};

TEST_F(Captions, FiguresAreThoseOfWhatWasSaid) {
  const auto first = set("nothing like it");
  const std::vector<std::size_t> one{0};
  const auto said = Runner(model_).caption(first, one, search_).at(0).text();
  ASSERT_FALSE(said.empty());
  const auto pictures = set(said);
  ASSERT_EQ(pictures.size(), 3u);
  for (const std::size_t count : {std::size_t{0}, std::size_t{2}, std::size_t{9}}) {
    const auto counted = count == 2 ? 2u : 3u;
    const auto figures = evaluate_captions(Runner(model_), pictures, search_, count);
    EXPECT_EQ(figures.pictures, counted);
    ASSERT_EQ(figures.captions.size(), counted);
    BleuOptions between_blanks;
    between_blanks.tokenizer = "none";
    Bleu bleu(between_blanks);
    Cider cider;
    std::size_t exact = 0;
    for (std::size_t i = 0; i < counted; ++i) {
      const std::vector<std::size_t> alone{i};
      EXPECT_EQ(figures.captions[i], Runner(model_).caption(pictures, alone, search_).at(0).text());
      const auto& captions = pictures.captions(i);
      const std::vector<std::string_view> references(captions.begin(), captions.end());
      const auto caption = plain_caption(figures.captions[i]);
      bleu.add(caption, references);
      cider.add(caption, references);
      exact += std::count(captions.begin(), captions.end(), caption) > 0;
    }
    ASSERT_GT(exact, 0u);
    ASSERT_LT(exact, counted);
    const auto value = [&](const char* name) { return figures.metrics.value(name).value(); };
    EXPECT_DOUBLE_EQ(value("exact"), static_cast<double>(exact) / static_cast<double>(counted));
    EXPECT_EQ(figures.metrics.at("bleu").text.orders, caption_bleu(bleu.result()));
    EXPECT_DOUBLE_EQ(value("cider"), cider.score());
    const auto [nll, tokens] = forced(pictures, counted);
    EXPECT_NEAR(value("loss"), nll / static_cast<double>(tokens), kOtherOrder);
    EXPECT_NEAR(value("perplexity"), std::exp(nll / static_cast<double>(tokens)), 10 * kOtherOrder);
  }
}

TEST_F(Captions, OtherMetricsOfTextsCanBeAskedFor) {
  const auto pictures = set("a dog");
  const auto figures = evaluate_captions(Runner(model_), pictures, search_, 0, {&find_metric("rouge_l"), &find_metric("wer")});
  EXPECT_EQ(figures.metrics.size(), 2u);
  EXPECT_GT(figures.metrics.value("wer").value(), 0);
}

TEST_F(Captions, EventsNameTheirPicture) {
  const auto pictures = set("a dog");
  const std::vector<std::size_t> items(70, 0);  // more than are captioned together
  std::vector<int> ended(items.size());
  SearchControl control;
  control.on_step = [&](const StepEvent& event) {
    ended.at(static_cast<std::size_t>(event.item)) += event.done ? 1 : 0;
    return AfterStep::kGoOn;
  };
  Runner(model_).caption(pictures, items, search_, control);
  EXPECT_EQ(ended, std::vector<int>(items.size(), 1));
}

TEST_F(Captions, RecordsHaveATokenForEachCell) {
  const auto pictures = set("a dog");
  const std::vector<std::size_t> items{2, 0};
  const auto captioned = Runner(model_).caption(pictures, items, search_, {.record = true});
  ASSERT_EQ(captioned.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& data = captioned[i].record->data();
    EXPECT_EQ(data.source.utf8, pictures.name(items[i]));
    EXPECT_EQ(data.source.tokens.size(), static_cast<std::size_t>(picture_grid(model_.model).cells()));
    EXPECT_EQ(data.hypotheses.at(0).text.utf8, captioned[i].text());
    ASSERT_TRUE(data.picture);
  }
}

}  // namespace
}  // namespace attend::testing
