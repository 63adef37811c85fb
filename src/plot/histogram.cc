#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/text.h"
#include "plot/charts.h"
#include "plot/frame.h"

namespace lathe::plot {

HistogramCounts count_bins(const std::vector<double>& values, int bins) {
  require(bins >= 1, "[histogram] ", bins, " bins");
  HistogramCounts out{range_of(values), std::vector<int64_t>(static_cast<size_t>(bins), 0)};
  const double width = (out.range.high - out.range.low) / bins;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    const auto bin = static_cast<int64_t>(std::floor((value - out.range.low) / width));
    ++out.counts[static_cast<size_t>(std::clamp<int64_t>(bin, 0, bins - 1))];
  }
  return out;
}

std::string histogram(const Histogram& chart) {
  Svg svg(chart.width, chart.height, chart.title);
  draw_title(svg, chart.title);
  const HistogramCounts bins = count_bins(chart.values, chart.bins);
  const int64_t most = *std::max_element(bins.counts.begin(), bins.counts.end());
  if (most == 0) {
    draw_no_data(svg, chart.width, chart.height);
    return svg.finish();
  }
  const Frame f = frame_of(chart.width, chart.height, 0);
  const Axis x(bins.range, Scale::kLinear, f.left, f.right, 8);
  const Axis y({0, static_cast<double>(most) * 1.04}, Scale::kLinear, f.bottom, f.top, 5);
  draw_axes(svg, f, x, y, chart.x_label, chart.y_label);
  const double width = (f.right - f.left) / chart.bins;
  for (int i = 0; i < chart.bins; ++i) {
    const int64_t count = bins.counts[static_cast<size_t>(i)];
    if (count == 0) continue;
    const double top = y.at(static_cast<double>(count));
    svg.rect(f.left + width * i + 0.5, top, std::max(width - 1, 0.5), f.bottom - top, "bar", with_thousands(count));
  }
  return svg.finish();
}

}  // namespace lathe::plot
