// Two of the three kinds of error (the third is Result, for outside data):
//   require(ok, "[rms_norm] ...", parts...)  wrong use of an API: throws std::invalid_argument
//   LATHE_CHECK(ok, parts...)                a broken invariant: prints file, line and values, then aborts
#pragma once

#include <stdexcept>
#include <string>

#include "core/text.h"

namespace lathe {

template <class... Parts>
void require(bool ok, const Parts&... parts) {
  if (!ok) [[unlikely]]
    throw std::invalid_argument(join_text(parts...));
}

namespace internal {
[[noreturn]] void check_failed(const char* file, int line, const char* condition, const std::string& text);
}

}  // namespace lathe

#define LATHE_CHECK(condition, ...)                                              \
  do {                                                                           \
    if (!(condition)) [[unlikely]]                                               \
      ::lathe::internal::check_failed(__FILE__, __LINE__, #condition,            \
                                      ::lathe::join_text(__VA_ARGS__));          \
  } while (false)
