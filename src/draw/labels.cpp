#include "draw/labels.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <string_view>

#include "attend/draw/width.h"

namespace attend {
namespace {

constexpr int kLabelColumns = 24;  // longer labels are cut: one URL must not push the matrix off the page

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// A span grown to whole characters. No character has more than three continuation bytes; a text of nothing else is broken.
ByteSpan whole_characters(std::string_view text, ByteSpan span) {
  for (int i = 0; i < 3 && span.begin > 0 && is_continuation(text[span.begin]); ++i) --span.begin;
  for (int i = 0; i < 3 && span.end < text.size() && is_continuation(text[span.end]); ++i) ++span.end;
  return span;
}

ByteSpan trimmed(std::string_view text, ByteSpan span) {
  ByteSpan inner = span;
  while (inner.begin < inner.end && is_space(text[inner.begin])) ++inner.begin;
  while (inner.end > inner.begin && is_space(text[inner.end - 1])) --inner.end;
  return inner.begin == inner.end ? span : inner;
}

std::string special_name(std::int32_t id) {
  switch (id) {  // the ids every vocabulary shares
    case 1: return "<pad>";
    case 2: return "<s>";
    case 3: return "</s>";
    default: return fmt::format("<special {}>", id);
  }
}

bool begins_with_mark(std::string_view text) {
  utf8proc_int32_t code = -1;
  utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()), &code);
  const auto kind = utf8proc_category(code);
  return code >= 0 && (kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_MC || kind == UTF8PROC_CATEGORY_ME);
}

/// " 2/3" when token `i` owns only a part of a character: the second of three tokens that share it.
std::string part_of_character(const RecordText& text, std::size_t i) {
  const ByteSpan own = text.tokens[i].span, whole = whole_characters(text.utf8, own);
  if (own == whole) return {};
  // The character that is cut: the first one when the cut is at its beginning.
  ByteSpan cut{whole.begin, whole.begin + 1};
  if (own.begin == whole.begin) cut = {own.end - 1, own.end};
  cut = whole_characters(text.utf8, cut);
  // Spans never fall from token to token, so those that share the character stand side by side. It has four bytes at most.
  constexpr std::size_t kReach = 16;
  const auto shares = [&](std::size_t j) {
    const ByteSpan span = text.tokens[j].span;
    return span.begin < cut.end && span.end > cut.begin && span.begin != span.end;
  };
  std::size_t part = 0, parts = 0;
  for (std::size_t j = i - std::min(i, kReach); j < std::min(text.tokens.size(), i + kReach); ++j) {
    if (!shares(j)) continue;
    ++parts;
    if (j <= i) ++part;
  }
  return fmt::format(" {}/{}", part, parts);
}

}  // namespace

std::vector<Label> token_labels(const RecordText& text) {
  std::vector<Label> labels;
  labels.reserve(text.tokens.size());
  for (std::size_t i = 0; i < text.tokens.size(); ++i) {
    const RecordToken& token = text.tokens[i];
    if (token.special) {
      labels.push_back({special_name(token.id), true});
      continue;
    }
    const ByteSpan span = trimmed(text.utf8, whole_characters(text.utf8, token.span));
    std::string shown = visible_text(std::string_view(text.utf8).substr(span.begin, span.end - span.begin));
    if (shown.empty()) {
      shown = "∅";
    } else if (shown.find_first_not_of(' ') == std::string::npos) {
      shown = "␣";
    } else if (begins_with_mark(shown)) {
      shown = "◌" + shown;
    }
    labels.push_back({clip_text(shown, kLabelColumns) + part_of_character(text, i), false});
  }
  return labels;
}

std::vector<TextPiece> text_pieces(const RecordText& text, const std::vector<std::int32_t>& columns) {
  const std::string_view bytes = text.utf8;
  std::vector<std::uint32_t> cluster_begin, cluster_end;  // of the cluster each byte belongs to
  for (const auto cluster : grapheme_clusters(bytes)) {
    const auto begin = static_cast<std::uint32_t>(cluster.data() - bytes.data());
    cluster_begin.insert(cluster_begin.end(), cluster.size(), begin);
    cluster_end.insert(cluster_end.end(), cluster.size(), begin + static_cast<std::uint32_t>(cluster.size()));
  }

  std::vector<TextPiece> pieces;
  std::size_t joined = 0;  // the last piece with a token's text
  std::uint32_t done = 0;  // bytes already in a piece
  auto add_gap = [&](std::uint32_t end) {
    if (end > done) pieces.push_back({visible_text(bytes.substr(done, end - done)), {}, false});
    done = std::max(done, end);
  };
  for (std::size_t i = 0; i < text.tokens.size(); ++i) {
    const RecordToken& token = text.tokens[i];
    if (token.special || token.span.begin == token.span.end) {
      if (columns[i] < 0) continue;
      if (!pieces.empty() && !pieces.back().text.ends_with(' ')) pieces.push_back({" ", {}, false});
      pieces.push_back({token.special ? special_name(token.id) : "∅", {static_cast<std::uint32_t>(columns[i])}, true});
      continue;
    }
    const ByteSpan inner = trimmed(bytes, token.span);
    const std::uint32_t begin = cluster_begin[inner.begin], end = cluster_end[inner.end - 1];
    if (begin < done && !pieces.empty()) {  // shares a cluster with the token before
      // The piece to join is the last one with text of its own; nothing but tokens without text can follow it.
      auto& last = pieces[joined];
      if (end > done) last.text += visible_text(bytes.substr(done, end - done));
      if (columns[i] >= 0) last.columns.push_back(static_cast<std::uint32_t>(columns[i]));
      done = std::max(done, end);
      continue;
    }
    add_gap(begin);
    if (!pieces.empty() && pieces.back().special) pieces.push_back({" ", {}, false});
    TextPiece piece{visible_text(bytes.substr(begin, end - begin)), {}, false};
    if (columns[i] >= 0) piece.columns.push_back(static_cast<std::uint32_t>(columns[i]));
    joined = pieces.size();
    pieces.push_back(std::move(piece));
    done = end;
  }
  add_gap(static_cast<std::uint32_t>(bytes.size()));
  return pieces;
}

}  // namespace attend
