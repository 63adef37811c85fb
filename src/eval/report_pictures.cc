#include "eval/report_pictures.h"

#include <algorithm>
#include <cmath>

#include "core/text.h"

namespace lathe::eval {
namespace {

constexpr size_t kFewPoints = 30, kManyPoints = 100;
constexpr double kHeight = 320;

std::vector<plot::Point> as_shares(const std::vector<plot::Point>& points, double steps) {
  std::vector<plot::Point> out = points;
  for (plot::Point& p : out) p.x = steps > 0 ? 100 * p.x / steps : p.x;
  return out;
}

double last_step(const RunCurves& run) {
  double last = run.facts.get_double("steps", 0);
  for (const auto& [name, points] : run.series)
    if (!points.empty()) last = std::max(last, points.back().x);
  return last;
}

// One metric of all stages over the share of the stage that is done: their lengths differ by orders of magnitude.
std::string over_stages(const std::vector<RunCurves>& runs, const char* metric, const std::string& title, const std::string& y_label, double factor,
                        bool from_zero, std::vector<plot::Level> levels = {}) {
  std::vector<std::vector<plot::Point>> scaled;
  scaled.reserve(runs.size());
  std::vector<NamedPoints> curves;
  for (const RunCurves& run : runs) {
    scaled.push_back(as_shares(run.points(metric), last_step(run)));
    for (plot::Point& p : scaled.back()) p.y *= factor;
    curves.push_back({run.stage, &scaled.back()});
  }
  return curves_picture(title, "share of the stage (%)", y_label, curves, false, from_zero, std::move(levels));
}

bool is_share(const Json& figure) { return figure.is_object() && figure.contains("accuracy"); }

}  // namespace

std::string curves_picture(const std::string& title, const std::string& x_label, const std::string& y_label, const std::vector<NamedPoints>& curves,
                           bool log_x, bool from_zero, std::vector<plot::Level> levels) {
  plot::LineChart chart;
  chart.title = title;
  chart.x_label = x_label;
  chart.y_label = y_label;
  chart.x_scale = log_x ? plot::Scale::kLog : plot::Scale::kLinear;
  chart.from_zero = from_zero;
  chart.levels = std::move(levels);
  chart.width = kPictureWidth;
  chart.height = kHeight;
  for (const NamedPoints& curve : curves)
    if (!curve.points->empty()) chart.series.push_back({curve.name, *curve.points, curve.points->size() <= kFewPoints});
  if (chart.series.size() == 1 && curves.size() > 1) chart.title += ", " + chart.series[0].name;  // one curve has no legend
  return chart.series.empty() ? "" : plot::line_chart(chart);
}

std::vector<std::string> training_pictures(const std::vector<RunCurves>& runs) {
  std::vector<std::string> out;
  std::vector<NamedPoints> bpb;
  for (const RunCurves& run : runs) {
    if (run.stage != "dpo" && run.stage != "rl") {
      const auto& loss = run.points("train/loss");
      out.push_back(curves_picture("Training loss, " + run.stage, "step", "loss (nats per token)",
                                   run.points("val/loss").empty() ? std::vector<NamedPoints>{{"training", &loss}}
                                                                  : std::vector<NamedPoints>{{"training", &loss}, {"validation", &run.points("val/loss")}},
                                   loss.size() > kManyPoints));
    }
    bpb.push_back({run.stage, &run.points("val/bpb")});
  }
  out.push_back(curves_picture("Bits per byte on the validation split", "step of its stage", "bits per byte", bpb));
  out.push_back(over_stages(runs, "train/lrm", "Learning rate", "multiple of the peak", 1, true));
  out.push_back(over_stages(runs, "train/grad_norm", "Norm of the gradient", "L2 norm before clipping", 1, true));
  return out;
}

std::vector<std::string> throughput_pictures(const std::vector<RunCurves>& runs) {
  // A limit far above every rate would press the curves to the floor; the second picture has it as 100 %.
  double fastest = 0, limit = 0;
  for (const RunCurves& run : runs) {
    for (const plot::Point& p : run.points("train/tok_per_sec")) fastest = std::max(fastest, p.y);
    if (run.stage == "base") limit = run.facts.get_double("limit_tokens_per_second", 0);
  }
  std::vector<plot::Level> levels;
  if (limit > 0 && limit < 8 * fastest) levels.push_back({"limit of the machine, base", limit});
  return {over_stages(runs, "train/tok_per_sec", "Throughput", "tokens per second", 1, true, std::move(levels)),
          over_stages(runs, "train/mfu", "Share of the machine's limit (MFU)", "% of measured matrix products", 1, true)};
}

std::string time_picture(const std::vector<RunCurves>& runs) {
  plot::StackedChart chart;
  chart.title = "Time of each stage";
  chart.width = kPictureWidth;
  static const std::vector<const char*> parts = {"forward", "head", "backward", "optimizer", "data", "evaluation", "saving"};
  double longest = 0;
  for (const RunCurves& run : runs)
    longest = std::max(longest, run.performance.get_double("training_seconds", 0) + run.performance.get_double("evaluation_seconds", 0));
  const double unit = longest > 7200 ? 3600 : longest > 300 ? 60 : 1;
  chart.value_label = unit == 3600 ? "hours" : unit == 60 ? "minutes" : "seconds";
  chart.parts = {parts.begin(), parts.end()};
  chart.parts.push_back("other");
  for (const RunCurves& run : runs) {
    if (run.performance.size() == 0) continue;
    std::vector<double> values;
    double steps = 0, all = 0;
    for (const char* part : parts) {
      double seconds = run.performance.get_double(std::string(part) + "_seconds", 0);
      if (part == std::string("evaluation")) seconds += run.performance.get_double("sampling_seconds", 0);  // eight colours are there
      values.push_back(seconds / unit);
      if (values.size() <= 5) steps += seconds;  // evaluation and what follows are not part of the steps
      all += seconds;
    }
    const double other = std::max(0.0, run.performance.get_double("training_seconds", 0) - steps);
    values.push_back(other / unit);
    chart.bars.emplace_back(run.stage, values);
    chart.notes.push_back(format_text("%.3g", (all + other) / unit));
  }
  return chart.bars.empty() ? "" : plot::stacked_chart(chart);
}

std::vector<std::string> preference_pictures(const RunCurves& run) {
  const auto at = [&](const char* metric) { return &run.points(metric); };
  return {curves_picture("Preference loss", "step", "loss (nats per pair)", {{"training", at("dpo/loss")}, {"validation", at("val/loss")}}),
          curves_picture("Pairs ranked right", "step", "share", {{"training", at("dpo/accuracy")}, {"validation", at("val/accuracy")}}),
          curves_picture("Rewards of the validation pairs", "step", "reward (nats)",
                         {{"chosen", at("val/rewards/chosen")}, {"rejected", at("val/rewards/rejected")}}),
          curves_picture("Distance from the reference", "step", "KL (nats)", {{"training", at("dpo/kl")}, {"validation", at("val/kl")}}, false, true)};
}

std::vector<std::string> reward_pictures(const RunCurves& run) {
  std::vector<NamedPoints> pass;
  for (const char* metric : {"pass@1", "pass@2", "pass@4", "pass@8"}) pass.push_back({metric, &run.points(metric)});
  return {curves_picture("Reward of the roll-outs", "step", "mean reward", {{"mean", &run.points("reward")}}, false, true),
          curves_picture("Held-out problems solved", "step", "share", pass, false, true),
          curves_picture("Length of the answers", "step", "tokens", {{"training", &run.points("sequence_length")}, {"held-out", &run.points("rl/eval_sequence_length")}},
                         false, true)};
}

std::optional<double> figure_value(const Json& figure) {
  for (const char* key : {"accuracy", "value"})
    if (const Json* value = figure.find(key); value != nullptr && value->is_number()) return value->as_double();
  return {};
}

std::optional<double> baseline_of(const Json& figure) {
  std::optional<double> out;
  for (const char* key : {"majority_baseline", "random_baseline"})
    if (const Json* value = figure.find(key); value != nullptr && value->is_number()) out = std::max(out.value_or(value->as_double()), value->as_double());
  return out;
}

std::string scores_picture(const std::string& title, const Json& figures) {
  plot::BarChart chart;
  chart.title = title;
  chart.value_label = "share answered right, with its 95 % interval";
  chart.baseline_name = "chance: the most common answer, or a guess";
  chart.width = kPictureWidth;
  for (const auto& [name, figure] : figures.as_object()) {
    const std::optional<double> value = figure_value(figure);
    if (!is_share(figure) || !value) continue;
    plot::Bar bar{figure.get_string("title", name), *value, {}, baseline_of(figure), format_text("%.1f %%", 100 * *value)};
    if (figure.contains("low")) bar.interval = plot::Range{figure.get_double("low", *value), figure.get_double("high", *value)};
    chart.bars.push_back(std::move(bar));
  }
  return chart.bars.empty() ? "" : plot::bar_chart(chart);
}

std::string funnel_picture(const Json& source) {
  plot::BarChart chart;
  chart.title = "Documents of " + source.get_string("name", "a source") + " that are left";
  chart.value_label = "documents";
  chart.width = kPictureWidth;
  double first = 0;
  const auto add = [&](const std::string& label, double value) {
    if (chart.bars.empty()) first = value;
    chart.bars.push_back({label, value, {}, {}, format_text("%.1f %%", first > 0 ? 100 * value / first : 0)});
  };
  const auto amount = [&](const char* key, const char* label) {
    if (const Json* part = source.find(key); part != nullptr && part->is_object()) add(label, part->get_double("documents", 0));
  };
  if (const Json* read = source.find("read"); read != nullptr && read->is_object() && read->contains("documents")) add("read", read->get_double("documents", 0));
  amount("cleaned", "cleaned");
  amount("unique", "without repeats");
  if (const Json* filters = source.find("filters"); filters != nullptr && filters->is_array())
    for (const Json& filter : filters->as_array())  // one that removed nothing would repeat the bar before it
      if (filter.is_object() && filter.get_int("removed", 1) > 0) add("after " + filter.get_string("filter", "a filter"), filter.get_double("kept", 0));
  if (const Json* documents = source.find("documents"); documents != nullptr && documents->is_number()) add("in the corpus", documents->as_double());
  double most = 0;
  for (const plot::Bar& bar : chart.bars) most = std::max(most, bar.value);
  if (most <= 0) return "";
  chart.range = {0, most};
  return plot::bar_chart(chart);
}

std::string tokenizer_picture(const std::string& baseline, const Json& rows) {
  plot::BarChart chart;
  chart.title = baseline.empty() ? "Bytes per token of the tokenizer" : "Bytes per token, ours and that of " + baseline;
  chart.value_label = "bytes per token (more is better)";
  chart.width = kPictureWidth;
  double most = 0;
  for (const Json& row : rows.as_array()) {
    if (!row.is_object()) continue;
    const std::string text = row.get_string("text", "?");
    chart.bars.push_back({text + (baseline.empty() ? "" : ", ours"), row.get_double("ratio", 0), {}, {}, format_text("%.2f", row.get_double("ratio", 0)), 0});
    if (!baseline.empty())
      chart.bars.push_back({text + ", " + baseline, row.get_double("baseline_ratio", 0), {}, {}, format_text("%.2f", row.get_double("baseline_ratio", 0)), 1});
  }
  for (const plot::Bar& bar : chart.bars) most = std::max(most, bar.value);
  if (!(most > 0)) return "";
  chart.range = {0, most};
  return plot::bar_chart(chart);
}

}  // namespace lathe::eval
