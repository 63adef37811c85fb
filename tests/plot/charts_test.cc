#include "plot/charts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <regex>
#include <sstream>

#include "core/text.h"
#include "plot/svg.h"

namespace lathe::plot {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// The characters of `set` that stand at `at`, which moves behind them.
std::string take_run(const std::string& text, size_t& at, const char* set) {
  const size_t begin = at;
  at = std::min(text.find_first_not_of(set, at), text.size());
  return text.substr(begin, at - begin);
}

// Reads ` name="value"` at `at`, if that is what stands there.
bool take_attribute(const std::string& text, size_t& at) {
  size_t i = at + 1;
  if (text[at] != ' ' || take_run(text, i, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-").empty()) return false;
  if (text.compare(i, 2, "=\"") != 0) return false;
  const size_t end = text.find_first_of("\"<", i + 2);
  if (end == std::string::npos || text[end] == '<') return false;
  at = end + 1;
  return true;
}

// Every opened element is closed in order, and nothing but the characters of XML text stands between. (By hand: the
// library's regular expressions take a stack frame for every character of a long path.)
::testing::AssertionResult is_well_formed(const std::string& svg) {
  std::vector<std::string> open;
  for (size_t begin = svg.find('<'); begin != std::string::npos; begin = svg.find('<', begin + 1)) {
    size_t at = begin + 1;
    const bool closes = !take_run(svg, at, "/").empty();
    const std::string name = take_run(svg, at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    while (take_attribute(svg, at)) continue;
    const bool empty = take_run(svg, at, "/") == "/";
    if (name.empty() || svg[at] != '>') return ::testing::AssertionFailure() << "not a tag: " << svg.substr(begin, 80);
    if (closes) {
      if (open.empty() || open.back() != name) return ::testing::AssertionFailure() << "closes " << name;
      open.pop_back();
    } else if (!empty) {
      open.push_back(name);
    }
  }
  if (!open.empty()) return ::testing::AssertionFailure() << "never closed: " << open.back();
  if (has(svg, "nan") || has(svg, "inf")) return ::testing::AssertionFailure() << "a coordinate is not a number";
  return ::testing::AssertionSuccess();
}

std::vector<std::vector<Point>> paths_of(const std::string& svg) {
  const std::string opening = "<path d=\"";
  std::vector<std::vector<Point>> paths;
  for (size_t at = svg.find(opening); at != std::string::npos; at = svg.find(opening, at)) {
    at += opening.size();
    std::string d = svg.substr(at, svg.find('"', at) - at);
    for (char& c : d)
      if (c == 'M' || c == 'L') c = ' ';
    std::istringstream in(d);
    std::vector<Point> points;
    for (Point p; in >> p.x >> p.y;) points.push_back(p);
    paths.push_back(points);
  }
  return paths;
}

int count(const std::string& text, const std::string& part) {
  int n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

LineChart chart_of(std::vector<Point> points) {
  LineChart chart;
  chart.title = "loss";
  chart.series = {{"train", std::move(points), false}};
  return chart;
}

TEST(LineChart, PointsLieInTheirOrderInsideThePicture) {
  const std::string svg = line_chart(chart_of({{0, 10}, {50, 4}, {100, 2}}));
  EXPECT_TRUE(is_well_formed(svg));
  const auto paths = paths_of(svg);
  ASSERT_EQ(paths.size(), 1u);
  ASSERT_EQ(paths[0].size(), 3u);
  EXPECT_LT(paths[0][0].y, paths[0][1].y) << "a larger value stands higher";
  EXPECT_LT(paths[0][1].y, paths[0][2].y);
  EXPECT_NEAR(paths[0][1].x, (paths[0][0].x + paths[0][2].x) / 2, 0.02);
  for (const Point& p : paths[0]) {
    EXPECT_GE(p.x, 0);
    EXPECT_LE(p.x, 760);
    EXPECT_GE(p.y, 0);
    EXPECT_LE(p.y, 380);
  }
}

TEST(LineChart, ALogarithmicAxisSpreadsEqualRatiosEqually) {
  LineChart chart = chart_of({{0, 9}, {1, 8}, {10, 6}, {100, 1}});
  chart.x_scale = Scale::kLog;
  const auto paths = paths_of(line_chart(chart));
  ASSERT_EQ(paths.size(), 1u);
  ASSERT_EQ(paths[0].size(), 3u) << "0 has no place on a logarithmic axis";
  EXPECT_NEAR(paths[0][1].x - paths[0][0].x, paths[0][2].x - paths[0][1].x, 0.02);
}

TEST(LineChart, WhatIsNotFiniteBreaksTheLine) {
  const std::string svg = line_chart(chart_of({{0, 1}, {1, 2}, {2, kNan}, {3, 3}, {4, 4}, {5, kInf}, {6, 2}}));
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_EQ(paths_of(svg).size(), 2u);
  EXPECT_EQ(count(svg, "<circle"), 1) << "a point alone between breaks is a dot";
}

TEST(LineChart, OnePointIsADotAndNoDataSaysSo) {
  const std::string one = line_chart(chart_of({{5, 5}}));
  EXPECT_TRUE(is_well_formed(one));
  EXPECT_EQ(count(one, "<circle"), 1);
  EXPECT_FALSE(has(one, "no data"));
  for (const std::string& svg : {line_chart({}), line_chart(chart_of({})), line_chart(chart_of({{1, kNan}, {kInf, 2}}))}) {
    EXPECT_TRUE(is_well_formed(svg));
    EXPECT_TRUE(has(svg, "no data"));
  }
}

TEST(LineChart, LongSeriesAreThinnedButSpikesStay) {
  std::vector<Point> points;
  for (int i = 0; i < 200000; ++i) points.push_back({static_cast<double>(i), i == 123456 ? 100.0 : 1.0});
  const std::string svg = line_chart(chart_of(points));
  const auto paths = paths_of(svg);
  ASSERT_EQ(paths.size(), 1u);
  EXPECT_LE(paths[0].size(), 4u * 760);
  double highest = 1e9, usual = paths[0][0].y;
  for (const Point& p : paths[0]) highest = std::min(highest, p.y);
  EXPECT_LT(highest, usual - 200);
  EXPECT_EQ(paths[0].back().y, usual) << "the last point is kept";
}

TEST(LineChart, TextIsEscapedAndNamesAppearOnce) {
  LineChart chart = chart_of({{0, 1}, {1, 2}});
  chart.title = "a < b & \"c\" \x01\xff";
  chart.series.push_back({"<script>alert(1)</script>", {{0, 2}, {1, 1}}, true});
  const std::string svg = line_chart(chart);
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_TRUE(has(svg, "a &lt; b &amp; &quot;c&quot; \xEF\xBF\xBD"));
  EXPECT_FALSE(has(svg, "<script"));
  EXPECT_EQ(count(svg, "&lt;script&gt;"), 1);
  EXPECT_EQ(count(svg, "<circle"), 2) << "markers where they were asked for";
}

std::vector<std::array<double, 4>> rects_of(const std::string& svg, const std::string& css) {
  std::vector<std::array<double, 4>> rects;
  const std::regex rect("<rect x=\"([0-9.-]+)\" y=\"([0-9.-]+)\" width=\"([0-9.-]+)\" height=\"([0-9.-]+)\" class=\"" + css + "\"");
  for (auto it = std::sregex_iterator(svg.begin(), svg.end(), rect); it != std::sregex_iterator(); ++it)
    rects.push_back({std::stod((*it)[1]), std::stod((*it)[2]), std::stod((*it)[3]), std::stod((*it)[4])});
  return rects;
}

TEST(BarChart, LengthsAreProportionalAndIntervalsSurroundTheEnd) {
  BarChart chart;
  chart.title = "accuracy";
  chart.bars = {{"sums", 0.8, Range{0.7, 0.9}, 0.2, ""}, {"spelling", 0.4, {}, {}, "40 %"}};
  const std::string svg = bar_chart(chart);
  EXPECT_TRUE(is_well_formed(svg));
  const auto bars = rects_of(svg, "bar");
  ASSERT_EQ(bars.size(), 2u);
  EXPECT_NEAR(bars[0][2], 2 * bars[1][2], 0.05);
  EXPECT_EQ(bars[0][0], bars[1][0]);
  EXPECT_LT(bars[0][1], bars[1][1]) << "in the order given, from the top";
  std::vector<double> ends;
  const std::regex mark("<line x1=\"([0-9.]+)\" y1=\"[0-9.]+\" x2=\"([0-9.]+)\" y2=\"[0-9.]+\" class=\"mark\"");
  const std::sregex_iterator whisker(svg.begin(), svg.end(), mark);
  ASSERT_NE(whisker, std::sregex_iterator());
  EXPECT_NEAR(std::stod((*whisker)[1]), bars[0][0] + bars[0][2] * 0.7 / 0.8, 0.05);
  EXPECT_NEAR(std::stod((*whisker)[2]), bars[0][0] + bars[0][2] * 0.9 / 0.8, 0.05);
  EXPECT_EQ(count(svg, "class=\"base\""), 2) << "the mark and its legend";
  EXPECT_TRUE(has(svg, ">40 %<") && has(svg, ">0.8<"));
}

TEST(BarChart, OddValuesStayInsideThePicture) {
  BarChart chart;
  EXPECT_TRUE(has(bar_chart(chart), "no data"));
  chart.bars = {{"none", kNan, Range{kNan, 1}, kNan, ""}, {"too long", 7, Range{-3, 9}, 5, ""}, {std::string(400, 'w'), 0.5, {}, {}, std::string(400, 'm')}};
  const std::string svg = bar_chart(chart);
  EXPECT_TRUE(is_well_formed(svg));
  const auto bars = rects_of(svg, "bar");
  ASSERT_EQ(bars.size(), 2u);
  for (const auto& bar : bars) EXPECT_LE(bar[0] + bar[2], chart.width);
  chart.range = {1, 1};
  EXPECT_THROW(bar_chart(chart), std::invalid_argument);
}

TEST(Histogram, EveryFiniteValueIsCountedOnce) {
  const HistogramCounts bins = count_bins({0, 0.5, 1, 1.5, 2, 3.999, 4, kNan, kInf}, 4);
  EXPECT_EQ(bins.range.low, 0);
  EXPECT_EQ(bins.range.high, 4);
  EXPECT_EQ(bins.counts, (std::vector<int64_t>{2, 2, 1, 2}));
  const HistogramCounts equal = count_bins({5, 5, 5}, 3);
  EXPECT_EQ(std::accumulate(equal.counts.begin(), equal.counts.end(), int64_t{0}), 3);
  EXPECT_THROW(count_bins({1}, 0), std::invalid_argument);
}

TEST(Histogram, HeightsAreProportionalToCounts) {
  Histogram chart;
  chart.title = "lengths";
  chart.values = {0, 0, 0, 0, 10, 10};
  chart.bins = 2;
  const std::string svg = histogram(chart);
  EXPECT_TRUE(is_well_formed(svg));
  const auto bars = rects_of(svg, "bar");
  ASSERT_EQ(bars.size(), 2u);
  EXPECT_NEAR(bars[0][3], 2 * bars[1][3], 0.05);
  chart.values = {};
  EXPECT_TRUE(has(histogram(chart), "no data"));
}

TEST(LineChart, LogarithmicHeightDotsAloneAndSharedColours) {
  LineChart chart;
  chart.y_scale = Scale::kLog;
  chart.series = {{"runs", {{1, 10}, {2, 1000}, {3, 100}, {4, -1}, {5, 0}}}, {"", {{1, 10}, {3, 100}}}};
  chart.series[0].joined = false;
  chart.series[1].colour = 0;
  const std::string svg = line_chart(chart);
  EXPECT_TRUE(is_well_formed(svg));
  const auto count = [&](const std::string& part) {
    int n = 0;
    for (size_t at = svg.find(part); at != std::string::npos; at = svg.find(part, at + 1)) ++n;
    return n;
  };
  EXPECT_EQ(count("<circle"), 3) << "what is not positive has no logarithm";
  EXPECT_EQ(count("<path"), 1) << "dots are not joined";
  EXPECT_EQ(count("class=\"s1\""), 0) << "the second series has the first one's colour, and no name for the legend";
  // 100 lies halfway between 10 and 1000.
  std::vector<double> heights;
  for (size_t at = svg.find("cy=\""); at != std::string::npos; at = svg.find("cy=\"", at + 1)) heights.push_back(std::stod(svg.substr(at + 4)));
  EXPECT_NEAR(heights.at(2), (heights.at(0) + heights.at(1)) / 2, 0.02);
}

}  // namespace
}  // namespace lathe::plot
