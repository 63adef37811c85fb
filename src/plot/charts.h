// Charts as self-contained SVG (a file of its own, or inside an HTML page) from plain structs. All functions take any
// input: values that are not finite are left out, no data gives a picture that says so.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plot/axis.h"

namespace lathe::plot {

struct Point {
  double x = 0, y = 0;
};

struct Series {
  std::string name;
  std::vector<Point> points;  // in the order in which they are joined; one that is not finite breaks the line
  bool markers = false;       // a dot at every point as well, for curves of few points
  bool joined = true;         // false: the dots alone
  int colour = -1;            // that of the series of this index; -1: its own
};

// A value to compare with, as a dashed line across the picture.
struct Level {
  std::string name;
  double y = 0;
};

struct LineChart {
  std::string title, x_label, y_label;
  std::vector<Series> series;
  std::vector<Level> levels;
  bool from_zero = false;          // the vertical axis begins at 0 when no value is below
  Scale x_scale = Scale::kLinear, y_scale = Scale::kLinear;  // kLog leaves out points that are not positive
  double width = 760, height = 380;
};
// Series without a name are not in the legend. Long series are thinned to the extremes of every pixel column, so spikes stay. A single point is a dot.
std::string line_chart(const LineChart& chart);

struct Bar {
  std::string label;
  double value = 0;
  std::optional<Range> interval;   // drawn as a whisker
  std::optional<double> baseline;  // drawn as a mark of its own colour
  std::string note;                // behind the bar, "" = the value
  int colour = -1;                 // of colour_class; -1: that of all bars
};

struct BarChart {
  std::string title, value_label;
  std::vector<Bar> bars;
  Range range{0, 1};            // of the value axis; low < high
  std::string baseline_name;    // for the legend
  double width = 760;           // the height follows from the number of bars
};
std::string bar_chart(const BarChart& chart);  // horizontal bars, top to bottom

// Horizontal bars of parts that add up, with the parts' names above.
struct StackedChart {
  std::string title, value_label;
  std::vector<std::string> parts;
  std::vector<std::pair<std::string, std::vector<double>>> bars;  // label, a value for each part (not finite, negative: none)
  std::vector<std::string> notes;                                 // behind the bars; may be shorter
  double width = 760;
};
std::string stacked_chart(const StackedChart& chart);

struct Histogram {
  std::string title, x_label, y_label = "count";
  std::vector<double> values;
  int bins = 30;
  double width = 760, height = 320;
};
// Counts of `bins` equal intervals between the smallest and the largest finite value; the last one is closed.
struct HistogramCounts {
  Range range;
  std::vector<int64_t> counts;
};
HistogramCounts count_bins(const std::vector<double>& values, int bins);
std::string histogram(const Histogram& chart);

}  // namespace lathe::plot
