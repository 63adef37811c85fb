#include <algorithm>
#include <cmath>

#include "plot/charts.h"
#include "plot/frame.h"

namespace lathe::plot {
namespace {

constexpr double kPixelsPerTick = 70, kLabelColumn = 36;  // the upright label and air on both sides of the numbers

using Run = std::vector<Point>;  // points of the picture that are joined

bool is_drawn(const Point& p, const LineChart& chart) {
  return std::isfinite(p.x) && std::isfinite(p.y) && (chart.x_scale == Scale::kLinear || p.x > 0) && (chart.y_scale == Scale::kLinear || p.y > 0);
}

std::vector<Run> runs_of(const Series& series, const LineChart& chart, const Axis& x, const Axis& y) {
  std::vector<Run> runs;
  bool broken = true;
  for (const Point& p : series.points) {
    if (!is_drawn(p, chart)) {
      broken = true;
      continue;
    }
    if (broken) runs.emplace_back();
    runs.back().push_back({x.at(p.x), y.at(p.y)});
    broken = false;
  }
  return runs;
}

// Of neighbours in one pixel column the first, the two extremes in their order, and the last are kept.
Run thinned(const Run& run) {
  Run out;
  for (size_t begin = 0; begin < run.size();) {
    size_t end = begin, low = begin, high = begin;
    while (end < run.size() && std::floor(run[end].x) == std::floor(run[begin].x)) {
      if (run[end].y < run[low].y) low = end;
      if (run[end].y > run[high].y) high = end;
      ++end;
    }
    std::vector<size_t> kept = {begin, std::min(low, high), std::max(low, high), end - 1};
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    for (const size_t i : kept) out.push_back(run[i]);
    begin = end;
  }
  return out;
}

void draw_run(Svg& svg, const Run& full, const Series& series, const std::string& colour) {
  const Run run = thinned(full);
  if (run.size() == 1 || series.markers || !series.joined)
    for (const Point& p : run) svg.circle(p.x, p.y, 3.5, colour);
  if (run.size() == 1 || !series.joined) return;
  std::string d;
  for (const Point& p : run) d += (d.empty() ? "M" : "L") + coordinate(p.x) + " " + coordinate(p.y);
  svg.path(d, colour);
}

std::string colour_of(const LineChart& chart, size_t i) {
  const int given = chart.series[i].colour;
  return colour_class(given >= 0 ? given : static_cast<int>(i));
}

// Of the values with a little air at both ends; from_zero: none below.
Range airy_range(const std::vector<double>& values, Scale scale, bool from_zero) {
  const Range range = range_of(values, scale);
  if (scale == Scale::kLog) {
    const double factor = std::pow(range.high / range.low, 0.04);
    return {range.low / factor, range.high * factor};
  }
  const bool at_zero = from_zero && std::none_of(values.begin(), values.end(), [](double value) { return value < 0; });
  const double low = at_zero ? 0 : range.low, air = (range.high - low) * 0.04;
  return {at_zero ? 0 : low - air, range.high + air};
}

// A single name is nothing that the picture's title does not say.
std::vector<LegendEntry> legend_of(const LineChart& chart) {
  std::vector<LegendEntry> entries;
  for (size_t i = 0; i < chart.series.size(); ++i)
    if (!chart.series[i].name.empty()) entries.push_back({chart.series[i].name, colour_of(chart, i)});
  for (const Level& level : chart.levels) entries.push_back({level.name, "level"});
  if (entries.size() < 2) entries.clear();
  return entries;
}

}  // namespace

std::string line_chart(const LineChart& chart) {
  Svg svg(chart.width, chart.height, chart.title);
  draw_title(svg, chart.title);
  std::vector<double> xs, ys;
  for (const Series& series : chart.series)
    for (const Point& p : series.points)
      if (is_drawn(p, chart)) {
        xs.push_back(p.x);
        ys.push_back(p.y);
      }
  if (xs.empty()) {
    draw_no_data(svg, chart.width, chart.height);
    return svg.finish();
  }
  for (const Level& level : chart.levels)
    if (std::isfinite(level.y)) ys.push_back(level.y);
  const std::vector<LegendEntry> legend = legend_of(chart);
  Frame f = frame_of(chart.width, chart.height, draw_legend(legend, chart.width, nullptr));
  const Axis y(airy_range(ys, chart.y_scale, chart.from_zero), chart.y_scale, f.bottom, f.top, 5);
  for (const double tick : y.ticks()) f.left = std::max(f.left, kLabelColumn + text_width(y.label(tick)));
  const int columns = std::clamp(static_cast<int>((f.right - f.left) / kPixelsPerTick), 3, 8);
  const Axis x(range_of(xs, chart.x_scale), chart.x_scale, f.left, f.right, columns);
  draw_axes(svg, f, x, y, chart.x_label, chart.y_label);
  draw_legend(legend, chart.width, &svg);
  for (const Level& level : chart.levels)
    if (y.holds(level.y)) svg.line(f.left, y.at(level.y), f.right, y.at(level.y), "level");
  for (size_t i = 0; i < chart.series.size(); ++i)
    for (const Run& run : runs_of(chart.series[i], chart, x, y)) draw_run(svg, run, chart.series[i], colour_of(chart, i));
  return svg.finish();
}

}  // namespace lathe::plot
