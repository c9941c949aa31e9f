#pragma once
// Sources with their references, as score, evaluate and rerank read them.
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

/// Pairs that can be used, and where in the input they stand. What is written a line an input line has `lines` of them.
struct ParallelText {
  std::vector<std::string> sources, targets, extras, places;  ///< extras: a TSV's further columns; places: "file:line"
  std::vector<std::size_t> line;                              ///< of each pair, counted from 0 behind a header
  std::size_t lines = 0;
  std::size_t left_out() const { return lines - sources.size(); }
  std::string what_is_left_out;  ///< how many pairs, where, why and the cure; empty when all are used
};
/// Which blank sides leave a pair out.
enum class BlankPairs { kEitherSide, kSource };
/// Reads all pairs; throws kUsage when no file was named, kData when no pair can be used.
ParallelText read_parallel(const ParallelFlags& flags, const char* verb, BlankPairs left_out = BlankPairs::kEitherSide);

/// Tells standard error what was left out, unless nothing was.
void tell_left_out(const ParallelText& text, const char* verb, bool quiet);

}  // namespace attend::cli
