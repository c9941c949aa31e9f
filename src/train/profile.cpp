#include <algorithm>
#include <unordered_map>

#include "attend/text/unicode.h"
#include "attend/train/fit.h"

namespace attend {
namespace {

// Kana, Chinese characters and hangul; of the supplementary planes the ideographic ones.
bool is_cjk(char32_t c) {
  return (c >= 0x3040 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0x20000 && c <= 0x3FFFF);
}

bool is_punctuation(char32_t c) {
  static constexpr std::u32string_view kMarks = U".,?!;:\"'()[]«»„“”‘’…¿¡，。？！；：、（）「」";
  return kMarks.find(c) != kMarks.npos;
}

bool ends_as_prose(char32_t c) {
  static constexpr std::u32string_view kEnds = U".,?!;";
  return kEnds.find(c) != kEnds.npos;
}

std::int64_t at_share(std::vector<std::uint32_t> lengths, double share) {
  if (lengths.empty()) return 0;
  const auto place = lengths.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(lengths.size() - 1));
  std::nth_element(lengths.begin(), place, lengths.end());
  return *place;
}

}  // namespace

bool SideProfile::closed() const { return words > 0 && types <= 5000 && static_cast<double>(once) <= 0.003 * static_cast<double>(words); }

struct SideCounter::State {
  std::unordered_map<std::string, std::uint32_t> seen;
  std::vector<std::uint32_t> words, characters;  // of each line
  std::uint64_t cjk = 0, prose = 0;

  // The word [begin, end) of a line without the punctuation at its ends, unless it is nothing else. True when prose marks its end.
  bool take(std::string_view word) {
    std::size_t begin = word.size(), end = 0;
    bool letters = false, marked = false;
    for (std::size_t at = 0; at < word.size();) {
      const auto start = at;
      const auto c = next_character(word, at);
      if (!is_punctuation(c)) {
        begin = std::min(begin, start);
        end = at;
        letters = true;
        marked = false;
      } else {
        marked = letters && ends_as_prose(c);
      }
    }
    ++seen[std::string(letters ? word.substr(begin, end - begin) : word)];
    return marked;
  }

  void add(std::string_view line) {
    std::uint32_t line_words = 0, line_characters = 0;
    std::size_t begin = 0;
    bool marked = false;
    const auto word_ends = [&](std::size_t end) {
      if (end > begin) {
        ++line_words;
        marked = take(line.substr(begin, end - begin)) || marked;
      }
    };
    for (std::size_t at = 0; at < line.size();) {
      const auto start = at;
      const auto c = next_character(line, at);
      if (is_white_space(c)) {
        word_ends(start);
        begin = at;
      } else {
        ++line_characters;
        cjk += is_cjk(c);
      }
    }
    word_ends(line.size());
    words.push_back(line_words);
    characters.push_back(line_characters);
    prose += marked;
  }
};

SideCounter::SideCounter() : state_(std::make_unique<State>()) {}
SideCounter::~SideCounter() = default;
void SideCounter::add(std::string_view line) { state_->add(line); }

SideProfile SideCounter::finish() const {
  const auto& s = *state_;
  SideProfile p;
  p.lines = s.words.size();
  p.types = s.seen.size();
  for (const auto& [word, count] : s.seen) p.once += count == 1;
  for (const auto n : s.words) p.words += n;
  for (const auto n : s.characters) p.characters += n;
  if (p.characters > 0) p.cjk = static_cast<double>(s.cjk) / static_cast<double>(p.characters);
  if (p.lines > 0) p.attached = static_cast<double>(s.prose) / static_cast<double>(p.lines);
  p.usual_words = at_share(s.words, 0.99);
  p.usual_characters = at_share(s.characters, 0.99);
  p.most_words = at_share(s.words, 1);
  p.most_characters = at_share(s.characters, 1);
  return p;
}

}  // namespace attend
