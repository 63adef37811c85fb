#include "core/check.h"

#include <cstdio>
#include <cstdlib>

namespace lathe::internal {

void check_failed(const char* file, int line, const char* condition, const std::string& text) {
  std::fprintf(stderr, "%s:%d: check failed: %s %s\n", file, line, condition, text.c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace lathe::internal
