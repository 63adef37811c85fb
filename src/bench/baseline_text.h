// bench/baseline.json of the source tree, compiled in (cmake/embed.cmake).
#pragma once

#include <string_view>

namespace lathe::bench {

std::string_view baseline_text();

}  // namespace lathe::bench
