// Control groups (version 2, or the pids and memory hierarchies of version 1) as a second bound on the processes and on the
// memory of all of a program's processes together. Only where this process may make them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lathe::sandbox {

// The folders in which groups can be made.
struct ControlGroups {
  std::vector<std::string> parents;
  int version = 0;  // 0: none
  bool pids = false, memory = false;
};

// Tries it out: makes and removes a group.
ControlGroups find_control_groups();

// The group of one process tree. Removed by the destructor, which wants all its processes gone.
class ControlGroup {
 public:
  ControlGroup() = default;
  ControlGroup(const ControlGroups& groups, int64_t processes, std::optional<int64_t> memory_bytes);
  ControlGroup(const ControlGroup&) = delete;
  ControlGroup& operator=(const ControlGroup&) = delete;
  ~ControlGroup();
  bool ok() const { return ok_; }
  std::vector<std::string> process_files() const;  // a process id written into each joins it
  bool memory_ran_out() const;                     // the kernel ended a process of it for lack of memory

 private:
  std::vector<std::string> folders_;
  int version_ = 0;
  bool ok_ = true;
};

}  // namespace lathe::sandbox
