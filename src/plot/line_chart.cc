#include <algorithm>
#include <cmath>

#include "plot/charts.h"
#include "plot/frame.h"

namespace lathe::plot {
namespace {

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

// Of the values with a little air at both ends.
Range airy_range(const std::vector<double>& values, Scale scale) {
  const Range range = range_of(values, scale);
  if (scale == Scale::kLog) {
    const double factor = std::pow(range.high / range.low, 0.04);
    return {range.low / factor, range.high * factor};
  }
  const double air = (range.high - range.low) * 0.04;
  return {range.low - air, range.high + air};
}

// Names in rows below the title; nothing for a single series. Returns the number of rows that `draw` used or would use.
int legend(const LineChart& chart, Svg* svg) {
  if (std::count_if(chart.series.begin(), chart.series.end(), [](const Series& s) { return !s.name.empty(); }) < 2) return 0;
  double x = 20;
  int row = 0;
  for (size_t i = 0; i < chart.series.size(); ++i) {
    if (chart.series[i].name.empty()) continue;
    const double width = 30 + text_width(chart.series[i].name);
    if (x + width > chart.width && x > 20) {
      x = 20;
      ++row;
    }
    if (svg != nullptr) {
      svg->rect(x, 40 + 20 * row, 12, 12, colour_of(chart, i));
      svg->text(x + 18, 50.5 + 20 * row, chart.series[i].name, Anchor::kStart);
    }
    x += width;
  }
  return row + 1;
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
  const Frame f = frame_of(chart.width, chart.height, legend(chart, nullptr));
  const Axis x(range_of(xs, chart.x_scale), chart.x_scale, f.left, f.right, 8);
  const Axis y(airy_range(ys, chart.y_scale), chart.y_scale, f.bottom, f.top, 5);
  draw_axes(svg, f, x, y, chart.x_label, chart.y_label);
  legend(chart, &svg);
  for (size_t i = 0; i < chart.series.size(); ++i)
    for (const Run& run : runs_of(chart.series[i], chart, x, y)) draw_run(svg, run, chart.series[i], colour_of(chart, i));
  return svg.finish();
}

}  // namespace lathe::plot
