#include "serve/dashboard_history.h"

#include <cmath>
#include <cstdlib>

#include "core/text.h"

namespace lathe::serve {
namespace {

double six_digits(double value) { return std::strtod(format_text("%.6g", value).c_str(), nullptr); }

}  // namespace

void Curve::add(int64_t step, double value) {
  if (step <= last_step_)
    while (!points_.empty() && points_.back().step >= step) points_.pop_back();
  last_step_ = step;
  if (!points_.empty() && points_.back().count < values_per_point_) {
    points_.back().sum += value;
    ++points_.back().count;
    return;
  }
  if (points_.size() == kMost) {
    for (size_t i = 0; i < kMost / 2; ++i) {
      const Point &a = points_[2 * i], &b = points_[2 * i + 1];
      points_[i] = {a.step, a.sum + b.sum, a.count + b.count};
    }
    points_.resize(kMost / 2);
    values_per_point_ *= 2;
  }
  points_.push_back({step, value, 1});
}

std::vector<std::pair<int64_t, double>> Curve::points() const {
  std::vector<std::pair<int64_t, double>> out;
  for (const Point& point : points_) out.emplace_back(point.step, point.sum / static_cast<double>(point.count));
  return out;
}

void DashboardHistory::add(int64_t step, const Json& values) {
  for (const auto& [name, value] : values.as_object()) {
    if (value.is_number() && std::isfinite(value.as_double())) {
      const auto [place, is_new] = places_.try_emplace(name, curves_.size());
      if (is_new) curves_.emplace_back(name, Curve());
      curves_[place->second].second.add(step, value.as_double());
    } else if (value.is_string() || (value.is_array() && value.size() > 0 && value.at(size_t{0}).is_string())) {
      while (!texts_.empty() && texts_.back().step > step) texts_.pop_back();  // the run went back
      texts_.push_back({step, name, value.is_string() ? Json(Json::Array{value}) : value});
      if (texts_.size() > kMostTexts) texts_.pop_front();
    }
  }
}

Json DashboardHistory::to_json() const {
  Json curves = Json::object(), texts = Json::array();
  for (const auto& [name, curve] : curves_) {
    Json steps = Json::array(), values = Json::array();
    for (const auto& [step, value] : curve.points()) {
      steps.push_back(step);
      values.push_back(six_digits(value));
    }
    Json& one = curves[name] = Json::object();
    one["steps"] = std::move(steps);
    one["values"] = std::move(values);
  }
  for (const Text& text : texts_) {
    Json one = Json::object();
    one["step"] = text.step;
    one["name"] = text.name;
    one["lines"] = text.lines;
    texts.push_back(std::move(one));
  }
  Json out = Json::object();
  out["curves"] = std::move(curves);
  out["texts"] = std::move(texts);
  return out;
}

}  // namespace lathe::serve
