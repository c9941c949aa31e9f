#pragma once
// What mechanisms that see a part of the source share.
#include "attend/attention/score.h"

namespace attend {

/// How far they see.
struct LocalOptions {
  std::int64_t window;  ///< keys on each side of the centre, R

  LocalOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Where local_m and local_p look.
struct CentreOptions {
  std::string centre;  ///< local_m: step or scaled; local_p: paper or inside; default: the first of the two

  CentreOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

}  // namespace attend
