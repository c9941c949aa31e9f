#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <algorithm>
#include <array>

#include "attend/core/error.h"
#include "kinds.h"
#include "line_sample.h"
#include "vocabulary.h"

namespace attend {
namespace {

constexpr std::uint64_t kSampleSeed = 1;
constexpr LineSample::Limits kSampleLimits{2'000'000, std::size_t{256} << 20};
constexpr std::size_t kLongestSentence = 4096;        // bytes; SentencePiece skips longer ones, so they are cut
constexpr std::string_view kNeverLearned = "\u2585";  // ▅: SentencePiece keeps it for characters it does not know
constexpr char32_t kSpaceMarkCharacter = 0x2581, kNeverLearnedCharacter = 0x2585;

// The name of a special piece inside the SentencePiece model. The trainer cuts its text wherever such a name stands, so names hold a
// character that no text keeps: <s> and </s> written in ordinary data are learned like other words.
std::string model_name(std::size_t special) { return std::string(kNeverLearned).append(kSpecialNames.at(special)); }

// ▁ written in a text would be read as a space; it becomes <unk> like any character that is not in the vocabulary. Both
// marks have three bytes, so no offset moves.
std::string without_space_marks(const std::string& text) {
  std::string out = text;
  for (std::size_t at = out.find(kSpaceMark); at != out.npos; at = out.find(kSpaceMark, at)) {
    out.replace(at, kSpaceMark.size(), kNeverLearned);
  }
  return out;
}

class CharacterTable {
 public:
  void count(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
      const char32_t c = next_character(text, at);
      if (c != ' ') ++counts_[c];
    }
  }
  bool mostly_unspaced() const {
    std::uint64_t unspaced = 0, all = 0;
    for (const auto& [c, n] : counts_) {
      all += n;
      if (is_unspaced(c)) unspaced += n;
    }
    return 2 * unspaced > all;
  }
  // Keeps what `minimum_count` and the room of the vocabulary allow; the rarest go first.
  void restrict_to(std::size_t room, std::uint64_t minimum_count) {
    counts_.erase(kSpaceMarkCharacter);
    counts_.erase(kNeverLearnedCharacter);
    std::vector<std::pair<std::uint64_t, char32_t>> sorted;
    for (const auto& [c, n] : counts_) sorted.emplace_back(n, c);
    std::sort(sorted.begin(), sorted.end(),
              [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      if (i >= room || sorted[i].first < minimum_count) counts_.erase(sorted[i].second);
    }
  }
  bool contains(char32_t c) const { return c == ' ' || counts_.contains(c); }

 private:
  std::unordered_map<char32_t, std::uint64_t> counts_;
};

// Cuts lines at characters that are not to be learned, and where they are too long: at a space, else at any character.
std::vector<std::string> training_sentences(std::vector<std::string> lines, const CharacterTable& characters) {
  std::vector<std::string> sentences;
  const auto keep = [&](std::string_view part) {
    if (!is_blank(part)) sentences.emplace_back(part);
  };
  for (auto& line : lines) {
    const std::string_view text = line;
    std::size_t begin = 0, last_space = 0;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t start = at;
      const char32_t c = next_character(text, at);
      if (!characters.contains(c)) {
        keep(text.substr(begin, start - begin));
        begin = last_space = at;
      } else if (at - begin > kLongestSentence) {
        const std::size_t end = last_space > begin ? last_space : start;
        keep(text.substr(begin, end - begin));
        begin = last_space = end;
      } else if (c == ' ') {
        last_space = start;
      }
    }
    keep(text.substr(begin));
    line = std::string();
  }
  return sentences;
}

// The unigram trainer takes its candidates from substrings that are followed by different characters in different places, so a
// word that is always followed by a space would never be one. Each repeated word is therefore given once more, alone, where
// the end of the sentence follows it; words come in the order of the text.
void add_repeated_words(std::vector<std::string>& sentences) {
  PieceMap<std::uint8_t> seen;  // 1: once, 2: more often
  std::vector<std::string> words;
  for (const auto& sentence : sentences) {
    const std::string_view text = sentence;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find(' ', at), text.size());
      const auto word = text.substr(at, end - at);
      at = end + 1;
      if (word.empty() || word.size() == text.size()) continue;
      const auto found = seen.find(word);
      if (found == seen.end()) {
        seen.emplace(word, 1);
      } else if (found->second == 1) {
        found->second = 2;
        words.emplace_back(word);
      }
    }
  }
  sentences.insert(sentences.end(), std::make_move_iterator(words.begin()), std::make_move_iterator(words.end()));
}

class SentencesInMemory final : public sentencepiece::SentenceIterator {
 public:
  explicit SentencesInMemory(const std::vector<std::string>& sentences) : sentences_(sentences) {}
  bool done() const override { return next_ >= sentences_.size(); }
  void Next() override { ++next_; }
  const std::string& value() const override { return sentences_[next_]; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const std::vector<std::string>& sentences_;
  std::size_t next_ = 0;
};

// A model from elsewhere may lack some: what is without <pad> is padded with </s>, and what is without <s> begins with <pad> (T5) or else
// with </s> (GPT-2).
SpecialIds special_of(const sentencepiece::SentencePieceProcessor& processor) {
  SpecialIds special{.unknown = processor.unk_id(), .pad = processor.pad_id(), .begin = processor.bos_id(), .end = processor.eos_id()};
  ATTEND_CHECK(special.unknown >= 0 && special.end >= 0, kData,
               "tokenizer: the SentencePiece model must have pieces for <unk> and </s>, got ids {} and {}; train it with unk_id and eos_id",
               special.unknown, special.end);
  if (special.begin < 0) special.begin = special.pad >= 0 ? special.pad : special.end;
  if (special.pad < 0) special.pad = special.end;
  return special;
}

class PieceTokenizer final : public Tokenizer {
 public:
  PieceTokenizer(const TokenizerOptions& options, std::string model) : options_(options), model_(std::move(model)) {
    const auto problem = load();
    ATTEND_CHECK(problem.empty(), kData, "tokenizer: the SentencePiece model cannot be read, the file is damaged or of another kind: {}",
                 problem);
    special_ = special_of(processor_);
    for (std::int32_t id = 0; id < size(); ++id) {
      ATTEND_CHECK(first_broken_byte(processor_.IdToPiece(id)) == std::string_view::npos, kData,
                   "tokenizer: piece {} of the SentencePiece model is not UTF-8; the file is damaged", id);
    }
  }

  std::vector<TextToken> encode(std::string_view text) const override {
    const auto normal = normalise(text, normalisation(options_));
    if (is_blank(normal.bytes())) return {};
    const auto input = without_space_marks(normal.bytes());
    sentencepiece::ImmutableSentencePieceText result;
    const auto status = processor_.Encode(input, result.mutable_proto());
    ATTEND_CHECK(status.ok(), kData, "tokenizer: SentencePiece cannot encode this text: {}", status.ToString());
    std::vector<TextToken> tokens;
    const std::size_t size = result.pieces_size();
    tokens.reserve(size);
    std::uint32_t word = 0;
    std::size_t read = 0;  // words were counted up to this byte
    bool seen_text = false;
    for (std::size_t i = 0; i < size; ++i) {
      const auto piece = result.pieces(static_cast<int>(i));
      const std::uint32_t end = piece.end();
      std::uint32_t begin = piece.begin();
      // A piece like ▁cat stands for "cat"; a lone ▁ for the space, which belongs to the word that follows.
      while (begin < end && input[begin] == ' ') ++begin;
      for (; read < begin; ++read) {
        const bool space = input[read] == ' ';
        if (space && seen_text && read + 1 < input.size() && input[read + 1] != ' ') ++word;
        seen_text = seen_text || !space;
      }
      if (begin == end) begin = piece.begin();
      const auto [first, last] = normal.original(begin, end);
      tokens.push_back({static_cast<std::int32_t>(piece.id()), first, last, word});
    }
    return tokens;
  }

  std::string decode(std::span<const std::int32_t> ids, std::vector<TextToken>* spans) const override {
    DecodedText text(spans);
    for (const auto id : ids) {
      check_id(id, size());
      if (special_.is_silent(id)) {
        text.skip(id);
        continue;
      }
      std::string_view piece = id == special_.unknown ? kSpecialNames[0] : std::string_view(processor_.IdToPiece(id));
      if (piece == kSpaceMark) {
        text.add_space(id);
        continue;
      }
      if (piece.starts_with(kSpaceMark)) {
        text.space();
        piece.remove_prefix(kSpaceMark.size());
      }
      text.add(id, piece);
    }
    return text.take();
  }

  std::int32_t size() const override { return processor_.GetPieceSize(); }
  const SpecialIds& special() const override { return special_; }
  std::string piece(std::int32_t id) const override {
    check_id(id, size());
    const std::array special = {special_.unknown, special_.pad, special_.begin, special_.end};
    const auto role = std::find(special.begin(), special.end(), id) - special.begin();
    return role < kSpecialPieces ? std::string(kSpecialNames[static_cast<std::size_t>(role)]) : processor_.IdToPiece(id);
  }
  std::int32_t id(std::string_view piece) const override {
    const auto found = processor_.PieceToId(absl::string_view(piece.data(), piece.size()));
    return special_.contains(found) ? special_.unknown : found;
  }
  const TokenizerOptions& options() const override { return options_; }
  std::string serialize() const override { return model_; }

 private:
  std::string load() {
    try {
      const auto status = processor_.LoadFromSerializedProto(model_);
      return status.ok() ? std::string() : status.ToString();
    } catch (const std::exception& error) {  // the trie inside throws on keys it cannot hold
      return error.what();
    }
  }

  TokenizerOptions options_;
  std::string model_;
  sentencepiece::SentencePieceProcessor processor_;
  SpecialIds special_;
};

}  // namespace

std::unique_ptr<Tokenizer> train_pieces(const TokenizerOptions& options, const LineSource& lines) {
  // One place is for the space mark, which SentencePiece always learns.
  ATTEND_CHECK(options.vocabulary_size > kSpecialPieces + 1, kValue, "tokenizer: kind {} needs a vocabulary_size of at least {}, got {}",
               options.kind, kSpecialPieces + 2, options.vocabulary_size);
  LineSample sample(kSampleLimits, kSampleSeed);
  const auto how = normalisation(options);
  lines([&](std::string_view line) {
    auto normal = normalise(line, how);
    if (!is_blank(normal.bytes())) sample.add(normal.bytes());
  });
  auto kept = sample.take();
  CharacterTable characters;
  for (const auto& line : kept) characters.count(line);
  const bool unspaced = characters.mostly_unspaced();
  characters.restrict_to(static_cast<std::size_t>(options.vocabulary_size - kSpecialPieces - 1),
                         static_cast<std::uint64_t>(std::max<std::int64_t>(options.minimum_count, 1)));
  auto sentences = training_sentences(std::move(kept), characters);
  if (options.kind == "unigram" && !unspaced) add_repeated_words(sentences);
  ATTEND_CHECK(!sentences.empty(), kData,
               "tokenizer: the text holds nothing to learn a vocabulary from; it is empty, blank, or each of its characters is rarer than "
               "minimum_count={}",
               options.minimum_count);
  SentencesInMemory iterator(sentences);
  std::string model;
  const std::unordered_map<std::string, std::string> settings = {
      {"model_type", options.kind},
      {"vocab_size", std::to_string(options.vocabulary_size)},
      {"hard_vocab_limit", "false"},                      // a small corpus gives a smaller vocabulary
      {"character_coverage", "1"},                        // the characters were chosen above
      {"normalization_rule_name", "identity"},            // NFC was done above; the usual rule would rewrite full-width marks
      {"add_dummy_prefix", unspaced ? "false" : "true"},  // in Chinese a lone ▁ before each line would be noise
      {"max_sentence_length", std::to_string(kLongestSentence + 8)},
      {"num_threads", "1"},  // the pieces depend on how many threads share the sums
      {"unk_id", std::to_string(SpecialIds().unknown)},
      {"pad_id", std::to_string(SpecialIds().pad)},
      {"bos_id", std::to_string(SpecialIds().begin)},
      {"eos_id", std::to_string(SpecialIds().end)},
      {"unk_piece", model_name(0)},
      {"pad_piece", model_name(1)},
      {"bos_piece", model_name(2)},
      {"eos_piece", model_name(3)},
      {"minloglevel", "3"},
  };
  const auto status = sentencepiece::SentencePieceTrainer::Train(settings, &iterator, &model);
  ATTEND_CHECK(status.ok(), kData, "tokenizer: SentencePiece cannot train on this text: {}", status.ToString());
  return std::make_unique<PieceTokenizer>(options, std::move(model));
}

std::unique_ptr<Tokenizer> load_pieces(const TokenizerOptions& options, const std::string& serialized) {
  return std::make_unique<PieceTokenizer>(options, serialized);
}

}  // namespace attend
