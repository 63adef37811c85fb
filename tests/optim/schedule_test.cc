#include "optim/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace lathe::optim {
namespace {

ChatSchedule schedule_of(int64_t n, double warmup, double warmdown, double final_frac = 0) {
  ChatSchedule schedule;
  schedule.num_iterations = n, schedule.warmup_ratio = warmup, schedule.warmdown_ratio = warmdown, schedule.final_lr_frac = final_frac;
  return schedule;
}

// C-4.17
TEST(ChatSchedule, RoundsWarmupAndWarmdownHalfToEven) {
  // 0.05 * 50 = 2.5 -> 2 steps: 1/2, 1.
  EXPECT_DOUBLE_EQ(chat_lr_multiplier(schedule_of(50, 0.05, 0), 0), 0.5);
  EXPECT_DOUBLE_EQ(chat_lr_multiplier(schedule_of(50, 0.05, 0), 1), 1.0);
  // 0.05 * 70 = 3.5 -> 4.
  EXPECT_DOUBLE_EQ(chat_lr_multiplier(schedule_of(70, 0.05, 0), 0), 0.25);
  // warm-down of 2 of 50: 1 up to step 48, then a half.
  EXPECT_DOUBLE_EQ(chat_lr_multiplier(schedule_of(50, 0, 0.05), 48), 1.0);
  EXPECT_DOUBLE_EQ(chat_lr_multiplier(schedule_of(50, 0, 0.05), 49), 0.5);
}

// C-4.17
TEST(ChatSchedule, NoWarmupOrWarmdownNeverDivides) {
  for (const int64_t n : {0, 1, 10})
    for (int64_t step = 0; step <= n; ++step) EXPECT_EQ(chat_lr_multiplier(schedule_of(n, 0, 0), step), 1.0);
}

// C-4.17
TEST(ChatSchedule, EndsAtTheFinalFraction) {
  EXPECT_NEAR(chat_lr_multiplier(schedule_of(100, 0, 0.5, 0.1), 100), 0.1, 1e-15);
  EXPECT_NEAR(chat_lr_multiplier(schedule_of(100, 0, 0.5, 0.1), 75), 0.55, 1e-15);
  EXPECT_DOUBLE_EQ(ChatSchedule().warmdown_ratio, 0.5);
}

// C-4.18
TEST(TrapM1, TheWarmdownNeverRises) {
  for (const double final_frac : {0.0, 0.05})
    for (int64_t step = 51; step <= 100; ++step)
      EXPECT_LT(chat_lr_multiplier(schedule_of(100, 0, 0.5, final_frac), step), chat_lr_multiplier(schedule_of(100, 0, 0.5, final_frac), step - 1));
  for (int64_t step = 71; step <= 100; ++step)
    for (const DecayShape shape : {DecayShape::kLinear, DecayShape::kCosine, DecayShape::kOneMinusSqrt})
      EXPECT_LT(warmup_stable_decay(step, 10, 30, 100, shape, 0.05), warmup_stable_decay(step - 1, 10, 30, 100, shape, 0.05));
  for (int64_t step = 11; step <= 100; ++step) {
    EXPECT_LT(cosine_with_warmup(step, 10, 100), cosine_with_warmup(step - 1, 10, 100));
    EXPECT_LT(linear_with_warmup(step, 10, 100), linear_with_warmup(step - 1, 10, 100));
  }
}

// C-4.19
TEST(ChatSchedule, MomentumRampsOver300Steps) {
  EXPECT_DOUBLE_EQ(muon_momentum(0), 0.85);
  EXPECT_NEAR(muon_momentum(150), 0.90, 1e-15);
  EXPECT_DOUBLE_EQ(muon_momentum(300), 0.95);
  EXPECT_DOUBLE_EQ(muon_momentum(100000), 0.95);
}

// C-4.20
TEST(ChatSchedule, MuonDecayFallsToZero) {
  EXPECT_DOUBLE_EQ(muon_weight_decay(0.2, 0, 10), 0.2);
  EXPECT_DOUBLE_EQ(muon_weight_decay(0.2, 5, 10), 0.1);
  EXPECT_DOUBLE_EQ(muon_weight_decay(0.2, 10, 10), 0.0);
}

// C-4.29
TEST(NewestSchedule, WarmupCountsSteps) {
  ChatSchedule schedule = schedule_of(1000, 0.9, 0);
  schedule.warmup_steps = 4;
  EXPECT_DOUBLE_EQ(chat_lr_multiplier(schedule, 0), 0.25);
  EXPECT_DOUBLE_EQ(chat_lr_multiplier(schedule, 4), 1.0);
}

// C-4.29
TEST(NewestSchedule, MomentumRampsThenFallsInTheWarmdownAndTheRampWins) {
  const ChatSchedule schedule = schedule_of(2000, 0, 0.5);
  EXPECT_DOUBLE_EQ(newest_muon_momentum(schedule, 0), 0.85);
  EXPECT_NEAR(newest_muon_momentum(schedule, 200), 0.91, 1e-15);
  EXPECT_DOUBLE_EQ(newest_muon_momentum(schedule, 400), 0.97);
  EXPECT_DOUBLE_EQ(newest_muon_momentum(schedule, 1000), 0.97);
  EXPECT_NEAR(newest_muon_momentum(schedule, 1500), 0.935, 1e-15);
  EXPECT_NEAR(newest_muon_momentum(schedule, 2000), 0.90, 1e-15);
  EXPECT_NEAR(newest_muon_momentum(schedule_of(400, 0, 0.5), 300), 0.94, 1e-15);
}

// C-4.29
TEST(NewestSchedule, DecayIsHalfAWave) {
  EXPECT_DOUBLE_EQ(newest_muon_weight_decay(0.28, 0, 100), 0.28);
  EXPECT_NEAR(newest_muon_weight_decay(0.28, 50, 100), 0.14, 1e-15);
  EXPECT_NEAR(newest_muon_weight_decay(0.28, 25, 100), 0.28 * 0.5 * (1 + std::sqrt(0.5)), 1e-15);
  EXPECT_NEAR(newest_muon_weight_decay(0.28, 100, 100), 0, 1e-15);
}

// C-8.4
TEST(SftSchedule, IsClampedAtZeroUnlessTheOriginIsReproduced) {
  EXPECT_DOUBLE_EQ(sft_lr_multiplier(0.79), 1.0);
  EXPECT_NEAR(sft_lr_multiplier(0.9), 0.5, 1e-12);
  EXPECT_EQ(sft_lr_multiplier(1.3), 0.0);
  EXPECT_NEAR(sft_lr_multiplier(1.3, false), -1.5, 1e-12);
}

TEST(RlSchedule, FallsLinearly) {
  EXPECT_DOUBLE_EQ(rl_lr_multiplier(0, 4), 1.0);
  EXPECT_DOUBLE_EQ(rl_lr_multiplier(3, 4), 0.25);
}

TEST(HfSchedule, StaysAtTheFloorBeyondTheEnd) {
  EXPECT_EQ(linear_with_warmup(150, 10, 100), 0.0);
  EXPECT_DOUBLE_EQ(warmup_stable_decay(150, 10, 30, 100, DecayShape::kLinear, 0.05), 0.05);
}

TEST(HfSchedule, ADecayLongerThanTheRunStartsAfterTheWarmup) {
  EXPECT_DOUBLE_EQ(warmup_stable_decay(10, 10, 100, 100, DecayShape::kLinear), 1.0);
  EXPECT_DOUBLE_EQ(warmup_stable_decay(60, 10, 100, 100, DecayShape::kLinear), 0.5);
}

TEST(HfSchedule, WithoutWarmupNothingDivides) {
  EXPECT_EQ(constant_with_warmup(0, 0), 1.0);
  EXPECT_EQ(linear_with_warmup(0, 0, 0), 0.0);
  EXPECT_EQ(cosine_with_warmup(0, 0, 0), 1.0);
  EXPECT_EQ(inverse_sqrt(0, 0), 1.0);
  EXPECT_DOUBLE_EQ(inverse_sqrt(30000, 0), 0.5);
}

}  // namespace
}  // namespace lathe::optim
