#include "attend/core/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>

#include "attend/core/error.h"

namespace attend {
namespace {

using Kind = YamlNode::Kind;

/// Builds the tree from yaml-cpp's events and stops at the first that goes too far. yaml-cpp 0.7 itself builds documents without end
/// from text that follows a closed flow collection ("{}" and then ","): its parser reports an empty document and does not move.
class Tree final : public YAML::EventHandler {
 public:
  Tree(const std::string& who, const YamlLimits& limits) : who_(who), limits_(limits) {}

  YamlNode::Pointer take() { return root_ ? root_ : std::make_shared<YamlNode>(); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    ATTEND_CHECK(documents_++ == 0, kValue,
                 "{}:{}: expected one YAML document, but more follows its end; take out what stands there, or join the documents", who_,
                 line_of(mark));
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { leaf(Kind::kNull, mark, anchor, {}); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, const std::string& value) override {
    leaf(Kind::kScalar, mark, anchor, value);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto named = anchors_.find(anchor);
    ATTEND_CHECK(named != anchors_.end(), kValue, "{}:{}: an alias stands inside what it names; write the value out", who_, line_of(mark));
    place(named->second, line_of(mark));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(Kind::kList, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(Kind::kMap, mark, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    std::shared_ptr<YamlNode> node;
    YAML::anchor_t anchor;
    YamlNode::Pointer key;  // of a map, while its value is awaited
  };

  static std::size_t line_of(const YAML::Mark& mark) { return static_cast<std::size_t>(mark.line < 0 ? 0 : mark.line) + 1; }

  void leaf(Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& value) {
    auto node = std::make_shared<YamlNode>();
    node->kind = kind;
    node->line = line_of(mark);
    node->scalar = value;
    if (anchor != 0) anchors_[anchor] = node;
    place(node, node->line);
  }

  void open(Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    auto node = std::make_shared<YamlNode>();
    node->kind = kind;
    node->line = line_of(mark);
    open_.push_back({std::move(node), anchor, nullptr});
    ATTEND_CHECK(open_.size() <= static_cast<std::size_t>(limits_.depth), kValue, "{}:{}: the YAML nests deeper than {} levels", who_,
                 line_of(mark), limits_.depth);
  }

  void close() {
    const auto done = std::move(open_.back());
    open_.pop_back();
    if (done.anchor != 0) anchors_[done.anchor] = done.node;
    place(done.node, done.node->line);
  }

  void place(const YamlNode::Pointer& node, std::size_t line) {
    if (open_.empty()) {
      root_ = node;
      return;
    }
    auto& [parent, anchor, key] = open_.back();
    parent->size += node->size;
    ATTEND_CHECK(parent->size <= limits_.nodes, kValue, "{}:{}: the YAML holds more than {} values, aliases written out", who_, line,
                 limits_.nodes);
    if (parent->kind == Kind::kList) {
      parent->items.push_back(node);
    } else if (!key) {
      key = node;
    } else {
      parent->members.emplace_back(std::move(key), node);
      key = nullptr;
    }
  }

  const std::string& who_;
  const YamlLimits& limits_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, YamlNode::Pointer> anchors_;
  YamlNode::Pointer root_;
  std::size_t documents_ = 0;
};

}  // namespace

YamlNode::Pointer parse_yaml(const std::string& text, const std::string& who, const YamlLimits& limits) {
  ATTEND_CHECK(text.size() <= limits.bytes, kValue, "{}: {} bytes of YAML are more than the {} that are read", who, text.size(),
               limits.bytes);
  std::istringstream in(text);
  Tree tree(who, limits);
  try {
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(tree)) {
    }
  } catch (const YAML::Exception& e) {
    fail(ErrorKind::kValue, "{}:{}: not YAML: {}", who, e.mark.line + 1, e.msg);
  }
  return tree.take();
}

}  // namespace attend
