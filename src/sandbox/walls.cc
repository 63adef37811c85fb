#include "sandbox/walls.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "core/file.h"

namespace lathe::sandbox {
namespace {

struct WallText {
  const char* name;
  const char* remedy;
};

constexpr const char* kUserRemedy =
    "run as root, or let users make user namespaces: sudo sysctl -w kernel.unprivileged_userns_clone=1 "
    "kernel.apparmor_restrict_unprivileged_userns=0 user.max_user_namespaces=15000 (in a container: --security-opt seccomp=unconfined)";
constexpr const char* kMountRemedy = "a kernel from Linux 5.12 on with /proc mounted, run as root or with user namespaces (in a container: "
                                     "--cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined)";
constexpr WallText kTexts[kWalls] = {
    {"user namespace", kUserRemedy},
    {"pid namespace", kUserRemedy},
    {"mount namespace and read-only root", kMountRemedy},
    {"network namespace", kUserRemedy},
    {"ipc namespace", kUserRemedy},
    {"uts namespace", kUserRemedy},
    {"resource limits", "raise the hard limits of this shell (ulimit -H -a) to those asked for"},
    {"own user id", "run as root, or where user namespaces are allowed"},
    {"no new privileges", "a kernel from Linux 3.5 on; in a container, allow capset"},
    {"landlock", "a kernel built with CONFIG_SECURITY_LANDLOCK and started with lsm=landlock,..."},
    {"seccomp", "tools/deps --install, then configure and build again; a kernel built with CONFIG_SECCOMP_FILTER"},
};

constexpr int kNamespaceFlags[] = {CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS};

bool has(const Launch& launch, Wall wall) { return launch.walls[static_cast<size_t>(wall)]; }

constexpr uint64_t kWideFirst = 0x70000000, kNarrowFirst = 20000, kNarrowIds = 40000;

// How many ids, from 0 on, there are in the user namespace of this process.
uint64_t known_ids() {
  const Result<std::string> map = read_file("/proc/self/uid_map");
  unsigned long long inside = 0, outside = 0, count = 0;
  if (!map.ok() || std::sscanf(map.value().c_str(), "%llu %llu %llu", &inside, &outside, &count) != 3 || inside != 0) return 0;
  return count;
}

// A user id that nothing else on this machine has, so that limits per user count one sandbox only. Where root itself lives in
// a container with few ids, one of those; 0: there is none.
unsigned own_user_id(pid_t pid) {
  const uint64_t ids = known_ids(), number = static_cast<uint64_t>(pid);
  if (ids > kWideFirst * 2) return static_cast<unsigned>(kWideFirst + number);
  return ids < kNarrowFirst + kNarrowIds ? 0 : static_cast<unsigned>(kNarrowFirst + number % kNarrowIds);
}

// /proc files and cgroup files want one write call, and errors show there.
int write_once(const std::string& path, const std::string& text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int code = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : errno;
  close(fd);
  return code;
}

int map_identity(pid_t pid, unsigned outer, bool root) {
  const std::string folder = join_text("/proc/", pid, "/");
  constexpr int kInner = 1000;
  if (!root)
    if (const int code = write_once(folder + "setgroups", "deny"); code != 0) return code;
  const unsigned group = root ? outer : getegid();
  if (const int code = write_once(folder + "gid_map", join_text(kInner, " ", group, " 1")); code != 0) return code;
  return write_once(folder + "uid_map", join_text(kInner, " ", root ? outer : geteuid(), " 1"));
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

Refusal prepare(const Launch& launch, pid_t pid, unsigned outer, bool root) {
  if (has(launch, Wall::kUser))
    if (const int code = map_identity(pid, outer, root); code != 0) return {Wall::kUser, code, "uid_map"};
  for (const std::string& group : launch.groups)
    if (const int code = write_once(group, std::to_string(pid)); code != 0) return {Wall::kLimits, code, group};
  return {};
}

}  // namespace

bool has_own_user_ids() { return geteuid() == 0 && known_ids() >= kNarrowFirst + kNarrowIds; }
const char* wall_name(Wall wall) { return kTexts[static_cast<size_t>(wall)].name; }
std::string wall_remedy(Wall wall) { return kTexts[static_cast<size_t>(wall)].remedy; }

Started start(const Launch& launch) {
  int go[2], status[2];
  if (pipe2(go, O_CLOEXEC) != 0) return {-1, {Wall::kCount, errno, "pipe"}};
  if (pipe2(status, O_CLOEXEC) != 0) {
    const int code = errno;
    close(go[0]);
    close(go[1]);
    return {-1, {Wall::kCount, code, "pipe"}};
  }
  const std::vector<char*> arguments = pointers(launch.arguments), environment = pointers(launch.environment);
  int flags = SIGCHLD;
  for (size_t i = 0; i < std::size(kNamespaceFlags); ++i)
    if (launch.walls[i]) flags |= kNamespaceFlags[i];

  // No handler of ours may run in the copy before it has put them all back.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto pid = static_cast<pid_t>(syscall(SYS_clone, flags, nullptr, nullptr, nullptr, nullptr));
  if (pid == 0) {
    close(go[1]);
    close(status[0]);
    enter(launch, arguments.data(), environment.data(), go[0], status[1]);
  }
  const int clone_code = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  close(go[0]);
  close(status[1]);

  Refusal refusal;
  const bool root = geteuid() == 0;
  if (pid < 0) {
    // One call makes all namespaces; the user namespace is the one that is commonly forbidden.
    refusal = {has(launch, Wall::kUser) ? Wall::kUser : has(launch, Wall::kPid) ? Wall::kPid : Wall::kCount, clone_code, "clone"};
  } else {
    const unsigned outer = root && has(launch, Wall::kIdentity) ? own_user_id(pid) : 0;
    const bool stays_root = root && outer == 0 && has(launch, Wall::kIdentity) && !has(launch, Wall::kUser);
    refusal = stays_root ? Refusal{Wall::kIdentity, EPERM, "no user id but root's"} : prepare(launch, pid, outer == 0 ? geteuid() : outer, outer != 0);
    if (refusal.code == 0) (void)!write(go[1], &outer, sizeof outer);
  }
  close(go[1]);
  ChildFailure failure;
  ssize_t got = 0;
  if (pid > 0) do got = read(status[0], &failure, sizeof failure);
    while (got < 0 && errno == EINTR);
  close(status[0]);
  if (got == static_cast<ssize_t>(sizeof failure)) {
    failure.step[sizeof failure.step - 1] = 0;
    refusal = {static_cast<Wall>(failure.wall), failure.code, failure.step};
  }
  if (refusal.code == 0) return {pid, {}};
  if (pid > 0) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  return {-1, refusal};
}

}  // namespace lathe::sandbox
