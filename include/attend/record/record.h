#pragma once
// The record: what one run attended to, immutable once built. Text first: a token is a byte span of the user's own text.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attend/core/files.h"
#include "attend/record/map_summary.h"
#include "attend/record/site.h"

namespace attend {

/// Half-open bytes [begin, end) of RecordText::utf8; begin == end for tokens without text (<s>, </s>).
struct ByteSpan {
  std::uint32_t begin = 0, end = 0;
  bool operator==(const ByteSpan&) const = default;
};
struct RecordToken {
  std::int32_t id = 0;
  ByteSpan span;
  std::uint32_t word = 0;  ///< index of the space- or rule-separated word the token belongs to
  bool special = false;    ///< <s>, </s>, <pad>; <unk> is not special: it stands for text
  bool operator==(const RecordToken&) const = default;
};
struct RecordText {
  std::string utf8;
  std::vector<RecordToken> tokens;
};

enum class NodeEnd : std::uint8_t { kLive, kFinished, kPruned };
/// One hypothesis at one step of the search tree.
struct SearchNode {
  std::int32_t parent = -1;  ///< index of an earlier node, -1 at the first step
  std::uint32_t step = 0;    ///< 0 for the first token
  std::int32_t token = 0;    ///< the token this node produced
  float logp = 0;            ///< its log-probability
  float score = 0;           ///< sum of log-probabilities up to here
  NodeEnd end = NodeEnd::kLive;
};

/// Weights of all heads of one site: weights[(head * rows + row) * cols + col], float32.
/// Rows and columns that stand for parts of the source (a draft, a document, ...) are counted by all of its tokens, with zeros outside the
/// part. Columns of steps are ragged: a node of step t has t + 1 weights, the columns after them are 0.
/// A masked place is exactly 0, and a row that may attend to nothing is all 0.
struct AttentionMap {
  Site site;
  RowKind kind = RowKind::kSoftmax;
  std::uint32_t heads = 0, rows = 0, cols = 0;
  std::vector<float> weights;
};

/// Tokens [begin, end) of the source that one kind of column (or row) stands for.
struct SourcePart {
  ColumnAxis of = ColumnAxis::kSource;
  std::uint32_t begin = 0, end = 0;
  bool operator==(const SourcePart&) const = default;
};

/// Numbers of one kind that travel with the nodes: p_gen, the centre of local attention, ...; values[node].
struct NodeScalars {
  std::string name;
  std::vector<float> values;
};

/// A finished hypothesis: its last node and its text (tokens include </s> when it was produced).
struct Hypothesis {
  std::int32_t last_node = -1;
  RecordText text;
  double log_prob = 0;  ///< natural log, sum over tokens
  double score = 0;     ///< after length and coverage penalties; what hypotheses are ranked by
};

/// What was looked at, where that is a picture: the source's tokens are the cells of a grid over it, row by row.
struct Picture {
  std::uint32_t rows = 0, cols = 0;     ///< of the grid
  std::uint32_t width = 0, height = 0;  ///< pixels
  std::vector<std::uint8_t> rgb;        ///< [height, width, 3], rows from the top
  bool operator==(const Picture&) const = default;
};

/// A dense matrix, row-major.
struct WeightMatrix {
  std::uint32_t rows = 0, cols = 0;
  std::vector<float> values;
  float at(std::uint32_t row, std::uint32_t col) const { return values[std::size_t{row} * cols + col]; }
};

/// Everything one sentence's run left behind. `hypotheses` are best first; a forced (scored) run has exactly one.
struct RecordData {
  std::uint64_t sentence = 0;  ///< 0-based number of the input
  std::string task = "translate";
  std::string model, mechanism;                ///< model type and attention name, for titles
  std::map<std::string, std::string> options;  ///< decoding options as text: beam, length_penalty, ...
  bool forced = false;                         ///< true when the target was given, not chosen
  RecordText source;
  std::vector<SearchNode> nodes;
  std::vector<Hypothesis> hypotheses;
  std::vector<AttentionMap> maps;
  std::vector<MapSummary> summaries;  ///< of maps that are too large for `maps`
  std::vector<NodeScalars> scalars;
  std::vector<SourcePart> parts;  ///< of a source that holds more than one thing; a kind that is not named stands for all of it
  std::optional<Picture> picture;
};

/// Immutable view with the invariants checked once. Threads may share one: it is never changed once it is made.
class Record {
 public:
  /// Throws kValue when an invariant is broken; the text begins "record of sentence <n>: <invariant>: ". The invariants:
  /// text size (less than 4 GiB, 2^31 tokens), span order (begin <= end, neither falls from token to token), span inside text, token
  /// word (less than bytes and tokens together); node parent (an earlier node, or -1), node
  /// step (the parent's + 1, or 0), node numbers (log-probabilities are not NaN); hypothesis path (one node a token, same ids),
  /// hypothesis order (best score first), forced (exactly one hypothesis); map name (letters, digits, `_` `-` `.`), map twice,
  /// map size (rows and columns are the nodes, tokens or steps they stand for, 1 to 4096 heads), source part (tokens of the
  /// source, each kind once), part weights (nothing outside the part that a map's columns or rows stand for), row weights (finite, from 0
  /// unless unnormalised), row sum (softmax rows: 1 within 1e-3, or all 0), ragged row (nothing past the node's own step); scalar name,
  /// scalar size, scalar numbers (not NaN); summary (arrays of the sizes of its map, whose rows are nodes only where these are one path);
  /// picture (its grid has a cell for each source token and one at least, its pixels fill its size
  /// of at most 2^28).
  explicit Record(RecordData data);
  const RecordData& data() const { return data_; }

  /// Node indices of hypothesis `h` from its first token to its last.
  std::vector<std::uint32_t> path(std::size_t h) const;
  const AttentionMap& find_map(const std::string& site, std::int64_t layer) const;  ///< throws, listing what there is
  /// The map of the attention to the source (record/site.h); null where the record has none.
  const AttentionMap* source_map(std::optional<std::int64_t> layer = {}) const;
  /// The summary of a site's layer; null where the record has none.
  const MapSummary* find_summary(std::string_view site, std::int64_t layer) const;
  /// The source's tokens that a kind of column stands for.
  SourcePart part(ColumnAxis of) const;
  /// Rows of one head for hypothesis `h`: [target tokens or S, S], [target tokens, target tokens] where columns are steps, or
  /// [target tokens, slots].
  WeightMatrix map(const AttentionMap& map, std::uint32_t head, std::size_t h = 0) const;
  /// Mean over heads of the same.
  WeightMatrix mean_map(const AttentionMap& map, std::size_t h = 0) const;

 private:
  RecordData data_;
};

/// A file of records: an uncompressed .npz whose members are numpy arrays (numpy.load opens it), `record.json` (schema
/// "attend.record", version [1, 3], number of records) and for each record `<index>/record.json`, which names its arrays;
/// docs/schemas/attend.record.schema.json describes both. Records are appended one by one, so memory stays bounded; the file
/// appears under its name only when close() has written its directory.
///
/// Weights become float16 when each map's values survive it: no value moves by more than 5e-4 and softmax rows still sum to 1
/// within 1e-3. A weight is 0 in the file exactly where it was 0: what float16 would round to 0 becomes its smallest number
/// (6e-8) instead. Other maps stay float32. Softmax maps of up to some ten thousand columns always fit float16. Summaries are written as
/// they are. One thread at a time.
class RecordWriter {
 public:
  explicit RecordWriter(const std::string& path);
  ~RecordWriter();
  void add(const Record& record);
  std::optional<std::string> close(Work work = Work::kWhole);  ///< returns what AtomicFile::commit does

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A file of records, to read. What a record's summaries hold stays in the file, which is mapped, until it is asked for; records may
/// outlive this object. Threads may share one and read at the same time.
class RecordFile {
 public:
  /// Throws Error for what is no record file, a damaged one, or another major version (naming both).
  explicit RecordFile(const std::string& path);
  ~RecordFile();
  std::size_t size() const;                                     ///< number of sentences
  std::shared_ptr<const Record> read(std::size_t index) const;  ///< throws when index >= size()

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace attend
