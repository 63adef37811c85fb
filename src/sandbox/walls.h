// One process behind walls: how it is started. The parent prepares everything; the child, which shares the memory of a process
// with threads, allocates nothing, writes to its own stack only and calls the kernel, until it becomes the interpreter.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"

namespace lathe::sandbox {

// In the order in which they are built. The names and the remedies are in walls.cc.
enum class Wall { kUser, kPid, kMount, kNet, kIpc, kUts, kLimits, kIdentity, kPrivileges, kLandlock, kSeccomp, kCount };
inline constexpr int kWalls = static_cast<int>(Wall::kCount);

using WallSet = std::array<bool, kWalls>;

const char* wall_name(Wall wall);    // "user namespace"
std::string wall_remedy(Wall wall);  // a command or a setting

// Whether root can give a sandbox a user id that nothing else has: not in a container with a single id.
bool has_own_user_ids();

// Something of this machine that is seen inside, read-only, at the same path.
struct Shown {
  std::string path;
  bool file = false, device = false;
};

// The root inside. Folders and links are made in this order, then the sources are attached.
struct RootPlan {
  std::vector<std::string> folders;                         // each after its parent; of sources too
  std::vector<std::pair<std::string, std::string>> links;   // path -> target
  std::vector<Shown> shown;
  std::vector<std::string> executables;                     // what Landlock lets execve start
  std::string size_option;                                  // of the root's own tmpfs
};

inline constexpr const char* kWorkFolder = "/tmp";  // inside; a tmpfs of its own

// A limit of setrlimit: both values are set.
struct RlimitPlan {
  int resource = 0;
  uint64_t soft = 0, hard = 0;
};

// Everything that one start needs. Descriptors of `files` become 0, 1, 2, ... inside; all others are closed.
struct Launch {
  WallSet walls{};
  const RootPlan* root = nullptr;
  std::string work_option;                  // "size=16777216,nr_inodes=4096,mode=1777" of the working folder
  std::string outside_work;                 // the working folder where there is no mount wall
  const std::vector<uint64_t>* seccomp = nullptr;
  int landlock_abi = 0;
  std::vector<RlimitPlan> limits;
  std::vector<std::string> arguments;       // [0] is the program's path
  std::vector<std::string> environment;
  std::vector<int> files;
  std::vector<std::string> groups;          // "tasks" or "cgroup.procs" files that it is written into before it starts
};

struct Refusal {
  Wall wall = Wall::kCount;  // kCount: not a wall, the start itself
  int code = 0;              // errno
  std::string what;
};

struct Started {
  pid_t pid = -1;
  Refusal refusal;  // of pid < 0
};

// At most 16 things shown and 15 files. Starts it; returns when the interpreter runs or a wall was refused. Nothing is left of a refused start.
Started start(const Launch& launch);

// The child's part (walls_child.cc). Never returns: becomes the interpreter, or writes {wall, errno, step} and exits.
struct ChildFailure {
  int wall = 0, code = 0;
  char step[56] = {};
};
[[noreturn]] void enter(const Launch& launch, char* const* arguments, char* const* environment, int go_fd, int status_fd);

}  // namespace lathe::sandbox
