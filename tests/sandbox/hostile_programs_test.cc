// What must hold for every hostile program: its verdict, and the world outside as it was. Trap S13; rows C-12.10, C-12.11.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ostream>

#include "core/text.h"
#include "tests/ref/testing.h"
#include "tests/sandbox/house.h"

namespace lathe::sandbox::testing {
namespace {

constexpr const char* kCanary = "nobody may change this";

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) text.replace(at, from.size(), to);
}

int listening(const sockaddr* address, socklen_t size) {
  const int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0) {
    EXPECT_EQ(bind(fd, address, size), 0) << std::strerror(errno);
    EXPECT_EQ(listen(fd, 4), 0);
  }
  return fd;
}

bool was_called(int fd) {
  const int other = fd < 0 ? -1 : accept(fd, nullptr, nullptr);
  if (other >= 0) close(other);
  return other >= 0;
}

}  // namespace

Outside::Outside() {
  ::lathe::testing::check(write_file_atomic(folder_.path() / "canary", kCanary));
  fs::permissions(folder_.path(), fs::perms::all);
  fs::permissions(folder_.path() / "canary", fs::perms::all);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  tcp_ = listening(reinterpret_cast<sockaddr*>(&address), sizeof address);
  socklen_t size = sizeof address;
  if (tcp_ >= 0 && getsockname(tcp_, reinterpret_cast<sockaddr*>(&address), &size) == 0) port_ = ntohs(address.sin_port);
  name_ = join_text("lathe-test-", getpid());
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path + 1, name_.data(), name_.size());
  local_ = listening(reinterpret_cast<sockaddr*>(&local), static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name_.size()));
  mounts_before_ = mounts();
}

Outside::~Outside() {
  close(tcp_);
  close(local_);
}

// Of the places that the walls mount over.
std::string Outside::mounts() const {
  std::string found;
  for (const std::string& line : split_text(::lathe::testing::take(read_file("/proc/self/mounts")), '\n')) {
    const std::vector<std::string> words = split_text(line, ' ');
    if (words.size() > 2 && (words[1] == "/proc" || words[1] == "/tmp" || words[1].starts_with("/proc/"))) found += words[1] + " " + words[2] + "\n";
  }
  return found;
}

std::string Outside::filled(std::string program) const {
  replace_all(program, "{OUTSIDE}", folder_.path().string());
  replace_all(program, "{PARENT}", std::to_string(getpid()));
  replace_all(program, "{PORT}", std::to_string(port_));
  replace_all(program, "{ABSTRACT}", name_);
  return program;
}

std::string Outside::harm() const {
  const Result<std::string> canary = read_file(folder_.path() / "canary");
  if (!canary.ok() || canary.value() != kCanary) return "the file outside was changed";
  struct stat status {};
  if (stat((folder_.path() / "canary").c_str(), &status) != 0 || (status.st_mode & 07777) != 0777 || status.st_nlink != 1) return "its mode or links were changed";
  for (const auto& entry : fs::directory_iterator(folder_.path()))
    if (entry.path().filename() != "canary") return "a file was made outside: " + entry.path().string();
  if (was_called(tcp_) || was_called(local_)) return "a socket outside was reached";
  if (mounts() != mounts_before_) return "a mount is left behind";
  if (waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD) return "a process is left behind";
  for (const char* core : {"core", "/tmp/core", "core.1"})
    if (fs::exists(core)) return "a core file was written";
  return "";
}

std::string square_test() {
  return "def check(candidate):\n"
         "    assert candidate(2) == 4\n"
         "    assert candidate(-3) == 9\n"
         "    assert abs(candidate(12) - 144) < 1e-6\n"
         "    for i in range(5):\n"
         "        assert candidate(i) == i * i\n";
}

void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.tries; }

TEST_P(HostilePrograms, IsHeld) {
  LATHE_NEEDS_SANDBOX();
  const Hostile& hostile = GetParam();
  const Outside outside;
  Limits limits;
  limits.seconds = hostile.seconds;
  const Sandbox& sandbox = house().value();
  const std::string program = outside.filled(hostile.program);
  const Outcome outcome = hostile.checked ? sandbox.run(CheckedProgram{program, hostile.test.empty() ? square_test() : hostile.test, "f", hostile.given}, limits) : sandbox.run(program, limits);
  SCOPED_TRACE(join_text(hostile.tries, "\n", program, "\n-> ", outcome.to_string()));
  EXPECT_EQ(outcome.success, hostile.expect == Expect::kContained);
  EXPECT_LT(outcome.seconds, hostile.seconds + 30) << "it was not ended in its time";
  switch (hostile.expect) {
    case Expect::kFails: break;
    case Expect::kError:
      ASSERT_TRUE(outcome.error.has_value());
      EXPECT_NE(outcome.error->find(hostile.text), std::string::npos);
      EXPECT_FALSE(outcome.timeout);
      break;
    case Expect::kTimeout:
      EXPECT_TRUE(outcome.timeout);
      ASSERT_TRUE(outcome.error.has_value());
      EXPECT_TRUE(outcome.error->starts_with("Execution timed out"));
      break;
    case Expect::kMemory: EXPECT_TRUE(outcome.memory_exceeded); break;
    case Expect::kSignal: EXPECT_EQ(outcome.signal, std::stoi(hostile.text)); break;
    case Expect::kExit: EXPECT_EQ(outcome.exit_code, std::stoi(hostile.text)); break;
    case Expect::kContained: EXPECT_NE(outcome.standard_output.find(hostile.text), std::string::npos); break;
  }
  if (!outcome.success) {
    EXPECT_EQ(outcome.standard_output + outcome.standard_error, "");  // C-12.5
  }
  EXPECT_EQ(outside.harm(), "");
}

}  // namespace lathe::sandbox::testing
