#include "eval/report_curves.h"

#include "core/text.h"

namespace lathe::eval {
namespace {

struct Stage {
  const char* name;
  const char* folder;
};
constexpr Stage kStages[] = {{"base", "base_checkpoints"},
                             {"mid", "mid_checkpoints"},
                             {"sft", "chatsft_checkpoints"},
                             {"dpo", "chatdpo_checkpoints"},
                             {"rl", "chatrl_checkpoints"}};

Json pairs_of(const std::vector<plot::Point>& points) {
  Json out = Json::array();
  for (const plot::Point& p : points) out.push_back(Json(Json::Array{p.x, p.y}));
  return out;
}

void add_point(std::vector<plot::Point>& points, const Json& row, const char* key) {
  const Json *step = row.find("step"), *value = row.find(key);
  if (step != nullptr && value != nullptr && step->is_number() && value->is_number()) points.push_back({step->as_double(), value->as_double()});
}

}  // namespace

Json RunCurves::to_json() const {
  Json out = Json::object();
  out["loss"] = pairs_of(loss);
  out["val_bpb"] = pairs_of(val_bpb);
  return out;
}

Result<std::vector<RunCurves>> read_curves(const fs::path& base, const std::string& tag) {
  std::vector<RunCurves> runs;
  std::error_code code;
  for (const Stage& stage : kStages) {
    const fs::path path = base / stage.folder / tag / "metrics.jsonl";
    if (tag.empty() || !fs::exists(path, code)) continue;
    LATHE_TRY(const std::string text, read_file(path));
    RunCurves run;
    run.stage = stage.name;
    for (const std::string& line : split_text(text, '\n')) {
      const Result<Json> row = parse_json(line);
      if (!row.ok() || !row.value().is_object()) continue;
      add_point(run.loss, row.value(), "train/loss");
      add_point(run.val_bpb, row.value(), "val/bpb");
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

std::string loss_picture(const RunCurves& run) {
  plot::LineChart chart;
  chart.title = "Training loss, " + run.stage;
  chart.x_label = "step";
  chart.y_label = run.stage == "dpo" || run.stage == "rl" ? "loss" : "loss (nats per token)";
  // Most of a long run's fall is in its first tenth.
  const bool is_long = run.loss.size() > 100;
  chart.x_scale = is_long ? plot::Scale::kLog : plot::Scale::kLinear;
  chart.series = {{"train", run.loss, run.loss.size() <= 30}};
  return plot::line_chart(chart);
}

std::string bpb_picture(const std::vector<RunCurves>& runs) {
  plot::LineChart chart;
  chart.title = "Bits per byte on the validation split";
  chart.x_label = "step of its stage";
  chart.y_label = "bits per byte";
  for (const RunCurves& run : runs)
    if (!run.val_bpb.empty()) chart.series.push_back({run.stage, run.val_bpb, run.val_bpb.size() <= 30});
  return chart.series.empty() ? "" : plot::line_chart(chart);
}

}  // namespace lathe::eval
