// The inner function of SHA-256 by the processor's own instructions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace lathe::internal {

bool has_sha_instructions();
// Takes `blocks` blocks of 64 bytes into the state (a, b, ..., h). Only where has_sha_instructions().
void sha256_blocks(std::array<uint32_t, 8>& state, const uint8_t* data, size_t blocks);

extern const std::array<uint32_t, 64> kSha256Rounds;

}  // namespace lathe::internal
