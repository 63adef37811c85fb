#include "plot/axis.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/text.h"

namespace lathe::plot {
namespace {

// The step of the form 1, 2 or 5 times a power of ten that gives nearest to `about` intervals.
double nice_step(double span, int about) {
  const double rough = span / std::max(1, about);
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double digit = rough / power;
  return power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
}

std::vector<double> linear_ticks(Range range, double step) {
  std::vector<double> ticks;
  const double slack = step * 1e-9;  // 0.3 / 0.1 is not 3
  for (double i = std::ceil((range.low - slack) / step); i * step <= range.high + slack; ++i)
    ticks.push_back(std::clamp(i * step == 0 ? 0 : i * step, range.low, range.high));
  return ticks;
}

// Powers of ten; with few decades also 2 and 5 times them.
std::vector<double> log_ticks(Range range, int about) {
  const double decades = std::log10(range.high / range.low);
  const int every = std::max(1, static_cast<int>(std::ceil(decades / std::max(1, about))));
  std::vector<double> ticks;
  for (int power = static_cast<int>(std::floor(std::log10(range.low))); std::pow(10, power) <= range.high; ++power) {
    for (const double digit : {1.0, 2.0, 5.0}) {
      if (digit > 1 && decades * 3 > about) break;
      if (digit == 1 && power % every != 0) continue;
      const double tick = digit * std::pow(10, power);
      if (tick >= range.low * (1 - 1e-12) && tick <= range.high * (1 + 1e-12)) ticks.push_back(std::clamp(tick, range.low, range.high));
    }
  }
  if (ticks.empty()) ticks.push_back(range.low);
  return ticks;
}

std::string trimmed(double value, int decimals) {
  std::string text = format_text("%.*f", decimals, value);
  if (text.find('.') != std::string::npos) {
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
  }
  return text;
}

}  // namespace

Range range_of(std::span<const double> values, Scale scale) {
  bool any = false;
  Range range;
  for (const double value : values) {
    if (!std::isfinite(value) || (scale == Scale::kLog && value <= 0)) continue;
    range = any ? Range{std::min(range.low, value), std::max(range.high, value)} : Range{value, value};
    any = true;
  }
  if (!any) return scale == Scale::kLog ? Range{1, 10} : Range{0, 1};
  // Nearer together than a double can tell ticks apart counts as equal.
  if (range.high - range.low > 1e-9 * std::max(std::abs(range.low), std::abs(range.high))) return range;
  const double middle = range.low;
  if (scale == Scale::kLog) return {middle / 2, middle * 2};
  const double half = middle == 0 ? 0.5 : std::abs(middle) / 10;
  return {middle - half, middle + half};
}

Axis::Axis(Range range, Scale scale, double begin, double end, int about)
    : range_(range), scale_(scale), begin_(begin), end_(end) {
  require(range.low < range.high && std::isfinite(range.low) && std::isfinite(range.high), "[axis] range ", range.low, " to ", range.high);
  require(scale == Scale::kLinear || range.low > 0, "[axis] a logarithmic range starts at ", range.low);
  if (scale == Scale::kLinear) step_ = nice_step(range.high - range.low, about);
  ticks_ = scale == Scale::kLinear ? linear_ticks(range, step_) : log_ticks(range, about);
}

double Axis::at(double value) const {
  const double share = scale_ == Scale::kLinear ? (value - range_.low) / (range_.high - range_.low)
                                                : std::log(value / range_.low) / std::log(range_.high / range_.low);
  return begin_ + share * (end_ - begin_);
}

bool Axis::holds(double value) const { return std::isfinite(value) && value >= range_.low && value <= range_.high; }

std::string Axis::label(double tick) const {
  const double largest = scale_ == Scale::kLog ? std::abs(tick) : std::max(std::abs(range_.low), std::abs(range_.high));
  const double smallest = step_ > 0 ? step_ : std::abs(tick);
  if (largest >= 1e15 || (largest > 0 && smallest < 1e-6)) return format_text("%.6g", tick);
  double unit = 1;
  std::string suffix;
  for (const auto& [size, letter] : {std::pair{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}})
    if (largest >= size * (size == 1e3 ? 10 : 1)) {
      unit = size;
      suffix = letter;
      break;
    }
  if (tick == 0) return "0";
  const int decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(smallest / unit) - 1e-9)), 0, 12);
  return trimmed(tick / unit, decimals) + suffix;
}

}  // namespace lathe::plot
