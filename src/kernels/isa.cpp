#include "attend/kernels/isa.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "attend/core/error.h"

namespace attend::kernels {
namespace {

constexpr Isa kAll[] = {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Vnni, Isa::kAvx512Bf16};

Isa chosen() {
  const char* wanted = std::getenv("ATTEND_ISA");
  if (!wanted || !*wanted) {
    Isa best = Isa::kPortable;
    for (const auto isa : kAll)
      if (cpu_has(isa)) best = isa;
    return best;
  }
  std::vector<std::string> names;
  for (const auto isa : kAll) {
    names.emplace_back(isa_name(isa));
    if (names.back() != wanted) continue;
    ATTEND_CHECK(cpu_has(isa), kUnsupported, "ATTEND_ISA={}: this processor does not have it; unset ATTEND_ISA, or set it to portable",
                 wanted);
    return isa;
  }
  fail_unknown_name("ATTEND_ISA", wanted, names);
}

}  // namespace

std::span<const Isa> instruction_sets() { return kAll; }

std::string_view isa_name(Isa isa) {
  switch (isa) {
    case Isa::kPortable: return "portable";
    case Isa::kAvx2: return "avx2";
    case Isa::kAvx512: return "avx512";
    case Isa::kAvx512Vnni: return "avx512_vnni";
    case Isa::kAvx512Bf16: return "avx512_bf16";
  }
  return {};
}

bool cpu_has(Isa isa) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  switch (isa) {
    case Isa::kPortable: return true;
    case Isa::kAvx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    case Isa::kAvx512:
      return cpu_has(Isa::kAvx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    case Isa::kAvx512Vnni: return cpu_has(Isa::kAvx512) && __builtin_cpu_supports("avx512vnni");
    case Isa::kAvx512Bf16: return cpu_has(Isa::kAvx512Vnni) && __builtin_cpu_supports("avx512bf16");
  }
  return false;
#else
  return isa == Isa::kPortable;
#endif
}

Isa active_isa() {
  static const Isa isa = chosen();
  return isa;
}

}  // namespace attend::kernels
