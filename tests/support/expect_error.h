#pragma once
#include <gtest/gtest.h>

#include <string>

#include "attend/core/error.h"

namespace attend {

/// The text of the Error that `run` throws; a test failure when it throws none or one of another kind.
template <class Run>
std::string error_of(ErrorKind kind, Run&& run) {
  try {
    run();
  } catch (const Error& e) {
    EXPECT_EQ(static_cast<int>(e.kind()), static_cast<int>(kind)) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "expected an Error, nothing was thrown";
  return {};
}

}  // namespace attend

/// `statement` throws Error(kind) whose text contains `part`.
#define EXPECT_ERROR(statement, error_kind, part) \
  EXPECT_PRED_FORMAT2(::testing::IsSubstring, part, ::attend::error_of(::attend::ErrorKind::error_kind, [&] { statement; }))
