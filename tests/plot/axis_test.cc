#include "plot/axis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

namespace lathe::plot {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

TEST(Axis, RangeLeavesOutWhatCannotBeDrawn) {
  const double values[] = {3, kNan, -2, kInf, 7, -kInf};
  EXPECT_EQ(range_of(values).low, -2);
  EXPECT_EQ(range_of(values).high, 7);
  const double positive[] = {0, -4, 5, 20};
  EXPECT_EQ(range_of(positive, Scale::kLog).low, 5);
  EXPECT_EQ(range_of(positive, Scale::kLog).high, 20);
}

TEST(Axis, RangeIsNeverEmpty) {
  for (const std::vector<double>& values : {std::vector<double>{}, {kNan}, {5}, {5, 5, 5}, {0}, {-3}, {1e300}, {1e-300}, {1e15, 1e15 + 0.125}})
    for (const Scale scale : {Scale::kLinear, Scale::kLog}) {
      const Range range = range_of(values, scale);
      EXPECT_LT(range.low, range.high);
      EXPECT_NO_THROW(Axis(range, scale, 0, 100));
    }
}

TEST(Axis, EndsOfTheRangeAreEndsOfThePicture) {
  const Axis up({-2, 6}, Scale::kLinear, 300, 20);
  EXPECT_DOUBLE_EQ(up.at(-2), 300);
  EXPECT_DOUBLE_EQ(up.at(6), 20);
  EXPECT_DOUBLE_EQ(up.at(2), 160);
  const Axis log({1, 1000}, Scale::kLog, 0, 90);
  EXPECT_NEAR(log.at(1000), 90, 1e-9);
  EXPECT_NEAR(log.at(10), 30, 1e-9) << "equal ratios are equally far apart";
  EXPECT_NEAR(log.at(100), 60, 1e-9);
}

TEST(Axis, TicksAreRoundNumbersInsideTheRange) {
  const Axis axis({0.13, 0.97}, Scale::kLinear, 0, 100, 4);
  const std::vector<double> expected = {0.2, 0.4, 0.6, 0.8};
  ASSERT_EQ(axis.ticks().size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(axis.ticks()[i], expected[i], 1e-12);
  const Axis log({2, 3000}, Scale::kLog, 0, 100, 6);
  EXPECT_EQ(log.ticks(), (std::vector<double>{10, 100, 1000}));
  const Axis decade({3, 30}, Scale::kLog, 0, 100, 6);
  EXPECT_EQ(decade.ticks(), (std::vector<double>{5, 10, 20}));
}

TEST(Axis, AnyRangeHasAscendingTicksWithDistinctLabels) {
  for (const Range range : {Range{0, 1}, Range{0.001, 0.0013}, Range{0, 5000}, Range{0, 12345678}, Range{-3e-8, 7e-8}, Range{99.5, 100.5},
                            Range{-1e18, 3e18}, Range{123456, 123460}, Range{0, 1e-300}, Range{2.5e9, 2.6e9}})
    for (const int about : {1, 2, 5, 10}) {
      const Axis axis(range, Scale::kLinear, 0, 500, about);
      std::set<std::string> labels;
      double last = -kInf;
      for (const double tick : axis.ticks()) {
        EXPECT_GT(tick, last);
        EXPECT_TRUE(axis.holds(tick));
        EXPECT_TRUE(labels.insert(axis.label(tick)).second) << axis.label(tick) << " twice in " << range.low << " to " << range.high;
        last = tick;
      }
      EXPECT_LE(axis.ticks().size(), 2u * static_cast<size_t>(about) + 2);
      EXPECT_GE(axis.ticks().size(), about >= 5 ? 2u : 1u);
    }
}

TEST(Axis, LabelsAreShort) {
  EXPECT_EQ(Axis({0, 1}, Scale::kLinear, 0, 1, 5).label(0.2), "0.2");
  EXPECT_EQ(Axis({0, 5000}, Scale::kLinear, 0, 1, 5).label(3000), "3000");
  EXPECT_EQ(Axis({0, 50000}, Scale::kLinear, 0, 1, 5).label(30000), "30k");
  EXPECT_EQ(Axis({0, 3e6}, Scale::kLinear, 0, 1, 6).label(1.5e6), "1.5M");
  EXPECT_EQ(Axis({-1, 1}, Scale::kLinear, 0, 1, 4).label(0), "0");
  EXPECT_EQ(Axis({1, 1e6}, Scale::kLog, 0, 1, 6).label(10), "10");
  EXPECT_EQ(Axis({1, 1e6}, Scale::kLog, 0, 1, 6).label(1e5), "100k");
}

TEST(Axis, RefusesRangesThatAreNone) {
  EXPECT_THROW(Axis({1, 1}, Scale::kLinear, 0, 1), std::invalid_argument);
  EXPECT_THROW(Axis({0, 1}, Scale::kLog, 0, 1), std::invalid_argument);
  EXPECT_THROW(Axis({0, kNan}, Scale::kLinear, 0, 1), std::invalid_argument);
}

}  // namespace
}  // namespace lathe::plot
