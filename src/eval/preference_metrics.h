// How well a model ranks preference pairs beside its reference (rows L-9.17, L-9.20, L-9.21). The reward of an answer is
// beta (log p_model - log p_reference), the margin of a pair that of the chosen answer less that of the rejected one.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/json.h"
#include "tasks/interval.h"

namespace lathe::eval {

// Sums over an answer's tokens, in nats.
struct PairScore {
  double chosen = 0, rejected = 0;                      // of the model
  double reference_chosen = 0, reference_rejected = 0;
  int64_t chosen_tokens = 0, rejected_tokens = 0;

  double margin(double beta) const { return beta * ((chosen - reference_chosen) - (rejected - reference_rejected)); }
};

// Pairs that won, lost and tied: chosen reward above, below, equal to the rejected one's.
struct WinRate {
  int64_t n = 0, wins = 0, ties = 0;
  double rate() const { return n == 0 ? 0 : static_cast<double>(wins) / static_cast<double>(n); }  // ties count as not won
  tasks::Interval interval() const;
  Json to_json() const;
};
WinRate win_rate(std::span<const PairScore> pairs, double beta);

// Pairs whose answers are of the same length, in doublings (1, 2 to 3, 4 to 7 ... tokens), by that length; and the others. A model
// that only learned "longer is better" wins among the longer ones and not here.
struct LengthBin {
  std::string name;  // "8 to 15 tokens", "chosen longer", "chosen shorter"
  WinRate wins;
};
std::vector<LengthBin> by_length(std::span<const PairScore> pairs, double beta);

// An object of figures: reward_margin, win_rate, perplexity (of chosen and rejected, model and reference), length, length_bins and
// "success": margin above 0, win rate above one half with its whole interval, and the two in words.
Json preference_figures(std::span<const PairScore> pairs, double beta);

}  // namespace lathe::eval
