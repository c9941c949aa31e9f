#pragma once
// Where a model attends, and what the numbers seen there mean. A model declares its sites once; observers receive the declaration beside
// the tensors, records store it, and whoever draws or measures reads it. Nothing is read out of a name.
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace attend {

/// What a row of weights belongs to.
enum class RowAxis : std::uint8_t {
  kNode,      ///< a node of the search tree: the row computed while producing its token
  kSource,    ///< a token of the source
  kDocument,  ///< a word of the document; those of the question stand behind it in the source
  kQuestion,  ///< a word of the question
  kCell       ///< a cell of the grid over a picture
};

/// What a column of weights belongs to.
enum class ColumnAxis : std::uint8_t {
  kSource,     ///< a token of the source
  kStep,       ///< what the decoder read at that step: <s> at 0, then the token before it. A node of step t sees t + 1 columns
  kDraft,      ///< a token of the draft, which stands behind the source
  kDocument,   ///< a word of the document
  kQuestion,   ///< a word of the question, behind the document
  kStatement,  ///< a statement of a story; the question stands behind them
  kCell,       ///< a cell of the grid over a picture
  kSlot        ///< a row of a memory of the model's own
};

/// What the model has the site for.
enum class SiteRole : std::uint8_t {
  kSource,  ///< *the* attention to what is read: alignments, links, coverage, copied words and pictures come from it
  kSelf,    ///< a sequence reads itself
  kDraft,   ///< a second pass reads what the first one wrote
  kCopy,    ///< what a pointer copies by
  kOther    ///< anything else, such as the steps of adaptive computation
};

/// How many layers a site has, and why.
enum class SiteLayers : std::uint8_t {
  kOne,      ///< one, number 0
  kStack,    ///< one for each layer of a stack
  kRepeated  ///< one for each time that a layer is applied: hops, or steps of a universal transformer
};

struct Site {
  std::string name;        ///< encoder.self, decoder.cross, ...: letters, digits, `_` `-` `.`
  std::int64_t layer = 0;  ///< or hop, or step of a layer that is applied again and again
  RowAxis rows = RowAxis::kNode;
  ColumnAxis columns = ColumnAxis::kSource;
  SiteRole role = SiteRole::kOther;
  std::string mechanism;  ///< as attend info lists it; empty for what no mechanism of the registry does
  SiteLayers layers = SiteLayers::kOne;

  std::pair<std::string_view, std::int64_t> key() const { return {name, layer}; }  ///< what tells sites of a model apart
  bool operator==(const Site&) const = default;
};

/// Whether rows or columns are counted by the tokens of the source (and what stands behind it).
bool over_source(RowAxis axis);
bool over_source(ColumnAxis axis);
/// Whether its rows are target tokens and its columns tokens of what is read.
bool target_to_source(const Site& site);

/// The place of the attention to the source among `sites`: of those whose role it is, the one of the chosen layer; null is the last layer.
/// Nothing where no site has the role. Throws kValue, listing the layers, for a layer that is not there.
std::optional<std::size_t> attention_to_source(std::span<const Site* const> sites, std::optional<std::int64_t> layer = {});

/// The same among things that have a site each, `site_of` says which: the thing, or null.
template <class Things, class SiteOf>
auto source_among(Things& things, const SiteOf& site_of, std::optional<std::int64_t> layer = {}) -> decltype(&*std::begin(things)) {
  std::vector<const Site*> sites;
  for (const auto& thing : things) sites.push_back(&site_of(thing));
  const auto found = attention_to_source(sites, layer);
  return found ? &*(std::begin(things) + static_cast<std::ptrdiff_t>(*found)) : nullptr;
}
/// The same site itself.
std::optional<Site> source_site(std::span<const Site> sites, std::optional<std::int64_t> layer = {});
/// A layer as options name it: null for "last", else a number from 0. Throws kValue for another text.
std::optional<std::int64_t> parse_layer(const std::string& text);
/// "layer 5 (last)" or "layer 3", for messages.
std::string describe_layer(const Site& site, std::optional<std::int64_t> chosen);

}  // namespace attend
