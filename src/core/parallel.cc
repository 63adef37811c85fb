#include "core/parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>

namespace lathe {
namespace {

std::atomic<int> of_process = 0;  // 0: what OpenMP gives every thread
thread_local int of_thread = 0;   // 0: of_process

}  // namespace

// OpenMP keeps a number for each thread and gives new ones what the process began with: --threads would not reach a server's engine.
int num_threads() {
  if (of_thread > 0) return of_thread;
  const int n = of_process.load(std::memory_order_relaxed);
  return n > 0 ? n : omp_get_max_threads();
}

void set_num_threads(int n) { of_process.store(std::max(1, n), std::memory_order_relaxed); }
void set_own_num_threads(int n) { of_thread = std::max(1, n); }

namespace internal {

void parallel_for_impl(int64_t n, int64_t grain, void* context, RangeFunction function) {
  if (n <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  const int64_t grains = (n + grain - 1) / grain;
  const int64_t team = std::min<int64_t>(num_threads(), grains);
  if (team <= 1 || omp_in_parallel()) {
    function(context, 0, n);
    return;
  }
  std::atomic<bool> failed = false;
  std::exception_ptr exception;  // may not leave the parallel region by itself
#pragma omp parallel num_threads(static_cast<int>(team))
  {
    const int64_t me = omp_get_thread_num(), all = omp_get_num_threads();
    const int64_t begin = grains * me / all * grain;
    const int64_t end = std::min(n, grains * (me + 1) / all * grain);
    try {
      if (begin < end) function(context, begin, end);
    } catch (...) {
      if (!failed.exchange(true)) exception = std::current_exception();
    }
  }
  if (exception) std::rethrow_exception(exception);
}

}  // namespace internal
}  // namespace lathe
