#include "attend/models/seq2seq.h"

#include <algorithm>
#include <utility>

#include "attend/attention/local.h"
namespace attend {
namespace {

// Options may be set in code, where no config reader has looked at them.
class RangeChecker final : public OptionVisitor {
  void on(bool&, bool, const Field&) override {}
  void on(std::int64_t& f, std::int64_t, const Field& about) override { check(static_cast<double>(f), about); }
  void on(double& f, double, const Field& about) override { check(f, about); }
  void on(std::string& f, const std::string& fallback, const Field& about) override {
    const auto& valid = about.range->choices;  // the default need not be one of them
    if (!valid.empty() && f != fallback && std::find(valid.begin(), valid.end(), f) == valid.end())
      fail_unknown_name(fmt::format("model.{}", about.name), f, valid);
  }
  void on(std::vector<std::string>&, const std::vector<std::string>&, const Field&) override {}
  static void check(double value, const Field& about) {
    ATTEND_CHECK(value >= about.range->low && value <= about.range->high, kValue, "model.{} must be {}, got {}", about.name,
                 about.range->describe(), value);
  }
};

}  // namespace

std::vector<Site> joined_sites(std::initializer_list<std::vector<Site>> parts) {
  std::vector<Site> all;
  for (const auto& part : parts)
    for (const auto& site : part)
      if (std::find(all.begin(), all.end(), site) == all.end()) all.push_back(site);
  return all;
}

std::shared_ptr<Seq2Seq> make_model(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary) {
  auto model = std::dynamic_pointer_cast<Seq2Seq>(make_network(options, source_vocabulary, target_vocabulary));
  ATTEND_CHECK(model, kValue, "model.type: {} does not turn one sequence into another; use rnn_seq2seq or transformer", options.type);
  return model;
}

std::shared_ptr<Module> make_network(const ModelOptions& given, std::int64_t source_vocabulary, std::int64_t target_vocabulary) {
  auto options = given;
  options.attention = attention_of(options);
  RangeChecker checker;
  options.visit(checker);
  const auto& tied = std::as_const(options).of<TiedOptions>().tied;
  if (tied == "all")
    ATTEND_CHECK(source_vocabulary == target_vocabulary, kValue,
                 "model.tied: all needs one vocabulary for both sides, got {} and {} entries; set text.shared: true", source_vocabulary,
                 target_vocabulary);
  const auto network = find_model(options.type).make(options, source_vocabulary, target_vocabulary);
  network->name_places();
  return network;
}

std::unique_ptr<Encoded> Seq2Seq::encode_with_draft(const at::Tensor& /*source*/, const at::Tensor& /*lengths*/,
                                                    const at::Tensor& /*draft*/, const at::Tensor& /*draft_lengths*/,
                                                    Observer* /*observer*/) const {
  throw Error(ErrorKind::kValue, "this model has no second pass to read a draft with; train one with model.revise: true");
}

void check_decoding(const ModelOptions& o, const std::string& attention) {
  const auto& can = find_mechanism(attention).capabilities;
  ATTEND_CHECK(!can.ignores_query, kValue,
               "model.attention: {} reads with learned queries, so a decoder would see the same at every step; use it in a classifier, "
               "additive here",
               attention);
  ATTEND_CHECK(attention != "local_m" || o.of<CentreOptions>().centre != "scaled", kValue,
               "model.centre: scaled needs the target's length, which decoding does not know before its end; use step");
}

std::int64_t parameter_count(const Module& module) {
  std::int64_t count = 0;
  for (const auto& p : module.parameters()) count += p.numel();
  return count;
}

}  // namespace attend
