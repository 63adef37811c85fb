// The arithmetic of reductions, apart from how the ranks' data came together.
#pragma once

#include <cstdint>
#include <span>

#include "dist/communicator.h"

namespace lathe::dist {

// output[i] = the reduction of inputs[0][i], inputs[1][i], ...: `count` elements each, in this order, as
// communicator.h defines it. `output` may be one of the inputs, but not overlap one otherwise. Any number of threads.
void reduce_in_order(std::span<const void* const> inputs, void* output, int64_t count, ElementType type,
                     Reduction reduction);

}  // namespace lathe::dist
