#include "attend/run/copies.h"

#include <algorithm>

#include "attend/run/text_batches.h"

namespace attend {
namespace {

std::int64_t number_of(std::vector<std::string>& own, std::string_view word) {
  const auto place = std::find(own.begin(), own.end(), word);
  if (place != own.end()) return place - own.begin();
  own.emplace_back(word);
  return static_cast<std::int64_t>(own.size()) - 1;
}

}  // namespace

CopyWords copy_words(const TranslationModel& model, std::string_view source) {
  CopyWords words;
  const auto unknown = model.target->special().unknown;
  const bool same_pieces = model.source->options().kind == model.target->options().kind;
  for (const auto& token : model.source->encode(source)) {
    auto id = unknown;
    if (same_pieces && token.id != model.source->special().unknown) id = model.target->id(model.source->piece(token.id));
    const auto text = source.substr(token.begin, token.end - token.begin);
    if (id == unknown)
      if (const auto alone = model.target->encode(text); alone.size() == 1) id = alone[0].id;
    words.ids.push_back(id != unknown ? id : model.target->size() + number_of(words.own, text));
  }
  if (model.text.source_end || words.ids.empty()) words.ids.push_back(model.target->special().end);
  return words;
}

std::vector<std::string> words_of_tokens(const Tokenizer& tokenizer, std::string_view text) {
  const auto tokens = tokenizer.encode(text);
  const bool pieces = tokenizer.options().kind == "unigram" || tokenizer.options().kind == "bpe";
  std::vector<std::string> words;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    auto first = i, last = i;
    while (pieces && first > 0 && tokens[first - 1].word == tokens[i].word) --first;
    while (pieces && last + 1 < tokens.size() && tokens[last + 1].word == tokens[i].word) ++last;
    auto word = text.substr(tokens[first].begin, tokens[last].end - tokens[first].begin);
    word.remove_prefix(std::min(word.find_first_not_of(' '), word.size()));  // a piece may be the space before its word
    words.emplace_back(word);
  }
  return words;
}

std::vector<std::int64_t> copied_ids(const Tokenizer& target, std::string_view text, const CopyWords& source) {
  std::vector<std::int64_t> ids;
  for (const auto& token : target.encode(text)) {
    ids.push_back(token.id);
    if (token.id != target.special().unknown) continue;
    const auto place = std::find(source.own.begin(), source.own.end(), text.substr(token.begin, token.end - token.begin));
    if (place != source.own.end()) ids.back() = target.size() + (place - source.own.begin());
  }
  ids.push_back(target.special().end);
  return ids;
}

at::Tensor with_words(const at::Tensor& ids, const std::vector<const CopyWords*>& words) {
  std::vector<const std::vector<std::int64_t>*> numbers;
  for (const auto* own : words) numbers.push_back(&own->ids);
  return at::stack({ids, pad_batch(numbers).ids}, -1);
}

std::string decode_with(const Tokenizer& tokenizer, std::span<const std::int32_t> tokens, const std::vector<const std::string*>& instead,
                        std::vector<TextToken>* spans) {
  if (std::all_of(instead.begin(), instead.end(), [](const auto* word) { return !word; })) return tokenizer.decode(tokens, spans);
  std::vector<std::int32_t> known(tokens.begin(), tokens.end());
  for (std::size_t t = 0; t < known.size(); ++t)
    if (instead[t]) known[t] = tokenizer.special().unknown;
  std::vector<TextToken> places;
  const auto plain = tokenizer.decode(known, &places);
  std::string text;
  std::size_t read = 0;
  for (std::size_t t = 0; t < known.size(); ++t) {
    auto& place = places[t];
    const std::string_view said = instead[t] ? *instead[t] : std::string_view(plain).substr(place.begin, place.end - place.begin);
    text.append(plain, read, place.begin - read);
    read = place.end;
    place.id = tokens[t];
    place.begin = static_cast<std::uint32_t>(text.size());
    text += said;
    place.end = static_cast<std::uint32_t>(text.size());
  }
  if (spans) *spans = std::move(places);
  return text;
}

std::vector<const std::string*> own_words(const Tokenizer& tokenizer, std::span<const std::int32_t> tokens, const CopyWords& source,
                                          std::span<const std::int32_t> sources) {
  std::vector<const std::string*> words;
  for (const auto token : tokens)
    words.push_back(token < tokenizer.size() ? nullptr : &source.own.at(static_cast<std::size_t>(token - tokenizer.size())));
  for (std::size_t t = 0; t < sources.size(); ++t)
    if (sources[t] >= 0) words[t] = &source.all.at(static_cast<std::size_t>(sources[t]));
  return words;
}

}  // namespace attend
