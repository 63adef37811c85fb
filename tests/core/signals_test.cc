#include "core/signals.h"

#include <gtest/gtest.h>
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

// Each in a process of its own: the thread sanitizer hands no signals on in the child of a program with threads.
class StopSignalsDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(StopSignalsDeathTest, TheSecondSignalLeavesAtOnce) {
  const auto body = [] {
    const StopSignals stop;
    raise(SIGINT);
    raise(SIGTERM);
    _exit(0);
  };
  EXPECT_EXIT(body(), ::testing::ExitedWithCode(128 + SIGTERM), "");
}

TEST_F(StopSignalsDeathTest, WithoutOneASignalEndsTheProcess) {
  const auto body = [] {
    { const StopSignals stop; }
    raise(SIGTERM);
    _exit(0);
  };
  EXPECT_EXIT(body(), ::testing::KilledBySignal(SIGTERM), "");
}

TEST(StopSignals, OnlyOneAtATime) {
  const StopSignals first;
  EXPECT_THROW(StopSignals(), std::invalid_argument);
}

}  // namespace
}  // namespace lathe
