#include "parallel.h"

#include "attend/data/corpus.h"
#include "attend/text/unicode.h"
#include "terminal.h"

namespace attend::cli {
namespace {

constexpr std::size_t kPlacesTold = 3;

class LeftOut {
 public:
  void blank(const std::string& place, const char* what) { add(fmt::format("{}: {}", place, what), blank_); }
  void longer(const CorpusReport& report, std::uint64_t bytes) {
    longer_ = report.too_long;
    for (const auto& example : report.examples)
      if (told_.size() < kPlacesTold) told_.push_back(example);
    most_bytes_ = bytes;
  }
  std::string text(std::size_t lines) const {
    const auto count = blank_ + longer_;
    if (count == 0) return "";
    std::vector<std::string> cures;
    if (blank_ > 0) cures.push_back(fmt::format("{} {} a blank side: write what is missing", blank_, blank_ == 1 ? "has" : "have"));
    if (longer_ > 0)
      cures.push_back(fmt::format("{} {} longer than {} bytes: split {}", longer_, longer_ == 1 ? "is" : "are", most_bytes_,
                                  longer_ == 1 ? "it" : "them"));
    return fmt::format("{} of {} pairs left out ({}{}); {}", count, lines, fmt::join(told_, "; "), count > told_.size() ? "; ..." : "",
                       fmt::join(cures, ", "));
  }

 private:
  void add(const std::string& text, std::size_t& count) {
    ++count;
    if (told_.size() < kPlacesTold) told_.push_back(text);
  }
  std::vector<std::string> told_;
  std::size_t blank_ = 0, longer_ = 0;
  std::uint64_t most_bytes_ = 0;
};

}  // namespace

ParallelText read_parallel(const ParallelFlags& flags, const char* verb, BlankPairs left_out) {
  if (flags.tsv.empty() && (flags.source.empty() || flags.target.empty()))
    fail(ErrorKind::kUsage, "{}: give --source FILE and --target FILE, or --tsv FILE", verb);
  ATTEND_CHECK(flags.tsv.empty() || (flags.source.empty() && flags.target.empty()), kUsage,
               "{}: --tsv holds both sides; leave out --source and --target, or --tsv", verb);
  CorpusOptions options;
  options.header = flags.header;
  options.keep_blank = true;
  const auto corpus =
      flags.tsv.empty() ? ParallelCorpus::from_files(flags.source, flags.target, options) : ParallelCorpus::from_tsv(flags.tsv, options);
  const std::uint64_t first = flags.header ? 2 : 1;
  ParallelText text;
  text.lines = static_cast<std::size_t>(corpus.lines() + 1 - first);
  LeftOut skipped;
  for (std::size_t i = 0; i < corpus.size(); ++i) {
    const bool no_source = is_blank(corpus.source(i)), no_target = is_blank(corpus.target(i));
    if (no_source || (no_target && left_out == BlankPairs::kEitherSide)) {
      skipped.blank(corpus.place(i), no_source && no_target ? "blank on both sides"
                                     : no_source            ? "the source is blank"
                                                            : "the target is blank");
      continue;
    }
    text.sources.emplace_back(corpus.source(i));
    text.targets.emplace_back(corpus.target(i));
    text.extras.emplace_back(corpus.extra(i));
    text.places.push_back(corpus.place(i));
    text.line.push_back(static_cast<std::size_t>(corpus.line(i) - first));
  }
  skipped.longer(corpus.report(), options.max_line_bytes);
  text.what_is_left_out = skipped.text(text.lines);
  // A verb that gives a line for every line of input has its lines even so.
  ATTEND_CHECK(!text.sources.empty() || left_out == BlankPairs::kSource, kData, "{}: no pair is left: {}",
               flags.tsv.empty() ? flags.source : flags.tsv, text.what_is_left_out);
  return text;
}

void tell_left_out(const ParallelText& text, const char* verb, bool quiet) {
  if (!quiet && !text.what_is_left_out.empty()) say("{}: {}\n", verb, text.what_is_left_out);
}

}  // namespace attend::cli
