// Training curves of the report, from the metrics that a run leaves in its folder: JSON lines of figures by "step", the settings in
// the first, what the time went to in the last.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "plot/charts.h"

namespace lathe::eval {

struct RunCurves {
  std::string stage;                                      // "base"
  std::map<std::string, std::vector<plot::Point>> series;  // by the metric's name, "train/loss": step and value
  Json settings = Json::object(), facts = Json::object();  // of the run; facts: steps, limit_tokens_per_second
  Json performance = Json::object();                       // "training_seconds", "mfu", ...; empty while the run goes on
  std::vector<std::string> samples;                        // the last ones
  int64_t samples_step = 0;

  const std::vector<plot::Point>& points(const std::string& metric) const;  // empty when there are none
  // {"loss": [[step, value], ...], "val_bpb": ..., "series": {metric: ...}, "settings", "facts", "performance", "samples"}
  Json to_json() const;
  // Of a report's JSON; what is not in it stays empty.
  static RunCurves from_json(const std::string& stage, const Json& json);
};

// The runs of this tag that have metrics, in the order of the stages. A damaged line is skipped (a run may have been cut
// off while it wrote).
Result<std::vector<RunCurves>> read_curves(const fs::path& base, const std::string& tag);

// <base>/<stage folder>/<tag>/metrics.jsonl of those that are there.
std::vector<fs::path> metrics_files(const fs::path& base, const std::string& tag);

}  // namespace lathe::eval
