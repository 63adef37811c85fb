#include "core/probe.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "core/check.h"
#include "core/clock.h"

extern char** environ;

namespace lathe {
namespace {

// Everything up to the end of the stream; nothing when the time is over first.
std::optional<std::string> read_until(int fd, double deadline) {
  std::string out;
  char buffer[4096];
  while (true) {
    const double left = deadline - Clock::real().seconds();
    pollfd wait{fd, POLLIN, 0};
    if (left <= 0) return std::nullopt;
    const int ready = ::poll(&wait, 1, static_cast<int>(left * 1000) + 1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return std::nullopt;
    if (ready == 0) continue;
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return out;
    out.append(buffer, static_cast<size_t>(count));
  }
}

// The exit status of a child, which is killed at the deadline.
int end_of(pid_t child, double deadline) {
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (Clock::real().seconds() >= deadline) {
      ::kill(child, SIGKILL);
      while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
      }
      break;
    }
    ::usleep(2000);
  }
  return status;
}

}  // namespace

std::optional<std::string> probe(const std::vector<std::string>& arguments, double seconds) {
  require(!arguments.empty(), "[probe] no program named");
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> words;
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  pid_t child = -1;
  const int failed = ::posix_spawnp(&child, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failed != 0) {
    ::close(ends[0]);
    return std::nullopt;
  }
  const double deadline = Clock::real().seconds() + seconds;
  std::optional<std::string> out = read_until(ends[0], deadline);
  ::close(ends[0]);
  const int status = end_of(child, out ? deadline : 0);
  if (!out || !WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
  if (out->ends_with('\n')) out->pop_back();
  return out;
}

}  // namespace lathe
