// The minimum of a smooth function of a few variables: BFGS with a line search for the weak Wolfe conditions (Lewis and
// Overton 2013), which also holds where second derivatives jump, as those of a Huber loss do. For tens of variables at most:
// the approximation of the inverse Hessian is a dense matrix.
#pragma once

#include <functional>
#include <span>
#include <vector>

namespace lathe::eval {

// Writes the gradient at x and returns the value; an infinite or NaN value says "not here" (its gradient is not read).
using Objective = std::function<double(std::span<const double> x, std::span<double> gradient)>;

struct MinimiseOptions {
  int iterations = 500;
  double gradient_tolerance = 1e-9;  // largest component, at a value of about 1
};

struct Minimum {
  std::vector<double> x;
  double value = 0;
  int iterations = 0;
  bool converged = false;  // the gradient vanished, or the value no longer falls
};

// `start` must have a finite value; std::invalid_argument else.
Minimum minimise(const Objective& objective, std::vector<double> start, const MinimiseOptions& options = {});

}  // namespace lathe::eval
