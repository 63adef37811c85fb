#include "sandbox/supervise.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <thread>

namespace lathe::sandbox {
namespace {

constexpr auto kDrainTime = std::chrono::seconds(1);

int milliseconds_until(Time deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left + 1, 0, 60'000));
}

void take(Collected& stream) {
  char buffer[16384];
  const ssize_t got = read(stream.end.get(), buffer, sizeof buffer);
  if (got < 0 && errno == EINTR) return;
  if (got <= 0) return stream.end.reset();
  const size_t room = stream.cap - std::min(stream.cap, stream.text.size());
  stream.text.append(buffer, std::min(room, static_cast<size_t>(got)));
}

bool any_open(const std::vector<Collected*>& streams) {
  return std::any_of(streams.begin(), streams.end(), [](const Collected* stream) { return stream->open(); });
}

}  // namespace

Watched watch(Collected& verdict, std::vector<Collected*> others, Time deadline, const std::function<bool(const std::string&)>& complete) {
  std::vector<Collected*> all = others;
  all.push_back(&verdict);
  bool finished = false;
  Time until = deadline;
  while (finished ? any_open(others) : verdict.open()) {
    std::vector<pollfd> polled;
    std::vector<Collected*> which;
    for (Collected* stream : all)
      if (stream->open()) {
        polled.push_back({stream->end.get(), POLLIN, 0});
        which.push_back(stream);
      }
    const int wait = milliseconds_until(until);
    const int ready = wait == 0 ? 0 : poll(polled.data(), polled.size(), wait);
    if (std::chrono::steady_clock::now() >= until) return finished ? Watched::kComplete : Watched::kLate;
    if (ready <= 0) continue;
    for (size_t i = 0; i < polled.size(); ++i)
      if (polled[i].revents != 0) take(*which[i]);
    if (!finished && complete(verdict.text)) {
      finished = true;
      until = std::min(deadline, std::chrono::steady_clock::now() + kDrainTime);
    }
  }
  return finished ? Watched::kComplete : Watched::kClosed;
}

Ended how_it_ended(pid_t pid, double patience) {
  const Time until = std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(patience));
  while (true) {
    siginfo_t info{};
    if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid) {
      if (info.si_code == CLD_EXITED) return {info.si_status, std::nullopt};
      return {std::nullopt, info.si_status};
    }
    if (std::chrono::steady_clock::now() >= until) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void end_tree(pid_t pid, bool pid_namespace) {
  // The kernel ends a pid namespace with its first process; without one, the session's processes that are left.
  if (!pid_namespace) kill(-pid, SIGKILL);
  kill(pid, SIGKILL);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace lathe::sandbox
