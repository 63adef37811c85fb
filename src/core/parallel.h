// The one place where threads are shared out for computing (OpenMP behind it, the same team oneDNN uses).
// Results must not depend on the split: give every output element to exactly one task, and sum in a fixed order.
#pragma once

#include <cstdint>
#include <type_traits>

namespace lathe {

// With how many threads the calling one computes, oneDNN's products included (ops/cpu/matmul.cc): its own number, else the process's, which is
// OMP_NUM_THREADS or the number of processors at first.
int num_threads();
void set_num_threads(int n);      // n >= 1; the process's
void set_own_num_threads(int n);  // n >= 1; the calling thread's

namespace internal {
using RangeFunction = void (*)(void* context, int64_t begin, int64_t end);
void parallel_for_impl(int64_t n, int64_t grain, void* context, RangeFunction function);
}  // namespace internal

// Calls body(begin, end) over disjoint ranges that cover [0, n), each a multiple of `grain` long but the last.
// Allocates nothing. Nested calls run serially. The first exception of a body is thrown again when all have ended.
template <class Body>
void parallel_for(int64_t n, int64_t grain, Body&& body) {
  using Plain = std::remove_reference_t<Body>;
  internal::parallel_for_impl(n, grain, const_cast<void*>(static_cast<const void*>(&body)),
                              [](void* context, int64_t begin, int64_t end) {
                                (*static_cast<Plain*>(context))(begin, end);
                              });
}

}  // namespace lathe
