// Scaling laws: how loss depends on parameters N, training tokens D and compute C, and which N and D are best for a C. The
// three approaches of Hoffmann et al. 2022 ("Training Compute-Optimal Large Language Models"):
//   1 the envelope: at every C the run whose training curve is lowest there; power laws through their N and D
//   2 IsoFLOP: for each budget a parabola of the loss over log N and over log D; power laws through the minima
//   3 the surface L(N, D) = E + A / N^alpha + B / D^beta, by the Huber loss (delta 1e-3) of the differences of log L; the sum over
//     the runs is minimised, not the mean, whose small gradients end a search too early (Besiroglu et al. 2024)
// The loss may be in any unit (bits per byte, nats per token): another unit multiplies E, A and B and leaves the exponents. All
// functions are deterministic. Row C-14.4.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "tasks/interval.h"

namespace lathe::eval {

struct CurvePoint {
  double flops = 0, loss = 0;
};

struct ScalingRun {
  double budget = 0;                     // FLOPs asked for: what groups the runs of one IsoFLOP curve
  double flops = 0, parameters = 0, tokens = 0;  // C, N, D as trained
  double loss = 0;                       // at the end
  std::vector<CurvePoint> curve;         // of training, ascending; may be empty
};

// y = coefficient * C^exponent
struct PowerLaw {
  double coefficient = 0, exponent = 0;
  std::optional<tasks::Interval> interval;  // of the exponent, 95 %, bootstrap over the runs
  double at(double flops) const;
};

struct Allocation {
  PowerLaw parameters, tokens;  // N_opt ~ C^a, D_opt ~ C^b
  int64_t resamples = 0;        // of the intervals: those that could be fitted
  Json to_json() const;
};

// A fit has a law or says in `problem` why not; `notes` say what to mind.
struct EnvelopeFit {
  std::vector<CurvePoint> parameters, tokens, losses;  // of the envelope: (C, N), (C, D), (C, L)
  std::optional<Allocation> law;
  std::string problem;
  std::vector<std::string> notes;
  Json to_json() const;
};
EnvelopeFit fit_envelope(const std::vector<ScalingRun>& runs, int64_t resamples = 200);

struct IsoFlopCurve {
  double budget = 0;
  int64_t runs = 0;
  double a = 0, b = 0, c = 0;         // loss = a x^2 + b x + c over x = ln N
  double parameters = 0, tokens = 0, loss = 0;  // at the minimum
  std::string problem;                // why it has none
  bool inside = false;                // the minimum lies between the smallest and the largest model
  double at(double parameters) const;
};
struct IsoFlopFit {
  std::vector<IsoFlopCurve> curves;   // by budget, ascending
  std::optional<Allocation> law;
  std::string problem;
  std::vector<std::string> notes;
  Json to_json() const;
};
IsoFlopFit fit_isoflop(const std::vector<ScalingRun>& runs, int64_t resamples = 200);

struct Surface {
  double E = 0, A = 0, B = 0, alpha = 0, beta = 0;
  double at(double parameters, double tokens) const;
  // The best N and D for C = flops_per_parameter_and_token * N * D (6 in the paper).
  Allocation allocation(double flops_per_parameter_and_token) const;
};
struct SurfaceFit {
  std::optional<Surface> surface;
  std::optional<Allocation> law;
  std::optional<tasks::Interval> alpha, beta, irreducible;  // 95 %
  double flops_factor = 6;   // median of C / (N D) over the runs
  double largest_error = 0;  // of the relative differences to the runs' losses
  std::string problem;
  std::vector<std::string> notes;
  Json to_json() const;
};
SurfaceFit fit_surface(const std::vector<ScalingRun>& runs, int64_t resamples = 200);

}  // namespace lathe::eval
