// Approach 3: the parametric surface.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/text.h"
#include "eval/least_squares.h"
#include "eval/minimise.h"
#include "eval/scaling_fit.h"
#include "eval/scaling_resample.h"

namespace lathe::eval {
namespace {

constexpr double kDelta = 1e-3;      // of the Huber loss
constexpr int64_t kFewestRuns = 6;   // five numbers are fitted
constexpr double kSmallestExponent = 0.02, kLargestExponent = 3;  // searched

// The problem in well-scaled numbers: e, a, b, ln alpha, ln beta with L = exp(e) + exp(a) n^-alpha + exp(b) d^-beta, where n and d
// are N and D by their geometric means.
class HuberProblem {
 public:
  explicit HuberProblem(const std::vector<ScalingRun>& runs) {
    for (const ScalingRun& run : runs) {
      log_n_.push_back(std::log(run.parameters));
      log_d_.push_back(std::log(run.tokens));
      loss_.push_back(run.loss);
    }
    middle_n_ = mean(log_n_);
    middle_d_ = mean(log_d_);
    for (double& v : log_n_) v -= middle_n_;
    for (double& v : log_d_) v -= middle_d_;
  }

  // Sum of Huber(difference / delta): at differences of the size of delta it is about the number of runs.
  double operator()(std::span<const double> x, std::span<double> gradient) const {
    std::fill(gradient.begin(), gradient.end(), 0.0);
    const double alpha = std::exp(x[3]), beta = std::exp(x[4]), e = std::exp(x[0]);
    if (!(std::max(alpha, beta) <= kLargestExponent && std::min(alpha, beta) >= kSmallestExponent)) return std::numeric_limits<double>::infinity();
    double sum = 0;
    for (size_t i = 0; i < loss_.size(); ++i) {
      const double n = std::exp(x[1] - alpha * log_n_[i]), d = std::exp(x[2] - beta * log_d_[i]), predicted = e + n + d;
      const double r = (std::log(predicted) - std::log(loss_[i])) / kDelta;
      sum += std::abs(r) <= 1 ? 0.5 * r * r : std::abs(r) - 0.5;
      const double slope = std::clamp(r, -1.0, 1.0) / (kDelta * predicted);
      gradient[0] += slope * e;
      gradient[1] += slope * n;
      gradient[2] += slope * d;
      gradient[3] -= slope * n * log_n_[i] * alpha;
      gradient[4] -= slope * d * log_d_[i] * beta;
    }
    return sum;
  }

  // For given exponents E, A and B are linear: the best ones by relative squares, none of them negative.
  std::vector<double> start(double alpha, double beta) const {
    std::vector<std::array<double, 3>> rows;
    std::vector<double> ones;
    for (size_t i = 0; i < loss_.size(); ++i) {
      rows.push_back({1 / loss_[i], std::exp(-alpha * log_n_[i]) / loss_[i], std::exp(-beta * log_d_[i]) / loss_[i]});
      ones.push_back(1);
    }
    const std::array<double, 3> c = fit_non_negative(rows, ones);
    const double floor = 1e-4 * mean(loss_);  // zero has no logarithm
    const auto log_of = [&](double v) { return std::log(std::max(v, floor)); };
    return {log_of(c[0]), log_of(c[1]), log_of(c[2]), std::log(alpha), std::log(beta)};
  }

  Surface surface(const std::vector<double>& x) const {
    Surface s;
    s.alpha = std::exp(x[3]);
    s.beta = std::exp(x[4]);
    s.E = std::exp(x[0]);
    s.A = std::exp(x[1] + s.alpha * middle_n_);
    s.B = std::exp(x[2] + s.beta * middle_d_);
    return s;
  }

 private:
  static double mean(const std::vector<double>& values) {
    double sum = 0;
    for (const double v : values) sum += v;
    return sum / static_cast<double>(values.size());
  }
  std::vector<double> log_n_, log_d_, loss_;
  double middle_n_ = 0, middle_d_ = 0;
};

bool enough(const std::vector<ScalingRun>& runs) {
  std::vector<double> n, d;
  for (const ScalingRun& run : runs) {
    n.push_back(run.parameters);
    d.push_back(run.tokens);
  }
  return static_cast<int64_t>(runs.size()) >= kFewestRuns && distinct_values(n) >= 3 && distinct_values(d) >= 3;
}

Surface best_surface(const std::vector<ScalingRun>& runs, const std::vector<double>& exponents) {
  const HuberProblem problem(runs);
  Minimum best;
  best.value = std::numeric_limits<double>::infinity();
  for (const double alpha : exponents)
    for (const double beta : exponents) {
      Minimum found = minimise([&](std::span<const double> x, std::span<double> g) { return problem(x, g); }, problem.start(alpha, beta));
      if (found.value < best.value) best = std::move(found);
    }
  return problem.surface(best.x);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

}  // namespace

double Surface::at(double parameters, double tokens) const {
  return E + A / std::pow(parameters, alpha) + B / std::pow(tokens, beta);
}

Allocation Surface::allocation(double factor) const {
  // Minimising A / N^alpha + B / D^beta on C = factor N D.
  const double a = beta / (alpha + beta), b = alpha / (alpha + beta);
  const double g = std::pow(alpha * A / (beta * B), 1 / (alpha + beta));
  Allocation law;
  law.parameters.coefficient = g / std::pow(factor, a);
  law.parameters.exponent = a;
  law.tokens.coefficient = 1 / (g * std::pow(factor, b));
  law.tokens.exponent = b;
  return law;
}

SurfaceFit fit_surface(const std::vector<ScalingRun>& all, int64_t resamples) {
  SurfaceFit fit;
  const std::vector<ScalingRun> runs = usable_runs(all, fit.notes);
  if (!enough(runs)) {
    fit.problem = join_text(runs.size(), runs.size() == 1 ? " run" : " runs", "; five numbers need at least ", kFewestRuns,
                            ", of three sizes and three amounts of tokens");
    return fit;
  }
  std::vector<double> factors;
  for (const ScalingRun& run : runs) factors.push_back(run.flops / (run.parameters * run.tokens));
  fit.flops_factor = median(factors);
  const double lowest = std::min_element(runs.begin(), runs.end(), [](const ScalingRun& x, const ScalingRun& y) { return x.loss < y.loss; })->loss;
  Surface surface = best_surface(runs, {0.1, 0.2, 0.35, 0.6, 1.0, 1.6});
  if (surface.E < 1e-6 * lowest) surface.E = 0;  // its logarithm went on falling
  fit.surface = surface;
  fit.law = surface.allocation(fit.flops_factor);
  for (const ScalingRun& run : runs)
    fit.largest_error = std::max(fit.largest_error, std::abs(surface.at(run.parameters, run.tokens) / run.loss - 1));

  std::vector<double> alphas, betas, irreducibles;
  add_intervals(*fit.law, runs, false, resamples, [&](const std::vector<ScalingRun>& sample) -> std::optional<Allocation> {
    if (!enough(sample)) return std::nullopt;
    const Surface other = best_surface(sample, {std::clamp(surface.alpha, 0.05, 2.0), std::clamp(surface.beta, 0.05, 2.0)});
    alphas.push_back(other.alpha);
    betas.push_back(other.beta);
    irreducibles.push_back(other.E);
    return other.allocation(fit.flops_factor);
  });
  fit.alpha = middle_of(alphas);
  fit.beta = middle_of(betas);
  fit.irreducible = middle_of(irreducibles);

  if (surface.E < 0.01 * lowest) fit.notes.push_back("E is about zero: these runs do not tell the loss that would remain");
  if (std::min(surface.alpha, surface.beta) < 1.01 * kSmallestExponent || std::max(surface.alpha, surface.beta) > 0.99 * kLargestExponent) {
    fit.problem = "an exponent lies at the end of what is searched: the runs do not determine it";
    fit.law.reset();
  }
  if (runs.size() < 15) fit.notes.push_back(join_text(runs.size(), " runs for five numbers: the fit follows each of them"));
  return fit;
}

Json SurfaceFit::to_json() const {
  Json out = Json::object();
  if (surface) {
    Json s = Json::object();
    s["E"] = surface->E;
    s["A"] = surface->A;
    s["B"] = surface->B;
    s["alpha"] = surface->alpha;
    s["beta"] = surface->beta;
    out["surface"] = std::move(s);
    out["alpha_interval"] = interval_json(alpha);
    out["beta_interval"] = interval_json(beta);
    out["E_interval"] = interval_json(irreducible);
    out["flops_per_parameter_and_token"] = flops_factor;
    out["largest_relative_error"] = largest_error;
  }
  out["law"] = law ? law->to_json() : Json();
  out["problem"] = problem;
  out["notes"] = notes_json(notes);
  return out;
}

}  // namespace lathe::eval
