#pragma once
// Instruction sets that the kernels are compiled for. One source becomes one object a set; which of them runs is found out once.
#include <cstdint>
#include <span>
#include <string_view>

namespace attend::kernels {

/// In the order of their strength: what a processor with one of them runs, those before it can run too.
/// kAvx512Vnni is AVX-512 with products of bytes, kAvx512Bf16 has products of bfloat16 pairs besides; kernels that gain nothing from these
/// run kAvx512.
enum class Isa : std::uint8_t { kPortable, kAvx2, kAvx512, kAvx512Vnni, kAvx512Bf16 };

std::span<const Isa> instruction_sets();  ///< all of them
std::string_view isa_name(Isa isa);       ///< portable, avx2, avx512, avx512_vnni, avx512_bf16
/// Whether this processor and the operating system have it.
bool cpu_has(Isa isa);
/// The strongest that this processor has, or what the environment variable ATTEND_ISA names. Found out at the first call; throws
/// kUnknownName for a name that is none, kUnsupported for a set that the processor lacks. Threads may call it at once.
Isa active_isa();

}  // namespace attend::kernels
