// GPT-2's way to write any bytes as printable text (row C-2.21): printable Latin-1 bytes are themselves, the other 68
// are U+0100, U+0101, ... in the order of their values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lathe::tokenizer {

std::string to_byte_level(std::string_view bytes);
// Nothing when a character stands for no byte.
std::optional<std::string> from_byte_level(std::string_view text);
// The byte of the i-th letter of GPT-2's alphabet, whose first 188 letters are the printable ones: the order of its
// ids.
char gpt2_byte(int i);

}  // namespace lathe::tokenizer
