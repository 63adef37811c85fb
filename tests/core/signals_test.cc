#include "core/signals.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

namespace lathe {
namespace {

TEST(StopSignals, TheFirstSignalOnlySetsAFlag) {
  for (const int number : {SIGINT, SIGTERM}) {
    const StopSignals stop;
    EXPECT_FALSE(StopSignals::requested());
    raise(number);
    EXPECT_TRUE(StopSignals::requested());
    EXPECT_EQ(StopSignals::signal_number(), number);
  }
  EXPECT_FALSE(StopSignals::requested());
}

// Waits for a child that runs `body` and returns its wait status.
template <class Body>
int status_of_child(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

TEST(StopSignals, TheSecondSignalLeavesAtOnce) {
  const int status = status_of_child([] {
    const StopSignals stop;
    raise(SIGINT);
    raise(SIGTERM);
    for (int i = 0; i < 5000; ++i) usleep(1000);  // the thread sanitizer hands signals on at the next call of the system
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGTERM);
}

TEST(StopSignals, WithoutOneASignalEndsTheProcess) {
  const int status = status_of_child([] {
    { const StopSignals stop; }
    raise(SIGTERM);
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
}

TEST(StopSignals, OnlyOneAtATime) {
  const StopSignals first;
  EXPECT_THROW(StopSignals(), std::invalid_argument);
}

}  // namespace
}  // namespace lathe
