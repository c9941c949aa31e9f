// Decoding speed of one model: tokens written a second, best of some passes over a text, as one JSON line.
//   attend_decode_speed model=FOLDER text=FILE [sentences= batch= beam= precision= record= passes= threads= longest= ids=FILE]
// `ids`: a file to be written, JSON: the tokens of each source as the model reads them, and those that were written for it.
#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attend/core/files.h"
#include "attend/kernels/isa.h"
#include "attend/ops/memory.h"
#include "attend/ops/waiting.h"
#include "attend/run/runner.h"
#include "attend/run/text_batches.h"
#include "program.h"

namespace attend {
namespace {

struct SpeedOptions {
  std::string model, text, ids;
  std::int64_t sentences, batch, beam, passes, threads, longest;
  bool record;
  RunnerOptions run;
  SpeedOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(model, "model", "", "the folder of a model that translates");
    v(text, "text", "", "a file with a sentence a line");
    v(ids, "ids", "", "where to write the tokens of sources and translations; empty is nowhere");
    v(sentences, "sentences", 200, "lines that are read");
    v(batch, "batch", 1, "sentences decoded together");
    v(beam, "beam", 1, "hypotheses");
    v(passes, "passes", 3, "times the text is translated, after once that is not timed");
    v(threads, "threads", 1, "processor threads");
    v(longest, "longest", 60, "tokens that a translation may have");
    v(record, "record", false, "what is attended to is recorded");
    run.visit(v);
  }
};

void run(const SpeedOptions& o) {
  keep_freed_memory();
  Runner runner(o.model, o.run);
  runner.limits.sentences = static_cast<std::size_t>(o.batch);
  std::vector<std::string> sources;
  std::ifstream lines(o.text);
  for (std::string line; static_cast<std::int64_t>(sources.size()) < o.sentences && std::getline(lines, line);) sources.push_back(line);
  ATTEND_CHECK(!sources.empty(), kValue, "text: '{}' has no line that can be read", o.text);
  SearchOptions search;
  search.beam = o.beam;
  search.length_penalty = 0;
  search.max_length_ratio = 0;
  search.max_length_extra = o.longest;
  SearchControl control;
  control.record = o.record;
  const auto translate = [&] { return runner.translate(sources, search, control); };
  const auto first = translate();
  double best = 1e30;
  for (std::int64_t pass = 0; pass < o.passes; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    const auto again = translate();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    ATTEND_CHECK(again.front().text() == first.front().text(), kValue, "two passes gave two translations of '{}'", sources.front());
  }
  std::size_t tokens = 0;
  nlohmann::ordered_json ids;
  const auto& writer = runner.writer();
  for (std::size_t i = 0; i < sources.size(); ++i) {
    tokens += first[i].best[0].tokens.size();
    ids["sources"].push_back(source_ids(*writer.source, writer.text, sources[i]));
    ids["targets"].push_back(first[i].best[0].tokens);
  }
  ids["vocabulary"] = writer.target->size();
  if (!o.ids.empty()) write_file_atomic(o.ids, ids.dump());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print("{}\n", nlohmann::ordered_json{{"tokens_per_second", static_cast<double>(tokens) / best},
                                            {"tokens", tokens},
                                            {"seconds", best},
                                            {"peak_mib", usage.ru_maxrss / 1024},
                                            {"isa", kernels::isa_name(kernels::active_isa())}}
                         .dump());
}

}  // namespace
}  // namespace attend

int main(int argc, char** argv) { return attend::bench::run_program("decode_speed", argc, argv, attend::run); }
