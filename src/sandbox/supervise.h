// Watches one program from outside: collects what it writes, waits for the verdict, ends the whole tree in time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/descriptor.h"

namespace lathe::sandbox {

using Time = std::chrono::steady_clock::time_point;

// A stream that a walled process writes: at most `cap` bytes are kept, the rest is read and dropped.
struct Collected {
  Descriptor end;
  std::string text;
  size_t cap = 0;
  bool open() const { return end.get() >= 0; }
};

enum class Watched { kComplete, kClosed, kLate };

// Reads all streams until `complete(verdict text)` (then the others until they close, a second at most), until the verdict's
// stream closes without that, or until `deadline`.
Watched watch(Collected& verdict, std::vector<Collected*> others, Time deadline, const std::function<bool(const std::string&)>& complete);

// How a process went, if it went by itself; waits at most `patience` seconds. It stays to be collected by end_tree().
struct Ended {
  std::optional<int> exit_code, signal;
};
Ended how_it_ended(pid_t pid, double patience);

// Ends a process with all that it started: it is the first of its pid namespace, or the leader of a session.
void end_tree(pid_t pid, bool pid_namespace);

}  // namespace lathe::sandbox
