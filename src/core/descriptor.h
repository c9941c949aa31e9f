#pragma once
// What files.cpp and atomic.cpp share.
#include <string>
#include <string_view>
#include <utility>

namespace attend {

/// Closes the file descriptor it holds.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

/// Throws kFile: "<path>: cannot <action>: <text of errno>; <cure>".
[[noreturn]] void fail_errno(const std::string& path, std::string_view action, int error);

}  // namespace attend
