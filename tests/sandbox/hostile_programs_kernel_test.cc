// System calls by number, past the interpreter. Trap S13; row C-12.10.
#include <sys/syscall.h>

#include "core/text.h"
#include "tests/sandbox/house.h"

namespace lathe::sandbox::testing {
namespace {

constexpr const char* kKilled = "31";  // SIGSYS

// One call by its number; the program prints what came back.
std::string calls(long number, const std::string& arguments) {
  return join_text("import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\nresult = libc.syscall(ctypes.c_long(", number, "), ", arguments,
                   ")\nprint('result', result, 'error', ctypes.get_errno())\n");
}

// Ends the process: no innocent program makes the call.
Hostile deadly(const char* name, const char* tries, long number, const std::string& arguments = "0, 0, 0, 0, 0") {
  return {name, tries, calls(number, arguments), Expect::kSignal, kKilled};
}

// Refused with an error that a program may survive.
Hostile refused(const char* name, const char* tries, long number, const std::string& arguments = "0, 0, 0, 0, 0", int code = 1) {
  return {name, tries, calls(number, arguments), Expect::kContained, join_text("result -1 error ", code)};
}

const Hostile kPrograms[] = {
    deadly("Ptrace", "traces its parent", SYS_ptrace, "16, {PARENT}, 0, 0"),
    deadly("PtraceMe", "asks to be traced", SYS_ptrace),
    deadly("ReadsOtherMemory", "reads its parent's memory", SYS_process_vm_readv, "{PARENT}, 0, 0, 0, 0, 0"),
    deadly("WritesOtherMemory", "writes its parent's memory", SYS_process_vm_writev, "{PARENT}, 0, 0, 0, 0, 0"),
    deadly("Mount", "mounts something over the root", SYS_mount, "b'none', b'/', b'tmpfs', 0, 0"),
    deadly("Unmount", "unmounts the read-only files", SYS_umount2, "b'/usr', 2"),
    deadly("MountByHandle", "mounts by the newer calls", SYS_fsopen, "b'tmpfs', 0"),
    deadly("RemountsWritable", "makes the root writable", SYS_mount_setattr),
    deadly("Chroot", "changes its root", SYS_chroot, "b'/tmp'"),
    deadly("PivotRoot", "exchanges the root", SYS_pivot_root, "b'.', b'.'"),
    deadly("Unshare", "makes namespaces of its own", SYS_unshare, "0x10000000"),
    deadly("Setns", "enters other namespaces", SYS_setns, "3, 0"),
    deadly("Keyctl", "reads keys of the kernel", SYS_keyctl),
    deadly("AddKey", "puts keys into the kernel", SYS_add_key),
    deadly("Bpf", "loads a program into the kernel", SYS_bpf),
    deadly("Userfaultfd", "takes over page faults", SYS_userfaultfd),
    deadly("IoUring", "makes calls past the filter", SYS_io_uring_setup, "8, 0"),
    deadly("IoUringEnter", "drives such a ring", SYS_io_uring_enter),
    deadly("PerfEvent", "watches the machine", SYS_perf_event_open),
    deadly("LoadsModule", "loads a kernel module", SYS_init_module),
    deadly("Kexec", "replaces the kernel", SYS_kexec_load),
    deadly("Reboot", "restarts the machine", SYS_reboot, "0xfee1dead, 672274793, 0x1234567, 0"),
    deadly("OpenByHandle", "opens files by number, past all paths", SYS_open_by_handle_at),
    deadly("HostName", "renames the machine", SYS_sethostname, "b'x', 1"),
    deadly("SetsClock", "turns the clock", SYS_clock_settime),
    deadly("Swapoff", "takes the swap away", SYS_swapoff, "b'/dev/x'"),
    deadly("DescriptorsOfOthers", "takes a descriptor out of another process", SYS_pidfd_getfd),
    refused("CloneAProcess", "starts a process by number", SYS_clone, "17, 0, 0, 0, 0"),
    refused("CloneANamespace", "starts a process in a new namespace", SYS_clone, "0x10000011, 0, 0, 0, 0"),
    refused("Clone3", "starts a process by the call whose flags no filter sees", SYS_clone3, "0, 0", 38),
    refused("Personality", "switches address randomisation off", SYS_personality, "0x0040000"),
    refused("Dumpable", "sets itself undumpable", SYS_prctl, "4, 0, 0, 0, 0"),
    refused("OwnFilter", "loads a filter of its own", SYS_prctl, "22, 2, 0, 0, 0"),
    refused("DeathSignal", "unsets the signal of its starter's death", SYS_prctl, "1, 0, 0, 0, 0"),
    refused("Subreaper", "becomes a reaper of processes", SYS_prctl, "36, 1, 0, 0, 0"),
    refused("Seccomp", "loads a filter by the other call", SYS_seccomp, "1, 0, 0"),
    refused("SharedMemory", "makes System V shared memory", SYS_shmget, "0x5a5a, 4096, 0o1777"),
    refused("Semaphores", "makes System V semaphores", SYS_semget, "0x5a5a, 1, 0o1777"),
    refused("Messages", "makes a System V queue", SYS_msgget, "0x5a5a, 0o1777"),
    refused("MessageQueue", "makes a POSIX queue", SYS_mq_open, "b'x', 66, 0o777, 0"),
    refused("Inotify", "watches files, until the user's watches run out", SYS_inotify_init1, "0"),
    refused("Fanotify", "marks file systems", SYS_fanotify_mark),
    refused("CoreHandler", "lets the machine's handler of core files look at its crash", SYS_setrlimit, "4, (ctypes.c_ulong * 2)(0, 0)"),
    refused("CoreHandlerOtherwise", "the same by the newer call", SYS_prlimit64, "0, 4, (ctypes.c_ulong * 2)(0, 0), 0"),
    refused("CoreHandlerHidden", "the same with a number that is cut to 32 bits", SYS_prlimit64, "0, ctypes.c_ulong((1 << 32) + 4), (ctypes.c_ulong * 2)(0, 0), 0"),
    refused("MapsTheStartsPath", "maps the page that the one allowed start reads", SYS_mmap, "ctypes.c_void_p(1 << 20), 4096, 3, 0x32, -1, ctypes.c_long(0)"),
    refused("MapsBelowTheStartsPath", "maps over it from below", SYS_mmap, "ctypes.c_void_p(1 << 16), 1 << 21, 3, 0x32, -1, ctypes.c_long(0)"),
    refused("MapsFromZero", "maps over it from address 0", SYS_mmap, "ctypes.c_void_p(0), 1 << 21, 3, 0x32, -1, ctypes.c_long(0)"),
    refused("GrowsDown", "grows a stack down to it", SYS_mmap, "ctypes.c_void_p((1 << 20) + 4096), 4096, 3, 0x122, -1, ctypes.c_long(0)"),
    refused("MovesMemory", "moves memory to it", SYS_mremap, "ctypes.c_void_p(0), 4096, 4096, 3, ctypes.c_void_p(1 << 20)"),
    refused("ExecveatElsewhere", "starts a program by the other call", SYS_execveat, "-100, b'/usr/bin/python3', 0, 0, 0"),
    refused("ExecveatThere", "starts a program by an empty path that is not there", SYS_execveat, "0, ctypes.c_void_p(1 << 20), 0, 0, 0x1000", 14),
    refused("SystemLog", "reads the kernel's log", SYS_syslog, "3, 0, 0"),
    refused("MemoryFile", "makes a file past the disk limit", SYS_memfd_create, "b'x', 0"),
    refused("LocksMemory", "locks memory", SYS_mlockall, "3"),
    refused("TerminalInput", "types into a terminal", SYS_ioctl, "1, 0x5412, b'x'"),
    refused("MovesPages", "moves memory between nodes", SYS_move_pages),
    refused("SecretMemory", "hides memory", 447, "0"),
    refused("SetsLandlock", "adds rules of its own", 444, "0, 0, 1"),
#ifdef __x86_64__
    {"OtherNumbers", "uses the x32 numbers of the calls", calls(0x40000000 + 39, "0"), Expect::kSignal, kKilled},
    {"OtherWordSize", "makes a 32-bit call from its own machine code",
     "import ctypes, mmap\ncode = mmap.mmap(-1, 4096, prot=7)\ncode.write(b'\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3')\n"
     "address = ctypes.addressof(ctypes.c_char.from_buffer(code))\nprint(ctypes.CFUNCTYPE(ctypes.c_int)(address)())\n"},
#endif
};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Kernel, HostilePrograms, ::testing::ValuesIn(kPrograms), hostile_name);

}  // namespace lathe::sandbox::testing
