// Landlock by its system calls: Debian 12's headers know only the first rights.
#pragma once

#include <string>
#include <vector>

namespace lathe::sandbox {

// What this kernel offers; 0: nothing.
int landlock_abi();

// Confines the calling process (async-signal-safe): reads everywhere, starts `executables` only, writes below `work` and to
// devices only, makes no device, socket or fifo, binds and connects no TCP port, signals nobody outside. False: see errno.
bool confine_with_landlock(int abi, const std::vector<std::string>& executables, const char* work);

}  // namespace lathe::sandbox
