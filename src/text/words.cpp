#include "words.h"

#include <algorithm>
#include <array>

#include "attend/core/error.h"
#include "kinds.h"
#include "vocabulary.h"

namespace attend {
namespace {

// A piece is [mark] token [mark]: ￭ says "no space here", ▁ says "a space here", and no mark leaves the gap to the tokens'
// manners, so that "you?" and "you ?" differ only by a mark and most text needs none.
enum class Mark : std::uint8_t { kNone, kJoin, kSpace };

std::string_view text_of(Mark mark) { return mark == Mark::kNone ? std::string_view{} : mark == Mark::kJoin ? kJoinerMark : kSpaceMark; }

Mark take_left_mark(std::string_view& piece) {
  for (const Mark mark : {Mark::kJoin, Mark::kSpace}) {
    if (piece.size() > text_of(mark).size() && piece.starts_with(text_of(mark))) {
      piece.remove_prefix(text_of(mark).size());
      return mark;
    }
  }
  return Mark::kNone;
}

Mark take_right_mark(std::string_view& piece) {
  for (const Mark mark : {Mark::kJoin, Mark::kSpace}) {
    if (piece.size() > text_of(mark).size() && piece.ends_with(text_of(mark))) {
      piece.remove_suffix(text_of(mark).size());
      return mark;
    }
  }
  return Mark::kNone;
}

struct Marks {
  Mark left = Mark::kNone, right = Mark::kNone;
};

// A gap that is not as the manners would have it is marked at the punctuation beside it, so that words keep one form.
void place_marks(const std::vector<WordCut>& cuts, std::vector<Marks>& marks) {
  marks.assign(cuts.size(), {});
  for (std::size_t i = 1; i < cuts.size(); ++i) {
    const auto& left = cuts[i - 1];
    const auto& right = cuts[i];
    if (glued_by_default(left.manner, right.manner) != right.space_before) continue;
    const Mark mark = right.space_before ? Mark::kSpace : Mark::kJoin;
    if (right.manner.word && !left.manner.word) {
      marks[i - 1].right = mark;
    } else {
      marks[i].left = mark;
    }
  }
}

bool is_mark(std::string_view token) { return token.starts_with(kJoinerMark) || token.starts_with(kSpaceMark); }

void write_piece(std::string& piece, std::string_view token, const Marks& marks) {
  piece.assign(text_of(marks.left)).append(token).append(text_of(marks.right));
}

class WordTokenizer final : public VocabularyTokenizer {
 public:
  WordTokenizer(const TokenizerOptions& options, Vocabulary vocabulary)
      : VocabularyTokenizer(options, std::move(vocabulary)), normalisation_(normalisation(options)) {
    parts_.resize(static_cast<std::size_t>(vocabulary_.size()));
    for (const auto id : ordinary_ids(*this)) {
      std::string_view token = vocabulary_.piece(id);
      auto& part = parts_[static_cast<std::size_t>(id)];
      part.marks.left = take_left_mark(token);
      part.marks.right = take_right_mark(token);
      part.token = token;
      part.manner = manner_of(token);
    }
    parts_[static_cast<std::size_t>(special().unknown)].token = vocabulary_.piece(special().unknown);
  }

  std::vector<TextToken> encode(std::string_view text) const override {
    const auto normal = normalise(text, normalisation_);
    if (is_blank(normal.bytes())) return {};
    std::vector<WordCut> cuts;
    std::vector<Marks> marks;
    cut_words(normal.bytes(), cuts);
    place_marks(cuts, marks);
    std::vector<TextToken> tokens;
    tokens.reserve(cuts.size());
    std::string buffer;
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      const auto& cut = cuts[i];
      const auto token = std::string_view(normal.bytes()).substr(cut.begin, cut.end - cut.begin);
      const auto [begin, end] = normal.original(cut.begin, cut.end);
      tokens.push_back({find(token, marks[i], cut.manner.word, buffer), begin, end, cut.word});
    }
    return tokens;
  }

  std::string decode(std::span<const std::int32_t> ids, std::vector<TextToken>* spans) const override {
    DecodedText text(spans);
    const Part* before = nullptr;
    for (const auto id : ids) {
      check_id(id, size());
      if (special().is_silent(id)) {
        text.skip(id);
        continue;
      }
      const auto& part = parts_[static_cast<std::size_t>(id)];
      if (before != nullptr && !joined(*before, part)) text.space();
      text.add(id, part.token);
      before = &part;
    }
    return text.take();
  }

 private:
  struct Part {
    std::string_view token;
    Marks marks;
    Manner manner;
  };

  static bool joined(const Part& left, const Part& right) {
    if (left.marks.right == Mark::kJoin || right.marks.left == Mark::kJoin) return true;
    if (left.marks.right == Mark::kSpace || right.marks.left == Mark::kSpace) return false;
    return glued_by_default(left.manner, right.manner);
  }

  // The piece as marked; failing that, the token with other marks: a wrong space is a smaller loss than <unk>.
  std::int32_t find(std::string_view token, const Marks& wanted, bool word, std::string& buffer) const {
    const auto unknown = special().unknown;
    if (wanted.left != Mark::kNone || wanted.right != Mark::kNone) {
      write_piece(buffer, token, wanted);
      if (const auto id = vocabulary_.id(buffer); id != unknown) return id;
    }
    if (const auto id = vocabulary_.id(token); id != unknown) return id;
    if (word) return unknown;
    for (const Mark left : {Mark::kNone, Mark::kJoin, Mark::kSpace}) {
      for (const Mark right : {Mark::kNone, Mark::kJoin, Mark::kSpace}) {
        write_piece(buffer, token, {left, right});
        if (const auto id = vocabulary_.id(buffer); id != unknown) return id;
      }
    }
    return unknown;
  }

  Normalisation normalisation_;
  std::vector<Part> parts_;  // by id; the views point into vocabulary_
};

}  // namespace

std::unique_ptr<Tokenizer> train_words(const TokenizerOptions& options, const LineSource& lines) {
  PieceCounter counter;
  std::vector<WordCut> cuts;
  std::vector<Marks> marks;
  std::string piece;
  const auto how = normalisation(options);
  lines([&](std::string_view line) {
    const auto normal = normalise(line, how);
    if (is_blank(normal.bytes())) return;
    cut_words(normal.bytes(), cuts);
    place_marks(cuts, marks);
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      const auto token = std::string_view(normal.bytes()).substr(cuts[i].begin, cuts[i].end - cuts[i].begin);
      if (is_mark(token)) continue;
      write_piece(piece, token, marks[i]);
      counter.add(piece);
    }
  });
  return std::make_unique<WordTokenizer>(options, Vocabulary::from_counts(counter, options));
}

std::unique_ptr<Tokenizer> load_words(const TokenizerOptions& options, const std::string& serialized) {
  return std::make_unique<WordTokenizer>(options, Vocabulary::from_lines(serialized));
}

}  // namespace attend
