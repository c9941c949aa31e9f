#pragma once
// What must be the same when a run goes on, and what may change.
#include <map>
#include <string>
#include <vector>

#include "attend/store/run_folder.h"
#include "attend/train/config.h"

namespace attend {

/// Whether a configuration key names a file that is learned from or validated on.
bool names_data(const std::string& key);
/// Whether an option holds what it holds when nobody sets it.
bool is_default(const OptionInfo& option);

/// The checkpoint to go on from, and the ones that are newer but damaged.
struct ResumePoint {
  Checkpoint from;
  std::vector<Checkpoint> damaged;
};
/// Of `checkpoints`, oldest first, the newest with a state whose files all have their checksums (where these are compared); `from` has no
/// name when there is none.
ResumePoint resume_point(const std::vector<Checkpoint>& checkpoints);
/// That of a run's folder. Throws kFile when there is none, saying why.
ResumePoint newest_sound(const std::string& run);

/// Turns `config`, what the user asks for, into what the run goes on with: the stored configuration at `checkpoint` with the limits,
/// rates, intervals and places of data that were asked for. Returns a line for each key that changed. A key that cannot change within a
/// run throws kValue with both values. A value that is the declared default counts as asked for only if `given` has it.
std::vector<std::string> settle_changes(Config& config, const GivenValues& given, const std::string& checkpoint);

/// Takes over the sections `model` and `text` of the model at `from` and adds them to `given`, so that nothing else is chosen for them.
/// Throws kValue when the user asked for something else.
void adopt_model(Config& config, GivenValues& given, const std::string& from);

/// Checksums of the files of section `data` by key, of a folder that of its names and sizes. Pipes have none.
using DataFingerprint = std::map<std::string, std::string>;
DataFingerprint fingerprint_of(const Config& config);
/// Throws kData naming the file whose content differs from what the run began with.
void check_same_data(const DataFingerprint& began, const DataFingerprint& now, const Config& config);

}  // namespace attend
