// The scale of one axis: which values stand at the ticks, where a value lies in the picture, how it is written.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace lathe::plot {

enum class Scale { kLinear, kLog };

struct Range {
  double low = 0, high = 1;
};

// Of the finite values (for kLog: of the positive ones); [0, 1], for kLog [1, 10], when there is none. Equal ends are
// moved apart, so that low < high always.
Range range_of(std::span<const double> values, Scale scale = Scale::kLinear);

class Axis {
 public:
  // `begin` and `end`: picture coordinates of range.low and range.high (begin > end for an axis that points up).
  // about: the wanted number of ticks. range.low < range.high, both positive for kLog; std::invalid_argument else.
  Axis(Range range, Scale scale, double begin, double end, int about = 6);

  double at(double value) const;  // picture coordinate; not clipped
  bool holds(double value) const;  // finite and inside the range
  const std::vector<double>& ticks() const { return ticks_; }  // ascending, inside the range, at least one
  std::string label(double tick) const;  // "0.25", "20k", "1.5M": different ticks have different labels

 private:
  Range range_;
  Scale scale_;
  double begin_, end_;
  double step_ = 0;  // between linear ticks; 0 for kLog
  std::vector<double> ticks_;
};

}  // namespace lathe::plot
