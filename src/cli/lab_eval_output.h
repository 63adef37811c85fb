// The files of an evaluation: results as JSON, a short table as Markdown, the figures as CSV (rows L-1.58, L-6.6, L-8.8).
#pragma once

#include <string>

#include "core/json.h"

namespace lathe::cli {

// From the results' object: metric, value, interval, count, what it stands beside, and the baselines' differences.
std::string results_markdown(const Json& results);

// One row a figure: model, metric, value, low, high, n, note. Quoted where a text holds a comma, quote or line break.
std::string results_csv(const Json& results);

// Whether any metric of the model was measured.
bool anything_ran(const Json& metrics);

}  // namespace lathe::cli
