#include "tensor/block_codes.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/check.h"
#include "core/text.h"
#include "tensor/block_search.h"
#include "tensor/dtype.h"
#include "tensor/half.h"

namespace lathe {
namespace {

constexpr BlockCode kCodes[] = {
    {BlockType::kF32, "f32", 1, 4, true},      {BlockType::kF16, "f16", 1, 2, true},       {BlockType::kBF16, "bf16", 1, 2, true},
    {BlockType::kQ8_0, "q8_0", 32, 34, true},  {BlockType::kQ4_0, "q4_0", 32, 18, true},   {BlockType::kQ4_K, "q4_k", 256, 144, true},
    {BlockType::kQ6_K, "q6_k", 256, 210, true}, {BlockType::kQ4_1, "q4_1", 32, 20, false}, {BlockType::kQ5_0, "q5_0", 32, 22, false},
    {BlockType::kQ5_1, "q5_1", 32, 24, false}, {BlockType::kQ2_K, "q2_k", 256, 84, false}, {BlockType::kQ3_K, "q3_k", 256, 110, false},
    {BlockType::kQ5_K, "q5_k", 256, 176, false},
};

uint16_t load16(const uint8_t* bytes) { return static_cast<uint16_t>(bytes[0] | bytes[1] << 8); }
uint32_t load32(const uint8_t* bytes) { return uint32_t{load16(bytes)} | uint32_t{load16(bytes + 2)} << 16; }
float load_half(const uint8_t* bytes) { return half_to_float(load16(bytes)); }
void store16(uint8_t* bytes, uint16_t value) {
  bytes[0] = static_cast<uint8_t>(value);
  bytes[1] = static_cast<uint8_t>(value >> 8);
}
uint8_t byte_of(int value) { return static_cast<uint8_t>(value); }

// Blocks of 32: byte j holds the codes of values j and j + 16.

void decode_q4_0(const uint8_t* in, float* out) {
  const float d = load_half(in);
  for (int j = 0; j < 16; ++j) {
    out[j] = static_cast<float>((in[2 + j] & 15) - 8) * d;
    out[j + 16] = static_cast<float>((in[2 + j] >> 4) - 8) * d;
  }
}

void decode_q4_1(const uint8_t* in, float* out) {
  const float d = load_half(in), least = load_half(in + 2);
  for (int j = 0; j < 16; ++j) {
    out[j] = static_cast<float>(in[4 + j] & 15) * d + least;
    out[j + 16] = static_cast<float>(in[4 + j] >> 4) * d + least;
  }
}

// The fifth bits of all 32 codes stand in one word before the others.
int five_bits(const uint8_t* low, uint32_t high, int i) {
  const int nibble = i < 16 ? low[i] & 15 : low[i - 16] >> 4;
  return nibble | static_cast<int>(high >> i & 1) << 4;
}

void decode_q5_0(const uint8_t* in, float* out) {
  const float d = load_half(in);
  const uint32_t high = load32(in + 2);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(five_bits(in + 6, high, i) - 16) * d;
}

void decode_q5_1(const uint8_t* in, float* out) {
  const float d = load_half(in), least = load_half(in + 2);
  const uint32_t high = load32(in + 4);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(five_bits(in + 8, high, i)) * d + least;
}

void decode_q8_0(const uint8_t* in, float* out) {
  const float d = load_half(in);
  for (int j = 0; j < 32; ++j) out[j] = static_cast<float>(static_cast<int8_t>(in[2 + j])) * d;
}

// Blocks of 256.

void decode_q2_k(const uint8_t* in, float* out) {
  const uint8_t *scales = in, *codes = in + 16;
  const float d = load_half(in + 80), dmin = load_half(in + 82);
  for (int i = 0; i < 256; ++i) {  // 32 bytes hold 128 values: the two bits of value 32 s + j of the 128 are bits 2 s of byte j
    const int half = i / 128, shift = i % 128 / 32 * 2, group = i / 16;
    const int code = codes[half * 32 + i % 32] >> shift & 3;
    out[i] = d * static_cast<float>(scales[group] & 15) * static_cast<float>(code) - dmin * static_cast<float>(scales[group] >> 4);
  }
}

void decode_q3_k(const uint8_t* in, float* out) {
  const uint8_t *high = in, *codes = in + 32, *packed = in + 96;
  const float d = load_half(in + 108);
  for (int i = 0; i < 256; ++i) {
    const int half = i / 128, row = i / 32, group = i / 16;
    // Scale g: low four bits in the halves of the first eight bytes, high two in the last four bytes.
    const int low4 = group < 8 ? packed[group] & 15 : packed[group - 8] >> 4;
    const int scale = (low4 | (packed[8 + group % 4] >> (group / 4 * 2) & 3) << 4) - 32;
    const int code = (codes[half * 32 + i % 32] >> (i % 128 / 32 * 2) & 3) - ((high[i % 32] >> row & 1) != 0 ? 0 : 4);
    out[i] = d * static_cast<float>(scale) * static_cast<float>(code);
  }
}

struct ScaleAndMin {
  int scale, least;
};

// Eight pairs of six bits in twelve bytes.
ScaleAndMin unpack_pair(const uint8_t* packed, int j) {
  if (j < 4) return {packed[j] & 63, packed[j + 4] & 63};
  return {(packed[j + 4] & 15) | packed[j - 4] >> 6 << 4, packed[j + 4] >> 4 | packed[j] >> 6 << 4};
}

void pack_pair(uint8_t* packed, int j, int scale, int least) {
  if (j < 4) {
    packed[j] = byte_of(packed[j] | scale);
    packed[j + 4] = byte_of(packed[j + 4] | least);
  } else {
    packed[j + 4] = byte_of((scale & 15) | (least & 15) << 4);
    packed[j - 4] = byte_of(packed[j - 4] | scale >> 4 << 6);
    packed[j] = byte_of(packed[j] | least >> 4 << 6);
  }
}

void decode_q4_k(const uint8_t* in, float* out) {
  const float d = load_half(in), dmin = load_half(in + 2);
  const uint8_t *packed = in + 4, *codes = in + 16;
  for (int group = 0; group < 8; ++group) {
    const auto [scale, least] = unpack_pair(packed, group);
    const float step = d * static_cast<float>(scale), offset = dmin * static_cast<float>(least);
    for (int j = 0; j < 32; ++j) {
      const int code = codes[group / 2 * 32 + j] >> (group % 2 * 4) & 15;
      out[group * 32 + j] = step * static_cast<float>(code) - offset;
    }
  }
}

void decode_q5_k(const uint8_t* in, float* out) {
  const float d = load_half(in), dmin = load_half(in + 2);
  const uint8_t *packed = in + 4, *high = in + 16, *codes = in + 48;
  for (int group = 0; group < 8; ++group) {
    const auto [scale, least] = unpack_pair(packed, group);
    const float step = d * static_cast<float>(scale), offset = dmin * static_cast<float>(least);
    for (int j = 0; j < 32; ++j) {
      const int code = (codes[group / 2 * 32 + j] >> (group % 2 * 4) & 15) | (high[j] >> group & 1) << 4;
      out[group * 32 + j] = step * static_cast<float>(code) - offset;
    }
  }
}

// Value i of 256: its low four bits are half a byte of the first 128, its high two a quarter of a byte of the next 64.
struct SixBitPlace {
  int low, low_shift, high, high_shift;
};
SixBitPlace six_bit_place(int i) {
  const int half = i / 128, quarter = i % 128 / 32, j = i % 32;
  return {half * 64 + quarter % 2 * 32 + j, quarter / 2 * 4, half * 32 + j, quarter * 2};
}

void decode_q6_k(const uint8_t* in, float* out) {
  const uint8_t *low = in, *high = in + 128, *scales = in + 192;
  const float d = load_half(in + 208);
  for (int i = 0; i < 256; ++i) {
    const SixBitPlace at = six_bit_place(i);
    const int code = ((low[at.low] >> at.low_shift & 15) | (high[at.high] >> at.high_shift & 3) << 4) - 32;
    out[i] = d * static_cast<float>(static_cast<int8_t>(scales[i / 16])) * static_cast<float>(code);
  }
}

float without_nan(float value) { return std::isnan(value) ? 0.0f : value; }

int clamped(float value, int low, int high) {
  if (!(value > static_cast<float>(low))) return low;  // also what is no number
  return value < static_cast<float>(high) ? static_cast<int>(value) : high;
}

void encode_q8_0(const float* in, uint8_t* out) {
  float largest = 0;
  for (int j = 0; j < 32; ++j) largest = std::max(largest, std::abs(without_nan(in[j])));
  const float d = largest / 127, inverse = d == 0 ? 0.0f : 1 / d;
  store16(out, float_to_half(d));
  for (int j = 0; j < 32; ++j) out[2 + j] = byte_of(clamped(std::round(without_nan(in[j] * inverse)), -127, 127));
}

void encode_q4_0(const float* in, uint8_t* out) {
  float extreme = 0;  // of largest magnitude, the first of equals, with its sign
  for (int j = 0; j < 32; ++j)
    if (std::abs(in[j]) > std::abs(extreme)) extreme = in[j];
  const float d = extreme / -8, inverse = d == 0 ? 0.0f : 1 / d;
  store16(out, float_to_half(d));
  const auto code = [&](int j) { return clamped(without_nan(in[j] * inverse) + 8.5f, 0, 15); };
  for (int j = 0; j < 16; ++j) out[2 + j] = byte_of(code(j) | code(j + 16) << 4);
}

void encode_q4_k(const float* in, uint8_t* out) {
  std::array<StepAndOffset, 8> found;
  float largest_step = 0, largest_offset = 0;
  for (size_t group = 0; group < 8; ++group) {
    found[group] = search_step_and_offset(in + group * 32);
    largest_step = std::max(largest_step, found[group].step);
    largest_offset = std::max(largest_offset, found[group].offset);
  }
  std::memset(out, 0, 16);
  store16(out, float_to_half(largest_step / 63));
  store16(out + 2, float_to_half(largest_offset / 63));
  const float per_step = largest_step > 0 ? 63 / largest_step : 0, per_offset = largest_offset > 0 ? 63 / largest_offset : 0;
  const float d = load_half(out), dmin = load_half(out + 2);
  std::array<int, 256> codes{};
  for (int group = 0; group < 8; ++group) {
    const StepAndOffset& best = found[static_cast<size_t>(group)];
    const int scale = clamped(std::nearbyint(per_step * best.step), 0, 63);
    const int least = clamped(std::nearbyint(per_offset * best.offset), 0, 63);
    pack_pair(out + 4, group, scale, least);
    const float step = d * static_cast<float>(scale), offset = dmin * static_cast<float>(least);
    if (step == 0) continue;
    for (int j = 0; j < 32; ++j)
      codes[static_cast<size_t>(group * 32 + j)] = clamped(std::nearbyint((in[group * 32 + j] + offset) / step), 0, 15);
  }
  for (int i = 0; i < 128; ++i) {
    const size_t first = static_cast<size_t>(i / 32 * 64 + i % 32);
    out[16 + i] = byte_of(codes[first] | codes[first + 32] << 4);
  }
}

void encode_q6_k(const float* in, uint8_t* out) {
  std::array<float, 16> steps;
  float extreme = 0;
  for (size_t group = 0; group < 16; ++group) {
    steps[group] = search_step(in + group * 16);
    if (std::abs(steps[group]) > std::abs(extreme)) extreme = steps[group];
  }
  std::memset(out, 0, 210);
  if (!(std::abs(extreme) >= 1e-15f)) return;  // as good as zero
  const float inverse = -128 / extreme;
  store16(out + 208, float_to_half(1 / inverse));
  const float d = load_half(out + 208);
  for (int group = 0; group < 16; ++group) {
    const int scale = clamped(std::nearbyint(inverse * steps[static_cast<size_t>(group)]), -128, 127);
    out[192 + group] = byte_of(scale);
    const float step = d * static_cast<float>(scale);
    for (int i = group * 16; i < group * 16 + 16; ++i) {
      const int code = step == 0 ? 32 : clamped(std::nearbyint(in[i] / step), -32, 31) + 32;
      const SixBitPlace at = six_bit_place(i);
      out[at.low] = byte_of(out[at.low] | (code & 15) << at.low_shift);
      out[128 + at.high] = byte_of(out[128 + at.high] | code >> 4 << at.high_shift);
    }
  }
}

template <class T>
T load(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

using DecodeBlock = void (*)(const uint8_t*, float*);
using EncodeBlock = void (*)(const float*, uint8_t*);

DecodeBlock block_decoder(BlockType type) {
  switch (type) {
    case BlockType::kQ4_0: return decode_q4_0;
    case BlockType::kQ4_1: return decode_q4_1;
    case BlockType::kQ5_0: return decode_q5_0;
    case BlockType::kQ5_1: return decode_q5_1;
    case BlockType::kQ8_0: return decode_q8_0;
    case BlockType::kQ2_K: return decode_q2_k;
    case BlockType::kQ3_K: return decode_q3_k;
    case BlockType::kQ4_K: return decode_q4_k;
    case BlockType::kQ5_K: return decode_q5_k;
    case BlockType::kQ6_K: return decode_q6_k;
    default: return nullptr;
  }
}

EncodeBlock block_encoder(BlockType type) {
  switch (type) {
    case BlockType::kQ8_0: return encode_q8_0;
    case BlockType::kQ4_0: return encode_q4_0;
    case BlockType::kQ4_K: return encode_q4_k;
    case BlockType::kQ6_K: return encode_q6_k;
    default: return nullptr;
  }
}

}  // namespace

const BlockCode* find_block_code(uint32_t type) {
  for (const BlockCode& code : kCodes)
    if (static_cast<uint32_t>(code.type) == type) return &code;
  return nullptr;
}

const BlockCode* find_block_code(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  for (const BlockCode& code : kCodes)
    if (lower == code.name) return &code;
  return nullptr;
}

const BlockCode& block_code(BlockType type) {
  const BlockCode* code = find_block_code(static_cast<uint32_t>(type));
  LATHE_CHECK(code != nullptr, "block type ", static_cast<uint32_t>(type));
  return *code;
}

std::vector<std::string> encoded_block_names() {
  std::vector<std::string> names;
  for (const BlockCode& code : kCodes)
    if (code.encodes) names.emplace_back(code.name);
  return names;
}

std::string known_block_names() {
  std::string names;
  for (const BlockCode& code : kCodes) names += join_text(names.empty() ? "" : ", ", code.name);
  return names;
}

void decode_blocks(BlockType type, const std::byte* bytes, std::span<float> values) {
  const BlockCode& code = block_code(type);
  const auto n = static_cast<int64_t>(values.size());
  require(n % code.values == 0, "[decode_blocks] ", n, " values are no whole blocks of ", code.values);
  if (const DecodeBlock decode = block_decoder(type)) {
    const auto* in = reinterpret_cast<const uint8_t*>(bytes);
    for (int64_t block = 0; block < n / code.values; ++block) decode(in + block * code.bytes, values.data() + block * code.values);
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    float& value = values[static_cast<size_t>(i)];
    if (type == BlockType::kF32) value = load<float>(bytes + i * 4);
    else if (type == BlockType::kF16) value = half_to_float(load<uint16_t>(bytes + i * 2));
    else value = std::bit_cast<float>(uint32_t{load<uint16_t>(bytes + i * 2)} << 16);
  }
}

void encode_blocks(BlockType type, std::span<const float> values, std::byte* bytes) {
  const BlockCode& code = block_code(type);
  const auto n = static_cast<int64_t>(values.size());
  require(code.encodes, "[encode_blocks] ", code.name, " is only decoded");
  require(n % code.values == 0, "[encode_blocks] ", n, " values are no whole blocks of ", code.values);
  if (const EncodeBlock encode = block_encoder(type)) {
    auto* out = reinterpret_cast<uint8_t*>(bytes);
    for (int64_t block = 0; block < n / code.values; ++block) encode(values.data() + block * code.values, out + block * code.bytes);
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    const float value = values[static_cast<size_t>(i)];
    const uint16_t short_form = type == BlockType::kF16 ? float_to_half(value) : bf16(value).bits;
    if (type == BlockType::kF32) std::memcpy(bytes + i * 4, &value, 4);
    else std::memcpy(bytes + i * 2, &short_form, 2);
  }
}

}  // namespace lathe
