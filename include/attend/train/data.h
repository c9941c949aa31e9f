#pragma once
// Options of section `data` that several tasks read. Those of one task stand in the header of its learner (pairs.h, stream.h, questions.h,
// captions.h).
#include <cstdint>
#include <string>

#include "attend/core/options.h"

namespace attend {

/// One text for training and one to validate on.
struct TextFiles {
  std::string text, dev_text;
  TextFiles() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Files of columns, whose columns the task names.
struct TableFiles {
  std::string tsv, dev_tsv;
  TableFiles() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Whether files of columns begin with their names.
struct HeaderOptions {
  bool header;
  HeaderOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// What is held out for validation where no files are given for it.
struct HeldOutOptions {
  double dev_share;
  HeldOutOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

struct PictureFiles {
  std::string images, dev_images;
  PictureFiles() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// How pictures vary in training.
struct VariedOptions {
  std::int64_t shift;
  bool mirror;
  VariedOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

}  // namespace attend
