#include <algorithm>
#include <cmath>

#include "attend/trace/trace.h"
#include "trace/plain_text.h"
#include "trace/trace_view.h"

namespace attend {
namespace {

constexpr std::size_t kWholeVector = 8, kShownAtEnds = 3, kLineColumns = 100, kBarColumns = 20;

using Row = std::vector<std::string>;

class Writer {
 public:
  Writer(const Trace& trace, const TraceView& view) : trace_(trace), view_(view) {}

  std::string run() {
    const auto [first, last] = steps_of(trace_, view_);
    line(trace_.title);
    if (!trace_.mechanism.empty()) line(fmt::format("{}: {}", trace_.mechanism, trace_.formula));
    line(fmt::format("{} -> {}{}", printable(trace_.source_text), printable(trace_.target_text), trace_.forced ? " (given)" : ""));
    source();
    if (view_.step == 0) encoder();
    for (auto t = first; t < last; ++t) step(trace_.steps[t], t);
    if (view_.step == 0) totals();
    return std::move(out_);
  }

 private:
  void line(const std::string& text) {
    out_ += text;
    out_.erase(out_.find_last_not_of(' ') + 1);
    out_ += '\n';
  }
  void section(const std::string& title) { line(fmt::format("\n{}. {}", ++section_, title)); }

  std::string number(double x) const {
    if (!std::isfinite(x)) return x < 0 ? "hidden" : "inf";
    if (std::abs(x) >= 1e7) return fmt::format("{:.{}g}", x, std::max<std::int64_t>(view_.digits, 1));
    auto text = fmt::format("{:.{}f}", x, view_.digits);
    if (text.starts_with('-') && text.find_first_not_of("-0.") == std::string::npos) text.erase(0, 1);
    return text;
  }

  std::string vector(const double* begin, std::size_t size) const {
    std::string text = "(";
    double squares = 0;
    const bool whole = view_.full || size <= kWholeVector;
    for (std::size_t i = 0; i < size; ++i) {
      squares += begin[i] * begin[i];
      if (!whole && i == kShownAtEnds) text += ", ...";
      if (!whole && i >= kShownAtEnds && i + kShownAtEnds < size) continue;
      text += (i == 0 ? "" : ", ") + number(begin[i]);
    }
    text += ")";
    return whole ? text : fmt::format("{} {} numbers, norm {}", text, size, number(std::sqrt(squares)));
  }
  std::string vector(const std::vector<double>& x) const { return vector(x.data(), x.size()); }

  // First column to the left, the others to the right, as far as they hold numbers.
  void table(const std::vector<Row>& rows, std::size_t indent, std::size_t number_columns = std::string::npos) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows)
      for (std::size_t i = 0; i < row.size(); ++i) {
        widths.resize(std::max(widths.size(), i + 1));
        widths[i] = std::max(widths[i], columns_of(row[i]));
      }
    for (const auto& row : rows) {
      std::string text(indent, ' ');
      for (std::size_t i = 0; i < row.size(); ++i) text += (i == 0 ? "" : "  ") + padded(row[i], widths[i], i > 0 && i < number_columns);
      line(text);
    }
  }

  void numbers(const TraceNumbers& n, std::size_t indent) {
    const std::string blanks(indent, ' ');
    if (n.rows.empty()) {
      line(fmt::format("{}{}  {}", blanks, n.name, vector(n.values)));
      return;
    }
    line(blanks + n.name);
    std::size_t width = 0;
    for (const auto& row : n.rows) width = std::max(width, columns_of(row));
    for (std::size_t row = 0; row < n.rows.size(); ++row) {
      const auto* values = n.values.data() + row * n.columns();
      line(fmt::format("{}  {}  {}", blanks, padded(n.rows[row], width, false),
                       n.columns() == 1 ? number(*values) : vector(values, n.columns())));
    }
  }

  // Queries of one call stand together.
  void lines(const std::vector<TraceLine>& lines) {
    for (std::size_t i = 0; i < lines.size();) {
      if (const auto* n = std::get_if<TraceNumbers>(&lines[i])) {
        const auto* before = i > 0 ? std::get_if<TraceNumbers>(&lines[i - 1]) : nullptr;
        if (before && before->values == n->values && before->rows == n->rows) {
          line(fmt::format("   {}  = {}", n->name, before->name));
        } else {
          numbers(*n, 3);
        }
        ++i;
        continue;
      }
      std::vector<const TraceAttention*> call;
      for (; i < lines.size(); ++i) {
        const auto* a = std::get_if<TraceAttention>(&lines[i]);
        if (!a || (!call.empty() && a->site != call[0]->site)) break;
        call.push_back(a);
      }
      if (call.size() == 1) {
        one_query(*call[0]);
      } else {
        many_queries(call);
      }
    }
  }

  std::string place(const TraceAttention& a) const { return fmt::format("   {}, layer {}", a.site, a.layer); }

  void one_query(const TraceAttention& a) {
    line(fmt::format("{}, head {}", place(a), a.head));
    std::vector<const TraceNumbers*> columns;  // parts with one number a key stand beside the scores
    for (const auto& part : a.parts) {
      if (!part.rows.empty() && part.columns() == 1) {
        columns.push_back(&part);
      } else if (part.of_source && source_parts_shown_) {
        line(fmt::format("     {}  as before", part.name));
      } else {
        numbers(part, 5);
      }
    }
    source_parts_shown_ = true;
    const bool softmax = !a.exponentials.empty();
    Row head{"key"};
    for (const auto* column : columns) head.push_back(column->name);
    head.emplace_back("score e");
    if (softmax) head.insert(head.end(), {"e - max", "exp(e - max)"});
    head.emplace_back("weight");
    std::vector<Row> rows{head};
    for (std::size_t s = 0; s < a.keys.size(); ++s) {
      Row row{a.keys[s]};
      for (const auto* column : columns) row.push_back(number(column->values[s]));
      row.push_back(a.scores.empty() ? "" : number(a.scores[s]));
      if (softmax) row.insert(row.end(), {number(a.scores[s] - a.maximum), number(a.exponentials[s])});
      row.push_back(number(a.weights[s]));
      rows.push_back(std::move(row));
    }
    if (softmax) {
      Row sum(head.size());
      sum[0] = "sum";
      sum[head.size() - 2] = number(a.sum);
      double mass = 0;
      for (const auto weight : a.weights) mass += weight;
      sum.back() = number(mass);
      rows.push_back(std::move(sum));
    }
    for (std::size_t s = 0; s < a.keys.size(); ++s) rows[s + 1].push_back(bar(a.weights[s]));
    table(rows, 5, head.size());
    line(fmt::format("     entropy {} nat, effective tokens {}", number(a.entropy), number(a.effective_tokens)));
    if (!a.context.empty()) line(fmt::format("     context  {}", vector(a.context)));
  }

  static std::string bar(double weight) {
    std::string text;
    for (auto i = std::lround(std::clamp(weight, 0.0, 1.0) * kBarColumns); i > 0; --i) text += "█";
    return text;
  }

  // All heads (and all queries of a self-attention): weights, and for a single query the scores and contexts too.
  void many_queries(const std::vector<const TraceAttention*>& call) {
    const auto& first = *call[0];
    const bool several_queries = std::any_of(call.begin(), call.end(), [&](const auto* a) { return a->query != first.query; }) ||
                                 std::count_if(call.begin(), call.end(), [&](const auto* a) { return a->head == first.head; }) > 1;
    const bool several_heads = std::any_of(call.begin(), call.end(), [&](const auto* a) { return a->head != first.head; });
    line(place(first) + (several_heads ? "" : fmt::format(", head {}", first.head)));
    auto name = [&](const TraceAttention& a) {
      return several_heads ? fmt::format("head {}{}", a.head, several_queries ? " " + a.query : "") : a.query;
    };
    if (!several_queries || !several_heads) by_key(call, "scores", name, &TraceAttention::scores);
    by_key(call, "weights", name, &TraceAttention::weights);
    if (several_queries) return;
    for (const auto* a : call)
      if (!a->context.empty()) line(fmt::format("     context of head {}  {}", a->head, vector(a->context)));
  }

  template <class Name>
  void by_key(const std::vector<const TraceAttention*>& call, const char* what, const Name& name,
              std::vector<double> TraceAttention::*values) {
    const auto& keys = call[0]->keys;
    std::size_t widest = static_cast<std::size_t>(view_.digits) + 4, label = 0;
    for (const auto& key : keys) widest = std::max(widest, columns_of(key));
    for (const auto* a : call) label = std::max(label, columns_of(name(*a)));
    const auto room = kLineColumns - std::min(kLineColumns, label + 16);
    const auto chunk = std::max<std::size_t>(1, room / (widest + 2));
    for (std::size_t begin = 0; begin < keys.size(); begin += chunk) {
      const auto end = std::min(keys.size(), begin + chunk);
      Row head{what};
      for (auto s = begin; s < end; ++s) head.push_back(keys[s]);
      if (end == keys.size() && values == &TraceAttention::weights) head.emplace_back("entropy");
      std::vector<Row> rows{head};
      for (const auto* a : call) {
        if ((a->*values).empty()) continue;
        Row row{name(*a)};
        for (auto s = begin; s < end; ++s) row.push_back(number((a->*values)[s]));
        if (row.size() < head.size()) row.push_back(number(a->entropy));
        rows.push_back(std::move(row));
      }
      table(rows, 5);
    }
  }

  void source() {
    section("Source");
    std::vector<Row> rows{{"token", "id", "bytes"}};
    for (const auto& token : trace_.source)
      rows.push_back({token.text, std::to_string(token.id), fmt::format("[{}, {})", token.span.begin, token.span.end)});
    table(rows, 3);
  }

  void encoder() {
    section(trace_.totals ? "Encoder" : "Keys and values");
    lines(trace_.encoder);
  }

  void step(const TraceStep& step, std::size_t t) {
    section_ = t + 2;  // the same number when it stands alone
    const auto before = step.previous.empty() ? "" : fmt::format(", after {}", step.previous);
    section(fmt::format("Step {} of {}{}: {}", t + 1, trace_.steps.size(), before, step.target));
    lines(step.lines);
    if (!step.choice) return;
    const auto& choice = *step.choice;
    std::vector<Row> rows{{"  word", "logit", "probability", "-ln p"}};
    bool listed = false;
    auto add = [&](const TraceWord& word) {
      const bool chosen = word.id == choice.chosen.id;
      listed = listed || chosen;
      rows.push_back({(chosen ? "> " : "  ") + word.text, number(word.logit), number(word.probability), number(word.surprisal)});
    };
    for (const auto& word : choice.top) add(word);
    if (!listed) add(choice.chosen);
    table(rows, 3);
    if (choice.rank > 1) line(fmt::format("   {} is number {} of the distribution", choice.chosen.text, choice.rank));
  }

  void totals() {
    section("Totals");
    if (trace_.totals) {
      const auto& t = *trace_.totals;
      line(fmt::format("   log-probability {}, mean NLL {}, perplexity {}", number(t.log_prob), number(t.mean_nll), number(t.perplexity)));
      line(fmt::format("   score {} = {} / {} + {} (length divisor, coverage term)", number(t.score), number(t.log_prob),
                       number(t.length_divisor), number(t.coverage_term)));
    }
    if (trace_.coverage.empty()) return;
    std::vector<std::string> labels;
    for (const auto& token : trace_.source) labels.push_back(token.text);
    numbers(TraceNumbers{.name = "coverage (sum of the weights over all steps)", .rows = labels, .values = trace_.coverage}, 3);
    std::string pairs;
    for (const auto& link : trace_.links)
      pairs += fmt::format("{}{}-{}", pairs.empty() ? "" : ", ", trace_.source[link.source].text, trace_.steps[link.target].target);
    line(fmt::format("   links by argmax  {}  ({})", format_links(trace_.links), pairs));
  }

  const Trace& trace_;
  const TraceView& view_;
  std::string out_;
  std::size_t section_ = 0;
  bool source_parts_shown_ = false;
};

}  // namespace

std::pair<std::size_t, std::size_t> steps_of(const Trace& trace, const TraceView& view) {
  const auto steps = static_cast<std::int64_t>(trace.steps.size());
  ATTEND_CHECK(view.step >= 0 && view.step <= steps, kValue, "trace: step {} is not there; the steps are 1 to {}, 0 shows all", view.step,
               steps);
  ATTEND_CHECK(view.digits >= 0 && view.digits <= 17, kValue, "trace: digits must be 0 to 17, got {}", view.digits);
  if (view.step == 0) return {0, trace.steps.size()};
  return {static_cast<std::size_t>(view.step) - 1, static_cast<std::size_t>(view.step)};
}

std::string trace_text(const Trace& trace, const TraceView& view) { return Writer(trace, view).run(); }

}  // namespace attend
