// The text of program_side.py: what the interpreter of the untrusted program runs first.
#pragma once

#include <string_view>

namespace lathe::sandbox {

std::string_view program_side();

}  // namespace lathe::sandbox
