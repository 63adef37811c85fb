#include "eval/preference_metrics.h"

#include <bit>
#include <cmath>
#include <map>

#include "core/text.h"
#include "eval/statistics.h"

namespace lathe::eval {
namespace {

// exp of the mean loss over all answer tokens.
double perplexity(double log_p, int64_t tokens) { return tokens == 0 ? 0 : std::exp(-log_p / static_cast<double>(tokens)); }

int doublings(int64_t length) { return static_cast<int>(std::bit_width(static_cast<uint64_t>(length))); }

Json mean_figure(const std::vector<double>& values) {
  const tasks::Interval range = bootstrap_mean_interval(values);
  return Json(Json::Object{{"value", mean_of(values)}, {"n", static_cast<int64_t>(values.size())}, {"low", range.low}, {"high", range.high}});
}

}  // namespace

tasks::Interval WinRate::interval() const { return tasks::wilson_interval(wins, n); }

Json WinRate::to_json() const {
  const tasks::Interval range = interval();
  Json out = Json::object();
  out["accuracy"] = rate();
  out["n"] = n;
  out["low"] = range.low;
  out["high"] = range.high;
  out["random_baseline"] = 0.5;
  out["verdict"] = n > 0 && ties == n ? "all ties: the model is its reference" : chance_verdict(range, 0.5, 0.5, n);
  out["wins"] = wins;
  out["losses"] = n - wins - ties;
  out["ties"] = ties;
  out["among_untied"] = n == ties ? Json() : Json(static_cast<double>(wins) / static_cast<double>(n - ties));
  return out;
}

WinRate win_rate(std::span<const PairScore> pairs, double beta) {
  WinRate out;
  for (const PairScore& pair : pairs) {
    const double margin = pair.margin(beta);
    ++out.n;
    out.wins += margin > 0;
    out.ties += margin == 0;
  }
  return out;
}

std::vector<LengthBin> by_length(std::span<const PairScore> pairs, double beta) {
  std::map<int, std::vector<PairScore>> equal;
  std::vector<PairScore> longer, shorter;
  for (const PairScore& pair : pairs) {
    const int chosen = doublings(pair.chosen_tokens), rejected = doublings(pair.rejected_tokens);
    if (chosen == rejected)
      equal[chosen].push_back(pair);
    else
      (chosen > rejected ? longer : shorter).push_back(pair);
  }
  std::vector<LengthBin> out;
  for (const auto& [width, some] : equal) {
    const int64_t low = width == 0 ? 0 : int64_t{1} << (width - 1), high = (int64_t{1} << width) - 1;
    out.push_back({high <= low ? join_text(low, low == 1 ? " token" : " tokens") : join_text(low, " to ", high, " tokens"), win_rate(some, beta)});
  }
  if (!longer.empty()) out.push_back({"chosen longer", win_rate(longer, beta)});
  if (!shorter.empty()) out.push_back({"chosen shorter", win_rate(shorter, beta)});
  return out;
}

Json preference_figures(std::span<const PairScore> pairs, double beta) {
  std::vector<double> margins, chosen_rewards, rejected_rewards, chosen_lengths, rejected_lengths;
  PairScore sum;
  for (const PairScore& pair : pairs) {
    margins.push_back(pair.margin(beta));
    chosen_rewards.push_back(beta * (pair.chosen - pair.reference_chosen));
    rejected_rewards.push_back(beta * (pair.rejected - pair.reference_rejected));
    chosen_lengths.push_back(static_cast<double>(pair.chosen_tokens));
    rejected_lengths.push_back(static_cast<double>(pair.rejected_tokens));
    sum.chosen += pair.chosen;
    sum.rejected += pair.rejected;
    sum.reference_chosen += pair.reference_chosen;
    sum.reference_rejected += pair.reference_rejected;
    sum.chosen_tokens += pair.chosen_tokens;
    sum.rejected_tokens += pair.rejected_tokens;
  }
  const WinRate wins = win_rate(pairs, beta);
  Json out = Json::object();
  out["reward_margin"] = mean_figure(margins);
  out["win_rate"] = wins.to_json();
  out["chosen_reward"] = mean_figure(chosen_rewards);
  out["rejected_reward"] = mean_figure(rejected_rewards);
  const auto of_tokens = [](double log_p, int64_t tokens) { return Json(Json::Object{{"value", perplexity(log_p, tokens)}, {"n", tokens}}); };
  out["perplexity_chosen"] = of_tokens(sum.chosen, sum.chosen_tokens);
  out["perplexity_rejected"] = of_tokens(sum.rejected, sum.rejected_tokens);
  out["reference_perplexity_chosen"] = of_tokens(sum.reference_chosen, sum.chosen_tokens);
  out["reference_perplexity_rejected"] = of_tokens(sum.reference_rejected, sum.rejected_tokens);
  out["length_chosen"] = mean_figure(chosen_lengths);
  out["length_rejected"] = mean_figure(rejected_lengths);
  Json bins = Json::object();
  for (const LengthBin& bin : by_length(pairs, beta)) bins[bin.name] = bin.wins.to_json();
  out["length_bins"] = std::move(bins);
  const bool margin_up = mean_of(margins) > 0, wins_up = wins.n > 0 && wins.rate() > 0.5 && wins.interval().low > 0.5;
  Json success = Json::object();
  success["margin_above_zero"] = margin_up;
  success["win_rate_above_half"] = wins_up;
  success["verdict"] = margin_up && wins_up ? "learned: the margin is above 0 and the whole interval of the win rate above one half"
                       : margin_up || wins.rate() > 0.5
                           ? "not shown: the margin or the interval of the win rate does not exclude that nothing was learned"
                           : "not learned: the chosen answers are not ranked above the rejected ones";
  out["success"] = std::move(success);
  return out;
}

}  // namespace lathe::eval
