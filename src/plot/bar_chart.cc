#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/text.h"
#include "plot/charts.h"
#include "plot/frame.h"

namespace lathe::plot {
namespace {

constexpr double kRow = 34, kThickness = 18, kNoteWidth = 64;

std::string note_of(const Bar& bar) {
  if (!bar.note.empty()) return bar.note;
  return std::isfinite(bar.value) ? format_text("%.4g", bar.value) : "-";
}

void draw_bar(Svg& svg, const Bar& bar, const Axis& axis, Range range, double middle) {
  const auto x_of = [&](double value) { return axis.at(std::clamp(value, range.low, range.high)); };
  const double start = x_of(std::clamp(0.0, range.low, range.high));
  double end = start;
  if (std::isfinite(bar.value)) {
    end = x_of(bar.value);
    svg.rect(std::min(start, end), middle - kThickness / 2, std::abs(end - start), kThickness, bar.colour < 0 ? "bar" : colour_class(bar.colour), bar.label + ": " + note_of(bar));
  }
  if (bar.baseline && std::isfinite(*bar.baseline))
    svg.line(x_of(*bar.baseline), middle - kThickness / 2 - 4, x_of(*bar.baseline), middle + kThickness / 2 + 4, "base");
  if (bar.interval && std::isfinite(bar.interval->low) && std::isfinite(bar.interval->high)) {
    const double low = x_of(bar.interval->low), high = x_of(bar.interval->high);
    svg.line(low, middle, high, middle, "mark");
    for (const double x : {low, high}) svg.line(x, middle - 5, x, middle + 5, "mark");
  }
}

}  // namespace

std::string bar_chart(const BarChart& chart) {
  require(chart.range.low < chart.range.high, "[bar_chart] range ", chart.range.low, " to ", chart.range.high);
  const bool has_baseline = std::any_of(chart.bars.begin(), chart.bars.end(), [](const Bar& bar) { return bar.baseline.has_value(); });
  const double top = has_baseline ? 64 : 44;
  const double height = top + kRow * static_cast<double>(std::max<size_t>(chart.bars.size(), 2)) + 52;
  Svg svg(chart.width, height, chart.title);
  draw_title(svg, chart.title);
  if (chart.bars.empty()) {
    draw_no_data(svg, chart.width, height);
    return svg.finish();
  }
  double labels = 40, notes = kNoteWidth;
  for (const Bar& bar : chart.bars) {
    labels = std::max(labels, text_width(bar.label));
    notes = std::max(notes, text_width(note_of(bar)) + 16);
  }
  const double left = 28 + std::min(labels, chart.width * 0.4), right = chart.width - std::min(notes, chart.width * 0.3);
  const double bottom = top + kRow * static_cast<double>(chart.bars.size());
  const Axis axis(chart.range, Scale::kLinear, left, right, 5);
  for (const double tick : axis.ticks()) {
    svg.line(axis.at(tick), top, axis.at(tick), bottom, "grid");
    svg.text(axis.at(tick), bottom + 18, axis.label(tick), Anchor::kMiddle);
  }
  if (has_baseline) {
    svg.line(20, 40, 20, 54, "base");
    svg.text(30, 51.5, chart.baseline_name.empty() ? "baseline" : chart.baseline_name, Anchor::kStart);
  }
  for (size_t i = 0; i < chart.bars.size(); ++i) {
    const double middle = top + kRow * (static_cast<double>(i) + 0.5);
    svg.text(left - 10, middle + 4.5, chart.bars[i].label, Anchor::kEnd, "strong");
    draw_bar(svg, chart.bars[i], axis, chart.range, middle);
    svg.text(right + 10, middle + 4.5, note_of(chart.bars[i]), Anchor::kStart, "strong");
  }
  svg.line(left, top, left, bottom, "axis");
  svg.text((left + right) / 2, bottom + 40, chart.value_label, Anchor::kMiddle);
  return svg.finish();
}

}  // namespace lathe::plot
