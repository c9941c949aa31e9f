#pragma once
// A model without a network: what follows a text is looked up in a function, and so is what it attends to. It knows each hypothesis by its
// tokens, so whatever a search mixes up shows.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "attend/core/random.h"
#include "attend/search/search.h"
#include "support/expect_error.h"
#include "support/plain_search.h"

namespace attend::testing {

using Tokens = std::vector<std::int32_t>;
/// Scores over the vocabulary of an item after the tokens that a hypothesis has so far, <s> not among them.
using Scorer = std::function<std::vector<float>(std::int64_t item, const Tokens& tokens)>;

inline constexpr std::int64_t kVocabulary = 7;  // <unk> <pad> <s> </s> and three words
inline constexpr float kNever = -std::numeric_limits<float>::infinity();

/// A number in ±reach that depends on all of `parts` and nothing else.
inline float drawn_number(std::uint64_t seed, std::int64_t item, const Tokens& tokens, std::uint64_t place, double reach) {
  auto key = random_key(seed, {static_cast<std::uint64_t>(item), place});
  for (const auto token : tokens) key = random_key(key, {static_cast<std::uint64_t>(token) + 1});
  return static_cast<float>(reach * (2 * RandomStream(key).uniform() - 1));
}
/// Scores that depend on the whole text before them.
inline Scorer drawn_scores(std::uint64_t seed, double reach = 2, std::int64_t vocabulary = kVocabulary) {
  return [=](std::int64_t item, const Tokens& tokens) {
    std::vector<float> scores;
    for (std::int64_t v = 0; v < vocabulary; ++v) scores.push_back(drawn_number(seed, item, tokens, static_cast<std::uint64_t>(v), reach));
    return scores;
  };
}
/// The same with `amount` added to one token.
inline Scorer favouring(Scorer scores, std::int32_t token, float amount) {
  return [=](std::int64_t item, const Tokens& tokens) {
    auto own = scores(item, tokens);
    own[static_cast<std::size_t>(token)] += amount;
    return own;
  };
}
/// What follows depends on the last token alone: one row of scores each, -1 for the first.
inline Scorer by_last_token(std::map<std::int32_t, std::vector<float>> table) {
  return [table = std::move(table)](std::int64_t /*item*/, const Tokens& tokens) { return table.at(tokens.empty() ? -1 : tokens.back()); };
}
/// ln of probabilities, as scores.
inline std::vector<float> logs(std::vector<double> probabilities) {
  std::vector<float> scores;
  for (const double p : probabilities) scores.push_back(static_cast<float>(std::log(p)));
  return scores;
}

inline double log_sum(const std::vector<float>& scores) {
  const double top = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (const float s : scores) sum += std::exp(s - top);
  return top + std::log(sum);
}
/// ln P of a text with </s>, in double.
inline double log_prob_of(const Scorer& scores, std::int64_t item, const Tokens& text) {
  double sum = 0;
  for (std::size_t t = 0; t < text.size(); ++t) {
    const auto own = scores(item, Tokens(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(t)));
    sum += own[static_cast<std::size_t>(text[t])] - log_sum(own);
  }
  return sum;
}

struct Table {
  Scorer scores = drawn_scores(1);
  std::vector<std::int64_t> lengths{3};  ///< of each item's source
  SpecialIds special;
  bool source_end = false;  ///< whether a source's last token is </s>
  bool attends = true;      ///< has the sites of table_sites(), else none
  bool at_once = false;     ///< forces whole targets
  /// One head's weight before it is made a share of its row; the site's number among table_sites().
  std::function<float(std::int64_t item, const Tokens& tokens, std::uint64_t site, std::int64_t head, std::int64_t column)> energy =
      [](std::int64_t item, const Tokens& tokens, std::uint64_t site, std::int64_t head, std::int64_t column) {
        return drawn_number(77 + site, item, tokens, static_cast<std::uint64_t>(head * 100 + column), 2);
      };
  std::function<Scorer(const Tokens& draft)> second = {};  ///< of models that revise
};

inline constexpr std::int64_t kTableHeads = 2;
/// encoder.self, two layers of decoder.cross, decoder.draft and decoder.self.
inline const std::vector<Site>& table_sites() {
  static const std::vector<Site> kSites = {{.name = "decoder.cross", .layer = 0, .role = SiteRole::kSource, .layers = SiteLayers::kStack},
                                           {.name = "decoder.cross", .layer = 1, .role = SiteRole::kSource, .layers = SiteLayers::kStack},
                                           {.name = "decoder.draft", .columns = ColumnAxis::kDraft, .role = SiteRole::kDraft},
                                           {.name = "decoder.self", .columns = ColumnAxis::kStep, .role = SiteRole::kSelf},
                                           {.name = "encoder.self", .rows = RowAxis::kSource, .role = SiteRole::kSelf}};
  return kSites;
}

/// Weights of one row of a site and head over `columns` of its own.
inline std::vector<float> table_weights(const Table& table, std::int64_t item, const Tokens& tokens, std::uint64_t site, std::int64_t head,
                                        std::int64_t columns) {
  std::vector<float> weights;
  double sum = 0;
  for (std::int64_t c = 0; c < columns; ++c) sum += std::exp(table.energy(item, tokens, site, head, c));
  for (std::int64_t c = 0; c < columns; ++c)
    weights.push_back(static_cast<float>(std::exp(table.energy(item, tokens, site, head, c)) / sum));
  return weights;
}
/// What the "gate" says of a row.
inline float table_gate(std::int64_t item, const Tokens& tokens) { return drawn_number(5, item, tokens, 0, 1); }

class TableModel final : public StepModel {
 public:
  explicit TableModel(Table table, std::vector<Tokens> drafts = {}, std::vector<std::int64_t> numbers = {})
      : table_(std::move(table)), drafts_(std::move(drafts)), numbers_(std::move(numbers)) {
    for (std::size_t i = numbers_.size(); i < table_.lengths.size(); ++i) numbers_.push_back(static_cast<std::int64_t>(i));
  }

  std::int64_t items() const override { return static_cast<std::int64_t>(table_.lengths.size()); }
  ItemSize size_of(std::int64_t item) const override {
    const auto i = static_cast<std::size_t>(item);
    const auto length = table_.lengths[i];
    return {.source = length,
            .words = length - (table_.source_end ? 1 : 0),
            .draft = drafts_.empty() ? 0 : static_cast<std::int64_t>(drafts_[i].size())};
  }
  SpecialIds special() const override { return table_.special; }
  std::vector<Site> sites() const override { return table_.attends ? table_sites() : std::vector<Site>{}; }

  void start(const StepPlan& plan) override {
    ASSERT_TRUE(rows_.empty());
    plan_ = plan;
    for (std::int64_t i = 0; i < items(); ++i) rows_.push_back({i, {}});
  }

  std::vector<AttentionMap> encoder_maps(std::int64_t item) const override {
    std::vector<AttentionMap> maps;
    if (shows(4)) {
      const auto length = size_of(item).source;
      AttentionMap map{.site = table_sites()[4], .heads = 1, .rows = static_cast<std::uint32_t>(length), .cols = map.rows};
      for (std::int64_t r = 0; r < length; ++r)
        for (const float w : table_weights(table_, item, {static_cast<std::int32_t>(r)}, 4, 0, length)) map.weights.push_back(w);
      maps.push_back(std::move(map));
    }
    return maps;
  }

  StepScores step(const StepRows& rows) override {
    ++steps;
    if (before_step) before_step(steps);
    EXPECT_LE(steps, plan_.steps);
    EXPECT_EQ(rows.parents.size(), rows.tokens.size());
    EXPECT_EQ(rows.parents.size() % static_cast<std::size_t>(rows.beams), 0U);
    std::vector<Row> next;
    for (std::size_t r = 0; r < rows.parents.size(); ++r) {
      auto row = rows_.at(static_cast<std::size_t>(rows.parents[r]));
      if (steps > 1) {
        row.tokens.push_back(rows.tokens[r]);
      } else {
        EXPECT_EQ(rows.tokens[r], table_.special.begin);
      }
      if (r % static_cast<std::size_t>(rows.beams) > 0) {
        EXPECT_EQ(row.item, next.back().item) << "rows of an item stand together";
      } else if (!next.empty()) {
        EXPECT_GT(row.item, next.back().item) << "items keep their order";
      }
      next.push_back(std::move(row));
    }
    rows_ = std::move(next);
    rows_of_steps.push_back(rows_.size());
    return give(rows.beams);
  }

  const ForcedScores* force_all(std::span<const std::vector<std::int32_t>> targets) override {
    if (!table_.at_once) return nullptr;
    std::size_t longest = 0;
    for (const auto& target : targets) longest = std::max(longest, target.size());
    rows_.clear();
    log_probs_.clear();
    for (std::size_t i = 0; i < targets.size(); ++i)
      for (std::size_t t = 0; t < longest; ++t) {
        const auto known = std::min(t, targets[i].size());
        rows_.push_back(
            {static_cast<std::int64_t>(i), Tokens(targets[i].begin(), targets[i].begin() + static_cast<std::ptrdiff_t>(known))});
        const auto own = scores_of(rows_.back());
        log_probs_.push_back(t < targets[i].size() ? own[static_cast<std::size_t>(targets[i][t])] - static_cast<float>(log_sum(own)) : NAN);
      }
    forced_.longest = static_cast<std::int64_t>(longest);
    forced_.log_probs = log_probs_;
    forced_.shown = give(forced_.longest).shown;
    return &forced_;
  }

  bool revises() const override { return static_cast<bool>(table_.second); }
  std::unique_ptr<StepModel> second_pass(std::span<const std::int64_t> items,
                                         std::span<const std::vector<std::int32_t>> drafts) const override {
    auto own = table_;
    own.lengths.clear();
    for (const auto i : items) own.lengths.push_back(table_.lengths[static_cast<std::size_t>(i)]);
    return std::make_unique<TableModel>(own, std::vector<Tokens>(drafts.begin(), drafts.end()),
                                        std::vector<std::int64_t>(items.begin(), items.end()));
  }

  const StepPlan& plan() const { return plan_; }
  int steps = 0;
  std::vector<std::size_t> rows_of_steps;
  std::function<void(int)> before_step;

 private:
  struct Row {
    std::int64_t item;
    Tokens tokens;
  };

  bool shows(std::size_t site) const { return std::find(plan_.shown.begin(), plan_.shown.end(), table_sites()[site]) != plan_.shown.end(); }
  std::vector<float> scores_of(const Row& row) const {
    const auto i = static_cast<std::size_t>(row.item);
    const auto& scores = drafts_.empty() ? table_.scores : table_.second(drafts_[i]);
    return scores(numbers_[i], row.tokens);
  }

  // All numbers of rows_, `together` of each item. What is past an item's own columns is no number, and must not be read.
  StepScores give(std::int64_t together) {
    scores_.clear();
    normalisers_.clear();
    peaks_.clear();
    for (const auto& row : rows_) {
      const auto own = scores_of(row);
      for (std::size_t at = 0; at < own.size(); ++at) {
        if (at % StepScores::kPeakBlock == 0) peaks_.push_back(own[at]);
        peaks_.back() = std::max(peaks_.back(), own[at]);
      }
      scores_.insert(scores_.end(), own.begin(), own.end());
      normalisers_.push_back(static_cast<float>(log_sum(own)));
    }
    const auto vocabulary = static_cast<std::int64_t>(rows_.empty() ? 0 : scores_.size() / rows_.size());
    std::int64_t source = 0, draft = 0, steps_seen = 0;
    for (std::int64_t i = 0; i < items(); ++i) source = std::max(source, size_of(i).source), draft = std::max(draft, size_of(i).draft);
    for (const auto& row : rows_) steps_seen = std::max(steps_seen, static_cast<std::int64_t>(row.tokens.size()) + 1);
    weights_.assign(4, {});
    shown_.clear();
    scalars_.clear();
    for (std::size_t site = 0; site < 4 && table_.attends; ++site) {
      if (!shows(site) || (site == 2 && drafts_.empty())) continue;
      const bool own_block = site == 3;  // [rows, H, columns]; others [items, H, together, columns]
      const auto columns = site == 3 ? steps_seen : site == 2 ? draft : source, group = own_block ? 1 : together;
      auto& block = weights_[site];
      block.assign(rows_.size() * static_cast<std::size_t>(kTableHeads * columns), NAN);
      const auto view = HeadRows::of_block(block.data(), kTableHeads, group, columns);
      for (std::size_t r = 0; r < rows_.size(); ++r)
        for (std::int64_t h = 0; h < kTableHeads; ++h) {
          const auto size = size_of(rows_[r].item);
          const auto own = site == 3 ? static_cast<std::int64_t>(rows_[r].tokens.size()) + 1 : site == 2 ? size.draft : size.source;
          const auto row = table_weights(table_, numbers_[static_cast<std::size_t>(rows_[r].item)], rows_[r].tokens, site, h, own);
          std::copy(row.begin(), row.end(), block.begin() + (view.at(static_cast<std::int64_t>(r), h, own).data() - block.data()));
        }
      shown_.push_back({&table_sites()[site], RowKind::kSoftmax, view});
    }
    gates_.clear();
    for (const auto& row : rows_) gates_.push_back(table_gate(numbers_[static_cast<std::size_t>(row.item)], row.tokens));
    if (shows(0)) scalars_.push_back({"gate", HeadRows::of_block(gates_.data(), 1, together, 1)});
    return {vocabulary, scores_, normalisers_, peaks_, {shown_, scalars_}};
  }

  Table table_;
  std::vector<Tokens> drafts_;
  std::vector<std::int64_t> numbers_;  // of the items among those of the first pass
  StepPlan plan_;
  std::vector<Row> rows_;
  std::vector<float> scores_, normalisers_, peaks_, gates_, log_probs_;
  std::vector<std::vector<float>> weights_;
  std::vector<SiteRows> shown_;
  std::vector<ScalarRows> scalars_;
  ForcedScores forced_;
};

inline std::vector<SearchResult> search_table(const Table& table, const SearchOptions& options, const SearchControl& control = {}) {
  TableModel model(table);
  return search(model, options, control);
}
/// The n-best list of its first item.
inline std::vector<FoundHypothesis> best_of_table(const Table& table, const SearchOptions& options) {
  return std::move(search_table(table, options).at(0).best);
}
inline std::vector<SearchResult> force_table(const Table& table, const std::vector<Tokens>& targets, const SearchControl& control = {}) {
  TableModel model(table);
  return force(model, targets, control);
}

/// All sequences over </s> and the three words that end in </s> and have at most `length` tokens.
inline std::vector<Tokens> all_sequences(std::size_t length) {
  std::vector<Tokens> done, open{{}};
  while (!open.empty()) {
    const auto prefix = open.back();
    open.pop_back();
    done.push_back(prefix);
    done.back().push_back(SpecialIds{}.end);
    if (prefix.size() + 1 < length)
      for (std::int32_t word = SpecialIds{}.end + 1; word < kVocabulary; ++word) {
        open.push_back(prefix);
        open.back().push_back(word);
      }
  }
  return done;
}

/// Tokens from the first node to this one.
inline Tokens text_to(const std::vector<SearchNode>& nodes, std::int32_t node) {
  Tokens tokens;
  for (auto at = node; at >= 0; at = nodes[static_cast<std::size_t>(at)].parent)
    tokens.insert(tokens.begin(), nodes[static_cast<std::size_t>(at)].token);
  return tokens;
}

}  // namespace attend::testing
