// Training curves of the report, from the metrics that a run leaves in its folder (JSON lines with "train/loss" and
// "val/bpb" by "step").
#pragma once

#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "plot/charts.h"

namespace lathe::eval {

struct RunCurves {
  std::string stage;  // "base"
  std::vector<plot::Point> loss, val_bpb;
  Json to_json() const;  // {"loss": [[step, value], ...], "val_bpb": ...}
};

// The runs of this tag that have metrics, in the order of the stages. A damaged line is skipped (a run may have been cut
// off while it wrote).
Result<std::vector<RunCurves>> read_curves(const fs::path& base, const std::string& tag);

std::string loss_picture(const RunCurves& run);
std::string bpb_picture(const std::vector<RunCurves>& runs);  // "" when no run was validated

}  // namespace lathe::eval
