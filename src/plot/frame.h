// What charts with a horizontal and a vertical axis share: margins, grid, ticks, labels.
#pragma once

#include <string>
#include <vector>

#include "plot/axis.h"
#include "plot/svg.h"

namespace lathe::plot {

struct Frame {
  double left, top, right, bottom;  // of the plotting area
};
// `legend_rows` lines of room below the title.
Frame frame_of(double width, double height, int legend_rows);

void draw_axes(Svg& svg, const Frame& frame, const Axis& x, const Axis& y, const std::string& x_label, const std::string& y_label);
void draw_title(Svg& svg, const std::string& title);
void draw_no_data(Svg& svg, double width, double height);

// Names in rows below the title, each behind a square of its series' colour; svg null: nothing is drawn. Returns the rows.
struct LegendEntry {
  std::string name, classes;  // of the square; "level": a dash instead
};
int draw_legend(const std::vector<LegendEntry>& entries, double width, Svg* svg);

// Width of a text in pixels, roughly: the fonts of the reader are not known.
double text_width(const std::string& text);

}  // namespace lathe::plot
