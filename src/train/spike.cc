#include "train/spike.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace lathe::train {
namespace {

constexpr const char* kNames[] = {"off", "warn", "rewind"};  // in the order of OnSpike
constexpr double kDeviationOfMad = 1.4826;                   // standard deviation of normal noise / its MAD

double median_of(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

Json numbers(const auto& values) {
  Json out = Json::array();
  for (const double value : values) out.push_back(value);
  return out;
}

template <class List>
bool read_numbers(const Json& json, std::string_view key, List& out) {
  const Json* values = json.find(key);
  if (values == nullptr || !values->is_array()) return false;
  for (const Json& value : values->as_array()) {
    if (!value.is_number() || !std::isfinite(value.as_double())) return false;
    out.push_back(value.as_double());
  }
  return true;
}

}  // namespace

std::vector<std::string> on_spike_names() { return {std::begin(kNames), std::end(kNames)}; }

OnSpike on_spike_of(std::string_view name) {
  for (const OnSpike what : {OnSpike::kOff, OnSpike::kWarn, OnSpike::kRewind})
    if (name == kNames[static_cast<size_t>(what)]) return what;
  throw std::invalid_argument(join_text("[spike] nothing to do on a spike is called ", name));
}

std::optional<Spike> SpikeDetector::observe(int64_t step, double loss) {
  double median = 0, limit = INFINITY;
  if (static_cast<int64_t>(losses_.size()) >= rule_.min_steps) {
    std::vector<double> sorted(losses_.begin(), losses_.end());
    median = median_of(sorted);
    for (double& value : sorted) value = std::abs(value - median);
    limit = median + std::max(rule_.deviations * kDeviationOfMad * median_of(sorted), rule_.least_rise * std::abs(median));
  }
  if (!std::isfinite(loss)) return Spike{above_.empty() ? step : first_step_, step, loss, median, limit};
  if (loss <= limit) {
    above_.clear();
    losses_.push_back(loss);
    if (static_cast<int64_t>(losses_.size()) > rule_.window) losses_.pop_front();
    return std::nullopt;
  }
  if (above_.empty()) first_step_ = step;
  above_.push_back(loss);
  const auto row = static_cast<int64_t>(above_.size());
  if (row >= std::max(rule_.min_steps, rule_.in_a_row)) {
    losses_.assign(above_.begin(), above_.end());
    above_.clear();
  }
  if (row == rule_.in_a_row) return Spike{first_step_, step, loss, median, limit};
  return std::nullopt;
}

Json SpikeDetector::to_json() const {
  Json out = Json::object();
  out["losses"] = numbers(losses_);
  out["above"] = numbers(above_);
  out["first_step"] = first_step_;
  return out;
}

Status SpikeDetector::from_json(const Json& json, const std::string& path) {
  SpikeDetector read(rule_);
  if (!read_numbers(json, "losses", read.losses_) || !read_numbers(json, "above", read.above_))
    return error_at(path, -1, "the losses of the spike detector are no list of numbers");
  read.first_step_ = json.get_int("first_step", -1);
  *this = std::move(read);
  return {};
}

}  // namespace lathe::train
