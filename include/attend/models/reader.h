#pragma once
#include "attend/models/answerer.h"

namespace attend {

/// Of reader.
struct ReaderOptions {
  std::string reader;  ///< attention_over_attention, question_to_doc or doc_to_question

  ReaderOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Answers a question by a word of a document: places of one word add up their attention. Bidirectional encoders for both texts; then
/// `reader` says how the document is read:
///   attention_over_attention  layers/attention_over_attention.h (Cui et al. 2017)
///   question_to_doc           a = softmax_s(d_s · u), u from the question's two ends (Kadlec et al. 2016, the AS Reader)
///   doc_to_question           every word of the document attends to the question (`attention`); what it finds is joined to the word's
///                             state, encoded once more, and a = softmax_s(v · h_s) points
/// Reads Questions::text, words, question. Sites: reader.attended [B, 1, 1, S]; attention_over_attention: reader.alpha [B, 1, T, S] and
/// reader.beta [B, 1, S, T]; doc_to_question: reader.beta.
std::shared_ptr<Answerer> make_reader(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t answers);

}  // namespace attend
