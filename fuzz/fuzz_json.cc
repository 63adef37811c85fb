// core/json.h: any bytes are a value or an error with an offset inside them; what was read is written and read again as the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const bool lax : {false, true}) {
    const auto json = lathe::parse_json(text, "", {100, lax, lax});
    if (!json.ok()) continue;
    const std::string written = json.value().dump();
    const auto again = lathe::parse_json(written, "", {100, false, true});
    if (!again.ok() || again.value().dump() != written) std::abort();
  }
  return 0;
}
