#include "train/performance.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/text.h"

namespace lathe::train {
namespace {

// Of the steps' time, in the order they run in.
std::vector<std::pair<const char*, double>> parts_of_steps(const TimeSplit& s) {
  return {{"data", s.data}, {"forward", s.forward}, {"head", s.head}, {"backward", s.backward}, {"optimizer", s.optimizer}};
}

std::vector<std::pair<const char*, double>> parts_apart(const TimeSplit& s) {
  return {{"evaluation", s.evaluation}, {"sampling", s.sampling}, {"saving", s.saving}};
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double at = q * static_cast<double>(values.size() - 1);
  const size_t below = static_cast<size_t>(at), above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - std::floor(at)) * (values[above] - values[below]);
}

}  // namespace

double Performance::training_seconds() const { return std::accumulate(step_seconds.begin(), step_seconds.end(), 0.0); }

double Performance::trained_tokens() const { return std::accumulate(step_tokens.begin(), step_tokens.end(), 0.0); }

double Performance::step_seconds_median() const { return quantile(step_seconds, 0.5); }

double Performance::tokens_per_second() const {
  const double seconds = training_seconds();
  return seconds > 0 ? trained_tokens() / seconds : 0;
}

double Performance::tokens_per_second_quantile(double q) const {
  std::vector<double> per_token;
  for (size_t i = 0; i < step_seconds.size(); ++i) per_token.push_back(step_seconds[i] / step_tokens.at(i));
  const double seconds = quantile(std::move(per_token), 1 - q);  // the fastest step is the highest rate
  return seconds > 0 ? 1 / seconds : 0;
}

double Performance::mfu() const { return product_flops > 0 ? flops_per_token * tokens_per_second_quantile(0.5) / product_flops : 0; }

double Performance::waiting_share() const {
  if (step_seconds.size() < 2) return 0;
  const double seconds = training_seconds() - step_seconds.front();
  return seconds > 0 ? (split.data - first_step_waiting) / seconds : 0;
}

Json Performance::to_json() const {
  Json out = Json::object();
  out["trained_tokens"] = trained_tokens();
  out["steps"] = steps;
  out["tok_per_sec"] = tokens_per_second();
  out["tok_per_sec_p50"] = tokens_per_second_quantile(0.5);
  out["tok_per_sec_p10"] = tokens_per_second_quantile(0.1);
  out["tok_per_sec_p90"] = tokens_per_second_quantile(0.9);
  out["mfu"] = mfu();
  out["product_gflops"] = product_flops / 1e9;
  out["waiting_share"] = waiting_share();
  out["training_seconds"] = training_seconds();
  for (const auto& [name, seconds] : parts_of_steps(split)) out[std::string(name) + "_seconds"] = seconds;
  for (const auto& [name, seconds] : parts_apart(split)) out[std::string(name) + "_seconds"] = seconds;
  return out;
}

std::vector<std::string> Performance::to_lines() const {
  if (steps == 0) return {};
  const auto rate = [&](double value) { return with_thousands(static_cast<int64_t>(value)); };
  std::vector<std::string> lines;
  lines.push_back("Tokens per second: median " + rate(tokens_per_second_quantile(0.5)) + ", 10 to 90 % of the steps " +
                  rate(tokens_per_second_quantile(0.1)) + " to " + rate(tokens_per_second_quantile(0.9)) + ", in all " + rate(tokens_per_second()) +
                  " (trained tokens over the time of the steps)");
  if (product_flops > 0)
    lines.push_back(format_text("mfu: %.3f of the %.0f GFLOP/s that matrix products reached here at the start", mfu(), product_flops / 1e9));
  std::string line = "Time of the steps:";
  const double whole = std::max(training_seconds(), 1e-12);
  double rest = whole;
  for (const auto& [name, seconds] : parts_of_steps(split)) {
    line += format_text(" %s %.1f %%,", name, 100 * seconds / whole);
    rest -= seconds;
  }
  lines.push_back(line + format_text(" other %.1f %% of %.1f s", 100 * std::max(rest, 0.0) / whole, whole));
  line = "Apart from them:";
  for (const auto& [name, seconds] : parts_apart(split)) line += format_text("%s %s %.1f s", line.ends_with(':') ? "" : ",", name, seconds);
  lines.push_back(line);
  return lines;
}

}  // namespace lathe::train
