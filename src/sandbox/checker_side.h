// The text of checker_side.py: what the interpreter that holds a test runs.
#pragma once

#include <string_view>

namespace lathe::sandbox {

std::string_view checker_side();

}  // namespace lathe::sandbox
