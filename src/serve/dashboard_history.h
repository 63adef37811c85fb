// What a page that is opened late is told: every figure of a run as a curve of bounded length, and its latest texts.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/json.h"

namespace lathe::serve {

// One figure over steps. At kMost points neighbours are averaged in pairs, and from then on twice as many values make a point.
class Curve {
 public:
  static constexpr size_t kMost = 1000;

  // A step that is not above the last one: the run went back, and the points from there on are dropped.
  void add(int64_t step, double value);
  std::vector<std::pair<int64_t, double>> points() const;

 private:
  struct Point {
    int64_t step;  // of the first value
    double sum;
    int64_t count;
  };
  std::vector<Point> points_;
  int64_t values_per_point_ = 1, last_step_ = -1;
};

// One thread at a time.
class DashboardHistory {
 public:
  // The values of one line of metrics: numbers become points, strings and lists of strings texts; anything else is left out.
  void add(int64_t step, const Json& values);
  // {"curves": {name: {"steps": [...], "values": [...]}}, "texts": [{"step", "name", "lines": [...]}]}; curves in the order in which
  // they came, values with six digits.
  Json to_json() const;

 private:
  static constexpr size_t kMostTexts = 100;
  struct Text {
    int64_t step;
    std::string name;
    Json lines;
  };
  std::vector<std::pair<std::string, Curve>> curves_;
  std::unordered_map<std::string, size_t> places_;
  std::deque<Text> texts_;
};

}  // namespace lathe::serve
