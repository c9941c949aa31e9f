#include "attend/train/config.h"

#include <algorithm>

#include "attend/attention/hard.h"
#include "attend/core/error.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/transformer_options.h"
#include "attend/train/data.h"
#include "attend/train/losses.h"
#include "attend/train/pairs.h"
#include "train/auxiliary.h"
#include "train/learner.h"
#include "train/resume.h"

namespace attend {

namespace {

// A section of a configuration that only the whole of it knows how to visit.
template <class Visit>
struct Section {
  Visit all;
  void visit(OptionVisitor& v) { all(v); }
};
template <class Visit>
Section(Visit) -> Section<Visit>;

}  // namespace

void Config::visit(OptionVisitor& v) {
  v(task, "task", "translate", "what is learned; says how the data are read and what is measured", one_of(task_names()));
  const auto& learner = *find_task(task).learner;
  Section read{[&](OptionVisitor& inner) { learner.data(data, model, inner); }};
  v.group(read, "data", "what is read");
  v.group(text, "text", "how text becomes tokens");
  v.group(model, "model", "what the network looks like");
  Section learned{[&](OptionVisitor& inner) {
    train.visit(inner);
    learner.training(train.own, model, inner);
    visit_losses(train.own, model, inner);
  }};
  v.group(learned, "train", "how it learns");
  if (learner.searches) v.group(decode, "decode", "how it searches when running");
}

void Config::complete(GivenValues& given) {
  if (given.empty() || given.contains("model.type")) return;
  const auto task = given.find("task");
  const auto name = task == given.end() || task->second.texts.empty() ? std::string("translate") : task->second.texts[0];
  const auto names = task_names();
  if (std::find(names.begin(), names.end(), name) == names.end()) return;  // whoever reads the key says so
  given["model.type"] = {.texts = {std::string(find_task(name).learner->usual_model(given))}, .where = "task " + name};
}

void check_pairs(const Config& c) {
  const auto& d = c.data.of<PairOptions>();
  const auto& table = c.data.of<TableFiles>();
  ATTEND_CHECK(c.data.of<TextFiles>().text.empty(), kValue,
               "task {} learns from pairs, but data.text was given; a text alone is for generate, classify or answer: give --task", c.task);
  ATTEND_CHECK(table.tsv.empty() != (d.source.empty() && d.target.empty()), kValue,
               "data: give either data.source and data.target (--source FILE --target FILE) or data.tsv (--tsv FILE){}",
               table.tsv.empty() ? "; nothing was given" : ", not both");
  ATTEND_CHECK(d.source.empty() == d.target.empty(), kValue, "data.{0} is missing: source and target come together; give --{0} FILE",
               d.source.empty() ? "source" : "target");
  ATTEND_CHECK(d.dev_source.empty() == d.dev_target.empty(), kValue, "data: {} is missing; dev_source and dev_target come together",
               d.dev_source.empty() ? "dev_source" : "dev_target");
  ATTEND_CHECK(table.dev_tsv.empty() || d.dev_source.empty(), kValue, "data: give dev_source and dev_target or dev_tsv, not both");
  ATTEND_CHECK(c.train.of<GuidedOptions>().guided_weight == 0 || !table.tsv.empty(), kValue,
               "train.guided_weight needs gold links, the third column of data.tsv; set it to 0, or give data as a TSV");
}

void refuse_unread_data(const Config& c, const GivenValues& given) {
  const auto& d = c.data.of<PairOptions>();
  const auto& table = c.data.of<TableFiles>();
  ATTEND_CHECK(!given.contains("data.dev_pairs") || d.dev_pairs == 0 || (d.dev_source.empty() && table.dev_tsv.empty()), kValue,
               "data.dev_pairs holds out training pairs to validate on, but data.{} was given; leave one of them out",
               table.dev_tsv.empty() ? "dev_source" : "dev_tsv");
}

void check_config(const Config& c) {
  const auto& t = c.train;
  ATTEND_CHECK(!t.out.empty(), kValue, "train.out is missing: the folder to write the run to; give --out DIR");
  ATTEND_CHECK(t.schedule != "noam" || t.warmup > 0, kValue, "train.schedule: noam needs train.warmup of at least 1, 4000 in the paper");
  ATTEND_CHECK(t.schedule != "cosine" || t.steps > 0 || t.minutes > 0, kValue,
               "train.schedule: cosine, which is chosen where none is given, needs the length of the whole run: give train.steps or "
               "train.minutes (--steps, --minutes) a number above 0");
  ATTEND_CHECK(t.epochs > 0 || t.steps > 0 || t.minutes > 0, kValue,
               "train: epochs, steps and minutes are all 0; one of them must end the run");
  ATTEND_CHECK(t.average <= t.keep, kValue, "train.average must be at most train.keep, got {} and {}", t.average, t.keep);
  const auto* rewarded = source_attention_that(c.model, &Capabilities::rewarded);
  ATTEND_CHECK(
      !rewarded || t.of<RewardOptions>().reward_weight > 0 || c.model.of<SoftShareOptions>().share > 0, kValue,
      "model.attention: {} learns where to look from the reward or from soft examples, and both are off; set train.reward_weight or "
      "model.hard_soft_share above 0, or use hard_st or gumbel",
      rewarded->name);
  const auto& self = c.model.of<TransformerOptions>().self_attention;
  ATTEND_CHECK(self.empty() || !find_mechanism(self).capabilities.rewarded, kValue,
               "model.self_attention: {} learns from a reward, which goes to the attention to the source alone; use hard_st or gumbel",
               self);
  ATTEND_CHECK(c.decode.n_best <= c.decode.beam, kValue, "decode.n_best must be at most decode.beam, got {} and {}", c.decode.n_best,
               c.decode.beam);
}

std::vector<std::string> complete_config(Config& config, const GivenValues& given) {
  std::vector<std::string> said;
  auto& m = config.model;
  const ModelOptions usual;
  if (!given.empty() && !given.contains("model.type") && m.type != usual.type) {
    said.push_back(fmt::format("model.type = {} (task {})", m.type, config.task));
    // What a model of the kind needs to look at something.
    const bool looks_at_its_own = model_kind(m.type).reads == Matter::kNothing && model_reads<OutputAttentionOptions>(m);
    if (looks_at_its_own && !given.contains("model.output_attention")) m.of<OutputAttentionOptions>().output_attention = true;
  }
  if (m.attention != "auto") return said;
  m.attention = attention_of(m);
  if (m.attention != attention_of(usual)) said.push_back(fmt::format("model.attention = {} (of a {})", m.attention, m.type));
  return said;
}

}  // namespace attend
