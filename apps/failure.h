#pragma once

namespace attend::cli {

/// To be called where an exception was caught: prints its message as a terminal may see it and returns the exit code, 1, 2 (usage) or
/// 130 (interrupted).
int report_failure();

/// Refuses memory for tensors that is not there, and compares a model's files with their checksums where `verify` says so.
void set_safeguards(bool verify);

}  // namespace attend::cli
