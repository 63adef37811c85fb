// Unicode normal form C of text that may not be valid UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace lathe::tokenizer {

// Every maximal run of valid UTF-8 in normal form C; other bytes stay as they are.
std::string to_nfc(std::string_view text);

}  // namespace lathe::tokenizer
