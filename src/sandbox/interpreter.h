// The Python that runs programs, and the root folder that it sees.
#pragma once

#include <string>

#include "core/result.h"
#include "sandbox/walls.h"

namespace lathe::sandbox {

struct Interpreter {
  std::string path;    // resolved: no link, no shim
  std::string prefix;  // its libraries, where they are not below /usr; else empty
};

// `given`, else /usr/bin/python3, /usr/local/bin/python3, then what PATH holds. Errors: none, or it does not start (row C-12.12).
Result<Interpreter> find_interpreter(const std::string& given);

// /usr and the linker's folders, the interpreter's prefix, three devices; no /proc, no /sys, no home.
RootPlan make_root_plan(const Interpreter& interpreter);

}  // namespace lathe::sandbox
