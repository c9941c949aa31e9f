#pragma once
// Options declared once. A struct lists its fields in `visit`, and from that list come its defaults, the config keys,
// the command-line flags, the help text, the JSON dump and the documentation:
//
//   struct DropoutOptions {
//     double rate;
//     DropoutOptions() { set_defaults(*this); }
//     void visit(OptionVisitor& v) { v(rate, "rate", 0.1, "share of units dropped in training", between(0, 1)); }
//   };
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace attend {

/// What a field accepts. An empty `choices` accepts every text.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices;
  std::string describe() const;  ///< "0 to 1", "at least 1", "a, b or c", or empty
};
Range at_least(double low);
Range between(double low, double high);
Range one_of(std::vector<std::string> choices);

/// Walks the fields of an options struct. Field types: bool, int64, double, text, list of texts, and groups.
class OptionVisitor {
 public:
  virtual ~OptionVisitor() = default;
  void operator()(bool& field, const char* name, bool fallback, const char* help);
  void operator()(std::int64_t& field, const char* name, std::int64_t fallback, const char* help, const Range& range = {});
  void operator()(double& field, const char* name, double fallback, const char* help, const Range& range = {});
  void operator()(std::string& field, const char* name, const char* fallback, const char* help, const Range& range = {});
  void operator()(std::vector<std::string>& field, const char* name, std::vector<std::string> fallback, const char* help);
  /// A nested struct becomes the config section `name:` (keys `name.field`).
  template <class Options>
  void group(Options& options, const char* name, const char* help) {
    begin_group(name, help);
    options.visit(*this);
    end_group();
  }

  /// One field as the visitors see it.
  struct Field {
    const char* name;
    const char* help;
    const Range* range;
  };

 protected:
  virtual void on(bool& field, bool fallback, const Field& about) = 0;
  virtual void on(std::int64_t& field, std::int64_t fallback, const Field& about) = 0;
  virtual void on(double& field, double fallback, const Field& about) = 0;
  virtual void on(std::string& field, const std::string& fallback, const Field& about) = 0;
  virtual void on(std::vector<std::string>& field, const std::vector<std::string>& fallback, const Field& about) = 0;
  virtual void begin_group(const char* /*name*/, const char* /*help*/) {}
  virtual void end_group() {}
};

/// Sets every field to its declared default, without entering groups' own constructors twice.
class DefaultsVisitor final : public OptionVisitor {
  void on(bool& f, bool d, const Field&) override { f = d; }
  void on(std::int64_t& f, std::int64_t d, const Field&) override { f = d; }
  void on(double& f, double d, const Field&) override { f = d; }
  void on(std::string& f, const std::string& d, const Field&) override { f = d; }
  void on(std::vector<std::string>& f, const std::vector<std::string>& d, const Field&) override { f = d; }
};
template <class Options>
void set_defaults(Options& options) {
  DefaultsVisitor v;
  options.visit(v);
}

/// A declared field with its dotted key and present value, for help, flags, dumps and docs.
struct OptionInfo {
  std::string key, type;              ///< type: "flag", "integer", "number", "text" or "list"
  std::string fallback, help, range;  ///< the default, what it means, what it accepts
  std::vector<std::string> value;     ///< the present value; a list has one entry an item
};
class ListVisitor final : public OptionVisitor {
 public:
  std::vector<OptionInfo> fields;
  std::vector<std::pair<std::string, std::string>> groups;  ///< dotted name, help

 private:
  void on(bool& f, bool d, const Field& about) override;
  void on(std::int64_t& f, std::int64_t d, const Field& about) override;
  void on(double& f, double d, const Field& about) override;
  void on(std::string& f, const std::string& d, const Field& about) override;
  void on(std::vector<std::string>& f, const std::vector<std::string>& d, const Field& about) override;
  void begin_group(const char* name, const char* help) override;
  void end_group() override;
  void add(const Field& about, const char* type, std::string fallback, std::vector<std::string> value);
  std::string prefix_;
};
template <class Options>
ListVisitor list_options(Options options = {}) {
  ListVisitor v;
  options.visit(v);
  return v;
}

/// One value given by a user: text as written and where it stands ("file:line" or "--flag").
struct GivenValue {
  std::vector<std::string> texts;  ///< one, or the items of a list
  bool is_list = false;
  std::string where;
  bool used = false;
  bool empty = false;  ///< `key:` with nothing after it; harmless for a section, an error for an option
};
/// Values by dotted key, from a config file, flags or both.
using GivenValues = std::map<std::string, GivenValue>;

/// Reads the YAML file at `path` (`${NAME}` expands to the environment variable, `$${` stands for `${` itself). Duplicate
/// keys are errors that name both lines; an unset variable is an error naming it.
GivenValues read_config(const std::string& path);
GivenValues parse_config(const std::string& text, const std::string& name);
/// Adds `key=value`; a later value wins. `where` is what errors name. The value is taken as it stands, variables expanded;
/// one that begins with `[` or a quote is read as YAML.
void set_given(GivenValues& values, const std::string& key_and_value, const std::string& where);

/// Writes given values into an options struct, checking types and ranges; marks what it used.
class AssignVisitor final : public OptionVisitor {
 public:
  explicit AssignVisitor(GivenValues& values) : values_(values) {}

 private:
  void on(bool& f, bool, const Field& about) override;
  void on(std::int64_t& f, std::int64_t, const Field& about) override;
  void on(double& f, double, const Field& about) override;
  void on(std::string& f, const std::string&, const Field& about) override;
  void on(std::vector<std::string>& f, const std::vector<std::string>&, const Field& about) override;
  void begin_group(const char* name, const char* help) override;
  void end_group() override;
  GivenValue* find(const Field& about);
  std::string prefix_;
  GivenValues& values_;
};
/// Throws for values no struct asked for, naming where they stand and the nearest valid key.
void fail_on_unused(const GivenValues& values, const std::vector<OptionInfo>& known);

template <class Options>
void assign(Options& options, GivenValues values) {
  AssignVisitor v(values);
  options.visit(v);
  fail_on_unused(values, list_options<Options>().fields);
}

/// The resolved options as a commented YAML file that `read_config` reads back to the same values.
std::string to_yaml(const ListVisitor& list);
/// The same as JSON, groups as objects.
std::string to_json(const ListVisitor& list);

}  // namespace attend
