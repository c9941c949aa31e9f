#pragma once
// Errors. `Error` is a mistake the user can cure; its text says who, what was expected, what came and the cure.
// A failed ATTEND_ASSERT is a bug of ours and throws std::logic_error.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace attend {

/// What kind of mistake; `attend` maps kUsage to exit code 2, kInterrupted to 130, all others to 1.
enum class ErrorKind { kValue, kShape, kUsage, kData, kFile, kUnknownName, kUnsupported, kInterrupted };

/// A mistake that the user can cure. Threads may share one: it never changes.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& what) : std::runtime_error(what), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

/// Throws `Error` with the formatted text (fmt syntax).
template <class... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> text, Args&&... args) {
  throw Error(kind, fmt::format(text, std::forward<Args>(args)...));
}

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

/// The valid name closest to `got` by edit distance, empty when nothing is near.
std::string nearest_name(std::string_view got, std::span<const std::string> valid);

/// Throws kUnknownName: "<who>: 'x' is not known; did you mean 'y'? Valid: a, b, c".
[[noreturn]] void fail_unknown_name(std::string_view who, std::string_view got, std::span<const std::string> valid);

}  // namespace attend

/// Checks what the user gave; the text after `kind` says who, expected, got, cure (fmt syntax).
#define ATTEND_CHECK(condition, kind, ...)                                    \
  do {                                                                        \
    if (!(condition)) ::attend::fail(::attend::ErrorKind::kind, __VA_ARGS__); \
  } while (0)

/// Checks what only a bug of ours can break.
#define ATTEND_ASSERT(condition)                                                  \
  do {                                                                            \
    if (!(condition)) ::attend::assertion_failed(#condition, __FILE__, __LINE__); \
  } while (0)
