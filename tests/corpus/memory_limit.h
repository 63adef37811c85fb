// Runs work in a child process whose address space may grow by a given number of bytes only.
#pragma once

#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <new>

namespace lathe::corpus {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kCanLimitMemory = false;  // sanitizers reserve address space of their own
#else
inline constexpr bool kCanLimitMemory = true;
#endif

inline constexpr int kOutOfMemory = 77;

// From the start of the program on, large blocks go back to the system when they are freed: else a child would find room
// for its own in what earlier tests left.
inline const int kLargeBlocksAreReturned = ::mallopt(M_MMAP_THRESHOLD, 128 << 10);

// The exit status of the child: work()'s value, or kOutOfMemory; -1 when it was killed.
template <class Work>
int run_with_memory(int64_t bytes, Work&& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const auto most = static_cast<rlim_t>(pages * ::sysconf(_SC_PAGESIZE) + bytes);
    const rlimit limit{most, most};
    int status = 1;
    try {
      if (::setrlimit(RLIMIT_AS, &limit) == 0) status = work();
    } catch (const std::bad_alloc&) {
      status = kOutOfMemory;
    }
    ::_exit(status);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace lathe::corpus
