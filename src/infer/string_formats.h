// The values of "format" that strings are held to, as regular expressions of the whole text.
#pragma once

#include <string>
#include <string_view>

namespace lathe::infer {

// null: not known.
const char* format_pattern(std::string_view format);
std::string known_formats();  // "date, time, ..."

}  // namespace lathe::infer
