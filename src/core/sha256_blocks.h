// The compression function of SHA-256 over whole blocks of 64 bytes: plain, and with the processor's SHA instructions. Same
// bits; Sha256 takes the fastest one that LATHE_MAX_ISA allows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace lathe::internal {

using Sha256State = std::array<uint32_t, 8>;
using Sha256Blocks = void (*)(Sha256State& state, const uint8_t* data, size_t blocks);

void sha256_blocks_plain(Sha256State& state, const uint8_t* data, size_t blocks);
// Null where this processor (or build) has no such instructions.
Sha256Blocks sha256_blocks_by_instructions();

extern const std::array<uint32_t, 64> kSha256Round;

}  // namespace lathe::internal
