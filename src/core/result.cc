#include "core/result.h"

#include "core/check.h"

namespace lathe {

std::string Error::to_string() const {
  std::string where = path;
  if (offset >= 0) where += (where.empty() ? "byte " : " at byte ") + std::to_string(offset);
  return where.empty() ? message : where + ": " + message;
}

namespace internal {
void value_of_error(const Error& error) {
  check_failed(__FILE__, __LINE__, "result.ok()", error.to_string());
}
}  // namespace internal

}  // namespace lathe
