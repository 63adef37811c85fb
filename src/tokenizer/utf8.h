// Reading code points of text that may not be valid UTF-8: nothing is lost, a byte that is not part of a valid
// sequence stands for itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lathe::tokenizer {

inline constexpr char32_t kInvalidByte = 0xFFFFFFFF;

struct CodePoint {
  char32_t value;  // kInvalidByte: one byte that starts no valid sequence
  size_t length;   // bytes, 1..4
};

// text must have a byte at `at`. Overlong forms, surrogates and values above U+10FFFF are invalid.
inline CodePoint read_code_point(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[at + i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t left = text.size() - at;
  const auto follows = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const auto low = [&](size_t i) { return static_cast<char32_t>(byte(i) & 0x3F); };
  if (lead < 0xC2) return {kInvalidByte, 1};
  if (lead < 0xE0) {
    if (left < 2 || !follows(1)) return {kInvalidByte, 1};
    return {(static_cast<char32_t>(lead & 0x1F) << 6) | low(1), 2};
  }
  if (lead < 0xF0) {
    if (left < 3 || !follows(1) || !follows(2)) return {kInvalidByte, 1};
    const char32_t value = (static_cast<char32_t>(lead & 0x0F) << 12) | (low(1) << 6) | low(2);
    if (value < 0x800 || (value >= 0xD800 && value < 0xE000)) return {kInvalidByte, 1};
    return {value, 3};
  }
  if (lead < 0xF5) {
    if (left < 4 || !follows(1) || !follows(2) || !follows(3)) return {kInvalidByte, 1};
    const char32_t value = (static_cast<char32_t>(lead & 0x07) << 18) | (low(1) << 12) | (low(2) << 6) | low(3);
    if (value < 0x10000 || value > 0x10FFFF) return {kInvalidByte, 1};
    return {value, 4};
  }
  return {kInvalidByte, 1};
}

}  // namespace lathe::tokenizer
