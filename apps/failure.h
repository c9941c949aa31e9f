#pragma once
// How a run of the program fails: what it guards against, and what the user reads in the end.

namespace attend::cli {

/// To be called where an exception was caught: prints its message as a terminal may see it and returns the exit code: 1, 2 (usage),
/// 130 (interrupted), or 0 where the reader of a pipe has seen enough.
int report_failure();

/// Refuses memory for tensors that is not there, names a file that shrinks while it is read, and compares a model's files with their
/// checksums where `verify` says so.
void set_safeguards(bool verify);

}  // namespace attend::cli
