#include "eval/scaling_resample.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/rng.h"
#include "core/text.h"
#include "eval/least_squares.h"

namespace lathe::eval {

void for_each_resample(const std::vector<ScalingRun>& runs, bool by_budget, int64_t draws,
                       const std::function<void(const std::vector<ScalingRun>&)>& visit) {
  std::map<double, std::vector<size_t>> groups;
  for (size_t i = 0; i < runs.size(); ++i) groups[by_budget ? runs[i].budget : 0].push_back(i);
  Rng rng(1337, "eval/scaling");
  std::vector<ScalingRun> sample;
  for (int64_t draw = 0; draw < draws; ++draw) {
    sample.clear();
    for (const auto& [budget, members] : groups)
      for (size_t k = 0; k < members.size(); ++k) sample.push_back(runs[members[rng.below(members.size())]]);
    visit(sample);
  }
}

std::optional<tasks::Interval> middle_of(std::vector<double> values) {
  constexpr size_t kFewest = 20;
  if (values.size() < kFewest) return std::nullopt;
  std::sort(values.begin(), values.end());
  const auto quantile = [&](double q) {
    const double place = q * static_cast<double>(values.size() - 1);
    const auto i = static_cast<size_t>(place);
    const double next = values[std::min(i + 1, values.size() - 1)];
    return values[i] + (place - static_cast<double>(i)) * (next - values[i]);
  };
  return tasks::Interval{quantile(0.025), quantile(0.975)};
}

std::optional<PowerLaw> fit_power_law(const std::vector<double>& x, const std::vector<double>& y) {
  std::vector<double> log_x, log_y;
  for (const double v : x) log_x.push_back(std::log(v));
  for (const double v : y) log_y.push_back(std::log(v));
  const auto line = fit_polynomial(log_x, log_y, 1);
  if (!line) return std::nullopt;
  PowerLaw law;
  law.coefficient = std::exp((*line)[0]);
  law.exponent = (*line)[1];
  return law;
}

void add_intervals(Allocation& law, const std::vector<ScalingRun>& runs, bool by_budget, int64_t draws,
                   const std::function<std::optional<Allocation>(const std::vector<ScalingRun>&)>& refit) {
  std::vector<double> a, b;
  for_each_resample(runs, by_budget, draws, [&](const std::vector<ScalingRun>& sample) {
    const std::optional<Allocation> other = refit(sample);
    if (!other) return;
    a.push_back(other->parameters.exponent);
    b.push_back(other->tokens.exponent);
  });
  law.resamples = static_cast<int64_t>(a.size());
  law.parameters.interval = middle_of(a);
  law.tokens.interval = middle_of(b);
}

int64_t distinct_values(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return std::unique(values.begin(), values.end()) - values.begin();
}

Json interval_json(const std::optional<tasks::Interval>& interval) {
  return interval ? Json(Json::Array{interval->low, interval->high}) : Json();
}

Json notes_json(const std::vector<std::string>& notes) { return Json(Json::Array(notes.begin(), notes.end())); }

std::vector<ScalingRun> usable_runs(const std::vector<ScalingRun>& runs, std::vector<std::string>& notes) {
  std::vector<ScalingRun> usable;
  for (const ScalingRun& run : runs) {
    bool good = true;
    for (const double v : {run.budget, run.flops, run.parameters, run.tokens, run.loss}) good = good && std::isfinite(v) && v > 0;
    if (good) usable.push_back(run);
  }
  if (const size_t left = runs.size() - usable.size(); left > 0)
    notes.push_back(join_text(left, left == 1 ? " run has" : " runs have", " no loss above zero and ", left == 1 ? "is" : "are", " left out"));
  return usable;
}

double PowerLaw::at(double flops) const { return coefficient * std::pow(flops, exponent); }

namespace {
Json law_json(const PowerLaw& law) {
  Json out = Json::object();
  out["coefficient"] = law.coefficient;
  out["exponent"] = law.exponent;
  out["interval"] = interval_json(law.interval);
  return out;
}
}  // namespace

Json Allocation::to_json() const {
  Json out = Json::object();
  out["parameters"] = law_json(parameters);
  out["tokens"] = law_json(tokens);
  out["resamples"] = resamples;
  return out;
}

}  // namespace lathe::eval
