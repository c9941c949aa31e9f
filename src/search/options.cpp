#include "attend/search/sample.h"
#include "attend/search/search.h"

namespace attend {

void SearchOptions::visit(OptionVisitor& v) {
  v(beam, "beam", 5, "hypotheses kept at every step; 1 is greedy search", between(1, 1000));
  v(n_best, "n_best", 1, "hypotheses returned for each sentence; without a beam of its own the search keeps as many", between(1, 1000));
  v(length_penalty, "length_penalty", 0.6, "alpha of lp = ((5+|Y|)/6)^alpha; 0 ranks by log-probability", between(0, 10));
  v(coverage_penalty, "coverage_penalty", 0.0, "beta of the coverage term; 0 is off", between(0, 10));
  v(min_length, "min_length", 1, "tokens of a translation at least, </s> counted", at_least(1));
  v(max_length_ratio, "max_length_ratio", 2.0, "tokens at most: ratio x source tokens + max_length_extra", between(0, 1000));
  v(max_length_extra, "max_length_extra", 20, "see max_length_ratio", between(0, 1e9));
  v(layer, "layer", "last",
    "whose attention to the source counts for alignments, the coverage penalty and replace_unk: last, or a number from 0");
  v(rounds, "rounds", 2, "of a model that revises: times its text is read again as a draft, at most; 0 is the first pass alone",
    between(0, 100));
  v(allow_unknown, "allow_unknown", false, "let <unk> be produced");
  v(replace_unk, "replace_unk", false, "let <unk> be produced, and write the source word it attends to most in its place");
}

void SampleOptions::visit(OptionVisitor& v) {
  v(temperature, "temperature", 1.0, "below 1 keeps to the likely, above 1 dares more; 0 takes the best token", between(0, 100));
  v(top_k, "top_k", 0, "draw from the best this many tokens; 0 is all", between(0, 1 << 24));
  v(top_p, "top_p", 1.0, "draw from the smallest set of best tokens with this mass", between(0, 1));
  v(max_tokens, "max_tokens", 200, "tokens drawn at most", between(1, 1 << 24));
  v(no_repeat_ngram, "no_repeat_ngram", 0, "no sequence of this many tokens twice; 0 is off", between(0, 1000));
  v(past_end, "past_end", false, "go on behind the end of a line");
  v(seed, "seed", 1, "of the draws", at_least(0));
}

}  // namespace attend
