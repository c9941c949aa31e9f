// Learning a language model from one long text, cut into windows.
#include <cmath>

#include "attend/core/random.h"
#include "attend/decode/sample.h"
#include "attend/measure/language_model.h"
#include "attend/ops/cross_entropy.h"
#include "attend/text/text_stream.h"
#include "train/learner.h"

namespace attend {
namespace {

// Token ids of a text, every line closed by </s>, and the characters they spell (the line's end counts as one).
struct Stream {
  std::vector<std::int32_t> ids;
  std::uint64_t characters = 0;
};

Stream encode(const Tokenizer& tokenizer, const std::string& text) {
  Stream stream;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const auto end = std::min(text.find('\n', begin), text.size());
    const auto line = std::string_view(text).substr(begin, end - begin);
    for (const auto& token : tokenizer.encode(line)) stream.ids.push_back(token.id);
    stream.ids.push_back(kEndId);
    for (const char c : line) stream.characters += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    ++stream.characters;
    begin = end + 1;
  }
  return stream;
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

  void build(Config& config, const std::string& stored) override {
    if (!stored.empty()) {
      model_ = read_model_of<Seq2Seq>(stored, "a language model");
      config.model = model_.model;
      config.text = model_.text;
    } else {
      model_.model = config.model;
      model_.text = config.text;
      model_.target = train_tokenizer(config.text.target, [&](const std::function<void(std::string_view)>& take) {
        for (std::size_t begin = 0; begin < train_text_.size();) {
          const auto end = std::min(train_text_.find('\n', begin), train_text_.size());
          take(std::string_view(train_text_).substr(begin, end - begin));
          begin = end + 1;
        }
      });
      at::manual_seed(random_key(static_cast<std::uint64_t>(config.train.seed), {0}));
      model_.network = make_model(config.model, 0, model_.target->size());
    }
    any_ = {model_.model, model_.text, nullptr, model_.target, model_.network};
    config_ = config;
    train_ = encode(*model_.target, train_text_);
    dev_ = encode(*model_.target, dev_text_);
    ATTEND_CHECK(!train_.ids.empty() && !dev_.ids.empty(), kData, "{}: nothing is left to learn from or to validate on; give a longer text",
                 config.data.text);
  }

  void describe(TrainPlan& plan) const override {
    plan.examples = windows();
    plan.dev_examples = (dev_.ids.size() + length() - 1) / length();
    plan.target_vocabulary = model_.target->size();
  }

  const AnyModel& model() const override { return any_; }

  std::unique_ptr<BatchIterator> batches(BatchPosition start) const override {
    const auto& t = config_.train;
    const BatchPlan plan{
        .size = t.batch_size, .by_tokens = t.batch_by == "tokens", .window = t.window, .seed = static_cast<std::uint64_t>(t.seed)};
    return std::make_unique<BatchIterator>(
        windows(), [this](std::size_t i) { return static_cast<std::int64_t>(size_of(i)); }, plan, start);
  }

  std::unique_ptr<Batch> batch(const std::vector<std::size_t>& examples) const override {
    auto batch = std::make_unique<Windows>();
    std::size_t longest = 0;
    for (const auto i : examples) longest = std::max(longest, size_of(i));
    const auto rows = static_cast<std::int64_t>(examples.size()), steps = static_cast<std::int64_t>(longest);
    batch->inputs = at::full({rows, steps}, kPadId, at::kLong);
    auto wanted = at::full({rows, steps}, kPadId, at::kLong);
    batch->lengths = at::empty({rows}, at::kLong);
    for (std::int64_t b = 0; b < rows; ++b) {
      const auto i = examples[static_cast<std::size_t>(b)];
      fill(train_, i * length(), size_of(i), batch->inputs[b], wanted[b]);
      batch->lengths[b] = static_cast<std::int64_t>(size_of(i));
    }
    const auto flat = wanted.flatten();
    batch->live = flat.ne(kPadId).nonzero().squeeze(1);
    batch->targets = flat.index_select(0, batch->live);
    batch->units = batch->targets.size(0);
    return batch;
  }

  double backward(const Batch& base, std::int64_t units, std::int64_t /*update*/) override {
    const auto& batch = static_cast<const Windows&>(base);
    const auto states = states_of(batch.inputs, batch.lengths);
    const auto live = states.flatten(0, 1).index_select(0, batch.live);  // [n, N]
    const auto entropy = cross_entropy(model_.network->logits(live), batch.targets, config_.train.label_smoothing);
    (entropy.loss / static_cast<double>(units)).backward();
    return entropy.nll;
  }

  std::vector<std::string> figures() const override { return {"loss", "perplexity", "bits_per_character"}; }

  // Windows overlap by half; of each but the first only the second half counts, so every token is read with some past.
  Validation validate() const override {
    at::NoGradGuard no_grad;
    LanguageModelScore score;
    const auto half = std::max<std::size_t>(1, length() / 2), total = dev_.ids.size();
    for (std::size_t begin = 0; begin == 0 || begin + half < total; begin += half) {
      const auto size = std::min(length(), total - begin);
      auto inputs = at::empty({1, static_cast<std::int64_t>(size)}, at::kLong), wanted = at::empty_like(inputs);
      fill(dev_, begin, size, inputs[0], wanted[0]);
      const auto states = states_of(inputs, at::full({1}, static_cast<std::int64_t>(size), at::kLong));
      const auto log_p = at::log_softmax(model_.network->logits(states[0]).to(at::kFloat), -1).gather(1, wanted[0].unsqueeze(1));
      const auto first = static_cast<std::int64_t>(begin == 0 ? 0 : half);
      const auto counted = static_cast<std::int64_t>(size) - first;
      if (counted > 0) score.add(-log_p.narrow(0, first, counted).sum().item<double>(), static_cast<std::uint64_t>(counted));
    }
    Validation v;
    v.figures = {{"loss", score.loss().value_or(0)},
                 {"perplexity", score.perplexity().value_or(0)},
                 {"bits_per_character", score.nll() / std::log(2.0) / static_cast<double>(dev_.characters)}};
    SampleOptions options;
    options.temperature = 0.8;
    options.max_tokens = 120;
    options.past_end = true;
    const auto drawn = sample(*model_.network, at::empty({1, 0}, at::kLong), at::zeros({1}, at::kLong), {{}}, options, false);
    v.samples.push_back(lines_of(drawn[0].best[0].tokens));
    return v;
  }

  std::string places(const std::vector<std::size_t>& examples) const override {
    return fmt::format("{}: windows {}", config_.data.text, fmt::join(examples, ", "));
  }

 private:
  struct Windows final : Batch {
    at::Tensor inputs, lengths, live, targets;
  };

  std::size_t length() const { return static_cast<std::size_t>(config_.data.length); }
  std::size_t windows() const { return (train_.ids.size() + length() - 1) / length(); }
  std::size_t size_of(std::size_t i) const { return std::min(length(), train_.ids.size() - i * length()); }

  // `size` tokens from `begin` on, and what is read before each of them.
  static void fill(const Stream& stream, std::size_t begin, std::size_t size, at::Tensor inputs, at::Tensor wanted) {
    auto in = inputs.accessor<std::int64_t, 1>(), out = wanted.accessor<std::int64_t, 1>();
    for (std::size_t t = 0; t < size; ++t) {
      in[static_cast<std::int64_t>(t)] = begin + t == 0 ? kBeginId : stream.ids[begin + t - 1];
      out[static_cast<std::int64_t>(t)] = stream.ids[begin + t];
    }
  }

  at::Tensor states_of(const at::Tensor& inputs, const at::Tensor& lengths) const {
    const auto rows = inputs.size(0);
    const auto encoded = model_.network->encode(at::empty({rows, 0}, at::kLong), at::zeros({rows}, at::kLong), nullptr);
    return model_.network->decode(*encoded, inputs, lengths, nullptr);  // [B, T, N]
  }

  std::string lines_of(const std::vector<std::int32_t>& tokens) const {
    std::string text;
    for (auto begin = tokens.begin(); begin < tokens.end();) {
      const auto end = std::find(begin, tokens.end(), kEndId);
      text += model_.target->decode(std::vector<std::int32_t>(begin, end)) + (end == tokens.end() ? "" : "\n");
      begin = end == tokens.end() ? end : end + 1;
    }
    return text;
  }

  Config config_;
  std::string train_text_, dev_text_;
  StoredModel<Seq2Seq> model_;
  AnyModel any_;
  Stream train_, dev_;
};

}  // namespace

std::unique_ptr<Learner> make_stream_learner(const Config& config) { return std::make_unique<StreamLearner>(config); }

}  // namespace attend
