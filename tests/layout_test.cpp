// Holds the include lines of the sources to the table of rooms: who may know whom, and which rooms see libtorch. Also what every header
// says of threads, how tensors are made, and what an addition touches.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "support/temp_folder.h"

namespace attend {
namespace {

namespace fs = std::filesystem;

struct Room {
  std::set<std::string> knows;  // and whatever those know
  bool torch = false;
};

/// The law; apps may know all of it.
const std::map<std::string, Room> kRooms = {
    {"core", {{}, false}},
    {"kernels", {{"core"}, false}},
    {"text", {{"core"}, false}},
    {"data", {{"text"}, false}},
    {"synthetic", {{"data"}, false}},
    {"record", {{"core"}, false}},
    {"measure", {{"record"}, false}},
    {"draw", {{"measure"}, false}},
    {"search", {{"text", "record"}, false}},
    {"ops", {{"kernels"}, true}},
    {"attention", {{"ops", "record"}, true}},
    {"layers", {{"attention"}, true}},
    {"models", {{"layers", "search"}, true}},
    {"store", {{"models", "text"}, true}},
    {"run", {{"store", "search", "data", "measure"}, true}},
    {"trace", {{"run"}, true}},
    {"probe", {{"run"}, true}},
    {"train", {{"run"}, true}},
    {"serve", {{"run", "draw"}, true}},
};

/// `room` itself and all it may include.
std::set<std::string> known_to(const std::string& room) {
  std::set<std::string> known = {room};
  for (const auto& next : kRooms.at(room).knows) known.merge(known_to(next));
  return known;
}

/// The room a source belongs to: include/attend/<room>/..., src/<room>/..., or "apps". Empty for a file beside the rooms.
std::string room_of(const fs::path& relative) {
  const std::vector<std::string> parts(relative.begin(), relative.end());
  if (parts.at(0) == "apps") return "apps";
  const std::size_t at = parts[0] == "include" ? 2 : 1;
  return parts.size() > at + 1 ? parts[at] : "";
}

bool starts_with_any(const std::string& text, const std::vector<std::string>& beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(), [&](const auto& b) { return text.starts_with(b); });
}

/// What is wrong with one include line of a file of `room`, or an empty text.
std::string fault_of(const std::string& room, const std::string& included) {
  static const std::vector<std::string> kTorch = {"torch/", "ATen/", "c10/", "caffe2/"};
  if (room != "apps" && !kRooms.at(room).torch && starts_with_any(included, kTorch)) return "includes libtorch, which this room may not";
  const bool is_public = included.starts_with("attend/");
  const auto rest = is_public ? included.substr(7) : included;
  const auto slash = rest.find('/');
  const auto target = rest.substr(0, slash);
  if (!kRooms.contains(target)) return is_public && slash != std::string::npos ? "includes a room that is not in the table" : "";
  if (slash == std::string::npos || target == room) return {};
  if (!is_public) return "includes a private header of another room";
  if (room != "apps" && !known_to(room).contains(target)) return "includes a room it may not know";
  return {};
}

/// What an include line includes; empty for any other line.
std::string included_by(const std::string& line) {
  std::size_t at = 0;
  for (const std::string part : {"#", "include"}) {
    at = std::min(line.find_first_not_of(" \t", at), line.size());
    if (line.compare(at, part.size(), part) != 0) return {};
    at += part.size();
  }
  at = line.find_first_not_of(" \t", at);
  if (at == std::string::npos || (line[at] != '<' && line[at] != '"')) return {};
  const auto end = line.find(line[at] == '<' ? '>' : '"', at + 1);
  return end == std::string::npos ? std::string() : line.substr(at + 1, end - at - 1);
}

/// Every offence below `root` as "file:line: fault: what is included".
std::vector<std::string> faults_below(const fs::path& root, std::size_t* lines_seen = nullptr) {
  static const std::set<std::string> kSources = {".h", ".hpp", ".inc", ".def", ".cpp", ".cc", ".c", ".cu", ".cuh"};
  std::vector<std::string> faults;
  for (const auto* top : {"include/attend", "src", "apps"}) {
    if (!fs::exists(root / top)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      if (!entry.is_regular_file() || !kSources.contains(entry.path().extension().string())) continue;
      const auto relative = entry.path().lexically_relative(root);
      const auto room = room_of(relative);
      if (room != "apps" && !kRooms.contains(room)) {
        faults.push_back(relative.string() + ": belongs to no room of the table");
        continue;
      }
      std::ifstream in(entry.path());
      std::string line;
      for (int number = 1; std::getline(in, line); ++number) {
        const auto included = included_by(line);
        if (included.empty()) continue;
        if (lines_seen) ++*lines_seen;
        const auto fault = fault_of(room, included);
        if (!fault.empty()) faults.push_back(relative.string() + ":" + std::to_string(number) + ": " + fault + ": " + included);
      }
    }
  }
  std::sort(faults.begin(), faults.end());
  return faults;
}

TEST(Layout, RoomsKnowOnlyWhomTheTableNames) {
  std::size_t lines = 0;
  for (const auto& fault : faults_below(ATTEND_SOURCE_DIR, &lines)) ADD_FAILURE() << fault;
  EXPECT_GT(lines, 50u);  // else the sources were not found
}

TEST(Layout, KnowledgeIsInherited) {
  EXPECT_EQ(known_to("record"), (std::set<std::string>{"core", "record"}));
  EXPECT_EQ(known_to("serve").size(), kRooms.size() - 4);  // all but train, trace, probe and synthetic
  for (const auto& [name, room] : kRooms)
    for (const auto& known : known_to(name))
      EXPECT_TRUE(room.torch || !kRooms.at(known).torch) << name << " would see libtorch through " << known;
}

/// A tree with one file, and the faults found in it.
std::vector<std::string> faults_of(const std::string& file, const std::string& content) {
  const TempFolder folder;
  const auto path = fs::path(folder / file);
  fs::create_directories(path.parent_path());
  std::ofstream(path) << content;
  return faults_below(folder.path());
}

TEST(Layout, EachOffenceIsFound) {
  using Faults = std::vector<std::string>;
  const auto include = [](const std::string& what) { return "// first line\n#include \"" + what + "\"\n"; };
  EXPECT_EQ(faults_of("src/record/a.cpp", include("attend/core/error.h")), Faults{});
  EXPECT_EQ(faults_of("src/draw/a.cpp", include("attend/core/error.h")), Faults{});  // through measure and record
  EXPECT_EQ(faults_of("src/record/a.cpp", include("record/half.h")), Faults{});
  EXPECT_EQ(faults_of("src/record/a.cpp", include("half.h")), Faults{});
  EXPECT_EQ(faults_of("apps/a.cpp", include("attend/train/loop.h")), Faults{});
  EXPECT_EQ(faults_of("src/record/a.cpp", include("attend/measure/focus.h")),
            Faults{"src/record/a.cpp:2: includes a room it may not know: attend/measure/focus.h"});
  EXPECT_EQ(faults_of("include/attend/text/a.h", "#  include <attend/record/record.h>  // why not\n"),
            Faults{"include/attend/text/a.h:1: includes a room it may not know: attend/record/record.h"});
  EXPECT_EQ(faults_of("src/train/a.cpp", include("attend/draw/scene.h")),
            Faults{"src/train/a.cpp:2: includes a room it may not know: attend/draw/scene.h"});
  EXPECT_EQ(faults_of("src/record/a.cpp", include("core/npy.h")),
            Faults{"src/record/a.cpp:2: includes a private header of another room: core/npy.h"});
  EXPECT_EQ(faults_of("apps/a.cpp", include("core/npy.h")), Faults{"apps/a.cpp:2: includes a private header of another room: core/npy.h"});
  EXPECT_EQ(faults_of("src/core/a.cpp", include("attend/utils/misc.h")),
            Faults{"src/core/a.cpp:2: includes a room that is not in the table: attend/utils/misc.h"});
  EXPECT_EQ(faults_of("src/utils/a.cpp", ""), Faults{"src/utils/a.cpp: belongs to no room of the table"});
  EXPECT_EQ(faults_of("include/attend/all.h", ""), Faults{"include/attend/all.h: belongs to no room of the table"});
  for (const std::string header : {"torch/torch.h", "ATen/ATen.h", "c10/util/Half.h"}) {
    for (const auto& [name, room] : kRooms) {
      const auto faults = faults_of("src/" + name + "/a.cpp", "#include <" + header + ">\n");
      EXPECT_EQ(faults.empty(), room.torch) << name;
    }
  }
}

/// Files of the program that hold `word` (letters, digits and _ around it make it another word), without the ending.
std::set<std::string> files_with(const std::string& word) {
  const auto part_of_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  std::set<std::string> files;
  const fs::path root = ATTEND_SOURCE_DIR;
  for (const char* top : {"include", "src", "apps", "cmake"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path());
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
        const bool whole =
            (at == 0 || !part_of_word(text[at - 1])) && (at + word.size() >= text.size() || !part_of_word(text[at + word.size()]));
        if (whole) files.insert(fs::relative(entry.path(), root).string());
      }
    }
  }
  return files;
}

/// Calls of libtorch's factories in a source that leave the format and the place of the new tensor to libtorch, as "factory(arguments)".
std::vector<std::string> bare_factories(const std::string& text) {
  std::vector<std::string> found;
  for (const std::string name :
       {"zeros", "ones", "full", "empty", "arange", "eye", "tensor", "rand", "randn", "linspace", "scalar_tensor"}) {
    const auto call = "at::" + name + "(";
    for (auto at = text.find(call); at != std::string::npos; at = text.find(call, at + 1)) {
      auto end = at + call.size();
      for (int depth = 1; depth > 0 && end < text.size(); ++end) {
        if (text[end] == '(' || text[end] == '{') ++depth;
        if (text[end] == ')' || text[end] == '}') --depth;
      }
      const auto arguments = text.substr(at, end - at);
      const bool told = arguments.find("options") != std::string::npos || arguments.find(", like)") != std::string::npos;
      if (!told) found.push_back(arguments);
    }
  }
  return found;
}

// One place says where tensors are made and in which format (ops/tensor_options.h); a tensor beside another takes its options.
TEST(Layout, AFactoryIsToldItsOptions) {
  EXPECT_EQ(bare_factories("a = at::zeros({f(1), 2}); b = at::full({}, 3, x.options());"),
            std::vector<std::string>{"at::zeros({f(1), 2})"});
  EXPECT_EQ(bare_factories("at::arange(n, at::kLong)"), std::vector<std::string>{"at::arange(n, at::kLong)"});
  const fs::path root = ATTEND_SOURCE_DIR;
  for (const auto* top : {"include/attend", "src", "apps"})
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path());
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      for (const auto& call : bare_factories(text)) ADD_FAILURE() << fs::relative(entry.path(), root) << ": " << call;
    }
}

/// Whether a text says anything about threads.
bool speaks_of_threads(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text.find("thread") != std::string::npos;
}

/// The comment whose last line is the one before `at`.
std::string comment_above(const std::vector<std::string>& lines, std::size_t at) {
  std::string comment;
  while (at > 0 && lines[at - 1].starts_with("//")) comment = lines[--at] + "\n" + comment;
  return comment;
}

/// The classes that a header defines and of which no comment says whether threads may share them: neither the one right above nor, where
/// the header defines several, the one at its top. A class inside another is indented, so it is not met; the one around it speaks for it.
std::vector<std::string> silent_classes(const std::string& text, std::size_t* classes_seen = nullptr) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::vector<std::string> silent;
  std::size_t defined = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto line = lines[i];
    if (line.starts_with("template <")) line = line.substr(std::min(line.size(), line.find("> class ") + 2));
    if (!line.starts_with("class ")) continue;
    auto head = line.find_first_of("{;");
    for (auto next = i + 1; head == std::string::npos && next < lines.size(); ++next) {
      line += " " + lines[next];
      head = line.find_first_of("{;");
    }
    if (head == std::string::npos || line[head] == ';') continue;  // declared here, defined elsewhere
    ++defined;
    const auto above = i > 0 && lines[i - 1].starts_with("template <") ? i - 1 : i;
    if (!speaks_of_threads(comment_above(lines, above))) silent.push_back(line.substr(6, line.find_first_of(" {:", 6) - 6));
  }
  if (classes_seen) *classes_seen += defined;
  const auto is_comment = [](const std::string& line) { return line.starts_with("//"); };
  const auto first = std::find_if(lines.begin(), lines.end(), is_comment);
  const auto behind = std::find_if_not(first, lines.end(), is_comment);
  const bool of_header = first != lines.end() && !first->starts_with("///");  // else it is that of one name
  const bool header_speaks = of_header && speaks_of_threads(comment_above(lines, static_cast<std::size_t>(behind - lines.begin())));
  return defined > 1 && header_speaks ? std::vector<std::string>{} : silent;
}

TEST(Layout, EveryPublicClassSaysWhoMayShareIt) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(silent_classes("/// Counts.\nclass A final : public B {\n};\n"), Names{"A"});
  EXPECT_EQ(silent_classes("class A {};\n"), Names{"A"});
  EXPECT_EQ(silent_classes("/// Threads may share it.\n\nclass A {\n};\n"), Names{"A"});  // not right above
  EXPECT_EQ(silent_classes("/// Of threads.\nclass A\n    : public B {\n};\n/// B.\nclass C\n    : public B {\n};\n"), Names{"C"});
  EXPECT_EQ(silent_classes("#pragma once\n// All of it.\n\n/// One thread at a time.\nclass A {\n};\n/// C.\nclass C : B {\n};\n"),
            Names{"C"});
  EXPECT_EQ(silent_classes("/// List.\ntemplate <class V>\nclass List {\n};\n/// Two.\ntemplate <class V> class Two {\n};\n"),
            (Names{"List", "Two"}));
  EXPECT_EQ(silent_classes("/// One thread at a time.\ntemplate <class V>\nclass List {\n  class Item {\n  };\n};\n"), Names{});
  EXPECT_EQ(silent_classes("// About threads.\n#include <map>\n\n/// A.\nclass A {\n};\n"), Names{"A"});  // one class: its own comment
  EXPECT_EQ(silent_classes("// About threads.\n#include <map>\n\n/// A.\nclass A {\n};\n/// B.\nclass B {\n};\n"), Names{});
  EXPECT_EQ(silent_classes("class A;\nenum class E { kA };\ntemplate <class T>\nvoid f(T);\nstruct S {\n};\n"), Names{});
  std::size_t classes = 0;
  const fs::path root = ATTEND_SOURCE_DIR;
  for (const auto& entry : fs::recursive_directory_iterator(root / "include/attend")) {
    if (entry.path().extension() != ".h") continue;
    std::ifstream in(entry.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    for (const auto& name : silent_classes(text, &classes))
      ADD_FAILURE() << fs::relative(entry.path(), root).string() << ": class " << name
                    << ": its comment does not say whether threads may share one, and which calls";
  }
  EXPECT_GT(classes, 100u);  // else the headers were not found
}

// What it takes to add a mechanism with options of its own, a model, a metric and a verb: these files and lines, and no others.
TEST(Layout, AnAdditionTouchesWhatContributingSays) {
  EXPECT_EQ(files_with("knn"),
            (std::set<std::string>{"include/attend/attention/knn.h", "src/attention/knn.cpp", "src/attention/mechanisms.def"}));
  EXPECT_EQ(files_with("knn_keys"), (std::set<std::string>{"include/attend/attention/knn.h", "src/attention/knn.cpp"}));
  EXPECT_EQ(files_with("KnnOptions"), (std::set<std::string>{"include/attend/attention/knn.h", "src/attention/knn.cpp"}));
  EXPECT_EQ(files_with("MaskedLmOptions"), (std::set<std::string>{"include/attend/models/masked_lm.h", "src/models/masked_lm.cpp"}));
  EXPECT_EQ(files_with("make_masked_lm"), (std::set<std::string>{"include/attend/models/masked_lm.h", "src/models/masked_lm.cpp"}));
  EXPECT_EQ(files_with("masked_lm_entry"), (std::set<std::string>{"src/models/masked_lm.cpp"}));
  EXPECT_EQ(files_with("chrf_metric"), (std::set<std::string>{"src/measure/chrf.cpp"}));
  EXPECT_EQ(files_with("runs_command"), (std::set<std::string>{"apps/runs.cpp"}));
}

}  // namespace
}  // namespace attend
