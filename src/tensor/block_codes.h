// The element codes of GGUF files: plain numbers, and blocks of 32 or 256 values that share scales ("Q8_0", "Q4_K", ...).
// Layouts and formulas: docs/formats/gguf.md. Decoding gives the values of the gguf package bit for bit; encoding of Q8_0
// and Q4_0 gives its bytes; Q4_K and Q6_K choose scales by a weighted least-squares search.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lathe {

// The numbers are those of the file format.
enum class BlockType : uint32_t {
  kF32 = 0, kF16 = 1, kQ4_0 = 2, kQ4_1 = 3, kQ5_0 = 6, kQ5_1 = 7, kQ8_0 = 8,
  kQ2_K = 10, kQ3_K = 11, kQ4_K = 12, kQ5_K = 13, kQ6_K = 14, kBF16 = 30,
};

struct BlockCode {
  BlockType type;
  const char* name;   // as files and flags name it, "q4_k"
  int64_t values;     // of one block; rows are whole blocks
  int64_t bytes;      // of one block
  bool encodes;       // encode_blocks knows it
};

const BlockCode* find_block_code(uint32_t type);          // null: not known
const BlockCode* find_block_code(std::string_view name);  // null: not known; any case
const BlockCode& block_code(BlockType type);
std::vector<std::string> encoded_block_names();  // f32, f16, bf16, q8_0, q4_0, q4_k, q6_k
std::string known_block_names();                 // all, "f32, f16, ..."

// values.size() is a multiple of the block's; `bytes` holds that many blocks, at any alignment. Threads share nothing.
void decode_blocks(BlockType type, const std::byte* bytes, std::span<float> values);
// A type that encodes. Values that are no numbers become zero codes in quantised types.
void encode_blocks(BlockType type, std::span<const float> values, std::byte* bytes);

}  // namespace lathe
