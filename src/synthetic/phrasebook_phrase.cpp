#include "phrasebook_phrase.h"

#include <algorithm>
#include <map>

#include "attend/core/error.h"

namespace attend::phrasebook {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

/// The characters of `text`, which is our own and so well-formed UTF-8.
std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> result;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = begin + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    result.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return result;
}

bool is_slot(std::string_view item) { return item.size() > 2 && item.front() == '{' && item.back() == '}'; }

/// Where the items of the English pattern came to stand.
using Positions = std::multimap<std::string_view, std::uint32_t, std::less<>>;

std::vector<std::uint32_t> resolve(std::string_view names, const Positions& positions, const Positions& slots) {
  std::vector<std::uint32_t> result;
  for (const auto name : split(names, ',')) {
    const auto [begin, end] = positions.equal_range(name);
    if (begin == end && !slots.contains(name)) throw std::logic_error("phrasebook: no word or slot for mark " + std::string(name));
    for (auto i = begin; i != end; ++i) result.push_back(i->second);
  }
  return result;
}

void append(std::vector<std::uint32_t>& to, const std::vector<std::uint32_t>& from, std::uint32_t offset = 0) {
  for (const auto i : from) to.push_back(i + offset);
}

}  // namespace

Phrase compose(std::string_view english, std::string_view chinese, const Slots& slots) {
  const auto slot_of = [&](std::string_view item) -> const Phrase& {
    for (const auto& [name, phrase] : slots) {
      if (name == item.substr(1, item.size() - 2)) return phrase;
    }
    throw std::logic_error("phrasebook: no slot " + std::string(item));
  };
  Phrase result;
  Positions positions, starts;
  for (const auto item : split(english, ' ')) {
    const auto here = static_cast<std::uint32_t>(result.words.size());
    if (!is_slot(item)) {
      positions.emplace(item, here);
      result.words.emplace_back(item);
      continue;
    }
    const Phrase& slot = slot_of(item);
    starts.emplace(item, here);
    for (std::uint32_t i = 0; i < slot.words.size(); ++i) positions.emplace(item, here + i);
    result.words.insert(result.words.end(), slot.words.begin(), slot.words.end());
    result.bonds.insert(result.bonds.end(), slot.bonds.begin(), slot.bonds.end());
  }
  for (const auto item : split(chinese, ' ')) {
    const auto body_end = std::min(item.find_first_of("=~^"), item.size());
    const auto body = item.substr(0, body_end);
    std::vector<Chunk> chunks;
    if (is_slot(body)) {
      const auto start = starts.find(body);
      if (start == starts.end()) throw std::logic_error("phrasebook: slot only in Chinese: " + std::string(body));
      for (const auto& chunk : slot_of(body).chunks) {
        chunks.push_back({chunk.text, {}, {}, chunk.aspect});
        append(chunks.back().sure, chunk.sure, start->second);
        append(chunks.back().possible, chunk.possible, start->second);
      }
    } else {
      chunks.push_back({std::string(body), {}, {}, body == "了" || body == "过"});
    }
    for (auto marks = item.substr(body_end); !marks.empty();) {
      const char kind = marks.front();
      const auto end = std::min(marks.find_first_of("=~^", 1), marks.size());
      const auto targets = resolve(marks.substr(1, end - 1), positions, starts);
      for (auto& chunk : chunks) {
        if (kind != '^' || chunk.aspect) append(kind == '=' ? chunk.sure : chunk.possible, targets);
      }
      marks.remove_prefix(end);
    }
    result.chunks.insert(result.chunks.end(), chunks.begin(), chunks.end());
  }
  return result;
}

Phrase aligned(std::string_view row) {
  const auto bar = row.find('|');
  ATTEND_ASSERT(bar != std::string_view::npos);
  Phrase phrase = compose(row.substr(0, bar), row.substr(bar + 1));
  phrase.head = row.substr(0, bar);
  return phrase;
}

Phrase english_only(std::string_view words) { return compose(words, ""); }

GeneratedPair finish(const Phrase& sentence) {
  GeneratedPair pair;
  for (const auto& word : sentence.words) {
    if (!pair.source.empty() && word != "?") pair.source += ' ';
    pair.source += word;
  }
  if (const char first = pair.source.at(0); first >= 'a' && first <= 'z') pair.source[0] = static_cast<char>(first - 'a' + 'A');
  std::uint32_t target = 0;
  std::map<std::pair<std::uint32_t, std::uint32_t>, bool> links;
  std::vector<bool> seen(sentence.words.size());
  for (const auto& chunk : sentence.chunks) {
    if (chunk.sure.empty() && chunk.possible.empty()) throw std::logic_error("phrasebook: " + chunk.text + " has no link: " + pair.source);
    for ([[maybe_unused]] const auto character : characters(chunk.text)) {
      for (const auto source : chunk.sure) links[{source, target}] = true;
      for (const auto source : chunk.possible) links.try_emplace({source, target}, false);
      ++target;
    }
    pair.target += chunk.text;
  }
  for (const auto& [place, sure] : links) {
    pair.links.push_back({place.first, place.second, sure});
    seen.at(place.first) = true;
  }
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (!seen[i]) throw std::logic_error("phrasebook: '" + sentence.words[i] + "' has no link: " + pair.source + " / " + pair.target);
  }
  return pair;
}

}  // namespace attend::phrasebook
