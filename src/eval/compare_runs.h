// `lathe report compare`: several runs beside each other, from the JSON of their reports (docs/formats/report.md).
#pragma once

#include <string>
#include <vector>

#include "core/json.h"

namespace lathe::eval {

struct ComparedRun {
  std::string name;  // in tables and legends
  Json report;
};

struct RunComparison {
  std::string markdown, html;
  // runs, metrics, scores, performance: rows of {stage, name, values, differences to the first}; settings: those that differ
  Json json;
};

// At least two runs. What is not in a report stays empty in its column.
RunComparison compare_runs(const std::vector<ComparedRun>& runs, const std::string& now);

}  // namespace lathe::eval
