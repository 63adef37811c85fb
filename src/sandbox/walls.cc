#include "sandbox/walls.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "core/file.h"
#include "sandbox/descriptor.h"
#include "sandbox/seccomp_filter.h"

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

// What the child begins with. It shares our memory until it becomes the interpreter (a copy of a process that holds a large
// model costs a tenth of a second), so both sides take turns: it waits for the go, then we wait for its status. That way not
// even errno, which they share, is used by both at once.
struct Beginning {
  const Launch* launch;
  char* const* arguments;
  char* const* environment;
  int go[2], status[2];
};

int begin(void* pointer) {
  const auto& beginning = *static_cast<const Beginning*>(pointer);
  close(beginning.go[1]);
  close(beginning.status[0]);
  enter(*beginning.launch, beginning.arguments, beginning.environment, beginning.go[0], beginning.status[1]);
}

class ChildStack {
 public:
  ChildStack() : memory_(mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {}
  ChildStack(const ChildStack&) = delete;
  ChildStack& operator=(const ChildStack&) = delete;
  ~ChildStack() {
    if (ok()) munmap(memory_, kBytes);
  }
  bool ok() const { return memory_ != MAP_FAILED; }
  void* top() const { return static_cast<char*>(memory_) + kBytes; }

 private:
  static constexpr size_t kBytes = 256 << 10;
  void* memory_;
};

// A page of zeros, an empty text, that stays for as long as this process.
bool has_empty_path() {
  static const bool mapped = mmap(reinterpret_cast<void*>(kEmptyPath), kEmptyPathPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
                             reinterpret_cast<void*>(kEmptyPath);
  return mapped;
}

int clone_flags(const Launch& launch) {
  int flags = SIGCHLD | CLONE_VM;
  for (size_t i = 0; i < std::size(kNamespaceFlags); ++i)
    if (launch.walls[i]) flags |= kNamespaceFlags[i];
  return flags;
}

Refusal let_go(const Launch& launch, pid_t pid, const Beginning& beginning) {
  const bool root = geteuid() == 0;
  const unsigned outer = root && has(launch, Wall::kIdentity) ? own_user_id(pid) : 0;
  if (root && outer == 0 && has(launch, Wall::kIdentity) && !has(launch, Wall::kUser)) return {Wall::kIdentity, EPERM, "no user id but root's"};
  Refusal refusal = prepare(launch, pid, outer == 0 ? geteuid() : outer, outer != 0);
  if (refusal.code == 0 && write(beginning.go[1], &outer, sizeof outer) != static_cast<ssize_t>(sizeof outer)) refusal = {Wall::kCount, errno, "go"};
  if (refusal.code != 0) return refusal;
  ChildFailure failure;
  if (read(beginning.status[0], &failure, sizeof failure) != static_cast<ssize_t>(sizeof failure)) return {};
  failure.step[sizeof failure.step - 1] = 0;
  return {static_cast<Wall>(failure.wall), failure.code, failure.step};
}

}  // namespace

bool has_own_user_ids() { return geteuid() == 0 && known_ids() >= kNarrowFirst + kNarrowIds; }
const char* wall_name(Wall wall) { return kTexts[static_cast<size_t>(wall)].name; }
std::string wall_remedy(Wall wall) { return kTexts[static_cast<size_t>(wall)].remedy; }

Started start(const Launch& launch) {
  static const int dumpable = prctl(PR_GET_DUMPABLE);
  const std::vector<char*> arguments = pointers(launch.arguments), environment = pointers(launch.environment);
  Result<Pipe> go = make_pipe(), status = make_pipe();
  const ChildStack stack;
  if (!go.ok() || !status.ok() || !stack.ok()) return {-1, {Wall::kCount, errno, "pipes and a stack"}};
  if (!has_empty_path()) return {-1, {Wall::kCount, EEXIST, "a page at a low address"}};
  Beginning beginning{&launch, arguments.data(), environment.data(), {go.value().read_end.get(), go.value().write_end.get()},
                      {status.value().read_end.get(), status.value().write_end.get()}};

  // No handler of ours may run in the child before it has put them all back, and none here while the two share memory.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = clone(begin, stack.top(), clone_flags(launch), &beginning);
  // One call makes all namespaces; the user namespace is the one that is commonly forbidden.
  Refusal refusal{Wall::kCount, errno, "clone"};
  status.value().write_end.reset();
  if (pid > 0) refusal = let_go(launch, pid, beginning);
  if (pid > 0 && refusal.code != 0) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  // A change of user in shared memory forbids core files and debuggers for us, too.
  if (dumpable == 1) prctl(PR_SET_DUMPABLE, 1);
  return refusal.code == 0 ? Started{pid, {}} : Started{-1, refusal};
}

}  // namespace lathe::sandbox
