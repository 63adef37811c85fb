#include "eval/report_curves.h"

#include <algorithm>

#include "core/text.h"
#include "eval/stage_folders.h"

namespace lathe::eval {
namespace {

constexpr std::string_view kPerformance = "performance/";

Json pairs_of(const std::vector<plot::Point>& points) {
  Json out = Json::array();
  for (const plot::Point& p : points) out.push_back(Json(Json::Array{p.x, p.y}));
  return out;
}

std::vector<plot::Point> points_of(const Json& pairs) {
  std::vector<plot::Point> out;
  if (!pairs.is_array()) return out;
  for (const Json& pair : pairs.as_array())
    if (pair.is_array() && pair.size() == 2 && pair.at(size_t{0}).is_number() && pair.at(size_t{1}).is_number())
      out.push_back({pair.at(size_t{0}).as_double(), pair.at(size_t{1}).as_double()});
  return out;
}

void add_row(const Json& row, RunCurves& run) {
  const Json* step = row.find("step");
  for (const auto& [key, value] : row.as_object()) {
    if (key == "settings" && value.is_object()) run.settings = value;
    if (key == "run" && value.is_object()) run.facts = value;
    if (step == nullptr || !step->is_number() || key == "step") continue;
    if (value.is_number() && key.starts_with(kPerformance)) {
      run.performance[key.substr(kPerformance.size())] = value;
    } else if (value.is_number()) {
      run.series[key].push_back({step->as_double(), value.as_double()});
    } else if (key == "samples" && value.is_array()) {
      run.samples.clear();
      for (const Json& sample : value.as_array())
        if (sample.is_string()) run.samples.push_back(sample.as_string());
      run.samples_step = static_cast<int64_t>(step->as_double());
    }
  }
}

}  // namespace

const std::vector<plot::Point>& RunCurves::points(const std::string& metric) const {
  static const std::vector<plot::Point> none;
  const auto found = series.find(metric);
  return found == series.end() ? none : found->second;
}

Json RunCurves::to_json() const {
  Json out = Json::object();
  out["loss"] = pairs_of(points("train/loss"));
  out["val_bpb"] = pairs_of(points("val/bpb"));
  out["series"] = Json::object();
  for (const auto& [name, values] : series)
    if (!name.starts_with("system/") && !name.starts_with("grad_norm/")) out["series"][name] = pairs_of(values);
  out["settings"] = settings;
  out["facts"] = facts;
  out["performance"] = performance;
  out["samples"] = Json(Json::Array(samples.begin(), samples.end()));
  out["samples_step"] = samples_step;
  return out;
}

RunCurves RunCurves::from_json(const std::string& stage, const Json& json) {
  RunCurves run;
  run.stage = stage;
  if (const Json* all = json.find("series"); all != nullptr && all->is_object())
    for (const auto& [name, pairs] : all->as_object()) run.series[name] = points_of(pairs);
  for (const auto& [key, metric] : {std::pair{"loss", "train/loss"}, {"val_bpb", "val/bpb"}})
    if (const Json* pairs = json.find(key); pairs != nullptr && pairs->size() > 0) run.series[metric] = points_of(*pairs);
  for (const auto& [key, part] : {std::pair{"settings", &run.settings}, {"facts", &run.facts}, {"performance", &run.performance}})
    if (const Json* value = json.find(key); value != nullptr && value->is_object()) *part = *value;
  return run;
}

std::vector<fs::path> metrics_files(const fs::path& base, const std::string& tag) {
  std::vector<fs::path> out;
  std::error_code code;
  for (const StageFolder& stage : kStageFolders)
    if (const fs::path path = base / stage.folder / tag / "metrics.jsonl"; !tag.empty() && fs::exists(path, code)) out.push_back(path);
  return out;
}

Result<std::vector<RunCurves>> read_curves(const fs::path& base, const std::string& tag) {
  std::vector<RunCurves> runs;
  for (const fs::path& path : metrics_files(base, tag)) {
    const std::string folder = path.parent_path().parent_path().filename().string();
    LATHE_TRY(const std::string text, read_file(path));
    RunCurves run;
    run.stage = std::find_if(std::begin(kStageFolders), std::end(kStageFolders), [&](const StageFolder& s) { return folder == s.folder; })->stage;
    for (const std::string& line : split_text(text, '\n')) {
      const Result<Json> row = parse_json(line);
      if (row.ok() && row.value().is_object()) add_row(row.value(), run);
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

}  // namespace lathe::eval
