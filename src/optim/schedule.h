// Learning-rate multipliers, Muon momentum and weight decay as pure functions of the step. Every multiplier applies to
// initial_lr of every group (row C-4.18). Steps count optimizer steps from 0; rounding is half to even.
#pragma once

#include <cstdint>

namespace lathe::optim {

// --- Chat family -------------------------------------------------------------------------------------------------

struct ChatSchedule {
  int64_t num_iterations = 0;   // N
  double warmup_ratio = 0.0;    // of N; unused when warmup_steps >= 0
  int64_t warmup_steps = -1;    // the newest state counts steps (row C-4.29)
  double warmdown_ratio = 0.5;  // of N
  double final_lr_frac = 0.0;
};

// Rows C-4.17, C-4.29. Rises to 1, stays, and falls to final_lr_frac at step N. No warmup or warm-down never divides.
double chat_lr_multiplier(const ChatSchedule& schedule, int64_t step);

// Row C-4.19: 0.85 to 0.95 over 300 steps.
double muon_momentum(int64_t step);
// Row C-4.20: weight_decay to 0, linear over N steps.
double muon_weight_decay(double weight_decay, int64_t step, int64_t num_iterations);

// Row C-4.29: 0.85 to 0.97 over 400 steps; later 0.97 to 0.90 over the warm-down.
double newest_muon_momentum(const ChatSchedule& schedule, int64_t step);
// Row C-4.29: half a cosine wave from weight_decay to 0.
double newest_muon_weight_decay(double weight_decay, int64_t step, int64_t num_iterations);

// Row C-8.4: 1 below progress 0.8, then linear to 0 at 1. The origin goes on below zero there (the step climbs); with
// clamped = false so does this, to reproduce its runs.
double sft_lr_multiplier(double progress, bool clamped = true);
// 1 - step / N.
double rl_lr_multiplier(int64_t step, int64_t num_steps);

// --- The forms of Hugging Face transformers ------------------------------------------------------------------------
// Warmup: step / max(1, warmup) below `warmup`.

double constant_with_warmup(int64_t step, int64_t warmup);
double linear_with_warmup(int64_t step, int64_t warmup, int64_t total);
// num_cycles 0.5 is half a wave from 1 to floor (a fraction of the peak); never below 0.
double cosine_with_warmup(int64_t step, int64_t warmup, int64_t total, double floor = 0.0, double num_cycles = 0.5);
// timescale 0: warmup, or 10000 without one.
double inverse_sqrt(int64_t step, int64_t warmup, int64_t timescale = 0);

enum class DecayShape { kLinear, kCosine, kOneMinusSqrt };
// Warmup from floor to 1, stable, decay to floor over the last `decay` of `total` steps, floor from then on.
double warmup_stable_decay(int64_t step, int64_t warmup, int64_t decay, int64_t total, DecayShape shape, double floor = 0.0);

}  // namespace lathe::optim
