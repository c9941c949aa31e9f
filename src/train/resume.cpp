#include "train/resume.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "attend/core/files.h"
#include "attend/models/seq2seq.h"
#include "attend/store/model_folder.h"

namespace attend {
namespace {

// Keys that a run may change while it goes on: when it ends, how fast it learns, how often it is looked at, and how it is computed.
const std::set<std::string> kMayChange = {
    "train.out",     "train.epochs",         "train.steps",         "train.minutes",        "train.patience",
    "train.rate",    "train.warmup",         "train.minimum_rate",  "train.plateau_factor", "train.plateau_patience",
    "train.threads", "train.validate_every", "train.validate_beam", "train.validate_pairs", "train.save_every",
    "train.samples", "train.keep",           "train.average"};

// Keys of section data that name files: these may lie elsewhere now, if they hold the same.
const std::set<std::string> kDataFiles = {"source",   "target",   "tsv",         "dev_source", "dev_target", "dev_tsv",
                                          "text",     "answers",  "images",      "labels",     "captions",   "list",
                                          "dev_list", "dev_text", "dev_answers", "dev_images", "dev_labels"};

// Keys of section model that shape no weight: a run that starts from another's weights may have its own.
const std::set<std::string> kOfTrainingAlone = {"model.dropout", "model.attention_dropout"};

std::string shown_value(const OptionInfo& field) {
  if (field.type == "list") return fmt::format("[{}]", fmt::join(field.value, ", "));
  return field.value.at(0).empty() ? "''" : field.value.at(0);
}

GivenValues as_given(const std::vector<OptionInfo>& fields, const std::string& where) {
  GivenValues values;
  for (const auto& f : fields) values[f.key] = {.texts = f.value, .is_list = f.type == "list", .where = where, .stored = true};
  return values;
}

// Whether the user asks for what `field` holds: a default that nobody typed is no wish.
bool asked_for(const OptionInfo& field, const GivenValues& given) { return given.contains(field.key) || !is_default(field); }

std::string where_given(const GivenValues& given, const std::string& key) {
  const auto found = given.find(key);
  return found == given.end() || found->second.where.empty() ? std::string() : fmt::format(" ({})", found->second.where);
}

// Checksum of a folder's names and sizes: pictures are too many to read them all before every start.
std::string folder_checksum(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> entries;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code none;
    if (it->is_regular_file(none))
      entries.push_back(fmt::format("{} {}", it->path().lexically_relative(folder).string(), it->file_size(none)));
  }
  std::sort(entries.begin(), entries.end());
  return checksum(fmt::format("{}", fmt::join(entries, "\n")));
}

}  // namespace

bool names_data(const std::string& key) { return key.starts_with("data.") && kDataFiles.contains(key.substr(5)); }

bool is_default(const OptionInfo& option) {
  return option.type == "list" ? fmt::format("[{}]", fmt::join(option.value, ", ")) == option.fallback
                               : option.value.at(0) == option.fallback;
}

ResumePoint resume_point(const std::vector<Checkpoint>& checkpoints) {
  ResumePoint point;
  for (auto at = checkpoints.rbegin(); at != checkpoints.rend(); ++at) {
    if (at->average || (at->problem.empty() && !at->resumable)) continue;
    auto found = *at;
    if (found.problem.empty() && verifies_when_loading())
      for (const auto& check : verify_model(found.path))
        if (!check.sound && found.problem.empty()) found.problem = check.name + ": " + check.problem;
    if (found.problem.empty()) {
      point.from = std::move(found);
      return point;
    }
    point.damaged.push_back(std::move(found));
  }
  return point;
}

ResumePoint newest_sound(const std::string& run) {
  const auto all = checkpoints_in(run);
  ATTEND_CHECK(!all.empty(), kFile,
               "{}: nothing to resume: it has no last checkpoint, nor any other; remove the folder and start without --resume", run);
  auto point = resume_point(all);
  if (!point.from.name.empty()) return point;
  for (const auto& c : all)
    ATTEND_CHECK(
        c.average || c.resumable || !c.problem.empty(), kFile,
        "{}: nothing to resume: its checkpoints hold weights alone, without the optimiser's state; start another run from them with "
        "--init-from {} --out NEW",
        c.path, run);
  ATTEND_CHECK(!point.damaged.empty(), kFile,
               "{}: nothing to resume: it holds averaged weights alone; start another run from them with "
               "--init-from {} --out NEW",
               run, run);
  fail(ErrorKind::kFile, "{}: nothing to resume: its newest checkpoint is damaged ({}), and no older one is whole", point.damaged[0].path,
       point.damaged[0].problem);
}

std::vector<std::string> settle_changes(Config& config, const GivenValues& given, const std::string& checkpoint) {
  Config stored;
  assign(stored, read_stored_config(checkpoint + "/config.yaml"));
  const auto old = list_options(stored).fields, asked = list_options(config).fields;
  auto effective = as_given(old, checkpoint + "/config.yaml");
  std::vector<std::string> changes, refused;
  for (const auto& want : asked) {
    const auto found = std::find_if(old.begin(), old.end(), [&](const auto& f) { return f.key == want.key; });
    if (found == old.end() || found->value == want.value) continue;
    const auto& have = *found;
    const bool both_name_files = names_data(want.key) && !want.value[0].empty() && !have.value[0].empty();
    if (kMayChange.contains(want.key) || both_name_files) {
      effective[want.key].texts = want.value;
      if (want.key != "train.out") changes.push_back(fmt::format("{}: {}, was {}", want.key, shown_value(want), shown_value(have)));
    } else if (asked_for(want, given) && !(want.key == "train.metric" && want.value[0].empty())) {
      refused.push_back(
          fmt::format("{} is {}, asked for was {}{}", want.key, shown_value(have), shown_value(want), where_given(given, want.key)));
    }
  }
  ATTEND_CHECK(refused.empty(), kValue,
               "train --resume: {}; a run goes on with what it began with, but for limits, rates, intervals and threads. Leave {} out, or "
               "start another run from its weights: --init-from {} --out NEW",
               fmt::join(refused, "; "), refused.size() == 1 ? "it" : "them", std::filesystem::path(checkpoint).parent_path().string());
  Config settled;
  assign(settled, effective);
  config = settled;
  return changes;
}

void adopt_model(Config& config, GivenValues& given, const std::string& from) {
  const auto stored = read_model_options(from);
  const ModelSections asked{config.model, config.text};
  const auto there = model_kind(stored.model.type);
  ATTEND_CHECK(there == model_kind(config.model.type), kValue,
               "train.init_from: the model in {} ({}) {}, which is not the task {}; give the task and data that it was made for, or start "
               "without --init-from",
               from, stored.model.type, describe(there), config.task);
  const auto have = list_options(stored).fields, want = list_options(asked).fields;
  auto effective = as_given(have, from);
  std::vector<std::string> refused;
  for (const auto& wanted : want) {
    const auto found = std::find_if(have.begin(), have.end(), [&](const auto& field) { return field.key == wanted.key; });
    if (found == have.end()) {
      if (given.contains(wanted.key)) refused.push_back(fmt::format("{} is not read there{}", wanted.key, where_given(given, wanted.key)));
      continue;
    }
    if (found->value == wanted.value || !asked_for(wanted, given)) continue;
    if (kOfTrainingAlone.contains(wanted.key))
      effective[wanted.key] = {.texts = wanted.value, .where = "train.init_from"};
    else
      refused.push_back(fmt::format("{} is {} there, asked for was {}{}", wanted.key, shown_value(*found), shown_value(wanted),
                                    where_given(given, wanted.key)));
  }
  ATTEND_CHECK(refused.empty(), kValue,
               "train.init_from: the model in {} cannot be changed: {}; leave {} out, or start without --init-from", from,
               fmt::join(refused, "; "), refused.size() == 1 ? "it" : "them");
  ModelSections settled;
  assign(settled, effective);
  config.model = settled.model;
  config.text = settled.text;
  for (auto& [key, value] : effective) given[key] = value;
}

DataFingerprint fingerprint_of(const Config& config) {
  DataFingerprint sums;
  for (const auto& field : list_options(config).fields) {
    if (!names_data(field.key) || field.value[0].empty()) continue;
    std::error_code error;
    const auto& path = field.value[0];
    if (std::filesystem::is_directory(path, error)) sums[field.key] = folder_checksum(path);
    if (std::filesystem::is_regular_file(path, error)) sums[field.key] = checksum_file(path);
  }
  return sums;
}

void check_same_data(const DataFingerprint& began, const DataFingerprint& now, const Config& config) {
  for (const auto& [key, sum] : began) {
    const auto found = now.find(key);
    if (found == now.end() || found->second == sum) continue;  // what cannot be read says so when it is read
    std::string path;
    for (const auto& field : list_options(config).fields)
      if (field.key == key) path = field.value[0];
    fail(ErrorKind::kData,
         "train --resume: {} is not the {} that the run in {} began with: its checksum was {} and is {}; give the old file with --set "
         "{}=FILE, or start "
         "another run from the weights on the new data: --init-from {} --out NEW",
         path, key, config.train.out, sum, found->second, key, config.train.out);
  }
}

}  // namespace attend
