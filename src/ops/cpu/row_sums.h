// Sums over rows (weight gradients) with the same bits for any number of threads: at most kRowBlocks blocks of rows,
// each summed in order by one task into its own partial, then the partials in block order.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/parallel.h"
#include "ops/cpu/thread_scratch.h"

namespace lathe::ops::cpu {

class RowSums {
 public:
  static constexpr int64_t kRowBlocks = 32;

  // body(begin, end, partial) adds rows begin .. end - 1 to partial[0 .. width), which starts at zero.
  template <class Body>
  RowSums(int64_t rows, int64_t width, Body&& body) : width_(width) {
    const int64_t per_block = std::max<int64_t>(1, (rows + kRowBlocks - 1) / kRowBlocks);
    blocks_ = (rows + per_block - 1) / per_block;
    static thread_local ThreadScratch scratch;
    float* partials = scratch.floats(blocks_ * width);
    partials_ = partials;
    parallel_for(blocks_, 1, [&](int64_t first, int64_t last) {
      for (int64_t block = first; block < last; ++block) {
        float* partial = partials + block * width;
        std::fill(partial, partial + width, 0.0f);
        body(block * per_block, std::min(rows, (block + 1) * per_block), partial);
      }
    });
  }

  // total[i] += the sum of element offset + i. Valid until the next RowSums of this thread.
  void add_to(int64_t offset, int64_t count, float* total) const {
    for (int64_t block = 0; block < blocks_; ++block) {
      const float* partial = partials_ + block * width_ + offset;
      for (int64_t i = 0; i < count; ++i) total[i] += partial[i];
    }
  }

 private:
  const float* partials_;
  int64_t width_, blocks_;
};

}  // namespace lathe::ops::cpu
