// The results of a scaling experiment as a table: one row a run, in the columns of rows C-14.5 (the grid) and C-14.7 (the
// miniseries), filled from the figures that the trainer itself reports (row C-14.6).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"

namespace lathe::eval {

enum class ScalingKind { kGrid, kMiniseries };

struct ScalingRow {
  std::string budget;  // FLOPs as they were given ("2.15e18"); a miniseries has none
  int64_t depth = 0, model_dim = 0;
  int64_t wte = 0, value_embeds = 0, lm_head = 0, transformer = 0, scalars = 0, total = 0;
  int64_t scaling = 0;  // transformer + lm_head, which the data ratio counts
  int64_t num_iterations = 0, tokens = 0;
  std::optional<double> val_bpb, core;
  double seconds = 0;   // of the training steps
  Json to_json(ScalingKind kind) const;  // the columns with their types; what was not measured is null
};

std::string csv_header(ScalingKind kind);
// A CORE score that was not measured is written 0.0, one that was with six decimals.
std::string csv_line(ScalingKind kind, const ScalingRow& row);

// No file: no rows. An error names the line.
Result<std::vector<ScalingRow>> read_scaling_csv(ScalingKind kind, const fs::path& path);
Status write_scaling_csv(ScalingKind kind, const fs::path& path, const std::vector<ScalingRow>& rows);

// From what `lathe train --json` reports. `path` names it in errors.
Result<ScalingRow> row_of_figures(const std::string& budget, int64_t depth, const Json& figures, const std::string& path);

// The table with its columns under each other; "-" where a cell is empty.
std::string aligned_table(ScalingKind kind, const std::vector<ScalingRow>& rows);

}  // namespace lathe::eval
