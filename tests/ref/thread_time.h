// Processor time of the calling thread: bounds on it hold on a machine whose processors others use, too. That of all threads
// is process_cpu_seconds() of core/machine.h.
#pragma once

#include <ctime>

namespace lathe::testing {

inline double thread_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace lathe::testing
