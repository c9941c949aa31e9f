#include "attend/train/config.h"

#include <algorithm>
#include <set>

#include "attend/core/error.h"
#include "attend/measure/bleu.h"
#include "attend/measure/metrics.h"
#include "attend/models/seq2seq.h"
#include "train/auxiliary.h"
#include "train/learner.h"
#include "train/resume.h"

namespace attend {

void DataOptions::visit(OptionVisitor& v) {
  v(source, "source", "", "training sentences, one a line");
  v(target, "target", "", "their translations, line by line");
  v(tsv, "tsv", "", "instead of the two: one file, source TAB target");
  v(dev_source, "dev_source", "", "validation sentences");
  v(dev_target, "dev_target", "", "their translations");
  v(dev_tsv, "dev_tsv", "", "instead of the two: one file, source TAB target");
  v(dev_pairs, "dev_pairs", 0, "without validation files: pairs held out of the training data; 0 is data.dev_share of them", at_least(0));
  v(text, "text", "", "a language model's text; texts with their classes; stories; documents with questions: by task and model");
  form.visit(v);
  v(answers, "answers", "", "the answers to the documents' questions");
  v(images, "images", "", "pictures: to classify, a folder with one for each class, or an idx file; to caption, a folder or a tar archive");
  v(labels, "labels", "", "their classes, an idx file");
  v(captions, "captions", "", "what people said of the pictures: lines name.jpg#0 TAB caption");
  v(list, "list", "", "names of the pictures to learn from, one a line; empty: all with captions");
  v(dev_list, "dev_list", "", "names of the pictures to validate on; empty: a share of the others, dev_share");
  v(dev_text, "dev_text", "", "what to validate on; without it a share of the training data");
  v(dev_answers, "dev_answers", "", "the answers to it");
  v(dev_images, "dev_images", "", "pictures to validate on");
  v(dev_labels, "dev_labels", "", "their classes");
  v(dev_share, "dev_share", 0.05,
    "share of the training data to validate on where data.dev_pairs is 0; of pairs the default takes at most 1000", between(0, 0.9));
  v(shift, "shift", 0, "pictures are moved by up to this many pixels in training", between(0, 1000));
  v(mirror, "mirror", false, "pictures are mirrored half of the time in training");
  v(unknown_share, "unknown_share", 0.0, "share of the words of a text or document that are read as <unk> in training", between(0, 0.9));
  v(test_share, "test_share", 0.05, "share of data.text, its end, that is left alone for testing", between(0, 0.9));
  v(length, "length", 128, "tokens that a language model reads together", between(2, 1 << 20));
  v(max_length, "max_length", 0,
    "pairs with more tokens on a side are left out of training; 0 follows the data: all but one in 1,000, within what memory allows",
    at_least(0));
  v(header, "header", false, "the first line of each file names columns");
  v(skip_broken, "skip_broken", false, "skip and count lines that are not UTF-8 instead of stopping");
}

void TrainOptions::visit(OptionVisitor& v) {
  v(out, "out", "", "folder of the run: checkpoints, metrics, samples");
  v(init_from, "init_from", "", "start from the weights and vocabularies of this model");
  v(epochs, "epochs", 30, "passes over the data at most; 0 is no limit", at_least(0));
  v(steps, "steps", 0, "updates at most; 0 is no limit", at_least(0));
  v(minutes, "minutes", 0.0, "minutes at most; 0 is no limit", at_least(0));
  v(optimiser, "optimiser", "adam", "how gradients become updates", one_of({"adam", "adamw", "sgd"}));
  v(rate, "rate", 0.001, "learning rate; with noam a factor", between(0, 1000));
  v(schedule, "schedule", "constant", "how the rate changes", one_of({"constant", "noam", "inverse_sqrt", "cosine", "plateau"}));
  v(warmup, "warmup", 0, "updates over which the rate rises from 0", at_least(0));
  v(minimum_rate, "minimum_rate", 1e-6, "cosine ends here; plateau stops the run below it", at_least(0));
  v(plateau_factor, "plateau_factor", 0.5, "plateau multiplies the rate by this", between(0.01, 0.99));
  v(plateau_patience, "plateau_patience", 1, "validations without a better metric before plateau acts", at_least(0));
  v(beta1, "beta1", 0.9, "Adam's first moment", between(0, 0.9999));
  v(beta2, "beta2", 0.999, "Adam's second moment", between(0, 0.99999));
  v(epsilon, "epsilon", 1e-8, "Adam's denominator", between(0, 1));
  v(weight_decay, "weight_decay", 0.0, "pull of the weights towards 0", between(0, 1));
  v(momentum, "momentum", 0.0, "of sgd", between(0, 0.9999));
  v(clip, "clip", 1.0, "largest norm of the gradient; 0 is off", at_least(0));
  v(label_smoothing, "label_smoothing", 0.1, "share of probability spread over the vocabulary", between(0, 0.9));
  v(coverage_weight, "coverage_weight", 1.0, "attention coverage: weight of its loss, what is read twice", at_least(0));
  v(coverage_start, "coverage_start", 0, "updates before that loss begins; later is safer", at_least(0));
  v(reward_weight, "reward_weight", 1.0, "attention hard: weight of the reward's gradient", at_least(0));
  v(entropy_weight, "entropy_weight", 0.002, "attention hard: weight of the entropy of its choices", at_least(0));
  v(reward, "reward", "sum", "attention hard: a choice is rewarded by the whole sentence, or by what follows it", one_of({"sum", "to_go"}));
  v(guided_weight, "guided_weight", 0.0, "weight of a loss that draws the attention to gold links, the third column of data.tsv",
    at_least(0));
  v(guided_head, "guided_head", 0, "the head of the last layer that it draws", at_least(0));
  v(doubly_weight, "doubly_weight", 0.0, "weight of a loss that asks every source position to be read once in all", at_least(0));
  v(ponder_weight, "ponder_weight", 0.01, "adaptive computation: what a step costs", at_least(0));
  v(rows_weight, "rows_weight", 0.0, "attention_pooling with several rows: weight of |A A' - I|^2, which keeps them apart", at_least(0));
  v(draft_noise, "draft_noise", 0.0, "model.revise: share of a draft's tokens that are replaced by random ones in training",
    between(0, 0.9));
  v(linear_start, "linear_start", 0, "memory_hops: updates without the softmax, at the beginning", at_least(0));
  v(accumulate, "accumulate", 1, "batches whose gradients make one update", between(1, 100000));
  v(matmul, "matmul", "auto", "matrix products: auto is the fastest that keep float32; bfloat16 may round the factors, sums stay float32",
    one_of({"auto", "float32", "bfloat16"}));
  v(batch_by, "batch_by", "tokens", "what batch_size counts", one_of({"tokens", "sentences"}));
  v(batch_size, "batch_size", 2048, "tokens of the longer side, padding included, or sentences", between(1, 1 << 24));
  v(window, "window", 20000, "pairs shuffled together and then sorted by length", between(1, 1 << 30));
  v(validate_every, "validate_every", 0, "updates between validations; 0 is once an epoch", at_least(0));
  v(validate_beam, "validate_beam", 1, "beam of validation", between(1, 100));
  v(validate_pairs, "validate_pairs", 1000, "pairs translated at a validation, the first ones; 0 is all", at_least(0));
  v(save_every, "save_every", 0, "updates between checkpoints; 0 is at every validation", at_least(0));
  v(keep, "keep", 2, "best checkpoints kept besides the last", between(1, 1000));
  v(metric, "metric", "", "what best means, one of the task's figures; empty is the task's own (translate: bleu)", one_of(metric_names()));
  v(patience, "patience", 0, "validations without a better metric before the run ends; 0 is never", at_least(0));
  v(average, "average", 0, "at the end average the weights of this many best checkpoints (at most keep); used if better", between(0, 1000));
  v(samples, "samples", 5, "validation pairs whose translations are shown and stored", between(0, 1000));
  v(bleu_tokenizer, "bleu_tokenizer", "13a", "tokens of BLEU: zh for Chinese", one_of(bleu_tokenizer_names()));
  v(lowercase_bleu, "lowercase_bleu", false, "compare in lower case");
  v(seed, "seed", 1, "of everything random", at_least(0));
  v(threads, "threads", 0, "processor threads; 0 is one a core", between(0, 1024));
}

namespace {

// The model that a task takes where none was named, by the form of its data.
std::string model_of_task(const Config& c) {
  if (c.task == "generate") return "rnn_lm";
  if (c.task == "caption") return "captioner";
  if (c.task == "classify") return c.data.images.empty() ? "encoder_classifier" : "patch_classifier";
  if (c.task == "answer") return c.data.answers.empty() ? "memory_hops" : "reader";
  return "rnn_seq2seq";
}

}  // namespace

void Config::visit(OptionVisitor& v) {
  v(task, "task", "translate", "what is learned; says how the data are read and what is measured", one_of(task_names()));
  v.group(data, "data", "what is read");
  v.group(text, "text", "how text becomes tokens");
  v.group(model, "model", "what the network looks like");
  v.group(train, "train", "how it learns");
  v.group(decode, "decode", "how it searches when running");
}

void check_pairs(const Config& c) {
  const auto& d = c.data;
  ATTEND_CHECK(d.text.empty(), kValue,
               "task {} learns from pairs, but data.text was given; a text alone is for generate, classify or answer: give --task", c.task);
  ATTEND_CHECK(d.tsv.empty() != (d.source.empty() && d.target.empty()), kValue,
               "data: give either data.source and data.target (--source FILE --target FILE) or data.tsv (--tsv FILE){}",
               d.tsv.empty() ? "; nothing was given" : ", not both");
  ATTEND_CHECK(d.source.empty() == d.target.empty(), kValue, "data.{0} is missing: source and target come together; give --{0} FILE",
               d.source.empty() ? "source" : "target");
  ATTEND_CHECK(d.dev_source.empty() == d.dev_target.empty(), kValue, "data: {} is missing; dev_source and dev_target come together",
               d.dev_source.empty() ? "dev_source" : "dev_target");
  ATTEND_CHECK(d.dev_tsv.empty() || d.dev_source.empty(), kValue, "data: give dev_source and dev_target or dev_tsv, not both");
  ATTEND_CHECK(c.train.guided_weight == 0 || !d.tsv.empty(), kValue,
               "train.guided_weight needs gold links, the third column of data.tsv; set it to 0, or give data as a TSV");
}

namespace {

// Keys of section data that name what a task learns from, or how that is written.
std::vector<std::string> data_keys_of(const Config& c) {
  if (c.task == "generate") return {"text", "dev_text"};
  if (c.task == "caption") return {"captions", "images", "list", "dev_list", "dev_images"};
  if (c.task != "classify" && c.task != "answer") return {"source", "target", "tsv", "dev_source", "dev_target", "dev_tsv"};
  switch (model_kind(c.model.type).reads) {
    case Matter::kPicture: return {"images", "labels", "dev_images", "dev_labels"};
    case Matter::kDocument: return {"text", "answers", "dev_text", "dev_answers"};
    case Matter::kStory: return {"text", "dev_text"};
    default: return {"text", "tsv", "dev_text", "dev_tsv", "format", "text_column", "label_column"};
  }
}

}  // namespace

void refuse_unread_data(const Config& c, const GivenValues& given) {
  static const std::set<std::string> kForm = {"format", "text_column", "label_column"};
  const auto read = data_keys_of(c);
  for (const auto& field : list_options(c.data).fields) {
    const auto found = given.find("data." + field.key);
    if (found == given.end() || is_default(field) || !(names_data("data." + field.key) || kForm.contains(field.key))) continue;
    if (field.key == "text" && read.front() == "source") continue;  // check_pairs knows the cure
    ATTEND_CHECK(std::find(read.begin(), read.end(), field.key) != read.end(), kValue,
                 "data.{} ({}) is not read by task {} with model.type {}, which reads data.{}; leave it out", field.key,
                 found->second.where, c.task, c.model.type, fmt::join(read, ", data."));
  }
  ATTEND_CHECK(!given.contains("data.dev_pairs") || c.data.dev_pairs == 0 || (c.data.dev_source.empty() && c.data.dev_tsv.empty()), kValue,
               "data.dev_pairs holds out training pairs to validate on, but data.{} was given; leave one of them out",
               c.data.dev_tsv.empty() ? "dev_source" : "dev_tsv");
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
      !rewarded || t.reward_weight > 0 || c.model.mechanism.hard_soft_share > 0, kValue,
      "model.attention: {} learns where to look from the reward or from soft examples, and both are off; set train.reward_weight or "
      "model.hard_soft_share above 0, or use hard_st or gumbel",
      rewarded->name);
  const auto& self = c.model.self_attention;
  ATTEND_CHECK(self.empty() || !find_mechanism(self).capabilities.rewarded, kValue,
               "model.self_attention: {} learns from a reward, which goes to the attention to the source alone; use hard_st or gumbel",
               self);
  ATTEND_CHECK(c.decode.n_best <= c.decode.beam, kValue, "decode.n_best must be at most decode.beam, got {} and {}", c.decode.n_best,
               c.decode.beam);
}

std::vector<std::string> complete_config(Config& config, const GivenValues& given) {
  std::vector<std::string> said;
  auto& m = config.model;
  const auto type = model_of_task(config);
  if (!given.empty() && !given.contains("model.type") && m.type != type) {
    m.type = type;
    said.push_back(fmt::format("model.type = {} (task {})", type, config.task));
    // What a model of the kind needs to look at something.
    if (type == "rnn_lm" && !given.contains("model.output_attention")) m.output_attention = true;
  }
  if (m.attention != "auto") return said;
  m.attention = attention_of(m);
  const ModelOptions usual;
  if (m.attention != attention_of(usual)) said.push_back(fmt::format("model.attention = {} (of a {})", m.attention, m.type));
  return said;
}

}  // namespace attend
