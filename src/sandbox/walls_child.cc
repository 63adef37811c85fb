// The child's part of a start: builds the walls around itself, then becomes the interpreter. It shares the memory
// of a process with threads: no allocation, no lock, no write but to its own stack, no C library call that talks to other threads
// (setresuid and its kin by number).
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "sandbox/landlock.h"
#include "sandbox/seccomp_filter.h"
#include "sandbox/walls.h"

namespace lathe::sandbox {
namespace {

constexpr unsigned kInnerId = 1000;
constexpr int kMaxShown = 16;
constexpr int kMaxFiles = 16;
// Mounted over inside our own mount namespace only: unlike "/" it is a mount point in a chroot, too, so that it can be made
// private and nothing shows outside.
constexpr const char* kStage = "/proc";

// linux/mount.h
constexpr unsigned kOpenTreeClone = 1, kMoveMountEmptyPath = 4, kRecursive = 0x8000;
constexpr uint64_t kReadOnly = 1, kNoSuid = 2, kNoDev = 4;
struct MountAttributes {
  uint64_t set = 0, clear = 0, propagation = 0, user_namespace = 0;
};

struct Child {
  const Launch& launch;
  int status_fd;

  [[noreturn]] void fail(Wall wall, const char* step) const {
    ChildFailure failure;
    failure.wall = static_cast<int>(wall);
    failure.code = errno;
    strncpy(failure.step, step, sizeof failure.step - 1);
    (void)!write(status_fd, &failure, sizeof failure);
    _exit(127);
  }
  void need(bool ok, Wall wall, const char* step) const {
    if (!ok) fail(wall, step);
  }
  bool has(Wall wall) const { return launch.walls[static_cast<size_t>(wall)]; }
};

bool set_attributes(int fd, const char* path, unsigned flags, uint64_t set) {
  MountAttributes attributes;
  attributes.set = set;
  return syscall(SYS_mount_setattr, fd, path, flags, &attributes, sizeof attributes) == 0;
}

void take_identity(const Child& child, unsigned id, Wall wall) {
  child.need(syscall(SYS_setgroups, 0, nullptr) == 0 || errno == EPERM, wall, "setgroups");
  child.need(syscall(SYS_setresgid, id, id, id) == 0, wall, "setresgid");
  child.need(syscall(SYS_setresuid, id, id, id) == 0, wall, "setresuid");
}

// Copies of the mounts to show, taken while the paths can still be walked as who we were.
void take_shown(const Child& child, int (&trees)[kMaxShown]) {
  const auto& shown = child.launch.root->shown;
  for (size_t i = 0; i < shown.size(); ++i) {
    const unsigned flags = kOpenTreeClone | O_CLOEXEC | kRecursive;
    trees[i] = static_cast<int>(syscall(SYS_open_tree, AT_FDCWD, shown[i].path.c_str(), flags));
    child.need(trees[i] >= 0, Wall::kMount, shown[i].path.c_str());
    const uint64_t set = kReadOnly | kNoSuid | (shown[i].device ? 0 : kNoDev);
    // A device is written to through its node, which a read-only mount does not hinder.
    child.need(set_attributes(trees[i], "", AT_EMPTY_PATH | kRecursive, set), Wall::kMount, "mount_setattr (Linux 5.12)");
  }
}

void build_root(const Child& child, const int (&trees)[kMaxShown]) {
  const RootPlan& root = *child.launch.root;
  const auto need = [&](bool ok, const char* step) { child.need(ok, Wall::kMount, step); };
  need(mount("tmpfs", kStage, "tmpfs", MS_NOSUID | MS_NODEV, root.size_option.c_str()) == 0, "mount of the root");
  need(chdir(kStage) == 0, "chdir");
  for (const std::string& folder : root.folders) need(mkdir(folder.c_str() + 1, 0755) == 0, folder.c_str());
  for (const auto& link : root.links) need(symlink(link.second.c_str(), link.first.c_str() + 1) == 0, link.first.c_str());
  for (size_t i = 0; i < root.shown.size(); ++i) {
    const char* target = root.shown[i].path.c_str() + 1;
    if (root.shown[i].file || root.shown[i].device) {
      const int fd = open(target, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
      need(fd >= 0, target);
      close(fd);
    }
    need(syscall(SYS_move_mount, trees[i], "", AT_FDCWD, target, kMoveMountEmptyPath) == 0, target);
    close(trees[i]);
  }
  need(mount("tmpfs", kWorkFolder + 1, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, child.launch.work_option.c_str()) == 0,
       "mount of the working folder");
  // In a chroot there is no root mount to exchange; without capabilities nobody climbs out of the new one either.
  if (syscall(SYS_pivot_root, ".", ".") == 0) {
    need(umount2(".", MNT_DETACH) == 0, "umount of the old root");
  } else {
    need(chroot(".") == 0, "chroot");
  }
  need(chdir("/") == 0, "chdir to the root");
  need(set_attributes(AT_FDCWD, "/", 0, kReadOnly | kNoSuid | kNoDev), "read-only root");
}

void drop_capabilities(const Child& child) {
  for (int capability = 0; capability < 64; ++capability)
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      child.need(errno == EINVAL || errno == EPERM, Wall::kPrivileges, "bounding set");
      break;
    }
}

void clear_capabilities(const Child& child) {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2]{};
  child.need(syscall(SYS_capset, &header, none) == 0, Wall::kPrivileges, "capset");
}

// Moves `files` to 0, 1, 2, ...; the status descriptor goes right behind them and closes by itself at execve.
int arrange_files(const Child& child) {
  const auto& files = child.launch.files;
  const int count = static_cast<int>(files.size());
  int copies[kMaxFiles];
  for (int i = 0; i <= count; ++i) {
    const int source = i < count ? files[static_cast<size_t>(i)] : child.status_fd;
    copies[i] = fcntl(source, F_DUPFD_CLOEXEC, count + 1);
    child.need(copies[i] >= 0, Wall::kCount, "copy of a descriptor");
  }
  for (int i = 0; i < count; ++i) child.need(dup2(copies[i], i) >= 0, Wall::kCount, "dup2");
  child.need(dup3(copies[count], count, O_CLOEXEC) >= 0, Wall::kCount, "dup3");
  child.need(syscall(SYS_close_range, static_cast<unsigned>(count + 1), ~0U, 0) == 0, Wall::kCount, "close_range (Linux 5.9)");
  return count;
}

}  // namespace

[[noreturn]] void enter(const Launch& launch, char* const* arguments, char* const* environment, int go_fd, int status_fd) {
  Child child{launch, status_fd};
  unsigned outer_id = 0;  // 0: keep who we are
  if (read(go_fd, &outer_id, sizeof outer_id) != static_cast<ssize_t>(sizeof outer_id)) _exit(127);

  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) sigaction(number, &standard, nullptr);
  sigset_t nothing;
  sigemptyset(&nothing);
  sigprocmask(SIG_SETMASK, &nothing, nullptr);
  setsid();
  umask(022);

  int trees[kMaxShown];
  if (child.has(Wall::kMount)) {
    // "/" is no mount point in a chroot; only what we mount over has to be private.
    mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    child.need(mount(nullptr, kStage, nullptr, MS_PRIVATE, nullptr) == 0, Wall::kMount, "private /proc");
    take_shown(child, trees);
  }
  if (child.has(Wall::kUser) && outer_id != 0) take_identity(child, kInnerId, Wall::kUser);
  if (child.has(Wall::kMount)) build_root(child, trees);
  if (child.has(Wall::kUts)) child.need(sethostname("sandbox", 7) == 0, Wall::kUts, "sethostname");
  child.need(chdir(child.has(Wall::kMount) ? kWorkFolder : launch.outside_work.c_str()) == 0, Wall::kCount, "chdir to the working folder");
  child.status_fd = arrange_files(child);

  if (child.has(Wall::kPrivileges)) drop_capabilities(child);
  if (!child.has(Wall::kUser) && outer_id != 0) take_identity(child, outer_id, Wall::kIdentity);
  if (child.has(Wall::kPrivileges)) {
    clear_capabilities(child);
    child.need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, Wall::kPrivileges, "no_new_privs");
  }
  if (child.has(Wall::kLimits))
    for (const RlimitPlan& plan : launch.limits) {
      const rlimit limit{plan.soft, plan.hard};
      child.need(setrlimit(static_cast<__rlimit_resource_t>(plan.resource), &limit) == 0, Wall::kLimits, "setrlimit");
    }
  // After the last change of identity, which would clear it: the process ends with the thread that started it.
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // It may have ended before: then nobody reads the status.
  pollfd reader{child.status_fd, 0, 0};
  if (poll(&reader, 1, 0) != 0) _exit(127);
  if (child.has(Wall::kLandlock)) {
    const char* work = child.has(Wall::kMount) ? kWorkFolder : launch.outside_work.c_str();
    child.need(confine_with_landlock(launch.landlock_abi, launch.root->executables, work), Wall::kLandlock, "landlock");
  }
  const int interpreter = open(arguments[0], O_PATH | O_CLOEXEC);
  child.need(interpreter >= 0, Wall::kCount, arguments[0]);
  if (child.has(Wall::kSeccomp)) {
    sock_fprog program{};
    program.len = static_cast<unsigned short>(launch.seccomp->size());
    program.filter = reinterpret_cast<sock_filter*>(const_cast<uint64_t*>(launch.seccomp->data()));
    child.need(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0, Wall::kSeccomp, "seccomp");
  }
  syscall(SYS_execveat, interpreter, reinterpret_cast<const char*>(kEmptyPath), arguments, environment, AT_EMPTY_PATH);
  child.fail(Wall::kCount, "execveat");
}

}  // namespace lathe::sandbox
