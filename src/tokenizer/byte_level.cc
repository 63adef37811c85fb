#include "tokenizer/byte_level.h"

#include <array>

#include "tokenizer/utf8.h"

namespace lathe::tokenizer {
namespace {

struct Alphabet {
  std::array<char32_t, 256> letter_of_byte;
  std::array<int, 0x144> byte_of_letter;
  std::array<char, 256> order;

  Alphabet() {
    byte_of_letter.fill(-1);
    size_t count = 0;
    char32_t next = 0x100;
    for (const bool printable : {true, false})
      for (size_t byte = 0; byte < 256; ++byte) {
        if (((byte > 0x20 && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD)) != printable) continue;
        const char32_t letter = printable ? static_cast<char32_t>(byte) : next++;
        letter_of_byte[byte] = letter;
        byte_of_letter[letter] = static_cast<int>(byte);
        order[count++] = static_cast<char>(byte);
      }
  }
};

const Alphabet& alphabet() {
  static const Alphabet alphabet;
  return alphabet;
}

}  // namespace

std::string to_byte_level(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    const char32_t letter = alphabet().letter_of_byte[static_cast<uint8_t>(byte)];
    if (letter < 0x80) {
      text += static_cast<char>(letter);
    } else {
      text += static_cast<char>(0xC0 | letter >> 6);
      text += static_cast<char>(0x80 | (letter & 0x3F));
    }
  }
  return text;
}

std::optional<std::string> from_byte_level(std::string_view text) {
  std::string bytes;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = read_code_point(text, at);
    if (point.value >= alphabet().byte_of_letter.size() || alphabet().byte_of_letter[point.value] < 0)
      return std::nullopt;
    bytes += static_cast<char>(alphabet().byte_of_letter[point.value]);
    at += point.length;
  }
  return bytes;
}

char gpt2_byte(int i) { return alphabet().order.at(static_cast<size_t>(i)); }

}  // namespace lathe::tokenizer
