#include "choice.h"

namespace attend {

std::uint64_t text_hash(std::string_view text) {  // FNV-1a
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return h;
}

bool held_out(std::uint64_t seed, std::uint64_t task, std::string_view combination, std::uint64_t per_mille) {
  return random_key(seed, {task, text_hash(combination)}) % 1000 < per_mille;
}

}  // namespace attend
