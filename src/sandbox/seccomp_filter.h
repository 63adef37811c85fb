// The list of system calls that a walled process may make, as a program for the kernel. seccomp_filter.cc builds it with
// libseccomp; seccomp_missing.cc answers in builds without that library.
#pragma once

#include <cstdint>
#include <vector>

#include "core/result.h"

namespace lathe::sandbox {

// Where the start reads its (empty) path, below everything that the kernel maps by itself. The filter allows execveat with this
// address only, and nothing to be mapped there, so that what has been started can start nothing.
inline constexpr uint64_t kEmptyPath = 1 << 20, kEmptyPathPage = 4096;

struct SeccompFilter {
  std::vector<uint64_t> instructions;  // struct sock_filter, 8 bytes each, of this machine's architecture
  int allowed = 0;                     // calls that pass; all others fail with EPERM, or end the process where no innocent makes them
  int deadly = 0;                      // calls that end the process
};

// Whether this build can make one.
bool has_seccomp_library();

// Errors: a build without the library (with the command that mends it); the library's own failures.
Result<SeccompFilter> make_seccomp_filter();

}  // namespace lathe::sandbox
