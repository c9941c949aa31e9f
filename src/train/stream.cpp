// Learning a language model from one long text, cut into windows.
#include <numeric>

#include "attend/decode/sample.h"
#include "attend/measure/language_model.h"
#include "attend/ops/cross_entropy.h"
#include "attend/text/text_stream.h"
#include "attend/text/unicode.h"
#include "train/learner.h"

namespace attend {
namespace {

// Calls `take` for each line, without its end.
void each_line(std::string_view text, const std::function<void(std::string_view)>& take) {
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    take(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

// Characters that tokens of a line spell: a run of white space is one, and none stands at either end.
std::uint64_t spelled_characters(std::string_view line) {
  std::uint64_t count = 0;
  bool space = false;
  for (std::size_t at = 0; at < line.size();) {
    if (is_white_space(next_character(line, at))) {
      space = count > 0;
    } else {
      count += space ? 2 : 1;
      space = false;
    }
  }
  return count;
}

// Token ids of a text, every line closed by </s>, and the characters they spell (the line's end counts as one).
struct Stream {
  std::vector<std::int32_t> ids;
  std::uint64_t characters = 0;
};

Stream stream_of(const Tokenizer& tokenizer, const std::string& text) {
  Stream stream;
  each_line(text, [&](std::string_view line) {
    for (const auto& token : tokenizer.encode(line)) stream.ids.push_back(token.id);
    stream.ids.push_back(kEndId);
    stream.characters += spelled_characters(line) + 1;
  });
  return stream;
}

// Places in a stream, and at each of them some tokens that are read together.
struct Window {
  std::size_t begin, size;
};

struct Windows final : Learner::Batch {
  at::Tensor inputs, wanted, lengths;  // [B, T]: what is read before each token, the token; [B]
  at::Tensor live, targets;            // [n] places in [B·T], [n]
};

Windows windows_of(const Stream& stream, const std::vector<Window>& windows) {
  Windows batch;
  std::size_t longest = 0;
  for (const auto& w : windows) longest = std::max(longest, w.size);
  const auto rows = static_cast<std::int64_t>(windows.size()), steps = static_cast<std::int64_t>(longest);
  batch.inputs = at::full({rows, steps}, kPadId, at::kLong);
  batch.wanted = at::full({rows, steps}, kPadId, at::kLong);
  batch.lengths = at::empty({rows}, at::kLong);
  auto in = batch.inputs.accessor<std::int64_t, 2>(), out = batch.wanted.accessor<std::int64_t, 2>();
  for (std::int64_t b = 0; b < rows; ++b) {
    const auto& [begin, size] = windows[static_cast<std::size_t>(b)];
    for (std::size_t t = 0; t < size; ++t) {
      in[b][static_cast<std::int64_t>(t)] = begin + t == 0 ? kBeginId : stream.ids[begin + t - 1];
      out[b][static_cast<std::int64_t>(t)] = stream.ids[begin + t];
    }
    batch.lengths[b] = static_cast<std::int64_t>(size);
  }
  const auto flat = batch.wanted.flatten();
  batch.live = flat.ne(kPadId).nonzero().squeeze(1);
  batch.targets = flat.index_select(0, batch.live);
  batch.units = batch.targets.size(0);
  return batch;
}

class StreamLearner final : public Learner {
 public:
  explicit StreamLearner(const Config& config) : config_(config) {
    const auto& d = config.data;
    ATTEND_CHECK(!d.text.empty(), kValue, "data.text is missing: the file to learn from, plain text");
    const auto text = read_text(d.text);
    if (d.dev_text.empty()) {
      auto parts = split_text(text, {.dev = d.dev_share, .test = d.test_share}, d.text);
      train_text_ = std::move(parts.train);
      dev_text_ = std::move(parts.dev);
    } else {
      train_text_ = text;
      dev_text_ = read_text(d.dev_text);
    }
  }

  void describe(TrainPlan& plan) const override {
    plan.examples = windows();
    plan.dev_examples = (dev_.ids.size() + length() - 1) / length();
    plan.target_vocabulary = model_.target->size();
  }

  std::unique_ptr<BatchIterator> batches(BatchPosition start) const override {
    return std::make_unique<BatchIterator>(
        windows(), [this](std::size_t i) { return static_cast<std::int64_t>(window(i).size); }, batch_plan(config_.train), start);
  }

  std::unique_ptr<Batch> batch(const std::vector<std::size_t>& examples) const override {
    std::vector<Window> places;
    for (const auto i : examples) places.push_back(window(i));
    return std::make_unique<Windows>(windows_of(train_, places));
  }

  double backward(const Batch& base, std::int64_t units, std::int64_t /*update*/) override {
    const auto& batch = static_cast<const Windows&>(base);
    const auto live = states_of(batch).flatten(0, 1).index_select(0, batch.live);  // [n, N]
    const auto entropy = cross_entropy(model_.network->logits(live), batch.targets, config_.train.label_smoothing);
    (entropy.loss / static_cast<double>(units)).backward();
    return entropy.nll;
  }

  std::vector<std::string> figures() const override { return {"loss", "perplexity", "bits_per_character"}; }

  Validation validate() const override {
    const auto score = predict(dev_);
    Validation v;
    v.figures = {{"loss", score.loss().value_or(0)},
                 {"perplexity", score.perplexity().value_or(0)},
                 {"bits_per_character", score.bits_per_character().value_or(0)}};
    SampleOptions options;
    options.temperature = 0.8;
    options.max_tokens = 120;
    options.past_end = true;
    const auto drawn = sample(*model_.network, {at::empty({1, 0}, at::kLong), at::zeros({1}, at::kLong), {{}}}, options, false);
    v.samples.push_back(fmt::format("{}", fmt::join(lines_of(*model_.target, drawn[0].best[0].tokens), "\n")));
    return v;
  }

  std::string places(const std::vector<std::size_t>& examples) const override {
    return fmt::format("{}: windows {}", config_.data.text, fmt::join(examples, ", "));
  }

 protected:
  void check(const ModelOptions& options) const override {
    ATTEND_CHECK(!reads_source(options.type), kValue,
                 "model.type: {} answers to a source, and task {} has none; use rnn_lm or transformer_lm", options.type, config_.task);
  }

  void make_vocabularies(const TextOptions& text, AnyModel& model) const override {
    model.target = train_tokenizer(text.target, [&](const std::function<void(std::string_view)>& take) { each_line(train_text_, take); });
  }

  void begin(const Config& config) override {
    config_ = config;
    model_ = as_seq2seq(model(), "task " + config.task);
    train_ = stream_of(*model_.target, train_text_);
    dev_ = stream_of(*model_.target, dev_text_);
    ATTEND_CHECK(!train_.ids.empty() && !dev_.ids.empty(), kData, "{}: nothing is left to learn from or to validate on; give a longer text",
                 config_.data.text);
  }

 private:
  std::size_t length() const { return static_cast<std::size_t>(config_.data.length); }
  std::size_t windows() const { return (train_.ids.size() + length() - 1) / length(); }
  Window window(std::size_t i) const { return {i * length(), std::min(length(), train_.ids.size() - i * length())}; }

  // Windows overlap by half; of each but the first only the second half counts, so every token is read with some past.
  LanguageModelScore predict(const Stream& stream) const {
    at::NoGradGuard no_grad;
    constexpr std::size_t kTogether = 32;
    const auto half = std::max<std::size_t>(1, length() / 2), total = stream.ids.size();
    std::vector<Window> places{{0, std::min(length(), total)}};
    for (auto begin = half; begin + half < total; begin += half) places.push_back({begin, std::min(length(), total - begin)});
    LanguageModelScore score;
    for (std::size_t at = 0; at < places.size(); at += kTogether) {
      const std::vector<Window> some(places.begin() + static_cast<std::ptrdiff_t>(at),
                                     places.begin() + static_cast<std::ptrdiff_t>(std::min(places.size(), at + kTogether)));
      const auto batch = windows_of(stream, some);
      const auto logits = model_.network->logits(states_of(batch)).to(at::kFloat);
      const auto log_p = at::log_softmax(logits, -1).gather(2, batch.wanted.unsqueeze(2)).squeeze(2);  // [B, T]
      for (std::size_t b = 0; b < some.size(); ++b) {
        const auto first = some[b].begin == 0 ? 0 : half, counted = some[b].size - first;
        const auto counts =
            log_p[static_cast<std::int64_t>(b)].narrow(0, static_cast<std::int64_t>(first), static_cast<std::int64_t>(counted));
        score.add(-counts.sum().item<double>(), counted);
      }
    }
    score.add(0, 0, stream.characters);
    return score;
  }

  at::Tensor states_of(const Windows& batch) const {
    const auto rows = batch.inputs.size(0);
    const auto encoded = model_.network->encode(at::empty({rows, 0}, at::kLong), at::zeros({rows}, at::kLong), nullptr);
    return model_.network->decode(*encoded, batch.inputs, batch.lengths, nullptr);  // [B, T, N]
  }

  Config config_;
  std::string train_text_, dev_text_;
  TranslationModel model_;
  Stream train_, dev_;
};

}  // namespace

std::unique_ptr<Learner> make_stream_learner(const Config& config) { return std::make_unique<StreamLearner>(config); }

}  // namespace attend
