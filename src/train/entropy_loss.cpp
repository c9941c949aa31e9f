#include "train/entropy_loss.h"

#include <algorithm>
#include <charconv>

#include "attend/attention/mask.h"
#include "attend/core/error.h"

namespace attend {
namespace {

// Words that stand for all sites of a role.
std::optional<SiteRole> role_called(const std::string& word) {
  if (word == "source") return SiteRole::kSource;
  if (word == "self") return SiteRole::kSelf;
  if (word == "draft") return SiteRole::kDraft;
  return std::nullopt;
}

bool names(const std::string& word, const Site& site) {
  const auto role = role_called(word);
  return role ? site.role == *role : site.name == word;
}

// Why the entropy of a site's weights cannot be learned; empty where it can.
std::string why_not(const Site& site) {
  if (site.mechanism.empty()) return fmt::format("{} is no mechanism of attention", site.name);
  const auto all = mechanisms();
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto* m) { return m->name == site.mechanism; });
  if (found == all.end()) return {};
  const auto& can = (*found)->capabilities;
  if (can.rewarded) return fmt::format("{} is {}, which learns from a reward and has train.entropy_weight", site.name, site.mechanism);
  if (can.picks) return fmt::format("{} is {}, which picks one position", site.name, site.mechanism);
  return {};
}

std::vector<std::int64_t> chosen_heads(const EntropyLossOptions& o) {
  std::vector<std::int64_t> heads;
  for (const auto& text : o.heads) {
    std::int64_t head = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), head);
    ATTEND_CHECK(problem == std::errc() && end == text.data() + text.size() && head >= 0, kValue,
                 "train.attention_entropy_heads: expected numbers of heads from 0, got '{}'", text);
    heads.push_back(head);
  }
  return heads;
}

}  // namespace

void EntropyLossOptions::visit(OptionVisitor& v) {
  v(weight, "attention_entropy", 0.0,
    "weight of the mean entropy of attention: above 0 a penalty, which sharpens it, below 0 a bonus, which spreads it",
    between(-1000, 1000));
  v(sites, "attention_entropy_sites", {}, "whose: source, self or draft, or names of sites such as encoder.self; empty is all");
  v(heads, "attention_entropy_heads", {}, "of which heads, from 0; empty is all");
  v(told, "attention_entropies", false,
    "write the mean entropy of each of these sites and layers into metrics.jsonl; done where it has a weight");
}

bool asks_entropy(const EntropyLossOptions& o) { return o.weight != 0 || o.told; }

bool takes_part(const EntropyLossOptions& o, const Site& site) {
  if (!asks_entropy(o) || !why_not(site).empty()) return false;
  return o.sites.empty() || std::any_of(o.sites.begin(), o.sites.end(), [&](const auto& word) { return names(word, site); });
}

void check_entropy_sites(const EntropyLossOptions& o, const std::vector<Site>& sites) {
  if (!asks_entropy(o)) return;
  chosen_heads(o);
  std::vector<std::string> known;
  for (const auto& site : sites)
    if (std::find(known.begin(), known.end(), site.name) == known.end()) known.push_back(site.name);
  for (const auto& word : o.sites) {
    const auto found = std::find_if(sites.begin(), sites.end(), [&](const Site& s) { return names(word, s); });
    if (found == sites.end()) fail_unknown_name("train.attention_entropy_sites", word, known);
    const auto problem = why_not(*found);
    ATTEND_CHECK(problem.empty(), kValue, "train.attention_entropy_sites: {}; leave it out", problem);
  }
  std::vector<std::string> problems;
  for (const auto& site : sites)
    if (auto problem = why_not(site); !problem.empty()) problems.push_back(std::move(problem));
  ATTEND_CHECK(std::any_of(sites.begin(), sites.end(), [&](const Site& s) { return takes_part(o, s); }), kValue,
               "train.attention_entropy: this model has no attention whose entropy could be learned{}{}; set it to 0",
               problems.empty() ? "" : ": ", fmt::join(problems, ", "));
}

at::Tensor mean_entropy(const EntropyLossOptions& o, const Site& site, const Result& result, const at::Tensor& lengths) {
  auto entropy = result.entropy;  // [B, H, T]
  ATTEND_CHECK(entropy.defined(), kValue,
               "train.attention_entropy: {} ({}) tells no entropy; leave it out of train.attention_entropy_sites", site.name,
               site.mechanism);
  ATTEND_CHECK(o.weight == 0 || !at::GradMode::is_enabled() || entropy.requires_grad(), kValue,
               "train.attention_entropy: the entropy of {} ({}) does not depend on what is learned; leave it out of "
               "train.attention_entropy_sites",
               site.name, site.mechanism);
  if (const auto heads = chosen_heads(o); !heads.empty()) {
    const auto most = *std::max_element(heads.begin(), heads.end());
    ATTEND_CHECK(most < entropy.size(1), kValue, "train.attention_entropy_heads: {} has {} heads, got head {} (counted from 0)", site.name,
                 entropy.size(1), most);
    entropy = entropy.index_select(1, at::tensor(at::ArrayRef<std::int64_t>(heads), index_options()));  // [B, chosen, T]
  }
  if (!lengths.defined()) return entropy.mean();
  const auto live = within_lengths(lengths, entropy.size(2)).unsqueeze(1).expand_as(entropy);  // [B, H, T]
  return entropy.masked_fill(live.logical_not(), 0.0).sum() / live.sum().clamp_min(1);
}

void add_entropies(EntropySums& to, const EntropySums& more) {
  for (const auto& [name, own] : more) {
    auto& [sum, count] = to[name];
    sum += own.first;
    count += own.second;
  }
}

std::string entropy_name(const Site& site) {
  return site.layers == SiteLayers::kOne ? site.name : fmt::format("{}.{}", site.name, site.layer);
}

}  // namespace attend
