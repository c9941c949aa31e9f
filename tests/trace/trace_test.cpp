// Traces of small models with random weights: the same numbers as an ordinary run, and one trace in two forms.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "attend/attention/multi_head.h"
#include "attend/attention/scaled_dot.h"
#include "attend/core/files.h"
#include "attend/models/ntm_model.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/rnn_seq2seq.h"
#include "attend/models/transformer_options.h"
#include "attend/run/translator.h"
#include "attend/trace/trace.h"
#include "draw/schema.h"
#include "support/expect_error.h"

namespace attend {
namespace {

struct Case {
  std::string name;
  std::function<void(ModelOptions&)> set;
};

std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

TranslationModel small_model(const Case& c) {
  TranslationModel model;
  auto tokenizer = [](TokenizerOptions& options, const char* kind, const char* pieces) {
    options.kind = kind;
    options.minimum_count = 1;
    return load_tokenizer(options, std::string("<unk>\n<pad>\n<s>\n</s>\n") + pieces);
  };
  model.source = tokenizer(model.text.source, "words", "I\nlove\nyou\nnot\n");
  model.target = tokenizer(model.text.target, "characters", "我\n爱\n你\n不\n");
  auto& o = model.model;
  o.embedding = 12;
  o.of<HiddenOptions>().hidden = 10;
  o.of<ReadingOptions>().encoder_hidden = 7;
  o.of<TransformerOptions>().feed_forward = 16;
  o.of<HeadOptions>().heads = 3;
  c.set(o);
  at::manual_seed(11);
  model.network = make_model(o, model.source->size(), model.target->size());
  model.network->eval();
  return model;
}

const Case kCases[] = {
    {"lstm_additive",
     [](ModelOptions& o) {
       o.of<EncoderDepthOptions>().encoder_layers = o.of<DecoderDepthOptions>().decoder_layers = 2;
       o.attention = "additive";
     }},
    {"gru_general_before",
     [](ModelOptions& o) {
       o.of<CellOptions>().cell = "gru";
       o.attention = "general";
       o.of<RecurrentDecoderOptions>().timing = "before";
       o.of<RecurrentDecoderOptions>().readout = "maxout";
       o.of<BridgeOptions>().bridge = "backward_first";
     }},
    {"lstm_multi_head",
     [](ModelOptions& o) {
       o.attention = "multi_head";
       o.of<HiddenOptions>().hidden = 12;
     }},
    {"transformer",
     [](ModelOptions& o) {
       o.type = "transformer";
       o.of<EncoderDepthOptions>().encoder_layers = o.of<DecoderDepthOptions>().decoder_layers = 2;
     }},
    {"transformer_post",
     [](ModelOptions& o) {
       o.type = "transformer";
       o.attention = "multi_head";
       o.of<TransformerOptions>().norm = "post";
     }},
    {"universal",
     [](ModelOptions& o) {
       o.type = "universal_transformer";
       o.attention = "multi_head";
       o.of<DecoderDepthOptions>().decoder_layers = 1;
     }},
    {"bottleneck",
     [](ModelOptions& o) {
       o.attention = "none";
       o.of<RecurrentDecoderOptions>().input_feeding = false;
     }},
};

const Case kMemory{"ntm", [](ModelOptions& o) {
                     o.type = "ntm_model";
                     o.attention = "none";
                     o.of<NtmModelOptions>().machine.rows = 6;
                     o.of<NtmModelOptions>().machine.width = 3;
                   }};

class TraceOfModel : public ::testing::TestWithParam<Case> {
 protected:
  TranslationModel model_ = small_model(GetParam());
  static constexpr const char* kSource = "I love not you";
  static constexpr const char* kTarget = "我不爱你";
  Trace forced(TraceOptions options = {}) const {
    options.target = kTarget;
    return trace(model_, kSource, options);
  }
};

std::vector<TraceAttention> attentions(const std::vector<TraceLine>& lines) {
  std::vector<TraceAttention> found;
  for (const auto& line : lines)
    if (const auto* a = std::get_if<TraceAttention>(&line)) found.push_back(*a);
  return found;
}

const TraceNumbers& numbers(const std::vector<TraceLine>& lines, const std::string& name) {
  for (const auto& line : lines)
    if (const auto* n = std::get_if<TraceNumbers>(&line); n && n->name == name) return *n;
  throw std::logic_error("no numbers " + name);
}

TEST_P(TraceOfModel, HasTheNumbersOfAForcedRun) {
  const auto traced = forced();
  const Translator translator(model_);
  const std::string sources[] = {kSource}, targets[] = {kTarget};
  const auto scored = translator.score(sources, targets, {.record = true})[0];
  const auto& best = scored.best[0];
  ASSERT_EQ(traced.steps.size(), best.tokens.size());
  for (std::size_t t = 0; t < traced.steps.size(); ++t) {
    const auto& chosen = traced.steps[t].choice->chosen;
    EXPECT_EQ(chosen.id, best.tokens[t]);
    EXPECT_NEAR(-chosen.surprisal, best.log_probs[t], 1e-6);
    EXPECT_NEAR(std::exp(-chosen.surprisal), chosen.probability, 1e-12);
    const auto& logits = numbers(traced.steps[t].lines, "logits").values;
    EXPECT_NEAR(logits.at(static_cast<std::size_t>(chosen.id)), chosen.logit, 0);
    double sum = 0;
    for (const auto logit : logits) sum += std::exp(logit);
    EXPECT_NEAR(std::log(sum) - chosen.logit, chosen.surprisal, 1e-12);
    for (const auto& a : attentions(traced.steps[t].lines)) {
      const auto weights = scored.record->map(scored.record->find_map(a.site, a.layer), static_cast<std::uint32_t>(a.head));
      for (std::size_t s = 0; s < a.weights.size(); ++s)
        EXPECT_NEAR(a.weights[s], weights.at(static_cast<std::uint32_t>(t), static_cast<std::uint32_t>(s)), 1e-6) << a.site << " " << s;
    }
  }
  EXPECT_NEAR(traced.totals->log_prob, best.log_prob, 1e-5);
  if (model_.model.attention == "none") {
    EXPECT_TRUE(traced.links.empty() && traced.coverage.empty());
    return;
  }
  EXPECT_EQ(format_links(traced.links),
            format_links(links_of(*scored.record, {}, 0, {.units = {LinkUnit::kTokens, LinkUnit::kTokens}}).links));
}

// Its reads come from no mechanism: they have weights, and neither scores nor a context of their own.
TEST(Trace, FollowsAModelThatReadsAMemory) {
  const auto model = small_model(kMemory);
  TraceOptions options;
  options.target = "我不爱你";
  const auto traced = trace(model, "I love not you", options);
  EXPECT_EQ(traced.coverage.size(), traced.source.size());
  const auto found = attentions(traced.steps.at(0).lines);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].site, "ntm.slots");
  EXPECT_EQ(found[0].keys, (std::vector<std::string>{"0", "1", "2", "3", "4", "5"}));
  EXPECT_NEAR(std::accumulate(found[0].weights.begin(), found[0].weights.end(), 0.0), 1, 1e-12);
  EXPECT_EQ(found[1].site, "ntm.read");
  EXPECT_EQ(found[1].keys.size(), traced.source.size());
  EXPECT_NE(trace_text(traced).find("ntm.read, layer 0, head 0"), std::string::npos);
}

TEST_P(TraceOfModel, WeightsAreTheSoftmaxOfTheScores) {
  const auto traced = forced();
  auto lines = traced.encoder;
  for (const auto& step : traced.steps) lines.insert(lines.end(), step.lines.begin(), step.lines.end());
  const auto found = attentions(lines);
  EXPECT_EQ(found.empty(), model_.model.attention == "none");
  for (const auto& a : found) {
    SCOPED_TRACE(a.site + " of " + a.query);
    ASSERT_EQ(a.scores.size(), a.keys.size());
    ASSERT_EQ(a.exponentials.size(), a.keys.size());
    double sum = 0, entropy = 0;
    for (std::size_t s = 0; s < a.keys.size(); ++s) {
      EXPECT_NEAR(a.exponentials[s] / a.sum, a.weights[s], 1e-12);
      EXPECT_NEAR(a.exponentials[s], std::exp(a.scores[s] - *std::max_element(a.scores.begin(), a.scores.end())), 1e-12);
      sum += a.weights[s];
      entropy -= a.weights[s] * std::log(a.weights[s]);
    }
    for (const auto& part : a.parts) {  // of this query: they lead to its own scores
      if (part.name != "q·k") continue;
      for (std::size_t s = 0; s < a.keys.size(); ++s) EXPECT_NEAR(part.values.at(s) / std::sqrt(4.0), a.scores[s], 1e-12);
    }
    EXPECT_NEAR(sum, 1, 1e-12);
    EXPECT_NEAR(a.entropy, entropy, 1e-12);
    EXPECT_NEAR(a.effective_tokens, std::exp(entropy), 1e-11);
  }
  double mass = 0;
  for (const auto share : traced.coverage) mass += share;
  EXPECT_NEAR(mass, found.empty() ? 0 : static_cast<double>(traced.steps.size()), 1e-12);
}

TEST_P(TraceOfModel, FollowsTheModelsOwnWords) {
  TraceOptions options;
  options.search.max_length_extra = 3;
  const auto own = trace(model_, kSource, options);
  const std::string sources[] = {kSource};
  const auto greedy = Translator(model_).translate(sources, options.search)[0];
  EXPECT_FALSE(own.forced);
  EXPECT_EQ(own.target_text, greedy.text());
  ASSERT_EQ(own.steps.size(), greedy.best[0].tokens.size());
  EXPECT_NEAR(own.totals->score, greedy.best[0].score, 1e-5);
}

// Every vector of the JSON stands in the text, and the other way round there are as many.
TEST_P(TraceOfModel, JsonAgreesWithTheText) {
  TraceOptions options;
  options.head = model_.model.attention == "none" ? std::optional<std::int64_t>() : 0;
  const auto traced = forced(options);
  const auto schema = nlohmann::json::parse(read_file(ATTEND_SOURCE_DIR "/docs/schemas/attend.trace.schema.json"));
  const auto json = nlohmann::json::parse(trace_json(traced));
  EXPECT_EQ(schema_violation(schema, json), "");
  const auto text = trace_text(traced, {.digits = 9, .full = true});
  auto printed = [](const nlohmann::json& vector) {
    std::vector<std::string> values;
    for (const auto& x : vector) values.push_back(fmt::format("{:.9f}", x.get<double>()));
    return fmt::format("({})", fmt::join(values, ", "));
  };
  std::size_t vectors = 0;
  for (const auto& step : json["steps"]) {
    for (const auto& line : step["lines"]) {
      const auto vector = printed(line["kind"] == "numbers" ? line["values"] : line["context"]);
      EXPECT_NE(text.find(vector), std::string::npos) << line["kind"] << vector;
      ++vectors;
      if (line["kind"] != "attention") continue;
      for (std::size_t s = 0; s < line["keys"].size(); ++s) {
        const auto cell =
            fmt::format("  {:.9f}  {:.9f}", line["softmax"]["exponentials"][s].get<double>(), line["weights"][s].get<double>());
        EXPECT_NE(text.find(cell), std::string::npos) << line["site"] << cell;
      }
    }
    EXPECT_NE(text.find(fmt::format("{:.9f}  {:.9f}\n", step["choice"]["chosen"]["probability"].get<double>(),
                                    step["choice"]["chosen"]["surprisal"].get<double>())),
              std::string::npos);
  }
  EXPECT_GT(vectors, 4 * json["steps"].size());
  EXPECT_EQ(json["totals"]["log_prob"].get<double>(), traced.totals->log_prob);
  EXPECT_EQ(json["steps"].size(), traced.steps.size());
}

INSTANTIATE_TEST_SUITE_P(Models, TraceOfModel, ::testing::ValuesIn(kCases), [](const auto& instance) { return instance.param.name; });

TEST(Trace, ContextOfARecurrentModelIsTheWeightedSumOfItsStates) {
  const auto traced = trace(small_model(kCases[0]), "you love I");
  const auto& states = numbers(traced.encoder, "encoder.states");
  ASSERT_EQ(states.rows, (std::vector<std::string>{"you", "love", "I", "</s>"}));
  for (const auto& step : traced.steps) {
    const auto a = attentions(step.lines).at(0);
    ASSERT_EQ(a.context.size(), states.columns());
    for (std::size_t i = 0; i < a.context.size(); ++i) {
      double sum = 0;
      for (std::size_t s = 0; s < a.weights.size(); ++s) sum += a.weights[s] * states.values[s * states.columns() + i];
      EXPECT_NEAR(a.context[i], sum, 1e-12);
    }
  }
}

TEST(Trace, CellsTellWhatEntersTheirActivation) {
  const auto traced = trace(small_model({"tanh", [](ModelOptions& o) { o.of<CellOptions>().cell = "rnn_tanh"; }}), "I love");
  auto expect_tanh = [](const TraceNumbers& before, const TraceNumbers& after) {
    ASSERT_EQ(before.values.size(), after.values.size());
    for (std::size_t i = 0; i < after.values.size(); ++i) EXPECT_NEAR(std::tanh(before.values[i]), after.values[i], 1e-12);
  };
  for (const char* name : {"encoder.forward.0", "encoder.backward.0"})
    expect_tanh(numbers(traced.encoder, std::string(name) + " before tanh"), numbers(traced.encoder, name));
  expect_tanh(numbers(traced.encoder, "bridge before tanh"), numbers(traced.encoder, "decoder.initial.0"));
  for (const auto& step : traced.steps) expect_tanh(numbers(step.lines, "decoder.0 before tanh"), numbers(step.lines, "decoder.0"));
  // The two directions side by side, in the order of the source.
  const auto &ahead = numbers(traced.encoder, "encoder.forward.0"), &back = numbers(traced.encoder, "encoder.backward.0");
  const auto& both = numbers(traced.encoder, "encoder.states");
  for (std::size_t s = 0; s < 3; ++s)
    for (std::size_t i = 0; i < 7; ++i) {
      EXPECT_EQ(both.values[s * 14 + i], ahead.values[s * 7 + i]);
      EXPECT_EQ(both.values[s * 14 + 7 + i], back.values[s * 7 + i]);
    }
}

TEST(Trace, OneLayerAndHeadOfATransformer) {
  const auto model = small_model(kCases[3]);
  TraceOptions options;
  options.layer = 0;
  options.head = 1;
  const auto traced = trace(model, "I love you", options);
  EXPECT_EQ(attentions(traced.encoder).size(), 4U);  // encoder.self, a query a token
  for (const auto& step : traced.steps) {
    const auto found = attentions(step.lines);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].site, "decoder.self");
    EXPECT_EQ(found[1].site, "decoder.cross");
    for (const auto& a : found) EXPECT_TRUE(a.layer == 0 && a.head == 1);
  }
  // Coverage and links are those of the last layer, whatever is shown.
  const auto whole = trace(model, "I love you");
  EXPECT_EQ(traced.coverage, whole.coverage);
  EXPECT_EQ(attentions(whole.steps[0].lines).size(), 6U);  // two sites, three heads
  options.head = 3;
  EXPECT_ERROR(trace(model, "I love you", options), kValue, "has the heads 0 to 2");
  options.layer = 2;
  EXPECT_ERROR(trace(model, "I love you", options), kValue, "layers 0 to 1");
}

TEST(Trace, TheFormulaSaysWhatProductsAreMultipliedBy) {
  const auto formula = [](double scale, double cap = 0) {
    return trace(small_model({"transformer",
                              [&](ModelOptions& o) {
                                o.type = "transformer";
                                o.attention = "multi_head";
                                o.of<ScaledDotOptions>().scale = scale;
                                o.of<SoftCapOptions>().cap = cap;
                              }}),
                 "I love")
        .formula;
  };
  EXPECT_TRUE(formula(0).ends_with("inside scaled_dot: e[t,s] = q_t · k_s / √D"));
  EXPECT_TRUE(formula(0.25).ends_with("inside scaled_dot: e[t,s] = 0.25 q_t · k_s"));
  EXPECT_TRUE(formula(0, 50).ends_with("= q_t · k_s / √D, then 50 tanh(e / 50)"));
}

TEST(Trace, TextShowsWhatTheViewAsksFor) {
  TraceOptions options;
  options.target = "我爱你";
  const auto traced = trace(small_model(kCases[0]), "I love you", options);
  const auto brief = trace_text(traced), full = trace_text(traced, {.full = true}), second = trace_text(traced, {.step = 2});
  EXPECT_NE(brief.find("10 numbers, norm "), std::string::npos);
  EXPECT_EQ(full.find("norm"), std::string::npos);
  EXPECT_NE(second.find("Step 2 of"), std::string::npos);
  EXPECT_EQ(second.find("Step 1 of"), std::string::npos);
  EXPECT_EQ(second.find("Totals"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(trace_json(traced, {.step = 2}))["steps"].size(), 1U);
  EXPECT_ERROR(trace_text(traced, {.step = 99}), kValue, "step 99 is not there");
  EXPECT_ERROR(trace_json(traced, {.step = -1}), kValue, "step -1 is not there");
  EXPECT_ERROR(trace_text(traced, {.digits = 18}), kValue, "0 to 17");
}

TEST(Trace, TextOfAHeadBesideOthersHasItsContext) {
  const auto traced = trace(small_model(kCases[2]), "I love you");
  const auto text = trace_text(traced, {.full = true});
  for (const auto& step : traced.steps)
    for (const auto& a : attentions(step.lines)) {
      std::vector<std::string> values;
      for (const auto x : a.context) values.push_back(fmt::format("{:.4f}", x));
      EXPECT_NE(text.find(fmt::format("context of head {}  (", a.head)), std::string::npos);
    }
}

TEST(Trace, RefusesAnEmptyText) {
  const auto model = small_model(kCases[0]);
  EXPECT_ERROR(trace(model, ""), kValue, "the text is empty");
  EXPECT_ERROR(trace(model, "  "), kValue, "the text is empty");
}

TEST(Trace, NeverSendsControlBytes) {
  auto model = small_model(kCases[0]);
  const auto text = trace_text(trace(model, "I \x1b[31m you\u202e"));
  const auto tokens = text.substr(text.find("1. Source"));
  EXPECT_NE(tokens.find("\\x1b"), std::string::npos);
  EXPECT_NE(tokens.find("\\u202e"), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find("\u202e"), std::string::npos);
}

TEST(Trace, LeavesModelAndRandomNumbersAsTheyWere) {
  const auto model = small_model(kCases[3]);
  const auto before = model.network->parameters()[0].clone();
  at::manual_seed(5);
  const auto expected = at::rand({4});
  at::manual_seed(5);
  trace(model, "I love you");
  EXPECT_TRUE(at::equal(at::rand({4}), expected));
  EXPECT_EQ(model.network->parameters()[0].scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(model.network->parameters()[0], before));
}

}  // namespace
}  // namespace attend
