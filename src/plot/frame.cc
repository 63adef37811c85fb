#include "plot/frame.h"

#include "core/text.h"

namespace lathe::plot {

Frame frame_of(double width, double height, int legend_rows) { return {72, 44.0 + 20 * legend_rows, width - 24, height - 52}; }

void draw_axes(Svg& svg, const Frame& f, const Axis& x, const Axis& y, const std::string& x_label, const std::string& y_label) {
  for (const double tick : y.ticks()) {
    svg.line(f.left, y.at(tick), f.right, y.at(tick), "grid");
    svg.text(f.left - 8, y.at(tick) + 4, y.label(tick), Anchor::kEnd);
  }
  for (const double tick : x.ticks()) {
    svg.line(x.at(tick), f.bottom, x.at(tick), f.bottom + 5, "axis");
    svg.text(x.at(tick), f.bottom + 20, x.label(tick), Anchor::kMiddle);
  }
  svg.line(f.left, f.bottom, f.right, f.bottom, "axis");
  svg.text((f.left + f.right) / 2, f.bottom + 42, x_label, Anchor::kMiddle);
  svg.text_upwards(18, (f.top + f.bottom) / 2, y_label);
}

void draw_title(Svg& svg, const std::string& title) { svg.text(16, 24, title, Anchor::kStart, "title"); }

void draw_no_data(Svg& svg, double width, double height) { svg.text(width / 2, height / 2, "no data", Anchor::kMiddle); }

int draw_legend(const std::vector<LegendEntry>& entries, double width, Svg* svg) {
  constexpr double kLeft = 16, kRow = 20;
  double x = kLeft;
  int row = 0;
  for (const LegendEntry& entry : entries) {
    const double needed = 30 + text_width(entry.name);
    if (x + needed > width && x > kLeft) {
      x = kLeft;
      ++row;
    }
    if (svg != nullptr) {
      if (entry.classes == "level") {
        svg->line(x, 46 + kRow * row, x + 12, 46 + kRow * row, entry.classes);
      } else {
        svg->rect(x, 40 + kRow * row, 12, 12, entry.classes);
      }
      svg->text(x + 18, 50.5 + kRow * row, entry.name, Anchor::kStart);
    }
    x += needed;
  }
  return entries.empty() ? 0 : row + 1;
}

double text_width(const std::string& text) { return 7.2 * static_cast<double>(count_code_points(repair_utf8(text))); }

}  // namespace lathe::plot
