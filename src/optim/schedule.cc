#include "optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lathe::optim {
namespace {

// The default rounding mode of nearbyint is half to even.
int64_t round_half_even(double value) { return static_cast<int64_t>(std::nearbyint(value)); }

double fraction(int64_t part, int64_t whole) { return static_cast<double>(part) / static_cast<double>(std::max<int64_t>(1, whole)); }

int64_t warmdown_steps(const ChatSchedule& schedule) {
  return round_half_even(schedule.warmdown_ratio * static_cast<double>(schedule.num_iterations));
}

double half_wave(double progress, double num_cycles = 0.5) {
  return 0.5 * (1.0 + std::cos(std::numbers::pi * num_cycles * 2.0 * progress));
}

}  // namespace

double chat_lr_multiplier(const ChatSchedule& schedule, int64_t step) {
  const int64_t n = schedule.num_iterations;
  const int64_t warmup =
      schedule.warmup_steps >= 0 ? schedule.warmup_steps : round_half_even(schedule.warmup_ratio * static_cast<double>(n));
  const int64_t warmdown = warmdown_steps(schedule);
  if (step < warmup) return fraction(step + 1, warmup);
  if (step <= n - warmdown || warmdown <= 0) return 1.0;
  const double remaining = fraction(n - step, warmdown);
  return remaining + (1.0 - remaining) * schedule.final_lr_frac;
}

double muon_momentum(int64_t step) {
  const double ramp = std::min(static_cast<double>(step) / 300.0, 1.0);
  return (1.0 - ramp) * 0.85 + ramp * 0.95;
}

double muon_weight_decay(double weight_decay, int64_t step, int64_t num_iterations) {
  return weight_decay * (1.0 - fraction(step, num_iterations));
}

double newest_muon_momentum(const ChatSchedule& schedule, int64_t step) {
  constexpr int64_t kRamp = 400;
  if (step < kRamp) {
    const double ramp = static_cast<double>(step) / static_cast<double>(kRamp);
    return (1.0 - ramp) * 0.85 + ramp * 0.97;
  }
  const int64_t warmdown = warmdown_steps(schedule), start = schedule.num_iterations - warmdown;
  if (warmdown <= 0 || step < start) return 0.97;
  const double progress = fraction(step - start, warmdown);
  return 0.97 * (1.0 - progress) + 0.90 * progress;
}

double newest_muon_weight_decay(double weight_decay, int64_t step, int64_t num_iterations) {
  return weight_decay * half_wave(fraction(step, num_iterations));
}

double sft_lr_multiplier(double progress, bool clamped) {
  if (progress < 0.8) return 1.0;
  const double multiplier = 1.0 - (progress - 0.8) / 0.2;
  return clamped ? std::max(0.0, multiplier) : multiplier;
}

double rl_lr_multiplier(int64_t step, int64_t num_steps) { return 1.0 - fraction(step, num_steps); }

double constant_with_warmup(int64_t step, int64_t warmup) { return step < warmup ? fraction(step, warmup) : 1.0; }

double linear_with_warmup(int64_t step, int64_t warmup, int64_t total) {
  if (step < warmup) return fraction(step, warmup);
  return std::max(0.0, fraction(total - step, total - warmup));
}

double cosine_with_warmup(int64_t step, int64_t warmup, int64_t total, double floor, double num_cycles) {
  if (step < warmup) return fraction(step, warmup);
  const double factor = half_wave(fraction(step - warmup, total - warmup), num_cycles);
  return std::max(0.0, factor * (1.0 - floor) + floor);
}

double inverse_sqrt(int64_t step, int64_t warmup, int64_t timescale) {
  if (timescale <= 0) timescale = warmup > 0 ? warmup : 10000;
  if (step < warmup) return fraction(step, warmup);
  return 1.0 / std::sqrt(static_cast<double>(step + timescale - warmup) / static_cast<double>(timescale));
}

double warmup_stable_decay(int64_t step, int64_t warmup, int64_t decay, int64_t total, DecayShape shape, double floor) {
  const auto above_floor = [floor](double factor) { return std::max(0.0, factor * (1.0 - floor) + floor); };
  if (step < warmup) return above_floor(fraction(step, warmup));
  const int64_t decay_start = std::max(total - decay, warmup);
  if (step < decay_start) return 1.0;
  if (step >= decay_start + decay) return floor;
  const double progress = fraction(step - decay_start, decay);
  switch (shape) {
    case DecayShape::kLinear: return above_floor(1.0 - progress);
    case DecayShape::kCosine: return above_floor(half_wave(progress));
    case DecayShape::kOneMinusSqrt: return above_floor(1.0 - std::sqrt(progress));
  }
  return floor;
}

}  // namespace lathe::optim
