#include "draw/samples.h"

#include <array>
#include <cmath>
#include <stdexcept>

#include "attend/core/random.h"
#include "attend/draw/colour.h"
#include "support/sites.h"

namespace attend::samples {
namespace {

/// Adds a map whose scores come from `score(head, row, col)`; rows are softmaxed over the columns they may see.
template <class Score>
void add_map(RecordData& data, const std::string& site, std::uint16_t layer, std::uint32_t heads, Score score) {
  AttentionMap map;
  const bool encoder = site == "encoder.self", steps = site == "decoder.self";
  map.site = encoder ? sites::encoder_self(layer) : steps ? sites::decoder_self(layer) : sites::decoder_cross(layer);
  map.site.name = site;
  map.heads = heads;
  map.rows = static_cast<std::uint32_t>(encoder ? data.source.tokens.size() : data.nodes.size());
  map.cols = steps ? map.rows : static_cast<std::uint32_t>(data.source.tokens.size());
  for (std::uint32_t h = 0; h < heads; ++h) {
    for (std::uint32_t r = 0; r < map.rows; ++r) {
      const std::uint32_t visible = steps ? r + 1 : map.cols;
      std::vector<double> weights(visible);
      double sum = 0;
      for (std::uint32_t c = 0; c < visible; ++c) sum += weights[c] = std::exp(score(h, r, c));
      for (std::uint32_t c = 0; c < map.cols; ++c) map.weights.push_back(c < visible ? static_cast<float>(weights[c] / sum) : 0.0F);
    }
  }
  data.maps.push_back(std::move(map));
}

const std::string kEnglish = "The old man sat on the bench and watched the boats .";
const std::string kChinese = "老人坐在长椅上看着船只。";

RecordData boats(bool end) {
  std::vector<std::string> source{"The", "old", "man", "sat", "on", "the", "bench", "and", "watched", "the", "boats", "."};
  std::vector<std::string> target{"老人", "坐", "在", "长椅", "上", "看着", "船只", "。"};
  if (end) {
    source.emplace_back("</s>");
    target.emplace_back("</s>");
  }
  return bare(text_of(kEnglish, source), text_of(kChinese, target));
}
// For each target word the source word it stands for, and a second one it glances at.
constexpr std::array<std::array<int, 2>, 9> kGold{{{2, 1}, {3, 4}, {4, 3}, {6, 5}, {4, 6}, {8, 7}, {10, 9}, {11, 10}, {12, 11}}};

}  // namespace

RecordText text_of(const std::string& utf8, const std::vector<std::string>& tokens) {
  RecordText text{utf8, {}};
  std::size_t at = 0;
  std::int32_t id = 10;
  for (const auto& token : tokens) {
    const auto end = static_cast<std::uint32_t>(at);
    if (token == "</s>") {
      text.tokens.push_back({3, {end, end}, 0, true});
      continue;
    }
    const auto found = utf8.find(token, at);
    if (found == std::string::npos) throw std::logic_error("token is not in its text: " + token);
    at = found + token.size();
    const auto word = static_cast<std::uint32_t>(text.tokens.size());
    text.tokens.push_back({id++, {static_cast<std::uint32_t>(found), static_cast<std::uint32_t>(at)}, word, false});
  }
  return text;
}

RecordData bare(RecordText source, RecordText target) {
  RecordData data;
  data.source = std::move(source);
  for (std::size_t i = 0; i < target.tokens.size(); ++i) {
    SearchNode node;
    node.parent = static_cast<std::int32_t>(i) - 1;
    node.step = static_cast<std::uint32_t>(i);
    node.token = target.tokens[i].id;
    node.logp = -0.1F;
    node.score = -0.1F * static_cast<float>(i + 1);
    node.end = i + 1 == target.tokens.size() ? NodeEnd::kFinished : NodeEnd::kLive;
    data.nodes.push_back(node);
  }
  Hypothesis best;
  best.last_node = static_cast<std::int32_t>(target.tokens.size()) - 1;
  best.log_prob = best.score = -0.1 * static_cast<double>(target.tokens.size());
  best.text = std::move(target);
  data.hypotheses.push_back(std::move(best));
  return data;
}

Record love() {
  RecordData data = bare(text_of("I love you", {"I", "love", "you"}), text_of("我爱你", {"我", "爱", "你"}));
  data.mechanism = "scaled dot-product";
  constexpr double kQueries[3][4] = {{3, 0, 1, 0}, {0, 3, 1, 1}, {1, 0, 3, 0}};
  constexpr double kKeys[3][4] = {{2, 0, 1, 0}, {0, 2, 0, 1}, {1, 0, 2, 0}};
  add_map(data, "decoder.attention", 0, 1, [&](std::uint32_t, std::uint32_t r, std::uint32_t c) {
    double dot = 0;
    for (int i = 0; i < 4; ++i) dot += kQueries[r][i] * kKeys[c][i];
    return dot / 2;
  });
  return Record(std::move(data));
}

Record sentence() {
  RecordData data = boats(true);
  data.model = "recurrent";
  data.mechanism = "additive";
  add_map(data, "decoder.attention", 0, 1, [](std::uint32_t, std::uint32_t r, std::uint32_t c) {
    const int col = static_cast<int>(c);
    const double near = -0.35 * std::abs(col - kGold[r][0]) + 0.4 * std::cos(7.0 * r + 3.0 * c);
    return near + (col == kGold[r][0] ? 2.6 : col == kGold[r][1] ? 1.4 : 0);
  });
  return Record(std::move(data));
}

Record transformer() {
  RecordData data = boats(true);
  data.model = "transformer";
  data.mechanism = "scaled dot-product";
  const auto habit = [](std::uint32_t h, double r, double c, double gold) {
    switch (h % 8) {
      case 0: return -2.0 * std::abs(c - r);               // its own place
      case 1: return -2.5 * std::abs(c - r + 1);           // the token before
      case 2: return -1.5 * std::abs(c - r - 1);           // the token after
      case 3: return c < 0.5 ? 2.2 : -0.05 * c;            // a sink
      case 4: return 0.1 * std::cos(5 * r + 3 * c);        // everything
      case 5: return 3.2 * std::exp(-std::abs(c - gold));  // what it translates
      case 6: return 1.8 * std::cos(1.7 * c + 0.6 * r);    // every fourth or so
      default: return -0.5 * std::abs(c - gold) + std::cos(2.3 * r * c);
    }
  };
  for (std::uint16_t layer = 0; layer < 2; ++layer) {
    for (const std::string site : {"encoder.self", "decoder.self", "decoder.cross"}) {
      add_map(data, site, layer, 8, [&](std::uint32_t h, std::uint32_t r, std::uint32_t c) {
        const double gold = site == "decoder.cross" ? kGold[r][0] : r;
        return (1 + 0.4 * layer) * habit(h + layer, r, c, gold);
      });
    }
  }
  return Record(std::move(data));
}

Record large() {
  const auto words = [](std::size_t count, std::uint64_t seed) {
    RandomStream stream(random_key(seed, {}));
    std::string utf8;
    std::vector<std::string> tokens;
    for (std::size_t i = 0; i < count; ++i) {
      std::string word;
      for (auto left = 2 + stream.below(5); left > 0; --left) word += static_cast<char>('a' + stream.below(26));
      utf8 += (utf8.empty() ? "" : " ") + word;
      tokens.push_back(word);
    }
    return text_of(utf8, tokens);
  };
  RecordData data = bare(words(200, 3), words(150, 4));
  data.mechanism = "location";
  add_map(data, "decoder.attention", 0, 1, [](std::uint32_t, double r, double c) {
    const double centre = r * 200 / 150 + 6 * std::sin(r / 9);
    return -std::abs(c - centre) / (2 + 1.5 * std::cos(r / 17)) + std::cos(1.3 * c);
  });
  return Record(std::move(data));
}

Record hostile() {
  // 你 as three byte pieces of its own; then controls, mark-up, marks, right-to-left, emoji.
  const std::string hard =
      "你 a\x1b[31m </script><img src=x onerror=alert(1)> e\xcc\x81 مرحبا नमस्ते 👩‍👩‍👧 🇬🇧 "
      "\xe2\x80\xae]]>&quot;";
  RecordText source = text_of(hard, {"a\x1b[31m", "</script><img", "src=x", "onerror=alert(1)>", "e", "\xcc\x81", "مرحبا", "नमस्ते",
                                     "👩‍👩‍👧", "🇬🇧", "\xe2\x80\xae]]>", "&quot;", "</s>"});
  std::vector<RecordToken> bytes;
  for (std::uint32_t i = 0; i < 3; ++i) bytes.push_back({static_cast<std::int32_t>(100 + i), {i, i + 1}, 0, false});
  source.tokens.insert(source.tokens.begin(), bytes.begin(), bytes.end());
  RecordData data = bare(std::move(source), text_of("它\n说：\"</script>\"", {"它", "\n", "说：", "\"</script>\"", "</s>"}));
  data.mechanism = "<b>additive</b>";
  add_map(data, "decoder.cross", 0, 2, [](std::uint32_t h, double r, double c) { return 2 * std::cos((r + 1) * (c + 1) + h); });
  return Record(std::move(data));
}

Record house() {
  Picture picture{6, 8, 112, 84, {}};
  const auto inside = [](double x, double y, double left, double top, double right, double bottom) {
    return x >= left && x < right && y >= top && y < bottom;
  };
  for (int y = 0; y < 84; ++y) {
    for (int x = 0; x < 112; ++x) {
      Rgb c{static_cast<std::uint8_t>(120 + y), static_cast<std::uint8_t>(170 + y / 2), 235};  // the sky
      if (std::hypot(x - 90, y - 16) < 10) c = {255, 214, 64};
      if (y > 62 + 3 * std::sin(x / 9.0)) c = {92, static_cast<std::uint8_t>(150 - (y - 60)), 70};
      if (inside(x, y, 26, 38, 62, 70)) c = {190, 52, 44};
      if (y >= 22 && y < 38 && std::abs(x - 44) < 1.4 * (y - 21)) c = {96, 60, 48};
      if (inside(x, y, 39, 52, 49, 70)) c = {70, 42, 36};
      if (inside(x, y, 30, 44, 37, 51) || inside(x, y, 52, 44, 59, 51)) c = {236, 232, 190};
      for (const auto channel : {c.r, c.g, c.b}) picture.rgb.push_back(channel);
    }
  }
  RecordText source{"pictures/house.png", {}};
  source.tokens.assign(48, RecordToken{});
  RecordData data = bare(std::move(source), text_of("a red house under the sun", {"a", "red", "house", "under", "the", "sun", "</s>"}));
  data.model = "captioner";
  data.mechanism = "additive";
  data.picture = std::move(picture);
  constexpr double kSeen[7][3] = {{3, 4, 0.2}, {3, 3, 1.1}, {3.5, 3, 0.9}, {2, 5, 0.5}, {2, 5.5, 0.3}, {0.6, 6, 1.6}, {5, 3, 0.1}};
  add_map(data, "decoder.attention", 0, 1, [&](std::uint32_t, std::uint32_t t, std::uint32_t cell) {
    return -kSeen[t][2] * std::hypot(cell / 8 - kSeen[t][0], cell % 8 - kSeen[t][1]) + 0.2 * std::cos(5.0 * cell + t);
  });
  return Record(std::move(data));
}

Record story() {
  const std::vector<std::string> statements{"Hugo walked to the kitchen.", "Otto walked to the kitchen.", "Hugo took the teapot.",
                                            "Emil went to the hall.",      "Otto took the map.",          "Hugo went to the garden.",
                                            "Emil took the lamp.",         "Where is the teapot?"};
  std::string utf8;
  for (const auto& statement : statements) utf8 += (utf8.empty() ? "" : " ") + statement;
  RecordData data = bare(text_of(utf8, statements), text_of("garden", {"garden"}));
  data.task = "answer";
  data.options["right"] = "garden";
  data.model = "memory_hops";
  data.mechanism = "content";
  constexpr double kWeights[3][8] = {
      {0.01, 0, 0.96, 0, 0.02, 0.01, 0, 0}, {0.12, 0, 0.17, 0, 0, 0.71, 0, 0}, {0.004, 0, 0.006, 0, 0, 0.99, 0, 0}};
  for (std::uint16_t hop = 0; hop < 3; ++hop) {
    AttentionMap map;
    map.site = {.name = "hops",
                .layer = hop,
                .columns = ColumnAxis::kStatement,
                .role = SiteRole::kSource,
                .mechanism = "content",
                .layers = SiteLayers::kRepeated};
    map.heads = map.rows = 1;
    map.cols = 8;
    for (const double weight : kWeights[hop]) map.weights.push_back(static_cast<float>(weight));
    data.maps.push_back(std::move(map));
  }
  return Record(std::move(data));
}

Scene lettered(std::size_t rows, std::size_t cols) {
  Scene scene;
  scene.row_labels.assign(rows, {"a", false});
  scene.col_labels.assign(cols, {"b", false});
  MatrixPanel panel;
  for (std::size_t i = 0; i < rows * cols; ++i) {
    panel.values.push_back(static_cast<float>(i % 101) / 100);
    panel.weights.push_back(panel.values.back());
  }
  panel.entropy.resize(rows);
  scene.panels.push_back(std::move(panel));
  return scene;
}

Record random(std::uint64_t seed) {
  RandomStream stream(random_key(seed, {77}));
  const std::vector<std::string> pool{"I",       "love",  "you",  "我",    "爱",   "你",  "e\xcc\x81", "👩‍👩‍👧",
                                      "🇬🇧",      "ﾊ",     "한국", "مرحبا", "नमस्ते", "<b>", "&amp;",     "</script>",
                                      "\x1b[2J", "naïve", "…",    "x"};
  const auto words = [&](std::size_t count, bool end) {
    std::string utf8;
    std::vector<std::string> tokens;
    for (std::size_t i = 0; i < count; ++i) {
      tokens.push_back(pool[stream.below(pool.size())]);
      utf8 += tokens.back() + (stream.below(2) ? " " : "");
    }
    if (end) tokens.emplace_back("</s>");
    return text_of(utf8, tokens);
  };
  // One in ten is too large for labels.
  const std::size_t limit = stream.below(10) == 0 ? 80 : 12;
  const auto source_words = 1 + stream.below(limit), target_words = 1 + stream.below(limit);
  const bool end = stream.below(2) == 0;
  RecordData data = bare(words(source_words, end), words(target_words, end));
  data.mechanism = "additive";
  const std::string sites[] = {"decoder.attention", "decoder.cross", "decoder.self", "encoder.self"};
  const double sharpness = 6 * stream.uniform();
  add_map(data, sites[stream.below(4)], static_cast<std::uint16_t>(stream.below(3)), static_cast<std::uint32_t>(1 + stream.below(3)),
          [&](std::uint32_t, std::uint32_t, std::uint32_t) { return sharpness * stream.uniform(); });
  return Record(std::move(data));
}

}  // namespace attend::samples
