// The spike detector on curves made up here.
#include "train/spike.h"

#include <cmath>
#include <functional>

#include "core/rng.h"
#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

using train::Spike;
using train::SpikeDetector;

constexpr int64_t kNever = int64_t{1} << 60;

std::vector<Spike> spikes(SpikeDetector& detector, int64_t begin, int64_t end, const std::function<double(int64_t)>& loss) {
  std::vector<Spike> found;
  for (int64_t step = begin; step < end; ++step)
    if (const auto spike = detector.observe(step, loss(step))) found.push_back(*spike);
  return found;
}
std::vector<Spike> spikes(int64_t steps, const std::function<double(int64_t)>& loss) {
  SpikeDetector detector;
  return spikes(detector, 0, steps, loss);
}

// A curve as training draws it: fast, then slow, with noise; and a rise of `height` from step `at` that decays.
struct Curve {
  double noise = 0.05;
  int64_t at = kNever;
  double height = 3;
  uint64_t seed = 1;
  double operator()(int64_t step) const {
    Rng rng(seed, "curve", static_cast<uint64_t>(step));
    const double rise = step >= at ? height * std::exp(-static_cast<double>(step - at) / 40) : 0;
    return 2 + 4 / (1 + static_cast<double>(step) / 100) + noise * rng.normal() + rise;
  }
};

TEST(Spike, AHealthyCurveHasNone) {
  for (uint64_t seed = 1; seed <= 20; ++seed)
    for (const double noise : {0.0, 0.01, 0.1, 0.3}) EXPECT_TRUE(spikes(2000, Curve{noise, kNever, 3, seed}).empty()) << "seed " << seed << ", noise " << noise;
}

TEST(Spike, IsReportedOnceAndNamesItsFirstStep) {
  const std::vector<Spike> found = spikes(1000, Curve{0.05, 400});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].first_step, 400);
  EXPECT_EQ(found[0].step, 402);
  EXPECT_NEAR(found[0].median, 2.8, 0.3);
  EXPECT_GT(found[0].loss, found[0].limit);
  EXPECT_GT(found[0].limit, found[0].median * 1.1);
}

TEST(Spike, OneOddBatchIsNone) {
  EXPECT_TRUE(spikes(1000, [](int64_t step) { return Curve{}(step) + (step % 50 == 49 ? 5 : 0); }).empty());
}

TEST(Spike, ACalmCurveMayRiseALittle) {
  EXPECT_TRUE(spikes(400, [](int64_t step) { return step < 200 ? 2.0 : 2.15; }).empty()) << "7 %, though the deviation is 0";
  EXPECT_EQ(spikes(400, [](int64_t step) { return step < 200 ? 2.0 : 2.25; }).size(), 1u);
}

TEST(Spike, TheStartHasNoVerdict) {
  EXPECT_TRUE(spikes(30, [](int64_t step) { return step < 20 ? 2.0 : 9.0; }).empty());
  EXPECT_TRUE(spikes(400, [](int64_t step) { return step < 10 ? 10.0 - static_cast<double>(step) : 2.0; }).empty());
}

TEST(Spike, ALastingLevelIsTheNewNormal) {
  // Data of another kind at 300, back at 600: one report, and the way down is none; a later spike is seen again.
  const auto level = [](int64_t step) { return (step < 300 || step >= 600 ? 2.0 : 4.0) + (step >= 800 && step < 810 ? 3.0 : 0.0); };
  const std::vector<Spike> found = spikes(1000, level);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].first_step, 300);
  EXPECT_EQ(found[1].first_step, 800);
}

TEST(Spike, ALossThatIsNotFiniteIsOneAtOnce) {
  SpikeDetector detector;
  const auto first = detector.observe(0, NAN);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->first_step, 0);
  EXPECT_TRUE(detector.observe(1, INFINITY).has_value());
  EXPECT_TRUE(spikes(detector, 2, 300, Curve{}).empty()) << "the window stays clean";
}

TEST(Spike, GoesOnFromItsStateAsIfNeverStopped) {
  for (const int64_t stop : {20, 150, 401, 402, 420}) {
    SpikeDetector before, after;
    const Curve curve{0.05, 400};
    std::vector<Spike> found = spikes(before, 0, stop, curve);
    check(after.from_json(take(parse_json(before.to_json().dump())), "meta.json"));
    for (const Spike& spike : spikes(after, stop, 600, curve)) found.push_back(spike);
    ASSERT_EQ(found.size(), 1u) << "stopped at " << stop;
    EXPECT_EQ(found[0].step, 402);
    const std::vector<Spike> whole = spikes(600, curve);
    EXPECT_EQ(found[0].median, whole[0].median);
    EXPECT_EQ(found[0].limit, whole[0].limit);
  }
}

TEST(Spike, AForeignStateIsRefusedAndChangesNothing) {
  SpikeDetector detector;
  spikes(detector, 0, 50, Curve{});
  const Json before = detector.to_json();
  for (const char* text : {"{}", "[]", "{\"losses\": 3, \"above\": []}", "{\"losses\": [1, \"x\"], \"above\": []}", "{\"losses\": [1, null], \"above\": []}"})
    EXPECT_FALSE(detector.from_json(take(parse_json(text)), "meta.json").ok()) << text;
  EXPECT_EQ(detector.to_json(), before);
}

}  // namespace
}  // namespace lathe::testing
