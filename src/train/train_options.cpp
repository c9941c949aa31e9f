// Keys of the sections data and train, in the groups that learners read.
#include "attend/train/config.h"

#include "attend/measure/bleu.h"
#include "attend/measure/metrics.h"

namespace attend {

void DataOptions::visit_pairs(OptionVisitor& v) {
  v(source, "source", "", "training sentences, one a line");
  v(target, "target", "", "the translations of data.source, line by line");
  v(dev_source, "dev_source", "", "sentences to validate on");
  v(dev_target, "dev_target", "", "the translations of data.dev_source, line by line");
}
void DataOptions::visit_tables(OptionVisitor& v) {
  v(tsv, "tsv", "", "in place of data.source and data.target one file, source TAB target");
  v(dev_tsv, "dev_tsv", "", "in place of data.dev_source and data.dev_target one file, source TAB target");
}
void DataOptions::visit_texts(OptionVisitor& v) {
  v(text, "text", "", "a language model's text; texts with their classes; stories; documents with questions: by task and model");
  v(dev_text, "dev_text", "", "what to validate on; without it a share of the training data");
}
void DataOptions::visit_answers(OptionVisitor& v) {
  v(answers, "answers", "", "the answers to the questions about the documents of data.text");
  v(dev_answers, "dev_answers", "", "the answers to the questions about the documents of data.dev_text");
}
void DataOptions::visit_pictures(OptionVisitor& v) {
  v(images, "images", "", "pictures: to classify, a folder with one for each class, or an idx file; to caption, a folder or a tar archive");
  v(dev_images, "dev_images", "", "pictures to validate on");
}
void DataOptions::visit_labels(OptionVisitor& v) {
  v(labels, "labels", "", "the classes of data.images where that is an idx file: another idx file");
  v(dev_labels, "dev_labels", "", "the classes of data.dev_images where that is an idx file: another idx file");
}
void DataOptions::visit_captions(OptionVisitor& v) {
  v(captions, "captions", "", "what people said of the pictures: lines name.jpg#0 TAB caption");
  v(list, "list", "", "names of the pictures to learn from, one a line; empty: all with captions");
  v(dev_list, "dev_list", "", "names of the pictures to validate on; empty: a share of the others, dev_share");
}
void DataOptions::visit_share(OptionVisitor& v) {
  v(dev_share, "dev_share", 0.05,
    "share of the training data to validate on where data.dev_pairs is 0; of pairs the default takes at most 1000", between(0, 0.9));
}
void DataOptions::visit_held_out(OptionVisitor& v) {
  v(dev_pairs, "dev_pairs", 0, "without validation files: pairs held out of the training data; 0 is data.dev_share of them", at_least(0));
}
void DataOptions::visit_moves(OptionVisitor& v) {
  v(shift, "shift", 0, "pictures are moved by up to this many pixels in training", between(0, 1000));
  v(mirror, "mirror", false, "pictures are mirrored half of the time in training");
}
void DataOptions::visit_unknown(OptionVisitor& v) {
  v(unknown_share, "unknown_share", 0.0, "share of the words of a text or document that are read as <unk> in training", between(0, 0.9));
}
void DataOptions::visit_stream(OptionVisitor& v) {
  v(test_share, "test_share", 0.05, "share of data.text, its end, that is left alone for testing", between(0, 0.9));
  v(length, "length", 128, "tokens that a language model reads together", between(2, 1 << 20));
}
void DataOptions::visit_limit(OptionVisitor& v) {
  v(max_length, "max_length", 0,
    "pairs with more tokens on a side are left out of training; 0 follows the data: all but one in 1,000, within what memory allows",
    at_least(0));
}
void DataOptions::visit_header(OptionVisitor& v) { v(header, "header", false, "the first line of each file names columns"); }
void DataOptions::visit_broken(OptionVisitor& v) {
  v(skip_broken, "skip_broken", false, "skip and count lines that are not UTF-8 instead of stopping");
}
void DataOptions::visit(OptionVisitor& v) {
  visit_pairs(v);
  visit_tables(v);
  visit_texts(v);
  form.visit(v);
  visit_answers(v);
  visit_pictures(v);
  visit_labels(v);
  visit_captions(v);
  visit_share(v);
  visit_held_out(v);
  visit_moves(v);
  visit_unknown(v);
  visit_stream(v);
  visit_limit(v);
  visit_header(v);
  visit_broken(v);
}

void TrainOptions::visit_length(OptionVisitor& v) {
  v(epochs, "epochs", 30, "passes over the data at most; 0 is no limit", at_least(0));
  v(steps, "steps", 0, "updates at most; 0 is no limit", at_least(0));
  v(minutes, "minutes", 0.0, "minutes at most; 0 is no limit", at_least(0));
}
void TrainOptions::visit_optimiser(OptionVisitor& v) {
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
}
void TrainOptions::visit_coverage(OptionVisitor& v) {
  v(coverage_weight, "coverage_weight", 1.0, "attention coverage: weight of its loss, what is read twice", at_least(0));
  v(coverage_start, "coverage_start", 0, "updates before that loss begins; later is safer", at_least(0));
}
void TrainOptions::visit_reward(OptionVisitor& v) {
  v(reward_weight, "reward_weight", 1.0, "attention hard: weight of the reward's gradient", at_least(0));
  v(entropy_weight, "entropy_weight", 0.002, "attention hard: weight of the entropy of its choices", at_least(0));
  v(reward, "reward", "sum", "attention hard: a choice is rewarded by the whole sentence, or by what follows it", one_of({"sum", "to_go"}));
}
void TrainOptions::visit_guided(OptionVisitor& v) {
  v(guided_weight, "guided_weight", 0.0, "weight of a loss that draws the attention to gold links, the third column of data.tsv",
    at_least(0));
  v(guided_head, "guided_head", 0, "the head of the last layer that it draws", at_least(0));
}
void TrainOptions::visit_doubly(OptionVisitor& v) {
  v(doubly_weight, "doubly_weight", 0.0, "weight of a loss that asks every source position to be read once in all", at_least(0));
}
void TrainOptions::visit_ponder(OptionVisitor& v) {
  v(ponder_weight, "ponder_weight", 0.01, "adaptive computation: what a step costs", at_least(0));
}
void TrainOptions::visit_rows(OptionVisitor& v) {
  v(rows_weight, "rows_weight", 0.0, "attention_pooling with several rows: weight of |A A' - I|^2, which keeps them apart", at_least(0));
}
void TrainOptions::visit_draft(OptionVisitor& v) {
  v(draft_noise, "draft_noise", 0.0, "model.revise: share of a draft's tokens that are replaced by random ones in training",
    between(0, 0.9));
}
void TrainOptions::visit_linear(OptionVisitor& v) {
  v(linear_start, "linear_start", 0, "memory_hops: updates without the softmax, at the beginning", at_least(0));
}
void TrainOptions::visit_batches(OptionVisitor& v) {
  v(accumulate, "accumulate", 1, "batches whose gradients make one update", between(1, 100000));
  v(matmul, "matmul", "auto", "matrix products: auto is the fastest that keep float32; bfloat16 may round the factors, sums stay float32",
    one_of({"auto", "float32", "bfloat16"}));
  v(batch_by, "batch_by", "tokens", "what batch_size counts", one_of({"tokens", "sentences"}));
  v(batch_size, "batch_size", 2048, "tokens of the longer side, padding included, or sentences", between(1, 1 << 24));
  v(window, "window", 20000, "pairs shuffled together and then sorted by length", between(1, 1 << 30));
}
void TrainOptions::visit_validation(OptionVisitor& v) {
  v(validate_every, "validate_every", 0, "updates between validations; 0 is once an epoch", at_least(0));
  v(validate_pairs, "validate_pairs", 1000, "pairs translated at a validation, the first ones; 0 is all", at_least(0));
  v(save_every, "save_every", 0, "updates between checkpoints; 0 is at every validation", at_least(0));
  v(keep, "keep", 2, "best checkpoints kept besides the last", between(1, 1000));
  v(metric, "metric", "", "what best means, one of the task's figures; empty is the task's own (translate: bleu)", one_of(metric_names()));
  v(patience, "patience", 0, "validations without a better metric before the run ends; 0 is never", at_least(0));
  v(average, "average", 0, "at the end average the weights of this many best checkpoints (at most keep); used if better", between(0, 1000));
  v(samples, "samples", 5, "validation pairs whose translations are shown and stored", between(0, 1000));
}
void TrainOptions::visit_search(OptionVisitor& v) {
  v(validate_beam, "validate_beam", 1, "beam of validation", between(1, 100));
  v(bleu_tokenizer, "bleu_tokenizer", "13a", "tokens of BLEU: zh for Chinese", one_of(bleu_tokenizer_names()));
  v(lowercase_bleu, "lowercase_bleu", false, "compare in lower case");
}
void TrainOptions::visit_rest(OptionVisitor& v) {
  v(out, "out", "", "folder of the run: checkpoints, metrics, samples");
  v(init_from, "init_from", "", "start from the weights and vocabularies of this model");
  v(seed, "seed", 1, "of everything random", at_least(0));
  v(threads, "threads", 0, "processor threads; 0 is one a core", between(0, 1024));
}
void TrainOptions::visit(OptionVisitor& v) {
  visit_length(v);
  visit_optimiser(v);
  visit_coverage(v);
  visit_reward(v);
  visit_guided(v);
  visit_doubly(v);
  visit_ponder(v);
  visit_rows(v);
  visit_draft(v);
  visit_linear(v);
  visit_batches(v);
  visit_validation(v);
  visit_search(v);
  visit_rest(v);
}

}  // namespace attend
