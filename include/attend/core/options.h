#pragma once
// Options declared once. A struct lists its fields in `visit`, and from that list come its defaults, the config keys,
// the command-line flags, the help text, the JSON dump and the documentation:
//
//   struct DropoutOptions {
//     double rate;
//     DropoutOptions() { set_defaults(*this); }
//     void visit(OptionVisitor& v) { v(rate, "rate", 0.1, "share of units dropped in training", between(0, 1)); }
//   };
//
// Options belong to who reads them: a mechanism, a model and a task each declare a struct of their own. An OptionSet holds such structs by
// their type, and whoever is chosen visits those that it reads (`visitor.once<DropoutOptions>(set)`). So a configuration holds the options
// of what was chosen and no others.
#include <any>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <typeindex>
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

class OptionVisitor;
/// A struct of options with its defaults, as in the example above.
template <class T>
concept OptionStruct = std::copyable<T> && std::default_initializable<T> && requires(T options, OptionVisitor& v) {
  options.visit(v);
};

/// Structs of options, at most one of each type. One that was never touched has its defaults. Threads may share a set that none of them
/// changes.
class OptionSet {
 public:
  template <OptionStruct Options>
  Options& of() {
    note_written(typeid(Options));
    auto& held = structs_[typeid(Options)];
    if (!held.has_value()) held = Options{};
    return *std::any_cast<Options>(&held);
  }
  template <OptionStruct Options>
  const Options& of() const {
    static const Options untouched;
    note(typeid(Options));
    const auto found = structs_.find(typeid(Options));
    return found == structs_.end() ? untouched : *std::any_cast<Options>(&found->second);
  }
  /// Sets one field: `OptionSet().set(&LocalOptions::window, 4)`.
  template <OptionStruct Options, class Field>
  OptionSet& set(Field Options::*field, std::type_identity_t<Field> value) {
    of<Options>().*field = std::move(value);
    return *this;
  }

  /// Says which structs are read (by the const `of`) and which are written on this thread while it lives, so that a test can compare them
  /// with those visited.
  class Watch {
   public:
    Watch();
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    std::set<std::type_index> read, written;
  };

 private:
  static void note(std::type_index type);
  static void note_written(std::type_index type);
  std::map<std::type_index, std::any> structs_;
};

/// Walks the fields of an options struct. Field types: bool, int64, double, text, list of texts, and groups.
/// One thread at a time, and on options and values that no other thread uses meanwhile.
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

  /// Visits the struct of that type, if this visitor has not met it yet: two readers may share one.
  template <OptionStruct Options>
  void once(OptionSet& set) {
    if (met_.insert(typeid(Options)).second) set.of<Options>().visit(*this);
  }
  /// Leaves the struct of that type out from here on.
  template <OptionStruct Options>
  void pass_over() {
    if (met_.insert(typeid(Options)).second) passed_over_.insert(typeid(Options));
  }
  /// Whether the struct of that type was visited, or passed over.
  template <OptionStruct Options>
  bool met() const {
    return met_.contains(typeid(Options));
  }
  const std::set<std::type_index>& met() const { return met_; }
  const std::set<std::type_index>& passed_over() const { return passed_over_; }

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

 private:
  std::set<std::type_index> met_, passed_over_;
};

/// Visits structs of a set, as what a mechanism or a model declares: `.options = visit_options<WeightOptions, LocalOptions>`.
template <OptionStruct... Options>
void visit_options(OptionSet& set, OptionVisitor& v) {
  (v.once<Options>(set), ...);
}

/// Looks at no field: for who wants to know which structs are visited. Threads: as OptionVisitor.
class StructsVisitor final : public OptionVisitor {
  void on(bool&, bool, const Field&) override {}
  void on(std::int64_t&, std::int64_t, const Field&) override {}
  void on(double&, double, const Field&) override {}
  void on(std::string&, const std::string&, const Field&) override {}
  void on(std::vector<std::string>&, const std::vector<std::string>&, const Field&) override {}
};

/// Sets every field to its declared default, without entering groups' own constructors twice. Threads: as OptionVisitor.
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
  std::vector<std::string> choices;   ///< of a text all it may be, of a flag true and false
};
/// Lists the fields as OptionInfo. One thread at a time; threads may share the lists once it is done.
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
  /// Written by a program, not by a person: earlier versions wrote the options of everybody, and those that nobody reads are passed over.
  bool stored = false;
};
/// Values by dotted key, from a config file, flags or both.
using GivenValues = std::map<std::string, GivenValue>;

/// Reads the YAML file at `path` (`${NAME}` expands to the environment variable, `$${` stands for `${` itself). Duplicate
/// keys are errors that name both lines; an unset variable is an error naming it.
GivenValues read_config(const std::string& path);
GivenValues parse_config(const std::string& text, const std::string& name);
/// The same of a file that the program wrote (GivenValue::stored).
GivenValues read_stored_config(const std::string& path);
/// Adds `key=value`; a later value wins. `where` is what errors name. The value is taken as it stands, variables expanded;
/// one that begins with `[` or a quote is read as YAML.
void set_given(GivenValues& values, const std::string& key_and_value, const std::string& where);

/// Writes given values into an options struct, checking types and ranges; marks what it used. Threads: as OptionVisitor.
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

/// Lists the options that apply under given values.
using OptionLister = std::function<ListVisitor(const GivenValues&)>;

/// A key and the choices under which it is read, from what was chosen to begin with: each of `choices` is enough by itself, and all but the
/// last of the settings in one are the same ("model.type: transformer", then "model.positions: rotary").
struct OptionReader {
  OptionInfo option;
  std::vector<std::vector<std::string>> choices;  ///< empty: read as it is
  /// "model.attention: local_m, local_p or local_rnn", or empty.
  std::string describe() const;
};
/// Every key that is read under some choice, with the smallest number of changes to `start` that bring it in. What is read is found by
/// trying: each flag and each text with choices is set to each of them. With `wanted` it stops at the key of that name.
std::vector<OptionReader> find_readers(const OptionLister& list, const GivenValues& start = {}, const std::string& wanted = {});

/// Throws for values that no struct asked for, naming where they stand: who would read them, or else the nearest valid key. Stored values
/// of keys that `is_known` are passed over.
void fail_on_unused(const GivenValues& values, const OptionLister& list, const std::function<bool(const std::string&)>& is_known);

/// Writes `values` where they are read, before anything is checked. Options that know what follows from what was given say so by a static
/// function complete(GivenValues&). It goes through them twice: what is read may depend on a choice that stands behind it.
template <class Options>
void assign_read(Options& options, GivenValues& values) {
  if constexpr (requires { Options::complete(values); }) Options::complete(values);
  for (int pass = 0; pass < 2; ++pass) {
    for (auto& [key, value] : values) value.used = false;
    AssignVisitor v(values);
    options.visit(v);
  }
}
template <class Options>
ListVisitor list_options_under(GivenValues values) {
  Options options;
  assign_read(options, values);
  return list_options(std::move(options));
}

/// Whether some choice reads the key. Found once in a program, when it is first asked.
template <class Options>
bool is_known_key(const std::string& key) {
  static const auto known = [] {
    std::set<std::string> keys;
    for (const auto& reader : find_readers(list_options_under<Options>)) keys.insert(reader.option.key);
    return keys;
  }();
  return known.contains(key);
}

template <class Options>
void assign(Options& options, GivenValues values) {
  assign_read(options, values);
  fail_on_unused(values, list_options_under<Options>, is_known_key<Options>);
}

/// The resolved options as a commented YAML file that `read_config` reads back to the same values.
std::string to_yaml(const ListVisitor& list);
/// The same as JSON, groups as objects.
std::string to_json(const ListVisitor& list);

}  // namespace attend
