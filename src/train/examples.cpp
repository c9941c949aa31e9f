#include "train/examples.h"

#include <algorithm>
#include <numeric>

#include "attend/core/random.h"
#include "attend/decode/evaluate.h"
#include "attend/measure/alignment.h"
#include "train/learner.h"

namespace attend {
namespace {

ParallelCorpus open(const std::string& source, const std::string& target, const std::string& tsv, const DataOptions& data) {
  CorpusOptions options;
  options.skip_broken = data.skip_broken;
  options.header = data.header;
  return tsv.empty() ? ParallelCorpus::from_files(source, target, options) : ParallelCorpus::from_tsv(tsv, options);
}

}  // namespace

Examples::Examples(const DataOptions& options, std::uint64_t seed)
    : options_(options), corpus_(open(options.source, options.target, options.tsv, options)), held_out_(corpus_.size(), false) {
  if (!options.dev_tsv.empty() || !options.dev_source.empty()) {
    const auto dev = open(options.dev_source, options.dev_target, options.dev_tsv, options);
    for (std::size_t i = 0; i < dev.size(); ++i) {
      dev_sources_.emplace_back(dev.source(i));
      dev_targets_.emplace_back(dev.target(i));
    }
  } else {
    hold_out(options.dev_pairs, seed);
  }
}

void Examples::hold_out(std::int64_t wanted, std::uint64_t seed) {
  const auto n = corpus_.size();
  ATTEND_CHECK(n >= 2, kData, "training data: {} usable pairs; without validation files at least 2 are needed", n);
  auto count = wanted > 0 ? static_cast<std::size_t>(wanted) : std::clamp<std::size_t>(n / 20, 1, 1000);
  count = std::min(count, n / 2);
  RandomStream random(random_key(seed, {2}));
  while (dev_sources_.size() < count) {
    const auto i = static_cast<std::size_t>(random.below(n));
    if (held_out_[i]) continue;
    held_out_[i] = true;
    dev_sources_.emplace_back(corpus_.source(i));
    dev_targets_.emplace_back(corpus_.target(i));
  }
}

double Examples::mean_source_bytes() const {
  const auto n = std::min<std::size_t>(corpus_.size(), 1000);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < n; ++i) bytes += corpus_.source(i).size();
  return n > 0 ? static_cast<double>(bytes) / static_cast<double>(n) : 0;
}

bool Examples::target_is_cjk() const {
  std::size_t wide = 0, letters = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(corpus_.size(), 200); ++i) {
    for (const unsigned char c : corpus_.target(i)) {
      if ((c & 0xC0) == 0x80) continue;  // not the first byte of a character
      letters += c > ' ';
      wide += c >= 0xE3 && c <= 0xED;  // U+3000 to U+DFFF: kana, Chinese characters, hangul
    }
  }
  return 2 * wide > letters;
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

void Examples::measure(const Tokenizer& source, const Tokenizer& target) {
  lengths_.assign(corpus_.size(), 0);
  usable_ = 0;
  for (std::size_t i = 0; i < corpus_.size(); ++i) {
    if (held_out_[i]) continue;
    const auto longer = std::max(source.encode(corpus_.source(i)).size(), target.encode(corpus_.target(i)).size()) + 1;  // </s>
    if (static_cast<std::int64_t>(longer) > options_.max_length + 1) continue;
    lengths_[i] = static_cast<std::int32_t>(longer);
    ++usable_;
  }
}

std::unique_ptr<BatchIterator> Examples::batches(const TrainOptions& t, BatchPosition start) const {
  return std::make_unique<BatchIterator>(
      corpus_.size(), [this](std::size_t i) { return std::int64_t{lengths_[i]}; }, batch_plan(t), start);
}

// Links join what evaluation takes them to join (link_units); every piece of a linked word counts.
at::Tensor Examples::gold_rows(const std::vector<std::size_t>& indices, const TranslationModel& model, std::int64_t steps,
                               std::int64_t keys) const {
  auto gold = at::zeros({static_cast<std::int64_t>(indices.size()), steps, keys});
  auto cells = gold.accessor<float, 3>();
  const auto units = link_units(model);
  const auto holds = [](const std::vector<std::uint32_t>& own, std::uint32_t unit) {
    return std::binary_search(own.begin(), own.end(), unit);
  };
  for (std::size_t b = 0; b < indices.size(); ++b) {
    const auto i = indices[b];
    const auto links = parse_link_columns(corpus_.extra(i), 0, corpus_.place(i));
    const auto sources = units_of(linked_text(*model.source, corpus_.source(i), units.source), units.source);
    const auto targets = units_of(linked_text(*model.target, corpus_.target(i), units.target), units.target);
    for (std::size_t t = 0; t < targets.size(); ++t)
      for (std::size_t s = 0; s < sources.size(); ++s)
        for (const auto& link : links)
          if (holds(targets[t], link.target) && holds(sources[s], link.source)) cells[b][t][s] = 1;
  }
  return gold / gold.sum(-1, /*keepdim=*/true).clamp_min(1);
}

TrainBatch Examples::make_batch(const std::vector<std::size_t>& indices, const TranslationModel& model, bool with_links) const {
  std::vector<std::vector<std::int64_t>> sources, targets;
  std::vector<CopyWords> words;
  for (const auto i : indices) {
    sources.push_back(source_ids(*model.source, model.text, corpus_.source(i)));
    words.push_back(model.model.pointer_generator ? copy_words(model, corpus_.source(i)) : CopyWords{});
    targets.push_back(copied_ids(*model.target, corpus_.target(i), words.back()));
  }
  TrainBatch batch;
  const auto s = padded(sources), t = padded(targets);
  std::vector<const CopyWords*> own;
  for (const auto& one : words) own.push_back(&one);
  batch.source = model.model.pointer_generator ? with_words(s.ids, own) : s.ids;
  batch.source_lengths = s.lengths;
  set_targets(batch, t);
  if (with_links) batch.gold = gold_rows(indices, model, t.ids.size(1), s.ids.size(1));
  return batch;
}

std::string Examples::places(const std::vector<std::size_t>& indices) const {
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(indices.size(), 10); ++i) text += (i ? ", " : "") + corpus_.place(indices[i]);
  if (indices.size() > 10) text += fmt::format(" and {} more", indices.size() - 10);
  return text;
}

}  // namespace attend
