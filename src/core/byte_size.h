// Sizes as people write them: "1GB", "256 MiB", "1.5e6".
#pragma once

#include <cstdint>
#include <string_view>

#include "core/result.h"

namespace lathe {

// A number, then nothing or B (bytes), kB KB MB GB TB (powers of 1000), KiB MiB GiB TiB (powers of 1024); the B may be left
// out, case does not matter. The result is rounded to whole bytes; negative or beyond 2^63 - 1 is an error.
Result<int64_t> parse_byte_size(std::string_view text);

}  // namespace lathe
