// The kinds of code points that split patterns tell apart (rows C-2.2, C-2.3), from a two-stage table that is filled
// from utf8proc's categories at first use.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "tokenizer/utf8.h"

namespace lathe::tokenizer {

// Bits; a code point without any is "other" (punctuation, symbols, controls, unassigned, invalid bytes).
inline constexpr uint8_t kLetter = 1;   // \p{L}
inline constexpr uint8_t kNumber = 2;   // \p{N}: Nd, Nl, No
inline constexpr uint8_t kSpace = 4;    // \s: White_Space
inline constexpr uint8_t kNewline = 8;  // \r or \n, always together with kSpace
inline constexpr uint8_t kUpper = 16;   // \p{Lu} or \p{Lt}, always together with kLetter
inline constexpr uint8_t kLower = 32;   // \p{Ll}, always together with kLetter
inline constexpr uint8_t kMark = 64;    // \p{M}: Mn, Mc, Me

class CharTable {
 public:
  static const CharTable& get();

  uint8_t ascii(uint8_t byte) const { return pages_[byte]; }
  uint8_t at(char32_t code_point) const {
    if (code_point > 0x10FFFF) return 0;
    return pages_[size_t{page_of_[code_point >> 8]} * 256 + (code_point & 0xFF)];
  }

 private:
  CharTable();
  std::array<uint16_t, 0x1100> page_of_;
  std::vector<uint8_t> pages_;  // the first page is U+0000..00FF
};

}  // namespace lathe::tokenizer
