#include "models/copying.h"

#include "attend/attention/local_rnn.h"

#include <algorithm>

namespace attend {

std::pair<at::Tensor, SourceWords> split_source(const at::Tensor& source, std::int64_t vocabulary) {
  ATTEND_CHECK(source.dim() == 3 && source.size(2) == 2, kShape,
               "model.pointer_generator: the source must be [B, S, 2], each token beside its number for the target, got {}",
               shape_text(source));
  const auto words = source.select(2, 1).contiguous();  // [B, S]
  return {source.select(2, 0).contiguous(), {words, std::max<std::int64_t>(0, words.max().item<std::int64_t>() + 1 - vocabulary)}};
}

at::Tensor known_tokens(const at::Tensor& tokens, std::int64_t vocabulary, std::int64_t unknown) {
  return tokens.masked_fill(tokens.ge(vocabulary), unknown);
}

Request AttentionKeeper::request(const Site& site) {
  auto request = outer_ ? outer_->request(site) : Request{};
  request.weights |= is_site(site);
  return request;
}

void AttentionKeeper::observe(const Site& site, const Result& result) {
  if (is_site(site)) kept_ = result;
  if (outer_) outer_->observe(site, result);
}

const Site& copy_site() {
  static const Site site{.name = "output.copy", .role = SiteRole::kCopy, .mechanism = "pointer_generator"};
  return site;
}

PointerMixture copy_output(const PointerGenerator& pointer, const CopyStep& step, const SourceWords& words, Observer* observer) {
  const auto contexts = step.attended.context.squeeze(1);  // [B, T, Dv]
  auto mixture = pointer_mixture(step.logits, pointer(contexts, step.states, step.vectors), step.attended.weights.mean(1), words);
  if (observer) {
    const auto& site = copy_site();
    if (auto* follower = number_observer(observer)) follower->parts(site, step.states.unsqueeze(1), {});
    Result result;
    result.context = step.attended.context;
    result.weights = mixture.weights.unsqueeze(1);  // [B, 1, T, S]
    add_statistics(result, observer->request(site), result.weights);
    result.extras["p_gen"] = {mixture.p_gen};
    observer->observe(site, result);
  }
  return mixture;
}

void check_copying(const ModelOptions& o, const std::string& attention) {
  ATTEND_CHECK(attention != "none", kValue, "model.pointer_generator copies by the attention to the source; attention none leaves nothing");
  ATTEND_CHECK(attention != "local_rnn" || o.of<LocalRnnOptions>().inner != "raw", kValue,
               "model.pointer_generator: weights of local_rnn with local_inner raw may be negative; use local_inner: softmax");
}

}  // namespace attend
