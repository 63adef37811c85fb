// What a scaling experiment came to, as one page with pictures and as JSON.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "eval/scaling_fit.h"
#include "eval/scaling_table.h"

namespace lathe::eval {

struct ScalingStudy {
  ScalingKind kind = ScalingKind::kGrid;
  std::string title;
  std::string parameters;        // which ones N counts, in words
  std::vector<ScalingRow> rows;
  std::vector<ScalingRun> runs;  // one for each row, in its order; loss in bits per byte, curves in nats per token
};

struct ScalingPage {
  std::string html;                                         // self-contained
  std::vector<std::pair<std::string, std::string>> pictures;  // file name, SVG
  Json json;                                                // rows, fits, units
  std::vector<std::string> summary;                         // a line for each fit, for the terminal
};

ScalingPage make_scaling_page(const ScalingStudy& study);

}  // namespace lathe::eval
