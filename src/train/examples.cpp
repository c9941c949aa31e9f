#include "train/examples.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "attend/attention/additive.h"
#include "attend/core/random.h"
#include "attend/measure/alignment.h"
#include "attend/models/recurrent_options.h"
#include "attend/run/evaluate.h"
#include "train/learner.h"

namespace attend {
namespace {

ParallelCorpus open(const std::string& source, const std::string& target, const std::string& tsv, const OptionSet& data) {
  CorpusOptions options;
  options.skip_broken = data.of<PairOptions>().skip_broken;
  options.header = data.of<HeaderOptions>().header;
  return tsv.empty() ? ParallelCorpus::from_files(source, target, options) : ParallelCorpus::from_tsv(tsv, options);
}

TrainBatch pair_batch(const std::vector<std::string_view>& source_texts, const std::vector<std::string_view>& target_texts,
                      const TranslationModel& model) {
  std::vector<std::vector<std::int64_t>> sources, targets;
  std::vector<CopyWords> words;
  for (std::size_t i = 0; i < source_texts.size(); ++i) {
    sources.push_back(source_ids(*model.source, model.text, source_texts[i]));
    words.push_back(model.model.of<CopyOptions>().pointer_generator ? copy_words(model, source_texts[i]) : CopyWords{});
    targets.push_back(copied_ids(*model.target, target_texts[i], words.back()));
  }
  TrainBatch batch;
  const auto s = padded(sources), t = padded(targets);
  std::vector<const CopyWords*> own;
  for (const auto& one : words) own.push_back(&one);
  batch.source = model.model.of<CopyOptions>().pointer_generator ? with_words(s.ids, own) : s.ids;
  batch.source_lengths = s.lengths;
  set_targets(batch, t, model.target->special().begin);
  return batch;
}

}  // namespace

Examples::Examples(const OptionSet& data, std::uint64_t seed)
    : options_(data.of<PairOptions>()),
      tables_(data.of<TableFiles>()),
      dev_share_(data.of<HeldOutOptions>().dev_share),
      corpus_(open(options_.source, options_.target, tables_.tsv, data)),
      held_out_(corpus_.size(), false) {
  if (!tables_.dev_tsv.empty() || !options_.dev_source.empty()) {
    const auto dev = open(options_.dev_source, options_.dev_target, tables_.dev_tsv, data);
    for (std::size_t i = 0; i < dev.size(); ++i) {
      dev_sources_.emplace_back(dev.source(i));
      dev_targets_.emplace_back(dev.target(i));
    }
  } else {
    hold_out(seed);
  }
}

void Examples::hold_out(std::uint64_t seed) {
  const auto n = corpus_.size();
  ATTEND_CHECK(n >= 2, kData, "training data: {} usable pairs; without validation files at least 2 are needed", n);
  const double share = dev_share_;
  const bool untouched = share == HeldOutOptions().dev_share;  // many pairs tell no more than a thousand
  auto count = options_.dev_pairs > 0 ? static_cast<std::size_t>(options_.dev_pairs)
                                      : std::max<std::size_t>(1, static_cast<std::size_t>(share * static_cast<double>(n) + 1e-9));
  if (options_.dev_pairs == 0 && untouched) count = std::min<std::size_t>(count, 1000);
  const auto most = options_.dev_pairs > 0 || untouched ? n / 2 : n - 1;
  if (count > most) {
    warnings_.push_back(fmt::format("held out {} of {} pairs for validation, not data.dev_pairs = {}, to leave half for training", most, n,
                                    options_.dev_pairs));
    count = most;
  }
  RandomStream random(random_key(seed, {2}));
  while (dev_sources_.size() < count) {
    const auto i = static_cast<std::size_t>(random.below(n));
    if (held_out_[i]) continue;
    held_out_[i] = true;
    dev_sources_.emplace_back(corpus_.source(i));
    dev_targets_.emplace_back(corpus_.target(i));
  }
}

CorpusProfile Examples::profile() const {
  constexpr std::size_t kEnough = 200000;
  const auto step = std::max<std::size_t>(1, corpus_.size() / kEnough);
  SideCounter source, target;
  std::uint64_t seen = 0, identical = 0;
  for (std::size_t i = 0; i < corpus_.size(); i += step) {
    if (held_out_[i]) continue;
    source.add(corpus_.source(i));
    target.add(corpus_.target(i));
    identical += corpus_.source(i) == corpus_.target(i);
    ++seen;
  }
  return {.pairs = corpus_.size(),
          .source = source.finish(),
          .target = target.finish(),
          .identical = seen > 0 ? static_cast<double>(identical) / static_cast<double>(seen) : 0};
}

std::pair<std::shared_ptr<Tokenizer>, std::shared_ptr<Tokenizer>> Examples::train_tokenizers(const TextOptions& text) const {
  auto lines = [this](bool source, bool target) {
    return LineSource([this, source, target](const std::function<void(std::string_view)>& take) {
      for (std::size_t i = 0; i < corpus_.size(); ++i) {
        if (held_out_[i]) continue;
        if (source) take(corpus_.source(i));
        if (target) take(corpus_.target(i));
      }
    });
  };
  if (text.shared) {
    std::shared_ptr<Tokenizer> both = train_tokenizer(text.source, lines(true, true));
    return {both, both};
  }
  return {train_tokenizer(text.source, lines(true, false)), train_tokenizer(text.target, lines(false, true))};
}

namespace {

// Tokens on the longer side up to which a batch's attention surely fits into memory: its energies [B, T, S, E] in float32, three times
// over, within 4 GB.
std::int64_t longest_that_fits(const TrainOptions& t, const ModelOptions& m) {
  const auto energy = static_cast<double>(std::max({m.of<EnergyOptions>().size, m.of<ReadingOptions>().encoder_hidden, m.embedding}));
  const double cells = 4e9 / (12 * energy), batch = static_cast<double>(t.batch_size);
  const double length = t.batch_by == "sentences" ? std::sqrt(cells / batch) : cells / batch;
  return static_cast<std::int64_t>(std::clamp(length, 100.0, 2000.0));
}

// What all but one in 1,000 keep to.
template <class Number>
Number most(std::vector<Number> values) {
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(std::ceil(0.999 * static_cast<double>(values.size() - 1)));
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

}  // namespace

std::vector<std::string> Examples::measure(const TranslationModel& model, Config& config, const GivenValues& given) {
  const auto& source = *model.source;
  const auto& target = *model.target;
  struct Sides {
    std::int32_t source = 0, target = 0;
    std::int32_t longer() const { return std::max(source, target); }
  };
  std::vector<Sides> tokens(corpus_.size());
  std::vector<std::int32_t> seen;
  for (std::size_t i = 0; i < corpus_.size(); ++i) {
    if (held_out_[i]) continue;
    tokens[i] = {static_cast<std::int32_t>(source.encode(corpus_.source(i)).size()),
                 static_cast<std::int32_t>(target.encode(corpus_.target(i)).size())};
    seen.push_back(tokens[i].longer());
  }
  auto& limit = config.data.of<PairOptions>().max_length;
  std::vector<std::string> said;
  if (limit == 0) {
    limit = std::clamp<std::int64_t>(most(seen), 100, longest_that_fits(config.train, config.model));
    if (limit > 100)
      said.push_back(
          fmt::format("data.max_length = {} (the longest line has {} tokens)", limit, *std::max_element(seen.begin(), seen.end())));
  }
  lengths_.assign(corpus_.size(), 0);
  usable_ = 0;
  std::size_t first_over = corpus_.size();
  std::int64_t longest_source = 20;  // a ratio made by short sources alone would let longer ones run wild
  auto& d = config.decode;
  std::vector<double> ratios, extras;  // what a search needs for each pair, with a quarter to spare, if the other limit stays
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (held_out_[i]) continue;
    if (tokens[i].longer() > limit) {
      first_over = std::min(first_over, i);
      continue;
    }
    lengths_[i] = tokens[i].longer() + 1;  // </s>
    ++usable_;
    const double from = std::max(1, tokens[i].source), to = 1.25 * (tokens[i].target + 1);
    longest_source = std::max<std::int64_t>(longest_source, tokens[i].source);
    ratios.push_back((to - static_cast<double>(d.max_length_extra)) / from);
    extras.push_back(to - d.max_length_ratio * from);
  }
  if (usable_ < seen.size()) tell_lengths(seen, limit, first_over);
  if (config.train.of<GuidedOptions>().guided_weight > 0) check_gold_links(model);
  if (ratios.empty() || given.contains("decode.max_length_ratio") || given.contains("decode.max_length_extra")) return said;
  const double ratio = std::ceil(10 * most(ratios)) / 10, extra = std::ceil(most(extras)), longest = static_cast<double>(longest_source);
  if (ratio <= d.max_length_ratio) return said;
  // Whichever leaves a search over the longest source less room.
  if (ratio * longest + static_cast<double>(d.max_length_extra) < d.max_length_ratio * longest + extra) {
    d.max_length_ratio = ratio;
    said.push_back(fmt::format("decode.max_length_ratio = {} (the targets are that long)", ratio));
  } else {
    d.max_length_extra = static_cast<std::int64_t>(extra);
    said.push_back(fmt::format("decode.max_length_extra = {} (the targets are that long)", d.max_length_extra));
  }
  return said;
}

void Examples::check_gold_links(const TranslationModel& model) {
  linked_ = link_units(model);
  std::size_t unlinked = 0;
  for (std::size_t i = 0; i < corpus_.size(); ++i) {
    if (lengths_[i] == 0) continue;
    const auto gold = parse_link_columns(corpus_.extra(i), 0, corpus_.place(i));
    unlinked += gold.empty();
    if (!gold.empty())
      check_links(gold, linked_count(*model.source, corpus_.source(i), linked_.source),
                  linked_count(*model.target, corpus_.target(i), linked_.target), corpus_.place(i));
  }
  if (unlinked == 0) return;
  ATTEND_CHECK(unlinked < usable_, kData,
               "train.guided_weight needs gold links, the third column of data.tsv, and no pair of {} has any; set it to 0, or add them",
               tables_.tsv);
  warnings_.push_back(
      fmt::format("{} of {} training pairs have no gold links: train.guided_weight does nothing for them", unlinked, usable_));
}

void Examples::tell_lengths(const std::vector<std::int32_t>& tokens, std::int64_t limit, std::size_t first_over) {
  auto sorted = tokens;
  std::sort(sorted.begin(), sorted.end());
  const auto over = tokens.size() - usable_;
  const auto all = sorted.back(), most = sorted[(sorted.size() * 99 + 99) / 100 - 1];  // 99 of 100 pairs have at most that many
  std::string cure = fmt::format("data.max_length={} keeps all", all);
  if (most > limit && most < all) cure = fmt::format("data.max_length={} keeps 99 %, {} all", most, all);
  warnings_.push_back(fmt::format("left out {} of {} training pairs with more than data.max_length = {} tokens on a side, the first {}; {}",
                                  over, tokens.size(), limit, corpus_.place(first_over), cure));
}

std::unique_ptr<BatchIterator> Examples::batches(const TrainOptions& t, BatchPosition start) const {
  return std::make_unique<BatchIterator>(
      corpus_.size(), [this](std::size_t i) { return std::int64_t{lengths_[i]}; }, batch_plan(t), start);
}

// Links join what evaluation takes them to join (link_units); every piece of a linked word counts.
at::Tensor Examples::gold_rows(const std::vector<std::size_t>& indices, const TranslationModel& model, std::int64_t steps,
                               std::int64_t keys) const {
  auto gold = at::zeros({static_cast<std::int64_t>(indices.size()), steps, keys}, float_options());  // [B, T, S]
  auto cells = gold.accessor<float, 3>();
  // The tokens of each unit.
  const auto tokens_of = [](const Tokenizer& tokenizer, std::string_view text, LinkUnit unit) {
    std::unordered_map<std::uint32_t, std::vector<std::int64_t>> tokens;
    const auto units = units_of(linked_text(tokenizer, text, unit), unit);
    for (std::size_t token = 0; token < units.size(); ++token)
      for (const auto own : units[token]) tokens[own].push_back(static_cast<std::int64_t>(token));
    return tokens;
  };
  for (std::size_t b = 0; b < indices.size(); ++b) {
    const auto i = indices[b];
    const auto links = parse_link_columns(corpus_.extra(i), 0, corpus_.place(i));
    auto sources = tokens_of(*model.source, corpus_.source(i), linked_.source);
    auto targets = tokens_of(*model.target, corpus_.target(i), linked_.target);
    const auto row = static_cast<std::int64_t>(b);
    for (const auto& link : links)
      for (const auto t : targets[link.target])
        for (const auto s : sources[link.source]) cells[row][t][s] = 1;
  }
  return gold / gold.sum(-1, /*keepdim=*/true).clamp_min(1);
}

TrainBatch Examples::make_batch(const std::vector<std::size_t>& indices, const TranslationModel& model, bool with_links) const {
  std::vector<std::string_view> sources, targets;
  for (const auto i : indices) {
    sources.push_back(corpus_.source(i));
    targets.push_back(corpus_.target(i));
  }
  auto batch = pair_batch(sources, targets, model);
  if (with_links) batch.gold = gold_rows(indices, model, batch.inputs.size(1), batch.source.size(1));
  return batch;
}

TrainBatch Examples::dev_batch(std::size_t most, const TranslationModel& model) const {
  const auto n = std::min(most, dev_sources_.size());
  const auto end = static_cast<std::ptrdiff_t>(n);
  return pair_batch({dev_sources_.begin(), dev_sources_.begin() + end}, {dev_targets_.begin(), dev_targets_.begin() + end}, model);
}

std::string Examples::places(const std::vector<std::size_t>& indices) const {
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(indices.size(), 10); ++i) text += (i ? ", " : "") + corpus_.place(indices[i]);
  if (indices.size() > 10) text += fmt::format(" and {} more", indices.size() - 10);
  return text;
}

}  // namespace attend
