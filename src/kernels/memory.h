#pragma once
// Memory for the loops to work in.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "attend/kernels/workers.h"

namespace attend::kernels {

/// Bytes that begin at a multiple of 64.
class Room {
 public:
  explicit Room(std::int64_t bytes)
      : data_(bytes > 0 ? std::aligned_alloc(64, static_cast<std::size_t>((bytes + 63) / 64 * 64)) : nullptr) {
    if (bytes > 0 && !data_) throw std::bad_alloc();
  }
  void* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  std::unique_ptr<void, Free> data_;
};

inline std::vector<Room> room_for_each(const Workers& workers, std::int64_t bytes) {
  std::vector<Room> rooms;
  for (int i = 0; i < workers.count(); ++i) rooms.emplace_back(bytes);
  return rooms;
}

}  // namespace attend::kernels
