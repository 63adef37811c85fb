// The text of codec.py: how values travel between the program's side and the checker's.
#pragma once

#include <string_view>

namespace lathe::sandbox {

std::string_view codec();

}  // namespace lathe::sandbox
