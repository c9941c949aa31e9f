#pragma once
// Options of tasks that learn to answer: classes, words of documents, words about stories. Those of texts with classes are TextForm
// (data/labelled.h).
#include <cstdint>
#include <string>

#include "attend/core/options.h"

namespace attend {

/// Of section `data`, for documents with questions.
struct AnswerFiles {
  std::string answers, dev_answers;
  AnswerFiles() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of section `data`, for pictures in idx files.
struct LabelFiles {
  std::string labels, dev_labels;
  LabelFiles() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of section `data`: words that training hides.
struct UnknownOptions {
  double unknown_share;
  UnknownOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of section `train`, for memory_hops.
struct LinearStartOptions {
  std::int64_t linear_start;
  LinearStartOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

}  // namespace attend
