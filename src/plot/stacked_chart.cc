#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "plot/charts.h"
#include "plot/frame.h"

namespace lathe::plot {
namespace {

constexpr double kRow = 34, kThickness = 18;

double part_of(const std::vector<double>& values, size_t i) {
  return i < values.size() && std::isfinite(values[i]) && values[i] > 0 ? values[i] : 0;
}

}  // namespace

std::string stacked_chart(const StackedChart& chart) {
  std::vector<LegendEntry> legend;
  for (size_t i = 0; i < chart.parts.size(); ++i) legend.push_back({chart.parts[i], colour_class(static_cast<int>(i))});
  const double top = 44 + 20 * draw_legend(legend, chart.width, nullptr);
  const double bottom = top + kRow * static_cast<double>(std::max<size_t>(chart.bars.size(), 1)), height = bottom + 52;
  Svg svg(chart.width, height, chart.title);
  draw_title(svg, chart.title);
  double longest = 0, labels = 40, notes = 24;
  for (const auto& [label, values] : chart.bars) {
    double sum = 0;
    for (size_t i = 0; i < chart.parts.size(); ++i) sum += part_of(values, i);
    longest = std::max(longest, sum);
    labels = std::max(labels, text_width(label));
  }
  for (const std::string& note : chart.notes) notes = std::max(notes, text_width(note) + 16);
  if (longest <= 0 || !std::isfinite(longest)) {
    draw_no_data(svg, chart.width, height);
    return svg.finish();
  }
  draw_legend(legend, chart.width, &svg);
  const double left = 28 + std::min(labels, chart.width * 0.4), right = chart.width - std::min(notes, chart.width * 0.3);
  const Axis axis({0, longest}, Scale::kLinear, left, right, 5);
  for (const double tick : axis.ticks()) {
    svg.line(axis.at(tick), top, axis.at(tick), bottom, "grid");
    svg.text(axis.at(tick), bottom + 18, axis.label(tick), Anchor::kMiddle);
  }
  for (size_t b = 0; b < chart.bars.size(); ++b) {
    const auto& [label, values] = chart.bars[b];
    const double middle = top + kRow * (static_cast<double>(b) + 0.5);
    svg.text(left - 10, middle + 4.5, label, Anchor::kEnd, "strong");
    double begin = 0;
    for (size_t i = 0; i < chart.parts.size(); ++i) {
      const double value = part_of(values, i);
      if (value <= 0) continue;
      svg.rect(axis.at(begin), middle - kThickness / 2, axis.at(begin + value) - axis.at(begin), kThickness, colour_class(static_cast<int>(i)),
               join_text(label, ", ", chart.parts[i], ": ", format_text("%.4g", value)));
      begin += value;
    }
    if (b < chart.notes.size()) svg.text(right + 10, middle + 4.5, chart.notes[b], Anchor::kStart, "strong");
  }
  svg.line(left, top, left, bottom, "axis");
  svg.text((left + right) / 2, bottom + 40, chart.value_label, Anchor::kMiddle);
  return svg.finish();
}

}  // namespace lathe::plot
