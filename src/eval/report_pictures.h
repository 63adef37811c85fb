// The pictures of the report, from what its stages recorded. A picture without data is "".
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "eval/report_curves.h"

namespace lathe::eval {

inline constexpr double kPictureWidth = 480;  // two fit beside each other; legible on a phone when shrunk

// Curves to lay over each other: name in the legend, points.
struct NamedPoints {
  std::string name;
  const std::vector<plot::Point>* points;
};
// markers where a curve has few points; empty curves are left out. `log_x`: most of a long run's fall is in its first tenth.
std::string curves_picture(const std::string& title, const std::string& x_label, const std::string& y_label, const std::vector<NamedPoints>& curves,
                           bool log_x = false, bool from_zero = false, std::vector<plot::Level> levels = {});

std::vector<std::string> training_pictures(const std::vector<RunCurves>& runs);    // loss of each stage, bits per byte, rate, gradient norm
std::vector<std::string> throughput_pictures(const std::vector<RunCurves>& runs);  // tokens per second, share of the machine's limit
std::string time_picture(const std::vector<RunCurves>& runs);                      // seconds of each stage by what they went to
std::vector<std::string> preference_pictures(const RunCurves& run);
std::vector<std::string> reward_pictures(const RunCurves& run);

// Shares with intervals and baselines; figures of docs/formats/report.md by name. "" when none is a share.
std::string scores_picture(const std::string& title, const Json& figures);
// The better of both baselines; none when neither was measured.
std::optional<double> baseline_of(const Json& figure);
// "accuracy", else "value"; none when the evaluation was not run.
std::optional<double> figure_value(const Json& figure);

// Documents in, after each filter, of one source of a corpus (its manifest's "sources").
std::string funnel_picture(const Json& source);
// Bytes per token of the texts of `lathe tokenizer eval`, ours beside a baseline.
std::string tokenizer_picture(const std::string& baseline, const Json& rows);

}  // namespace lathe::eval
