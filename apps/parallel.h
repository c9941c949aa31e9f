#pragma once
// Sources with their references, as score and evaluate read them.
#include <string>
#include <vector>

#include "attend/core/options.h"

namespace attend::cli {

struct ParallelFlags {
  std::string source, target, tsv;
  bool header;
  void visit(OptionVisitor& v) {
    v(source, "source", "", "sentences, one a line");
    v(target, "target", "", "their translations, line by line");
    v(tsv, "tsv", "", "instead of the two: one file, source TAB target");
    v(header, "header", false, "the first line of each file names columns");
  }
};

struct ParallelText {
  std::vector<std::string> sources, targets, extras;
};
/// Reads all pairs; throws kUsage when no file was named.
ParallelText read_parallel(const ParallelFlags& flags, const char* verb);

}  // namespace attend::cli
