// Code points of valid UTF-8, read without checks.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/code_point.h"

namespace lathe::corpus {

inline uint8_t byte_at(std::string_view text, size_t at) { return static_cast<uint8_t>(text[at]); }

// Bytes of the sequence that a lead byte opens.
inline size_t sequence_length(uint8_t lead) { return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4; }

// The code point at `at`, which is moved behind it. `text` must be valid UTF-8.
inline char32_t next_code_point(std::string_view text, size_t& at) {
  const auto low = [&](size_t i) { return static_cast<char32_t>(byte_at(text, at + i) & 0x3F); };
  const char32_t lead = byte_at(text, at);
  char32_t value = lead;
  if (lead < 0x80) {
    at += 1;
  } else if (lead < 0xE0) {
    value = (lead & 0x1F) << 6 | low(1);
    at += 2;
  } else if (lead < 0xF0) {
    value = (lead & 0x0F) << 12 | low(1) << 6 | low(2);
    at += 3;
  } else {
    value = (lead & 0x07) << 18 | low(1) << 12 | low(2) << 6 | low(3);
    at += 4;
  }
  return value;
}

// The first byte >= 0x80 at or after `at`, or the size.
size_t skip_ascii(std::string_view text, size_t at);

}  // namespace lathe::corpus
