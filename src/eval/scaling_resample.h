// Bootstrap over the runs of a scaling experiment (internal to the fits).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "eval/scaling_fit.h"

namespace lathe::eval {

// `draws` times a sample of the runs with replacement, as many of each budget as there are (by_budget), or of all.
void for_each_resample(const std::vector<ScalingRun>& runs, bool by_budget, int64_t draws,
                       const std::function<void(const std::vector<ScalingRun>&)>& visit);

// The middle 95 % of at least 20 values; nothing of fewer.
std::optional<tasks::Interval> middle_of(std::vector<double> values);

// A power law through (x, y), all positive, by least squares of the logarithms; nothing with fewer than two distinct x.
std::optional<PowerLaw> fit_power_law(const std::vector<double>& x, const std::vector<double>& y);

// Gives `law` the intervals of the exponents that `refit` finds in resamples.
void add_intervals(Allocation& law, const std::vector<ScalingRun>& runs, bool by_budget, int64_t draws,
                   const std::function<std::optional<Allocation>(const std::vector<ScalingRun>&)>& refit);

int64_t distinct_values(std::vector<double> values);
Json interval_json(const std::optional<tasks::Interval>& interval);  // [low, high] or null
Json notes_json(const std::vector<std::string>& notes);
// Runs whose numbers are all positive and finite; what cannot be used is named in `notes`.
std::vector<ScalingRun> usable_runs(const std::vector<ScalingRun>& runs, std::vector<std::string>& notes);

}  // namespace lathe::eval
