// Approaches 1 (envelope) and 2 (IsoFLOP).
#include "eval/scaling_fit.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/text.h"
#include "eval/least_squares.h"
#include "eval/scaling_resample.h"

namespace lathe::eval {
namespace {

constexpr int kEnvelopePlaces = 200;  // C at which the lowest curve is looked up
constexpr const char* kTwoPoints = "two budgets only: the power law goes through both, nothing tells how well it holds";

Json points_json(const std::vector<CurvePoint>& points) {
  Json out = Json::array();
  for (const CurvePoint& p : points) out.push_back(Json(Json::Array{p.flops, p.loss}));
  return out;
}

// The loss of a curve at C, between its points linear in log C; nothing outside.
std::optional<double> loss_at(const std::vector<CurvePoint>& curve, double flops) {
  if (curve.empty() || flops < curve.front().flops || flops > curve.back().flops) return std::nullopt;
  const auto above = std::lower_bound(curve.begin(), curve.end(), flops, [](const CurvePoint& p, double value) { return p.flops < value; });
  if (above == curve.begin()) return above->loss;
  const auto below = above - 1;
  const double share = std::log(flops / below->flops) / std::log(above->flops / below->flops);
  return below->loss + share * (above->loss - below->loss);
}

// The range of C in which every run has begun and two model sizes are still there.
std::optional<std::pair<double, double>> common_range(const std::vector<ScalingRun>& runs) {
  double low = 0;
  std::map<double, double> last_of_size;
  for (const ScalingRun& run : runs) {
    if (run.curve.size() < 2) continue;
    low = std::max(low, run.curve.front().flops);
    last_of_size[run.parameters] = std::max(last_of_size[run.parameters], run.curve.back().flops);
  }
  std::vector<double> ends;
  for (const auto& [size, end] : last_of_size) ends.push_back(end);
  std::sort(ends.begin(), ends.end());
  if (ends.size() < 2 || ends[ends.size() - 2] <= low * 1.001) return std::nullopt;
  return std::pair{low, ends[ends.size() - 2]};
}

struct Envelope {
  std::vector<double> flops, parameters, tokens, losses;
};

Envelope envelope_of(const std::vector<ScalingRun>& runs) {
  Envelope out;
  const auto range = common_range(runs);
  if (!range) return out;
  for (int i = 0; i < kEnvelopePlaces; ++i) {
    const double c = range->first * std::pow(range->second / range->first, i / (kEnvelopePlaces - 1.0));
    const ScalingRun* best = nullptr;
    double lowest = 0;
    for (const ScalingRun& run : runs)
      if (const auto loss = loss_at(run.curve, c); loss && (best == nullptr || *loss < lowest)) {
        best = &run;
        lowest = *loss;
      }
    if (best == nullptr) continue;
    out.flops.push_back(c);
    out.parameters.push_back(best->parameters);
    out.tokens.push_back(c * best->tokens / best->flops);
    out.losses.push_back(lowest);
  }
  return out;
}

std::optional<Allocation> allocation_through(const std::vector<double>& flops, const std::vector<double>& parameters, const std::vector<double>& tokens) {
  const auto n = fit_power_law(flops, parameters), d = fit_power_law(flops, tokens);
  if (!n || !d) return std::nullopt;
  Allocation law;
  law.parameters = *n;
  law.tokens = *d;
  return law;
}

std::optional<Allocation> envelope_law(const std::vector<ScalingRun>& runs) {
  const Envelope e = envelope_of(runs);
  if (distinct_values(e.parameters) < 2) return std::nullopt;
  return allocation_through(e.flops, e.parameters, e.tokens);
}

std::vector<CurvePoint> pairs(const std::vector<double>& x, const std::vector<double>& y) {
  std::vector<CurvePoint> out;
  for (size_t i = 0; i < x.size(); ++i) out.push_back({x[i], y[i]});
  return out;
}

IsoFlopCurve parabola_of(double budget, const std::vector<ScalingRun>& runs) {
  IsoFlopCurve curve;
  curve.budget = budget;
  curve.runs = static_cast<int64_t>(runs.size());
  std::vector<double> log_n, log_d, loss;
  for (const ScalingRun& run : runs) {
    log_n.push_back(std::log(run.parameters));
    log_d.push_back(std::log(run.tokens));
    loss.push_back(run.loss);
  }
  const int64_t sizes = distinct_values(log_n);
  const auto over_n = fit_polynomial(log_n, loss, 2), over_d = fit_polynomial(log_d, loss, 2);
  if (!over_n || !over_d) {
    curve.problem = join_text(sizes, sizes == 1 ? " model size" : " model sizes", "; a parabola needs 3");
    return curve;
  }
  curve.c = (*over_n)[0];
  curve.b = (*over_n)[1];
  curve.a = (*over_n)[2];
  if (!(curve.a > 0) || !((*over_d)[2] > 0)) {
    curve.problem = "the loss has no minimum over these model sizes";
    return curve;
  }
  const double best_n = -curve.b / (2 * curve.a), best_d = -(*over_d)[1] / (2 * (*over_d)[2]);
  const auto [smallest, largest] = std::minmax_element(log_n.begin(), log_n.end());
  curve.inside = best_n >= *smallest && best_n <= *largest;
  curve.parameters = std::exp(best_n);
  curve.tokens = std::exp(best_d);
  curve.loss = curve.at(curve.parameters);
  if (!curve.inside)
    curve.problem = join_text("the minimum lies ", best_n < *smallest ? "below the smallest" : "above the largest", " model trained: train ",
                              best_n < *smallest ? "smaller" : "larger", " ones");
  return curve;
}

std::vector<IsoFlopCurve> parabolas_of(const std::vector<ScalingRun>& runs) {
  std::map<double, std::vector<ScalingRun>> budgets;
  for (const ScalingRun& run : runs) budgets[run.budget].push_back(run);
  std::vector<IsoFlopCurve> curves;
  for (const auto& [budget, members] : budgets) curves.push_back(parabola_of(budget, members));
  return curves;
}

std::optional<Allocation> isoflop_law(const std::vector<IsoFlopCurve>& curves) {
  std::vector<double> c, n, d;
  for (const IsoFlopCurve& curve : curves) {
    if (!curve.inside) continue;
    c.push_back(curve.budget);
    n.push_back(curve.parameters);
    d.push_back(curve.tokens);
  }
  return allocation_through(c, n, d);
}

}  // namespace

EnvelopeFit fit_envelope(const std::vector<ScalingRun>& all, int64_t resamples) {
  EnvelopeFit fit;
  const std::vector<ScalingRun> runs = usable_runs(all, fit.notes);
  if (!common_range(runs)) {
    fit.problem = "the training curves of fewer than two model sizes share a range of compute";
    return fit;
  }
  const Envelope e = envelope_of(runs);
  fit.parameters = pairs(e.flops, e.parameters);
  fit.tokens = pairs(e.flops, e.tokens);
  fit.losses = pairs(e.flops, e.losses);
  fit.notes.push_back("each run's learning rate falls towards the end of its own horizon, so what a curve shows midway is worse than a run of that length would be");
  fit.law = envelope_law(runs);
  if (!fit.law) {
    fit.problem = "one model size is the best at every compute that the curves share; a power law needs two";
    return fit;
  }
  if (const int64_t sizes = distinct_values(e.parameters); sizes < 4)
    fit.notes.push_back(join_text("only ", sizes, " model sizes touch the envelope; take the exponents as rough"));
  add_intervals(*fit.law, runs, false, resamples, envelope_law);
  return fit;
}

Json EnvelopeFit::to_json() const {
  Json out = Json::object();
  out["law"] = law ? law->to_json() : Json();
  out["problem"] = problem;
  out["notes"] = notes_json(notes);
  out["parameters"] = points_json(parameters);
  out["losses"] = points_json(losses);
  return out;
}

double IsoFlopCurve::at(double n) const {
  const double x = std::log(n);
  return (a * x + b) * x + c;
}

IsoFlopFit fit_isoflop(const std::vector<ScalingRun>& all, int64_t resamples) {
  IsoFlopFit fit;
  const std::vector<ScalingRun> runs = usable_runs(all, fit.notes);
  fit.curves = parabolas_of(runs);
  const auto found = std::count_if(fit.curves.begin(), fit.curves.end(), [](const IsoFlopCurve& c) { return c.inside; });
  fit.law = isoflop_law(fit.curves);
  if (!fit.law) {
    fit.problem = join_text(found, found == 1 ? " budget has" : " budgets have", " a minimum between its model sizes; a power law needs 2");
    return fit;
  }
  if (found == 2) fit.notes.push_back(kTwoPoints);
  for (const IsoFlopCurve& curve : fit.curves)
    if (curve.runs < 5 && curve.inside) {
      fit.notes.push_back("a parabola through fewer than 5 model sizes follows their noise");
      break;
    }
  add_intervals(*fit.law, runs, true, resamples, [](const std::vector<ScalingRun>& sample) { return isoflop_law(parabolas_of(sample)); });
  return fit;
}

Json IsoFlopFit::to_json() const {
  Json list = Json::array();
  for (const IsoFlopCurve& c : curves) {
    Json item = Json::object();
    item["budget"] = c.budget;
    item["runs"] = c.runs;
    item["parabola"] = Json(Json::Array{c.a, c.b, c.c});
    item["inside"] = c.inside;
    const bool has_minimum = c.parameters > 0;
    item["parameters"] = has_minimum ? Json(c.parameters) : Json();
    item["tokens"] = has_minimum ? Json(c.tokens) : Json();
    item["loss"] = has_minimum ? Json(c.loss) : Json();
    item["problem"] = c.problem;
    list.push_back(std::move(item));
  }
  Json out = Json::object();
  out["law"] = law ? law->to_json() : Json();
  out["problem"] = problem;
  out["notes"] = notes_json(notes);
  out["curves"] = std::move(list);
  return out;
}

}  // namespace lathe::eval
