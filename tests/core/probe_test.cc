#include "core/probe.h"

#include <gtest/gtest.h>

#include "core/clock.h"

namespace lathe {
namespace {

constexpr double kPatience = 60;  // seconds: for what takes milliseconds on a machine that has nothing else to do

// C-13.6
TEST(Probe, GivesTheOutputOfAProgram) {
  EXPECT_EQ(probe({"echo", "a b", "$HOME"}, kPatience), "a b $HOME");
  EXPECT_EQ(probe({"printf", "x\\ny\\n"}, kPatience), "x\ny");
  EXPECT_EQ(probe({"head", "-c", "300000", "/dev/zero"}, kPatience).value_or("").size(), 300000u);
  EXPECT_EQ(probe({"cat"}, kPatience), "") << "standard input is empty";
}

// C-13.6
TEST(Probe, GivesNothingWhenItFailsOrIsMissing) {
  EXPECT_FALSE(probe({"false"}).has_value());
  EXPECT_FALSE(probe({"no-such-program-anywhere"}).has_value());
  EXPECT_FALSE(probe({"sh", "-c", "echo partly; exit 3"}).has_value());
}

// C-13.6
TEST(Probe, IsKilledWhenItTakesTooLong) {
  const double start = Clock::real().seconds();
  EXPECT_FALSE(probe({"sleep", "60"}, 0.2).has_value());
  EXPECT_FALSE(probe({"sh", "-c", "exec >/dev/null; sleep 60"}, 0.2).has_value()) << "output ended, the program did not";
  EXPECT_LT(Clock::real().seconds() - start, 50);
}

}  // namespace
}  // namespace lathe
