#pragma once
// Options of the task that learns to say what is in a picture.
#include <string>

#include "attend/core/options.h"

namespace attend {

/// Of section `data`, beside PictureFiles.
struct CaptionFiles {
  std::string captions, list, dev_list;
  CaptionFiles() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

}  // namespace attend
