// What the tests of the sandbox share: one opened sandbox, and a look at what is outside of it.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "core/file.h"
#include "sandbox/sandbox.h"

namespace lathe::sandbox::testing {

// Opened once. An error where there is no Python, or no right to build walls: such tests skip.
inline const Result<Sandbox>& house() {
  static const Result<Sandbox> opened = Sandbox::open();
  return opened;
}

#define LATHE_NEEDS_SANDBOX() \
  if (!::lathe::sandbox::testing::house().ok()) GTEST_SKIP() << ::lathe::sandbox::testing::house().error().to_string()

// The world that programs must not reach: a folder with a file, a process, a listening socket, an abstract socket, the mounts.
class Outside {
 public:
  Outside();
  ~Outside();
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;
  // {OUTSIDE}, {PARENT}, {PORT} and {ABSTRACT} in a program's text become what is there.
  std::string filled(std::string program) const;
  // What has changed; empty: nothing.
  std::string harm() const;

 private:
  std::string mounts() const;
  TemporaryFolder folder_{"lathe-outside"};
  int tcp_ = -1, local_ = -1, port_ = 0;
  std::string name_, mounts_before_;
};

enum class Expect {
  kFails,      // no success, however it went
  kError,      // an exception whose text holds `text`
  kTimeout,    // "Execution timed out", with or without a kill
  kMemory,     // memory_exceeded
  kSignal,     // the kernel ended it: `text` is the signal's number
  kExit,       // it left by itself: `text` is its status
  kContained,  // it may end well; what it prints holds `text`
};

// A program that does what it must not, with what has to hold afterwards. Whatever it is: nothing of it is left outside.
struct Hostile {
  const char* name;
  const char* tries;
  std::string program;
  Expect expect = Expect::kFails;
  std::string text = "";
  double seconds = 20;    // a short time where nothing but time ends it
  bool checked = false;   // run against a test: its f must not pass
  std::string given = {};
  std::string test = {};  // empty: square_test()
};

// check(f): the squares of a few numbers, as a task's test asks for them.
std::string square_test();

void PrintTo(const Hostile& hostile, std::ostream* out);

class HostilePrograms : public ::testing::TestWithParam<Hostile> {};

inline std::string hostile_name(const ::testing::TestParamInfo<Hostile>& info) { return info.param.name; }

}  // namespace lathe::sandbox::testing
