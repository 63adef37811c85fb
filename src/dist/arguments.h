// What every communicator checks before it touches a buffer: wrong use throws std::invalid_argument.
#pragma once

#include <cstdint>
#include <span>

#include "core/check.h"
#include "dist/communicator.h"

namespace lathe::dist {

inline void check_buffer(const char* call, const void* data, int64_t count) {
  require(count >= 0, "[", call, "] count must not be negative, got ", count);
  require(data != nullptr || count == 0, "[", call, "] null buffer for ", count, " elements");
}

inline void check_reduction(const char* call, ElementType type, Reduction reduction) {
  const bool floating =
      type == ElementType::kFloat32 || type == ElementType::kBFloat16 || type == ElementType::kFloat64;
  require(reduction != Reduction::kMean || floating, "[", call, "] the mean is defined for floating types only");
}

inline void check_root(int root, int size) {
  require(root >= 0 && root < size, "[broadcast] root ", root, " of a job of ", size, size == 1 ? " rank" : " ranks");
}

// The sum of the counts.
inline int64_t check_counts(const void* input, std::span<const int64_t> counts, int size) {
  require(std::ssize(counts) == size, "[all_to_all] ", counts.size(), " counts for a job of ", size,
          size == 1 ? " rank" : " ranks");
  int64_t sum = 0;
  for (const int64_t count : counts) {
    require(count >= 0, "[all_to_all] count must not be negative, got ", count);
    sum += count;
  }
  check_buffer("all_to_all", input, sum);
  return sum;
}

}  // namespace lathe::dist
