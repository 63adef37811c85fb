#include "sandbox/control_groups.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "core/file.h"
#include "core/text.h"

namespace lathe::sandbox {
namespace {

constexpr const char* kPrefix = "lathe-sandbox-";
constexpr int64_t kOwnMemory = 64 << 20;  // page tables, pipes and what else the kernel counts to a group
constexpr int kRemoveTries = 200;         // a millisecond apart; the kernel lets go of ended processes a little later

bool write_line(const std::string& path, const std::string& text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool ok = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return ok;
}

std::string read_text(const std::string& path) {
  const Result<std::string> text = read_file(path);
  return text.ok() ? text.value() : std::string();
}

struct Hierarchy {
  std::string mount, own;  // folder of the hierarchy, and this process's place below it
};

// `controller` empty: version 2.
std::optional<Hierarchy> find_hierarchy(const std::string& controller) {
  Hierarchy found;
  for (const std::string& line : split_text(read_text("/proc/self/mounts"), '\n')) {
    const std::vector<std::string> words = split_text(line, ' ');
    if (words.size() < 4 || words[2] != (controller.empty() ? "cgroup2" : "cgroup")) continue;
    const std::string options = "," + words[3] + ",";
    if (controller.empty() || options.find("," + controller + ",") != std::string::npos) found.mount = words[1];
  }
  for (const std::string& line : split_text(read_text("/proc/self/cgroup"), '\n')) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    if (controller.empty() ? names == ",," : names.find("," + controller + ",") != std::string::npos) found.own = line.substr(second + 1);
  }
  if (found.mount.empty() || found.own.empty()) return std::nullopt;
  if (found.own == "/") found.own.clear();
  return found;
}

void remove_group(const std::string& folder) {
  for (int i = 0; i < kRemoveTries && rmdir(folder.c_str()) != 0 && errno == EBUSY; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

// Groups of processes that were killed before they could tidy up.
void remove_stale(const std::string& parent) {
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(parent, code)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    const pid_t owner = std::atoi(name.c_str() + std::string(kPrefix).size());
    if (owner > 0 && kill(owner, 0) != 0 && errno == ESRCH) rmdir(entry.path().c_str());
  }
}

std::string fresh_group(const std::string& parent) {
  static std::atomic<int64_t> next = 0;
  return join_text(parent, "/", kPrefix, getpid(), "-", next.fetch_add(1));
}

// Whether a group in `parent` can be made, limited by `file`, and joined.
bool works(const std::string& parent, const std::string& file) {
  remove_stale(parent);
  const std::string folder = fresh_group(parent);
  if (mkdir(folder.c_str(), 0755) != 0) return false;
  bool ok = write_line(folder + "/" + file, file == "pids.max" ? "16" : "1073741824");
  if (ok) {
    const pid_t pid = fork();
    if (pid == 0) {
      pause();
      _exit(0);
    }
    ok = pid > 0 && write_line(folder + "/cgroup.procs", std::to_string(pid));
    if (pid > 0) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
  }
  remove_group(folder);
  return ok;
}

// This process's own group, then the hierarchy's root.
std::string parent_that_works(const Hierarchy& hierarchy, const std::string& file) {
  for (const std::string& parent : {hierarchy.mount + hierarchy.own, hierarchy.mount})
    if (works(parent, file)) return parent;
  return {};
}

}  // namespace

ControlGroups find_control_groups() {
  ControlGroups groups;
  if (const auto second = find_hierarchy("")) {
    const std::string parent = parent_that_works(*second, "pids.max");
    if (!parent.empty()) {
      groups = {{parent}, 2, true, works(parent, "memory.max")};
      return groups;
    }
  }
  for (const std::string controller : {"pids", "memory"}) {
    const auto hierarchy = find_hierarchy(controller);
    if (!hierarchy) continue;
    const std::string parent = parent_that_works(*hierarchy, controller == "pids" ? "pids.max" : "memory.limit_in_bytes");
    if (parent.empty()) continue;
    groups.version = 1;
    groups.parents.push_back(parent);
    (controller == "pids" ? groups.pids : groups.memory) = true;
  }
  return groups;
}

ControlGroup::ControlGroup(const ControlGroups& groups, int64_t processes, std::optional<int64_t> memory_bytes) : version_(groups.version) {
  for (const std::string& parent : groups.parents) {
    folders_.push_back(fresh_group(parent));
    ok_ = ok_ && mkdir(folders_.back().c_str(), 0755) == 0;
  }
  if (groups.pids) ok_ = ok_ && write_line(folders_.front() + "/pids.max", std::to_string(processes));
  if (!groups.memory || !memory_bytes) return;
  ok_ = ok_ && write_line(folders_.back() + (version_ == 2 ? "/memory.max" : "/memory.limit_in_bytes"), std::to_string(*memory_bytes + kOwnMemory));
  if (version_ == 2) write_line(folders_.back() + "/memory.swap.max", "0");
}

ControlGroup::~ControlGroup() {
  for (const std::string& folder : folders_) remove_group(folder);
}

std::vector<std::string> ControlGroup::process_files() const {
  std::vector<std::string> files;
  for (const std::string& folder : folders_) files.push_back(folder + "/cgroup.procs");
  return files;
}

bool ControlGroup::memory_ran_out() const {
  if (folders_.empty()) return false;
  const std::string text = read_text(folders_.back() + (version_ == 2 ? "/memory.events" : "/memory.oom_control"));
  for (const std::string& line : split_text(text, '\n'))
    if (line.starts_with("oom_kill ") && line != "oom_kill 0") return true;
  return false;
}

}  // namespace lathe::sandbox
