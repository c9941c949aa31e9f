#include "attend/trace/examples.h"
#include "attend/trace/trace.h"
#include "trace/tracing_observer.h"

namespace attend {
namespace {

Trace recurrent_example(const TraceOptions& options) {
  auto example = trace(worked_example_rnn(), kWorkedExampleSource, options);
  example.title = "Worked example: a recurrent encoder-decoder";
  return example;
}

// Scaled dot-product attention alone: three queries on three keys, D = 4, Dv = 2.
Trace scaled_dot_example(const TraceOptions& options) {
  at::NoGradGuard no_grad;
  ATTEND_CHECK(!options.target, kValue, "trace: scaled_dot has no vocabulary, so it takes no target; use the example rnn");
  ATTEND_CHECK(options.layer.value_or(0) == 0, kValue, "trace: scaled_dot has the layer 0 alone, got {}", *options.layer);
  const auto keys =  // [1, 1, S, D]
      at::tensor({2.0, 0.0, 1.0, 0.0, 0.0, 2.0, 0.0, 1.0, 1.0, 0.0, 2.0, 0.0}, double_options()).view({1, 1, 3, 4});
  const auto values = at::tensor({1.0, 0.0, 0.0, 1.0, 1.0, 1.0}, double_options()).view({1, 1, 3, 2});  // [1, 1, S, Dv]
  const auto queries =                                                                                  // [1, 1, T, D]
      at::tensor({3.0, 0.0, 1.0, 0.0, 0.0, 3.0, 1.0, 1.0, 1.0, 0.0, 3.0, 0.0}, double_options()).view({1, 1, 3, 4});
  const std::vector<std::string> source{"I", "love", "you"}, target{"我", "爱", "你"};

  Trace trace{.title = "Worked example: scaled dot-product attention, D = 4",
              .mechanism = "scaled_dot",
              .formula = std::string(find_mechanism("scaled_dot").formula),
              .source_text = kWorkedExampleSource,
              .target_text = kWorkedExampleTarget,
              .forced = true,
              .source = {},
              .encoder = {},
              .steps = {},
              .coverage = {},
              .links = {},
              .totals = {}};
  std::uint32_t begin = 0;
  for (const auto& word : source) {
    const auto end = begin + static_cast<std::uint32_t>(word.size());
    trace.source.push_back({.text = word, .id = static_cast<std::int32_t>(trace.source.size()), .span = {begin, end}});
    begin = end + 1;
  }
  trace.encoder = {TraceNumbers{"keys", source, numbers_of(keys)}, TraceNumbers{"values", source, numbers_of(values)}};

  const auto mechanism = make_mechanism("scaled_dot", {.query_size = 4, .key_size = 4, .value_size = 2});
  const auto memory = mechanism->prepare(keys, values, {});
  const Site site{.name = "decoder.attention", .role = SiteRole::kSource, .mechanism = "scaled_dot"};
  TracingObserver observer({.shown = {site}, .source = site, .head = options.head}, source);
  std::vector<at::Tensor> rows;
  for (std::size_t t = 0; t < target.size(); ++t) {
    observer.begin_step(target[t], {});
    attend_observed(*mechanism, queries.narrow(2, static_cast<std::int64_t>(t), 1), memory, nullptr, site, &observer);
    rows.push_back(observer.source_weights());
    trace.steps.push_back({.previous = {}, .target = target[t], .lines = observer.take_lines(), .choice = {}});
  }
  add_alignment(trace, rows, std::vector<bool>(3), std::vector<bool>(3));
  return trace;
}

}  // namespace

std::vector<std::string> trace_examples() { return {"rnn", "scaled_dot"}; }

Trace trace_example(std::string_view name, const TraceOptions& options) {
  if (name == "rnn") return recurrent_example(options);
  if (name == "scaled_dot") return scaled_dot_example(options);
  fail_unknown_name("trace", name, trace_examples());
}

}  // namespace attend
