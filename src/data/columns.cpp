#include "columns.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>
#include <unordered_map>

#include "attend/core/error.h"

namespace attend {
namespace {

using Names = std::vector<std::string>;
constexpr auto kNoColumn = static_cast<std::size_t>(-1);
constexpr std::size_t kLooked = 50000;  // rows that content is told by

const Names kTextNames{"text",    "sentence",    "review",   "content", "comment",   "message",  "tweet", "body",   "utterance", "document",
                       "article", "description", "headline", "title",   "statement", "question", "sms",   "phrase", "post"};
const Names kLabelNames{"label", "labels",   "class", "category", "sentiment", "target", "intent", "emotion",
                        "topic", "polarity", "tag",   "rating",   "stars",     "score",  "genre",  "language"};

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

/// Whether `name` is one of the words that `cell` is made of: "review" of "Review_Text 1".
bool is_part(const std::string& name, const std::string& cell) {
  for (std::size_t at = 0; (at = cell.find(name, at)) != cell.npos; ++at) {
    const auto end = at + name.size();
    const auto divides = [&](std::size_t i) { return !std::isalpha(static_cast<unsigned char>(cell[i])); };
    if ((at == 0 || divides(at - 1)) && (end == cell.size() || divides(end))) return true;
  }
  return false;
}

/// The column of the first usual name that any has, but `except`; whole names before parts of them.
std::size_t usual_column(const Names& columns, const Names& usual, std::size_t except, bool parts) {
  for (const auto& name : usual)
    for (std::size_t c = 0; c < columns.size(); ++c)
      if (c != except && columns[c] == name) return c;
  for (const auto& name : parts ? usual : Names{})
    for (std::size_t c = 0; c < columns.size(); ++c)
      if (c != except && !is_part("id", columns[c]) && is_part(name, columns[c])) return c;
  return kNoColumn;
}

class Chooser {
 public:
  Chooser(const Table& table, const LabelledOptions& options, bool labelled) : table_(table), options_(options), labelled_(labelled) {
    for (const auto& name : table.names.empty() ? table.rows.at(0).cells : table.names) names_.push_back(name);
    for (const auto& name : names_) lower_.push_back(lower_case(name));
  }

  TextColumns choose() {
    header_ = table_.names.empty() && (options_.header || !is_number(options_.form.text_column) || !is_number(options_.form.label_column));
    find();
    if (table_.names.empty() && !header_ && looks_like_header()) {
      header_ = true;
      find();
    }
    check();
    return {text_, label_, header_, said()};
  }

 private:
  static bool is_number(const std::string& wish) { return wish.find_first_not_of("0123456789") == wish.npos; }

  std::size_t wished(const std::string& wish, const char* option) const {
    if (wish.empty()) return kNoColumn;
    if (is_number(wish)) {
      std::size_t number = 0;
      std::from_chars(wish.data(), wish.data() + wish.size(), number);
      ATTEND_CHECK(number >= 1 && number <= names_.size(), kValue, "{}: {} {} is not there; the file has columns 1 to {}", table_.path,
                   option, wish, names_.size());
      return number - 1;
    }
    auto found = std::find(names_.begin(), names_.end(), wish);
    if (found != names_.end()) return static_cast<std::size_t>(found - names_.begin());
    found = std::find(lower_.begin(), lower_.end(), lower_case(wish));
    if (found == lower_.end()) fail_unknown_name(fmt::format("{}: {}", table_.path, option), wish, names_);
    return static_cast<std::size_t>(found - lower_.begin());
  }

  bool has_names() const { return header_ || !table_.names.empty(); }
  std::size_t first_row() const { return header_ ? 1 : 0; }
  std::size_t last_row() const { return std::min(table_.rows.size(), kLooked); }

  // By options, then by names, by order, by content.
  void find() {
    text_ = wished(options_.form.text_column, "text_column");
    label_ = labelled_ ? wished(options_.form.label_column, "label_column") : kNoColumn;
    if (table_.names.empty() && !header_ && is_usual_header()) header_ = true;
    find_as_trained();
    if (has_names()) {
      if (label_ == kNoColumn && labelled_) label_ = usual_column(lower_, kLabelNames, text_, true);
      if (text_ == kNoColumn) text_ = usual_column(lower_, kTextNames, label_, true);
    }
    if (options_.text_first && names_.size() >= 2) {
      if (text_ == kNoColumn && label_ != 0) text_ = 0;
      if (label_ == kNoColumn && labelled_ && text_ != 1) label_ = 1;
    }
    if (label_ == kNoColumn && labelled_) label_ = content_label();
    if (text_ == kNoColumn) text_ = content_text();
  }

  // The columns of the training data, if this file has them.
  void find_as_trained() {
    const auto& usual = options_.usual;
    const auto there = [&](const std::string& wish) {
      if (wish.empty()) return false;
      if (!is_number(wish)) return std::find(lower_.begin(), lower_.end(), lower_case(wish)) != lower_.end();
      return labelled_ && wish.size() < 6 && std::stoul(wish) >= 1 && std::stoul(wish) <= names_.size();
    };
    const auto take = [&](const std::string& wish, std::size_t& column, std::size_t other) {
      if (column != kNoColumn || !there(wish)) return;
      if (const auto found = wished(wish, ""); found != other) column = found;
      if (table_.names.empty() && !is_number(wish)) header_ = true;
    };
    take(usual.text_column, text_, label_);
    if (labelled_) take(usual.label_column, label_, text_);
  }

  // A usual name that stands in the first row of its column alone.
  bool is_usual_header() const {
    std::size_t seen = 0;
    for (const auto* usual : {&kTextNames, &kLabelNames}) {
      const auto column = usual_column(lower_, *usual, kNoColumn, false);
      if (column == kNoColumn) continue;
      ++seen;
      for (std::size_t r = 1; r < table_.rows.size(); ++r)
        if (table_.rows[r].cells[column] == names_[column]) return false;
    }
    return table_.rows.size() > 1 ? seen > 0 : seen == 2;
  }

  // A first label that never comes again where every other one does. Columns by number leave it to data.header.
  bool looks_like_header() const {
    constexpr std::size_t kFewest = 8;
    if (!labelled_ || label_ == kNoColumn || table_.rows.size() < kFewest || !options_.form.text_column.empty() ||
        !options_.form.label_column.empty())
      return false;
    std::unordered_map<std::string, std::size_t> counts;
    for (std::size_t r = 1; r < table_.rows.size(); ++r) ++counts[plain_label(table_.rows[r].cells[label_])];
    return !counts.contains(plain_label(table_.rows[0].cells[label_])) &&
           std::all_of(counts.begin(), counts.end(), [](const auto& entry) { return entry.second > 1; });
  }

  std::size_t content_label() const {
    const std::set<std::string> known(options_.classes.begin(), options_.classes.end());
    std::size_t best = kNoColumn, best_known = 0, best_values = 0;
    double best_length = 0;
    bool tied = false;
    for (std::size_t c = 0; c < names_.size(); ++c) {
      if (c == text_) continue;
      std::set<std::string> values;
      std::size_t of_known = 0;
      for (std::size_t r = first_row(); r < last_row(); ++r) {
        const auto label = plain_label(table_.rows[r].cells[c]);
        of_known += known.contains(label) ? 1 : 0;
        values.insert(label);
      }
      values.erase("");
      const auto length = mean_length(c);
      // One value is a constant, of which a file may have some beside its labels.
      const auto count = values.size() < 2 && names_.size() > 2 ? kNoColumn - values.size() : values.size();
      const auto better = of_known != best_known ? of_known > best_known
                          : count != best_values ? count < best_values
                                                 : length < best_length;
      if (best != kNoColumn && !better) {
        tied = tied || (of_known == best_known && count == best_values && length == best_length);
        continue;
      }
      tied = false;
      best = c;
      best_known = of_known;
      best_values = count;
      best_length = length;
    }
    return tied ? kNoColumn : best;
  }

  std::size_t content_text() const {
    std::size_t best = kNoColumn;
    double longest = -1;
    for (std::size_t c = 0; c < names_.size(); ++c)
      if (const auto length = mean_length(c); c != label_ && length > longest) {
        best = c;
        longest = length;
      }
    return best;
  }

  double mean_length(std::size_t column) const {
    std::size_t bytes = 0;
    for (std::size_t r = first_row(); r < last_row(); ++r) bytes += table_.rows[r].cells[column].size();
    return static_cast<double>(bytes) / static_cast<double>(std::max<std::size_t>(1, last_row() - first_row()));
  }

  void check() const {
    ATTEND_CHECK(
        text_ != kNoColumn && (!labelled_ || (label_ != kNoColumn && label_ != text_)), kData,
        "{}: which column is the text{} cannot be told; columns: {}. Set data.text_column{} (flags --text-column{}) to a name or a "
        "number from 1",
        table_.path, labelled_ ? " and which the label" : "", listed(), labelled_ ? " and data.label_column" : "",
        labelled_ ? ", --label-column" : "");
    ATTEND_CHECK(table_.rows.size() > first_row(), kData, "{}: holds nothing but a header", table_.path);
  }

  std::string listed() const {
    if (has_names()) return fmt::format("{}", fmt::join(names_, ", "));
    return fmt::format("1 to {}", names_.size());
  }
  std::string called(std::size_t column) const {
    return has_names() ? fmt::format("column {} ({})", column + 1, names_[column]) : fmt::format("column {}", column + 1);
  }
  std::string said() const {
    auto text = fmt::format("{}{}; the text is {}", table_.form, header_ ? " and a header" : "", called(text_));
    if (labelled_) text += fmt::format(", the label {}", called(label_));
    if (const auto used = labelled_ ? 2U : 1U; names_.size() > used) text += fmt::format(", {} more not read", names_.size() - used);
    return text;
  }

  const Table& table_;
  const LabelledOptions& options_;
  bool labelled_, header_ = false;
  Names names_, lower_;
  std::size_t text_ = kNoColumn, label_ = kNoColumn;
};

}  // namespace

TextColumns choose_columns(const Table& table, const LabelledOptions& options, bool labelled) {
  return Chooser(table, options, labelled).choose();
}

bool names_columns(const std::vector<std::string_view>& cells) {
  Names columns;
  for (const auto cell : cells) columns.push_back(lower_case(trimmed(cell)));
  for (auto& name : columns)
    if (name.size() >= 2 && name.starts_with('"') && name.ends_with('"')) name = name.substr(1, name.size() - 2);
  const auto label = usual_column(columns, kLabelNames, kNoColumn, false);
  return label != kNoColumn && usual_column(columns, kTextNames, label, false) != kNoColumn;
}

}  // namespace attend
