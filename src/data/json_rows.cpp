// JSON lines, and a JSON array of objects. Objects are read as they come: nothing but a row's own cells is kept, however deep others lie.
#include <nlohmann/json.hpp>

#include "attend/core/error.h"
#include "attend/text/unicode.h"
#include "table.h"

namespace attend {
namespace {

constexpr std::size_t kMostColumns = 10000, kDeepest = 1000;

class ObjectReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  /// Objects stand `depth` brackets deep: 0 on a line of its own, 1 in an array.
  ObjectReader(Table& table, std::size_t depth) : table_(table), depth_(depth) {}

  std::uint64_t line = 0;  // of the object; counted here in an array
  std::string problem;
  std::size_t problem_at = 0;  // bytes before it, 0: not known

  bool null() override { return value({}); }
  bool boolean(bool x) override { return value(x ? "true" : "false"); }
  bool number_integer(number_integer_t x) override { return value(std::to_string(x)); }
  bool number_unsigned(number_unsigned_t x) override { return value(std::to_string(x)); }
  bool number_float(number_float_t /*x*/, const string_t& text) override { return value(text); }
  bool string(string_t& text) override {
    if (text.find('\0') != text.npos) return fail_with("a text holds NUL, which no text does");
    return value(text);
  }
  bool binary(binary_t& /*bytes*/) override { return fail_with("binary values are not JSON"); }
  bool start_object(std::size_t /*size*/) override {
    if (open_ == depth_) {
      row_ = {std::vector<std::string>(table_.names.size()), depth_ == 0 ? line : ++line};
    }
    return open();
  }
  bool end_object() override {
    if (--open_ == depth_) table_.rows.push_back(std::move(row_));
    return true;
  }
  bool start_array(std::size_t /*size*/) override {
    if (open_ == depth_) return fail_with("expected an object {...}, got a list");
    return open();
  }
  bool end_array() override {
    --open_;
    return true;
  }
  bool key(string_t& name) override {
    if (open_ != depth_ + 1) return true;
    const auto known = std::find(table_.names.begin(), table_.names.end(), name);
    column_ = static_cast<std::size_t>(known - table_.names.begin());
    if (known == table_.names.end()) {
      if (column_ == kMostColumns) return fail_with(fmt::format("objects have more than {} keys", kMostColumns));
      table_.names.push_back(name);
      row_.cells.emplace_back();
    }
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/, const nlohmann::json::exception& e) override {
    problem_at = position;
    const std::string text = e.what();  // "[json.exception.parse_error.101] parse error at line 1, column 7: syntax error while ..."
    const auto colon = text.find(": ");
    return fail_with("not JSON: " + (colon == text.npos ? text : text.substr(colon + 2)));
  }

 private:
  bool value(const std::string& text) {
    if (open_ == depth_) return fail_with("expected an object {...}, got a single value");
    if (open_ == depth_ + 1) row_.cells.at(column_) = plain_cell(text);
    return true;
  }
  bool open() {
    if (++open_ > kDeepest) return fail_with(fmt::format("brackets lie more than {} deep", kDeepest));
    return true;
  }
  bool fail_with(std::string text) {
    problem = std::move(text);
    return false;
  }

  Table& table_;
  std::size_t depth_, open_ = 0, column_ = 0;
  TableRow row_;
};

void parse_objects(std::string_view bytes, ObjectReader& reader) { nlohmann::json::sax_parse(bytes.begin(), bytes.end(), &reader); }

}  // namespace

void read_objects(TextFile& file, TableFormat format, Table& table) {
  table.is_array = format == TableFormat::kJsonArray;
  table.form = table.is_array ? "a JSON array" : "JSON lines";
  if (table.is_array) {
    const auto bytes = file.map.bytes().substr(file.next);
    const auto first = bytes.find_first_not_of(" \t\r\n");
    ATTEND_CHECK(first != bytes.npos && bytes[first] == '[', kData,
                 "{}: expected an array of objects, [{{...}}, ...]; if it holds an object a line, call it .jsonl or give the format jsonl "
                 "(data.format, --format)",
                 table.path);
    ObjectReader reader(table, 1);
    parse_objects(bytes, reader);
    const auto line_of = [&](std::size_t at) {
      return 1 + std::count(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(std::min(at, bytes.size())), '\n');
    };
    ATTEND_CHECK(reader.problem.empty() || reader.problem_at == 0, kData, "{}:{}: {}", table.path, line_of(reader.problem_at),
                 reader.problem);
    ATTEND_CHECK(reader.problem.empty(), kData, "{}, in or after object {}: {}", table.path, reader.line, reader.problem);
  } else {
    for (std::string_view line; file.next_line(line);) {
      ObjectReader reader(table, 0);
      reader.line = file.lines;
      parse_objects(line, reader);
      ATTEND_CHECK(reader.problem.empty(), kData, "{}: {}; expected one JSON object a line, got '{}'", file.place(), reader.problem,
                   beginning(line));
    }
  }
  for (auto& row : table.rows) row.cells.resize(table.names.size());
}

}  // namespace attend
