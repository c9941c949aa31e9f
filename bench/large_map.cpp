// What it costs to see a map that nobody could store: attention over very many positions, plain, and with the row entropies, column sums
// and pooled blocks of a record; a line of JSON. With record=FILE it also writes the record of it, which attend draw shows.
// bench/large_map.py runs it and keeps what it prints.
#include <ATen/ATen.h>

#include <ctime>
#include <numbers>

#include "attend/attention/operands.h"
#include "attend/core/random.h"
#include "attend/ops/memory.h"
#include "attend/record/record.h"
#include "models/map_summaries.h"
#include "paired.h"
#include "program.h"

namespace attend::bench {
namespace {

struct LargeMapOptions {
  std::int64_t length, size, pairs, threads;
  std::string record;
  LargeMapOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(length, "length", 131072, "positions", between(64, 1 << 22));
    v(size, "size", 64, "numbers of a query", between(16, 1024));
    v(pairs, "pairs", 3, "turns of each", between(1, 100));
    v(threads, "threads", 2, "processor threads", between(1, 1024));
    v(record, "record", "", "file for the record");
  }
};

// A text of sections, each about one of 12 subjects: who reads about a subject looks at its sections, and, in waves, around itself.
struct Text {
  std::vector<std::int64_t> subject;  // of each position
  RecordText words;                   // a word a position
  at::Tensor query, key, value;       // [1, 1, N, D]
};

constexpr const char* kWords[][4] = {
    {"sea", "wave", "tide", "salt"},     {"bread", "oven", "flour", "salt"}, {"rain", "cloud", "wind", "storm"},
    {"horse", "saddle", "field", "hay"}, {"star", "moon", "night", "orbit"}, {"song", "choir", "note", "drum"},
    {"road", "cart", "wheel", "dust"},   {"king", "crown", "court", "law"},  {"tree", "leaf", "root", "bird"},
    {"ship", "sail", "mast", "crew"},    {"book", "page", "ink", "library"}, {"snow", "ice", "wolf", "fire"}};

Text make_text(std::int64_t length, std::int64_t size) {
  constexpr std::int64_t kSubjects = std::size(kWords);
  RandomStream random(random_key(5, {}));
  Text text;
  std::int64_t left = 0, subject = 0;
  for (std::int64_t i = 0; i < length; ++i, --left) {
    if (left == 0) {
      subject = static_cast<std::int64_t>(random.below(kSubjects));
      left = length / 100 + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(length / 20)));
    }
    text.subject.push_back(subject);
    if (i > 0) text.words.utf8 += ' ';
    const auto begin = static_cast<std::uint32_t>(text.words.utf8.size());
    text.words.utf8 += kWords[subject][random.below(4)];
    text.words.tokens.push_back({static_cast<std::int32_t>(subject),
                                 {begin, static_cast<std::uint32_t>(text.words.utf8.size())},
                                 static_cast<std::uint32_t>(i),
                                 false});
  }
  at::manual_seed(5);
  const auto subjects = at::randn({kSubjects, size});                                                     // [12, D]
  const auto of_position = subjects.index_select(0, at::tensor(text.subject, at::kLong));                 // [N, D]
  const auto place = at::arange(length, at::kFloat).unsqueeze(1) / static_cast<double>(length);           // [N, 1]
  const auto waves = at::arange(size / 2, at::kFloat).add(1).mul(2 * std::numbers::pi * 2).unsqueeze(0);  // [1, D/2]
  const auto around = at::cat({(place * waves).cos(), (place * waves).sin()}, 1);                         // [N, D]
  const auto noisy = [&] { return (0.75 * of_position + 0.75 * around + 0.5 * at::randn({length, size})).view({1, 1, length, size}); };
  text.query = noisy();  // [1, 1, N, D]
  text.key = noisy();    // [1, 1, N, D]
  text.value = at::randn({1, 1, length, size});
  return text;
}

void write_record(const std::string& path, const Text& text, const FusedAttentionOptions& plain, const MapKeeping& keep) {
  const auto length = text.query.size(2);
  const CallSizes sizes{1, 1, length, length};
  const auto request = summary_request(keep, sizes);
  auto asked = plain;
  asked.lse = asked.entropy = asked.maximum = asked.column_sums = true;
  asked.top = request.top, asked.pool_rows = request.pool_rows, asked.pool_keys = request.pool_keys;
  const auto found = fused_attention(text.query, text.key, text.value, asked);
  Result result;
  result.lse = found.lse, result.entropy = found.entropy, result.maximum = found.maximum, result.argmax = found.argmax;
  result.column_sums = found.column_sums, result.top_weights = found.top_weights, result.top_keys = found.top_keys;
  result.pooled_mean = found.pooled_mean, result.pooled_max = found.pooled_max;
  result.operands = std::make_shared<const Operands>(Operands{text.query, text.key, plain});
  const Site site{.name = "encoder.self", .rows = RowAxis::kSource, .role = SiteRole::kSelf, .mechanism = "scaled_dot"};
  RecordData data;
  data.task = "bench";
  data.model = "text made by rule";
  data.mechanism = "scaled_dot";
  data.source = text.words;
  data.summaries.push_back(summary_of(site, result, keep, sizes));
  RecordWriter writer(path);
  writer.add(Record(std::move(data)));
  writer.close();
}

void run(const LargeMapOptions& o) {
  const at::NoGradGuard no_grad;
  const auto text = make_text(o.length, o.size);
  FusedAttentionOptions plain;
  plain.scale = 1 / std::sqrt(static_cast<double>(o.size));
  MapKeeping keep;
  const auto request = summary_request(keep, {1, 1, o.length, o.length});
  auto seen = plain;
  seen.lse = seen.entropy = seen.column_sums = true;
  seen.pool_rows = request.pool_rows, seen.pool_keys = request.pool_keys;
  struct Time {
    double wall, processor;  // of all threads
  };
  const auto timed = [&](const FusedAttentionOptions& options) -> Time {
    const auto start = Clock::now();
    const auto used = std::clock();
    fused_attention(text.query, text.key, text.value, options);
    return {seconds_since(start), static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC};
  };
  std::vector<double> without, with, ratios, processor_without, processor_with, processor_ratios;
  for (std::int64_t i = 0; i < o.pairs; ++i) {
    Time a{}, b{};
    if (i % 2 == 0) a = timed(plain);
    b = timed(seen);
    if (i % 2 != 0) a = timed(plain);
    without.push_back(a.wall), with.push_back(b.wall), ratios.push_back(b.wall / a.wall);
    processor_without.push_back(a.processor), processor_with.push_back(b.processor);
    processor_ratios.push_back(b.processor / a.processor);
  }
  const auto blocks = (o.length + seen.pool_keys - 1) / seen.pool_keys;
  const nlohmann::ordered_json line = {
      {"case", fmt::format("float32 B1 H1 N{} D{}: entropy, column sums and a map of {} x {} blocks", o.length, o.size, blocks, blocks)},
      {"peer", "our own without"},
      {"threads", o.threads},
      {"set", kernels::isa_name(kernels::active_isa())},
      {"seconds", json_of(spread_of(with))},
      {"peer_seconds", json_of(spread_of(without))},
      {"times_the_plain", json_of(spread_of(ratios))},
      {"processor_seconds", json_of(spread_of(processor_with))},
      {"peer_processor_seconds", json_of(spread_of(processor_without))},
      {"times_the_plain_processor", json_of(spread_of(processor_ratios))},
      {"gflops_a_processor_second",
       4e-9 * static_cast<double>(o.length) * static_cast<double>(o.length * o.size) / spread_of(processor_with).median},
      {"peak_memory_bytes", static_cast<std::uint64_t>(status_bytes("VmHWM:"))},
      {"map_bytes", std::uint64_t{4} * static_cast<std::uint64_t>(o.length) * static_cast<std::uint64_t>(o.length)},
      {"pairs", o.pairs}};
  fmt::print("{}\n", line.dump());
  if (!o.record.empty()) write_record(o.record, text, plain, keep);
}

}  // namespace
}  // namespace attend::bench

int main(int argc, char** argv) { return attend::bench::run_program("large_map", argc, argv, attend::bench::run); }
