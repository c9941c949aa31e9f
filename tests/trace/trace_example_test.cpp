// The two worked examples against the figures published for them, digit by digit as they are printed.
#include <gtest/gtest.h>

#include <sstream>

#include "attend/core/files.h"
#include "attend/trace/trace.h"
#include "support/expect_error.h"

namespace attend {
namespace {

// One section of a trace, as words: "3. Step 1 of 4, ..." up to the next number.
class Section {
 public:
  Section(const std::string& text, const std::string& title) {
    std::istringstream in(text);
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
      if (!line.empty() && std::isdigit(static_cast<unsigned char>(line[0])) != 0) inside = line.find(title) != std::string::npos;
      if (inside) lines_.push_back(line);
    }
    EXPECT_FALSE(lines_.empty()) << "no section " << title << " in:\n" << text;
  }

  /// What follows `name` on the first line that begins with it; with `after`, on the first such line below one that begins with that.
  std::string line(const std::string& name, const std::string& after = "") const {
    bool reached = after.empty();
    for (const auto& line : lines_) {
      const auto begin = line.find_first_not_of(' ');
      if (begin == std::string::npos) continue;
      const auto text = line.substr(begin);
      if (reached && text.starts_with(name + " ")) return text.substr(text.find_first_not_of(' ', name.size()));
      if (text == after) reached = true;
    }
    ADD_FAILURE() << "no line " << name;
    return {};
  }

  /// The words of that line, numbered from 0.
  std::string word(const std::string& name, std::size_t index, const std::string& after = "") const {
    std::istringstream in(line(name, after));
    std::string word;
    for (std::size_t i = 0; i <= index; ++i) in >> word;
    return word;
  }

 private:
  std::vector<std::string> lines_;
};

TEST(RecurrentExample, EncoderAndBridge) {
  const auto text = trace_text(trace_example("rnn"), {.digits = 6});
  const Section encoder(text, "Encoder");
  const std::string before = "encoder.forward.0 before tanh", after = "encoder.forward.0";
  EXPECT_EQ(encoder.line("I", before), "(2.000000, 0.000000, 0.000000)");
  EXPECT_EQ(encoder.line("love", before), "(0.482014, 2.000000, 0.000000)");
  EXPECT_EQ(encoder.line("you", before), "(0.223927, 0.482014, 2.000000)");
  EXPECT_EQ(encoder.line("I", after), "(0.964028, 0.000000, 0.000000)");
  EXPECT_EQ(encoder.line("love", after), "(0.447855, 0.964028, 0.000000)");
  EXPECT_EQ(encoder.line("you", after), "(0.220258, 0.447855, 0.964028)");
  EXPECT_EQ(encoder.line("bridge before tanh"), "(1.928055, -0.964028, -0.964028)");
  EXPECT_EQ(encoder.line("decoder.initial.0"), "(0.958576, -0.746068, -0.746068)");
  const Section source(text, "Source");
  EXPECT_EQ(source.line("love"), "5   [2, 6)");
}

struct PrintedStep {
  std::array<const char*, 3> scores, weights;
  const char *context, *before, *state;
  std::array<const char*, 4> logits, probabilities;  // </s>, 我, 爱, 你
  const char *word, *surprisal;
};

// The table of the worked example, as it is printed.
const PrintedStep kPrinted[] = {
    {{"0.924094", "-0.289927", "-0.842226"},
     {"0.681217", "0.202322", "0.116461"},
     "(0.772974, 0.247202, 0.112272)",
     "(-0.134225, 1.750567, -1.316898)",
     "(-0.133425, 0.941440, -0.866010)",
     {"-0.057995", "2.127914", "-1.256853", "-0.737637"},
     {"0.093396", "0.831108", "0.028163", "0.047333"},
     "我",
     "0.184995"},
    {{"-0.128625", "0.847819", "-0.442617"},
     {"0.228023", "0.605401", "0.166576"},
     "(0.527642, 0.658225, 0.160584)",
     "(-0.802891, -0.200167, 1.647287)",
     "(-0.665650, -0.197536, 0.928484)",
     {"0.065298", "0.038938", "1.556708", "-0.929996"},
     {"0.147341", "0.143508", "0.654691", "0.054460"},
     "爱",
     "0.423592"},
    {{"-0.641705", "-0.488545", "0.660002"},
     {"0.171201", "0.199537", "0.629262"},
     "(0.393006, 0.474177, 0.606626)",
     "(-2.136322, -1.861680, -1.232445)",
     "(-0.972494, -0.952834, -0.843287)",
     {"-2.768615", "-1.247624", "-0.894565", "3.114682"},
     {"0.002695", "0.012334", "0.017556", "0.967416"},
     "你",
     "0.033127"},
    {{"-0.937511", "-1.354094", "-1.453883"},
     {"0.443267", "0.292244", "0.264489"},
     "(0.616460, 0.400184, 0.254975)",
     "(0.821983, 0.723675, 0.705844)",
     "(0.676148, 0.619181, 0.608064)",
     {"1.903392", "1.196943", "0.536997", "-2.410087"},
     {"0.567600", "0.280050", "0.144752", "0.007598"},
     "</s>",
     "0.566338"},
};

TEST(RecurrentExample, EveryNumberOfEveryStep) {
  const auto text = trace_text(trace_example("rnn"), {.digits = 6});
  const std::array<const char*, 3> source{"I", "love", "you"};
  const std::array<const char*, 4> target{"</s>", "我", "爱", "你"};
  for (std::size_t t = 0; t < 4; ++t) {
    SCOPED_TRACE(t + 1);
    const auto& printed = kPrinted[t];
    const Section step(text, fmt::format("Step {} of 4", t + 1));
    for (std::size_t s = 0; s < 3; ++s) {  // columns: e, e - max, exp(e - max), weight
      EXPECT_EQ(step.word(source[s], 0), printed.scores[s]);
      EXPECT_EQ(step.word(source[s], 3), printed.weights[s]);
    }
    EXPECT_EQ(step.line("context"), printed.context);
    EXPECT_EQ(step.line("decoder.0 before tanh"), printed.before);
    EXPECT_EQ(step.line("decoder.0", fmt::format("decoder.0 before tanh  {}", printed.before)), printed.state);
    for (std::size_t w = 0; w < 4; ++w) {
      const std::string name = std::string(target[w] == std::string_view(printed.word) ? "> " : "") + target[w];
      EXPECT_EQ(step.word(name, 0), printed.logits[w]);
      EXPECT_EQ(step.word(name, 1), printed.probabilities[w]);
    }
    EXPECT_EQ(step.word(std::string("> ") + printed.word, 2), printed.surprisal);
  }
}

TEST(RecurrentExample, Totals) {
  const auto example = trace_example("rnn");
  EXPECT_EQ(example.target_text, "我爱你");
  const Section totals(trace_text(example, {.digits = 6}), "Totals");
  EXPECT_EQ(totals.line("log-probability"), "-1.208053, mean NLL 0.302013, perplexity 1.352579");
  EXPECT_EQ(totals.line("score"), "-0.947177 = -1.208053 / 1.275425 + 0.000000 (length divisor, coverage term)");
  EXPECT_EQ(totals.line("I"), "1.523708");
  EXPECT_EQ(totals.line("love"), "1.299504");
  EXPECT_EQ(totals.line("you"), "1.176789");
  EXPECT_EQ(totals.line("links by argmax"), "0-0 1-1 2-2  (I-我, love-爱, you-你)");
}

TEST(RecurrentExample, TheGuideShowsWhatTheProgramPrints) {
  const auto guide = read_file(ATTEND_SOURCE_DIR "/docs/guide/trace.md");
  EXPECT_NE(guide.find("```\n" + trace_text(trace_example("rnn"), {.step = 2, .digits = 6}) + "```"), std::string::npos);
}

// The other sentences that this model can say; the table of n-best lists their log-probabilities.
TEST(RecurrentExample, GivenTargets) {
  const std::pair<const char*, const char*> listed[] = {
      {"我", "-2.099998,"}, {"我爱你我爱你", "-3.124296,"}, {"我爱你爱你", "-3.230680,"}, {"", "-2.370905,"}};
  for (const auto& [target, log_prob] : listed) {
    TraceOptions options;
    options.target = target;
    const auto example = trace_example("rnn", options);
    EXPECT_TRUE(example.forced);
    EXPECT_EQ(Section(trace_text(example, {.digits = 6}), "Totals").word("log-probability", 0), log_prob) << target;
  }
}

struct PrintedRow {
  std::array<const char*, 3> product, scaled, exponential, weight;
  const char *sum, *context, *focus;
};

TEST(ScaledDotExample, EveryNumber) {
  const auto example = trace_example("scaled_dot");
  const auto text = trace_text(example), fine = trace_text(example, {.digits = 6});
  const PrintedRow printed[] = {{{"7.0000", "0.0000", "5.0000"},
                                 {"3.5000", "0.0000", "2.5000"},
                                 {"1.000000", "0.030197", "0.367879"},
                                 {"0.7153", "0.0216", "0.2631"},
                                 "1.398077",
                                 "(0.9784, 0.2847)",
                                 "0.6738 nat, effective tokens 1.962"},
                                {{"1.0000", "7.0000", "2.0000"},
                                 {"0.5000", "3.5000", "1.0000"},
                                 {"0.049787", "1.000000", "0.082085"},
                                 {"0.0440", "0.8835", "0.0725"},
                                 "1.131872",
                                 "(0.1165, 0.9560)",
                                 "0.4371 nat, effective tokens 1.548"},
                                {{"5.0000", "0.0000", "7.0000"},
                                 {"2.5000", "0.0000", "3.5000"},
                                 {"0.367879", "0.030197", "1.000000"},
                                 {"0.2631", "0.0216", "0.7153"},
                                 "1.398077",
                                 "(0.9784, 0.7369)",
                                 "0.6738 nat, effective tokens 1.962"}};
  const std::array<const char*, 3> keys{"I", "love", "you"};
  for (std::size_t t = 0; t < 3; ++t) {
    SCOPED_TRACE(t + 1);
    const Section step(text, fmt::format("Step {} of 3", t + 1)), digits(fine, fmt::format("Step {} of 3", t + 1));
    for (std::size_t s = 0; s < 3; ++s) {  // columns: q·k, e, e - max, exp(e - max), weight
      EXPECT_EQ(step.word(keys[s], 0), printed[t].product[s]);
      EXPECT_EQ(step.word(keys[s], 1), printed[t].scaled[s]);
      EXPECT_EQ(digits.word(keys[s], 3), printed[t].exponential[s]);
      EXPECT_EQ(step.word(keys[s], 4), printed[t].weight[s]);
    }
    EXPECT_EQ(digits.word("sum", 0), printed[t].sum);
    EXPECT_EQ(step.line("context"), printed[t].context);
    const auto& attention = std::get<TraceAttention>(example.steps[t].lines.at(0));
    EXPECT_EQ(fmt::format("{:.4f} nat, effective tokens {:.3f}", attention.entropy, attention.effective_tokens), printed[t].focus);
  }
  EXPECT_EQ(format_links(example.links), "0-0 1-1 2-2");
  EXPECT_FALSE(example.totals);
}

TEST(TraceExample, RefusesWhatIsNotThere) {
  EXPECT_ERROR(trace_example("rn"), kUnknownName, "did you mean 'rnn'");
  TraceOptions given;
  given.target = "我";
  EXPECT_ERROR(trace_example("scaled_dot", given), kValue, "takes no target");
}

}  // namespace
}  // namespace attend
