// Keys of section train that every task reads, and those of tasks whose validation searches.
#include "attend/measure/bleu.h"
#include "attend/measure/metrics.h"
#include "attend/train/config.h"

namespace attend {

void TrainOptions::visit(OptionVisitor& v) {
  v(out, "out", "", "folder of the run: checkpoints, metrics, samples");
  v(init_from, "init_from", "", "start from the weights and vocabularies of this model");
  v(seed, "seed", 1, "of everything random", at_least(0));
  v(threads, "threads", 0, "processor threads; 0 is one a core", between(0, 1024));
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
  v(accumulate, "accumulate", 1, "batches whose gradients make one update", between(1, 100000));
  v(matmul, "matmul", "auto", "matrix products: auto is the fastest that keep float32; bfloat16 may round the factors, sums stay float32",
    one_of({"auto", "float32", "bfloat16"}));
  v(batch_by, "batch_by", "tokens", "what batch_size counts", one_of({"tokens", "sentences"}));
  v(batch_size, "batch_size", 2048, "tokens of the longer side, padding included, or sentences", between(1, 1 << 24));
  v(window, "window", 20000, "pairs shuffled together and then sorted by length", between(1, 1 << 30));
  v(validate_every, "validate_every", 0, "updates between validations; 0 is once an epoch", at_least(0));
  v(validate_pairs, "validate_pairs", 1000, "pairs translated at a validation, the first ones; 0 is all", at_least(0));
  v(save_every, "save_every", 0, "updates between checkpoints; 0 is at every validation", at_least(0));
  v(keep, "keep", 2, "best checkpoints kept besides the last", between(1, 1000));
  v(metric, "metric", "", "what best means, one of the task's figures; empty is the task's own (translate: bleu)", one_of(metric_names()));
  v(patience, "patience", 0, "validations without a better metric before the run ends; 0 is never", at_least(0));
  v(average, "average", 0, "at the end average the weights of this many best checkpoints (at most keep); used if better", between(0, 1000));
  v(samples, "samples", 5, "validation pairs whose translations are shown and stored", between(0, 1000));
}

void SearchedOptions::visit(OptionVisitor& v) {
  v(validate_beam, "validate_beam", 1, "beam of validation", between(1, 100));
  v(bleu_tokenizer, "bleu_tokenizer", "13a", "tokens of BLEU: zh for Chinese", one_of(bleu_tokenizer_names()));
  v(lowercase_bleu, "lowercase_bleu", false, "compare in lower case");
}

}  // namespace attend
