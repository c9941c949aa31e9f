#pragma once
// The one way in which this library reads YAML: a tree of bounded size, each node with its line.
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace attend {

/// What a text may unfold to; aliases count as often as they are used.
struct YamlLimits {
  std::size_t bytes = std::size_t{1} << 20;
  std::size_t nodes = 100'000;
  int depth = 32;
};

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  using Pointer = std::shared_ptr<const YamlNode>;
  Kind kind = Kind::kNull;
  std::size_t line = 0;  ///< from 1
  std::string scalar;
  std::vector<Pointer> items;                        ///< of a list
  std::vector<std::pair<Pointer, Pointer>> members;  ///< of a map, as written: names may stand twice
  std::size_t size = 1;                              ///< nodes in it, itself included, aliases written out
};

/// The document that `text` holds; a null node when it holds nothing. Throws kValue naming `who` and the line for what is not YAML,
/// for text behind the document's end (a second document, a stray comma), for an alias inside what it names and for what goes
/// beyond `limits`. Safe to call from several threads at once.
YamlNode::Pointer parse_yaml(const std::string& text, const std::string& who, const YamlLimits& limits = {});

}  // namespace attend
