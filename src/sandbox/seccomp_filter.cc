#include "sandbox/seccomp_filter.h"

#include <seccomp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lathe::sandbox {
namespace {

// What an interpreter needs to compute, to use threads and to write in its own folder. Names that an architecture does not
// have are passed over.
constexpr const char* kAllowed[] = {
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2", "close", "close_range",
    "lseek", "fstat", "stat", "lstat", "newfstatat", "statx", "fstatfs", "statfs", "access", "faccessat", "faccessat2", "open", "openat",
    "openat2", "readlink", "readlinkat", "getdents", "getdents64", "getcwd", "chdir", "fchdir", "mkdir", "mkdirat", "rmdir", "unlink",
    "unlinkat", "rename", "renameat", "renameat2", "symlink", "symlinkat", "link", "linkat", "truncate", "ftruncate", "fallocate", "fsync",
    "fdatasync", "utimensat", "futimesat", "utimes", "umask", "chmod", "fchmod", "fchmodat", "dup", "dup2", "dup3", "fcntl", "flock",
    "pipe", "pipe2", "munmap", "mprotect", "madvise", "msync", "mincore", "brk", "membarrier", "rseq", "set_robust_list",
    "get_robust_list", "futex", "futex_waitv", "sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler",
    "sched_get_priority_max", "sched_get_priority_min", "set_tid_address", "arch_prctl", "exit", "exit_group", "rt_sigaction",
    "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait", "rt_sigsuspend", "sigaltstack", "kill", "tkill", "tgkill",
    "restart_syscall", "pause", "getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid",
    "getgroups", "getpgrp", "getpgid", "getsid", "uname", "sysinfo", "getrusage", "times", "getrlimit",
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getitimer", "setitimer", "alarm",
    "select", "pselect6", "_newselect", "poll", "ppoll", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
    "eventfd2", "recvfrom", "sendfile", "copy_file_range", "getrandom", "getcpu", "getpriority", "wait4", "waitid"};

// No innocent Python program makes these: the attempt ends the process at once (signal 31).
constexpr const char* kDeadly[] = {
    "ptrace", "process_vm_readv", "process_vm_writev", "mount", "umount2", "pivot_root", "chroot", "fsopen", "fsmount", "fsconfig", "fspick",
    "move_mount", "open_tree", "mount_setattr", "keyctl", "add_key", "request_key", "bpf", "userfaultfd", "io_uring_setup",
    "io_uring_enter", "io_uring_register", "perf_event_open", "kexec_load", "kexec_file_load", "init_module", "finit_module",
    "delete_module", "reboot", "swapon", "swapoff", "setns", "unshare", "open_by_handle_at", "name_to_handle_at", "iopl", "ioperm",
    "modify_ldt", "kcmp", "pidfd_getfd", "process_madvise", "lookup_dcookie", "quotactl", "quotactl_fd", "acct", "settimeofday",
    "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "vhangup", "fanotify_init"};

constexpr uint64_t kThreadFlag = 0x00010000;                                     // CLONE_THREAD
constexpr uint64_t kIoctls[] = {0x5401, 0x5413, 0x541B, 0x5450, 0x5451};         // TCGETS, TIOCGWINSZ, FIONREAD, FIONCLEX, FIOCLEX
constexpr uint64_t kPrctls[] = {15, 16, 0x53564d41};                             // PR_SET_NAME, PR_GET_NAME, PR_SET_VMA

// The library's own macros leave the second value out, which clang's warnings refuse.
scmp_arg_cmp equals(unsigned argument, uint64_t value) { return {argument, SCMP_CMP_EQ, value, 0}; }
scmp_arg_cmp masked(unsigned argument, uint64_t mask, uint64_t value) { return {argument, SCMP_CMP_MASKED_EQ, mask, value}; }

struct Context {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
  ~Context() { seccomp_release(filter); }
};

Error failed(const char* what, int code) { return error("libseccomp: ", what, ": ", std::strerror(-code)); }

Result<std::vector<uint64_t>> exported(scmp_filter_ctx filter) {
  const int fd = memfd_create("filter", MFD_CLOEXEC);
  if (fd < 0) return failed("memfd_create", -errno);
  std::vector<uint64_t> instructions;
  int code = seccomp_export_bpf(filter, fd);
  if (code == 0) {
    const off_t bytes = lseek(fd, 0, SEEK_END);
    instructions.resize(static_cast<size_t>(bytes) / sizeof(uint64_t));
    if (pread(fd, instructions.data(), static_cast<size_t>(bytes), 0) != bytes) code = -EIO;
  }
  close(fd);
  if (code != 0) return failed("export", code);
  return instructions;
}

}  // namespace

bool has_seccomp_library() { return true; }

Result<SeccompFilter> make_seccomp_filter() {
  Context context;
  if (context.filter == nullptr) return error("libseccomp: no filter");
  // Another word size, or the x32 numbers, would pass around every rule.
  int code = seccomp_attr_set(context.filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  // A binary tree of numbers instead of a chain: this filter runs at every call.
  if (code == 0) code = seccomp_attr_set(context.filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (code != 0) return failed("attribute", code);

  SeccompFilter filter;
  for (const char* name : kAllowed) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number < 0) continue;
    if (code = seccomp_rule_add(context.filter, SCMP_ACT_ALLOW, number, 0); code != 0) return failed(name, code);
    ++filter.allowed;
  }
  for (const char* name : kDeadly) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number < 0) continue;
    if (code = seccomp_rule_add(context.filter, SCMP_ACT_KILL_PROCESS, number, 0); code != 0) return failed(name, code);
    ++filter.deadly;
  }
  // Threads, but no processes. clone3 hides its flags behind a pointer: "not there" makes the C library use clone.
  code = seccomp_rule_add(context.filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, masked(0, kThreadFlag, kThreadFlag));
  if (code == 0) code = seccomp_rule_add(context.filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  // A pair of connected ends reaches nobody; event loops wake themselves with one.
  if (code == 0) code = seccomp_rule_add(context.filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1, equals(0, AF_UNIX));
  // To the other end only: with an address, an end of a pair of datagrams would reach every local server that has a file.
  if (code == 0) code = seccomp_rule_add(context.filter, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 1, equals(4, 0));
  // Limits may be read, and lowered but for that on core files.
  if (code == 0) code = seccomp_rule_add(context.filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, equals(2, 0));
  for (uint64_t resource = 0; resource < RLIM_NLIMITS; ++resource) {
    if (resource == RLIMIT_CORE) continue;
    if (code == 0) code = seccomp_rule_add(context.filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, masked(1, 0xffffffffu, resource));
    if (code == 0) code = seccomp_rule_add(context.filter, SCMP_ACT_ALLOW, SCMP_SYS(setrlimit), 1, masked(0, 0xffffffffu, resource));
  }
  // One start, the one of walls_child.cc: no page can be mapped, moved or grown to where its empty path is read. A program that
  // became another one from a thread would outlive us: the signal of our death belongs to its first thread.
  if (code == 0) code = seccomp_rule_add(context.filter, SCMP_ACT_ALLOW, SCMP_SYS(execveat), 1, equals(1, kEmptyPath));
  constexpr uint64_t kFixed = MAP_FIXED | MAP_FIXED_NOREPLACE, kAbove = kEmptyPath + kEmptyPathPage - 1;
  const scmp_arg_cmp anywhere[] = {equals(0, 0), masked(3, kFixed | MAP_GROWSDOWN, 0)};
  const scmp_arg_cmp above[] = {{0, SCMP_CMP_GT, kAbove, 0}, masked(3, MAP_GROWSDOWN, 0)};
  if (code == 0) code = seccomp_rule_add_array(context.filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, anywhere);
  if (code == 0) code = seccomp_rule_add_array(context.filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, above);
  if (code == 0) code = seccomp_rule_add(context.filter, SCMP_ACT_ALLOW, SCMP_SYS(mremap), 1, masked(3, MREMAP_FIXED, 0));
  for (const uint64_t request : kIoctls)
    if (code == 0) code = seccomp_rule_add(context.filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, masked(1, 0xffffffffu, request));
  for (const uint64_t option : kPrctls)
    if (code == 0) code = seccomp_rule_add(context.filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, masked(0, 0xffffffffu, option));
  if (code != 0) return failed("rule", code);
  filter.allowed += 10;
  LATHE_TRY(filter.instructions, exported(context.filter));
  return filter;
}

}  // namespace lathe::sandbox
