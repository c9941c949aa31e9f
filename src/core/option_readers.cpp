// Who reads an option, found by trying what can be chosen.
#include <algorithm>
#include <set>

#include "attend/core/error.h"
#include "attend/core/options.h"
#include "core/edit_distance.h"

namespace attend {
namespace {

// What may stand where the key `got` does not: the keys of its section (all, if it has none), the nearest few of a long list.
std::string keys_like(const std::string& got, const std::vector<std::string>& keys) {
  constexpr std::size_t kMostShown = 8;
  const auto dot = got.rfind('.');
  const auto section = got.substr(0, dot == std::string::npos ? 0 : dot + 1);
  std::vector<std::string> offered;
  for (const auto& k : keys)
    if (k.starts_with(section) && k.find('.', section.size()) == std::string::npos) offered.push_back(k);
  const bool known_section = !offered.empty();
  if (!known_section) offered = keys;
  if (offered.size() <= kMostShown) return fmt::format("keys here: {}", fmt::join(offered, ", "));
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const auto& k : offered) near.emplace_back(edit_distance(std::string_view(got).substr(0, kLongestMisspelt), k), k);
  std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  offered.clear();
  for (std::size_t i = 0; i < kMostShown; ++i) offered.push_back(std::move(near[i].second));
  const auto verb = known_section && !section.empty() ? "attend keys " + section.substr(0, section.size() - 1) : "attend keys";
  return fmt::format("the nearest keys: {}; `{}` lists all", fmt::join(offered, ", "), verb);
}

// A choice as a user writes it.
std::string setting(const std::string& key, const std::string& value) { return key + ": " + value; }

// Options under some of the choices: their values, and those changes of the start as settings.
struct Chosen {
  GivenValues values;
  std::vector<std::string> changes;
};

bool changes_choices(const OptionInfo& option) { return option.type == "flag" || !option.choices.empty(); }

// What stands now where most of a reader's choices would be: "model.attention: dot".
std::string present_choice(const OptionReader& reader, const std::vector<OptionInfo>& fields) {
  std::map<std::string, std::size_t> choices;  // by key
  for (const auto& settings : reader.choices)
    for (const auto& changed : settings) ++choices[changed.substr(0, changed.find(": "))];
  std::string text = "what is chosen";
  std::size_t most = 0;
  for (const auto& field : fields) {
    const auto found = choices.find(field.key);
    if (found == choices.end() || found->second <= most) continue;
    most = found->second;
    text = setting(field.key, field.value.at(0));
  }
  return text;
}

}  // namespace

std::string OptionReader::describe() const {
  // Choices of one key stand together: "key: a, b or c".
  std::vector<std::pair<std::string, std::vector<std::string>>> by_key;
  for (const auto& settings : choices) {
    const auto& last = settings.back();
    const auto colon = last.find(": ");
    const auto before = std::vector<std::string>(settings.begin(), settings.end() - 1);
    const auto key = (before.empty() ? "" : fmt::format("{} and ", fmt::join(before, ", "))) + last.substr(0, colon);
    const auto found = std::find_if(by_key.begin(), by_key.end(), [&](const auto& entry) { return entry.first == key; });
    auto& values = found == by_key.end() ? by_key.emplace_back(key, std::vector<std::string>{}).second : found->second;
    values.push_back(last.substr(colon + 2));
  }
  std::string text;
  for (const auto& [key, values] : by_key) text += fmt::format("{}{}: {}", text.empty() ? "" : ", or ", key, one_of(values).describe());
  return text;
}

std::vector<OptionReader> find_readers(const OptionLister& list, const GivenValues& start, const std::string& wanted) {
  std::vector<OptionReader> found;
  std::map<std::string, std::size_t> place;  // of a key in `found`
  for (auto& option : list(start).fields) {
    place.emplace(option.key, found.size());
    found.push_back({std::move(option), {}});
  }
  std::vector<Chosen> level{{start, {}}};
  while (!level.empty() && !place.contains(wanted)) {
    std::vector<Chosen> next;  // those that brought a key in
    std::set<std::string> known;
    for (const auto& [key, at] : place) known.insert(key);
    for (const auto& chosen : level) {
      for (const auto& option : list(chosen.values).fields) {
        if (!changes_choices(option)) continue;
        for (const auto& choice : option.choices) {
          if (choice == option.value.at(0)) continue;
          auto changed = chosen;
          changed.values[option.key] = {.texts = {choice}, .where = option.key};
          changed.changes.push_back(setting(option.key, choice));
          bool brought = false;
          for (auto& other : list(changed.values).fields) {
            if (known.contains(other.key)) continue;
            const auto [at, fresh] = place.emplace(other.key, found.size());
            if (fresh) found.push_back({std::move(other), {}});
            brought = brought || fresh;
            auto& readers = found[at->second].choices;
            const bool same_way =
                readers.empty() || std::equal(changed.changes.begin(), changed.changes.end() - 1, readers[0].begin(), readers[0].end() - 1);
            if (same_way) readers.push_back(changed.changes);
          }
          if (brought) next.push_back(std::move(changed));
        }
      }
    }
    level = std::move(next);
  }
  return found;
}

void fail_on_unused(const GivenValues& values, const OptionLister& list, const std::function<bool(const std::string&)>& is_known) {
  const auto unused = [&](const auto& entry) { return !entry.second.used && !(entry.second.stored && is_known(entry.first)); };
  if (std::none_of(values.begin(), values.end(), unused)) return;
  GivenValues valid;  // what the search for readers may start from
  for (const auto& entry : values)
    if (entry.second.used) valid.insert(entry);
  const auto only = std::count_if(values.begin(), values.end(), unused) == 1;
  const auto readers = find_readers(list, valid, only ? std::find_if(values.begin(), values.end(), unused)->first : "");
  std::vector<std::string> keys;
  std::set<std::string> sections;
  for (const auto& reader : readers) {
    const auto& name = reader.option.key;
    keys.push_back(name);
    for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) sections.insert(name.substr(0, dot));
  }
  for (const auto& entry : values) {
    if (!unused(entry)) continue;
    const auto& [key, given] = entry;
    if (sections.contains(key)) {
      if (given.empty) continue;  // `section:` with nothing under it changes nothing
      fail(ErrorKind::kValue, "{}: '{}' is a section and takes no value itself; set one of its keys, such as '{}'", given.where, key,
           *std::find_if(keys.begin(), keys.end(), [&](const auto& k) { return k.starts_with(key + "."); }));
    }
    const auto reader = std::find_if(readers.begin(), readers.end(), [&](const auto& r) { return r.option.key == key; });
    if (reader != readers.end()) {
      fail(ErrorKind::kValue, "{}: {} is not read with {}; it is read with {}. Choose so, or leave it out", given.where, key,
           present_choice(*reader, list(valid).fields), reader->describe());
    }
    auto names = keys;  // sections as well, for a misspelt one
    names.insert(names.end(), sections.begin(), sections.end());
    const auto near = nearest_name(key, names);
    fail(ErrorKind::kUnknownName, "{}: unknown key '{}'{}; {}", given.where, key,
         near.empty() ? "" : fmt::format(", did you mean '{}'?", near), keys_like(key, keys));
  }
}

}  // namespace attend
