// Least squares in closed form, for the fits of scaling laws.
#pragma once

#include <array>
#include <optional>
#include <vector>

namespace lathe::eval {

// y = coefficients[0] + coefficients[1] x + ... of degree 1 or 2, by the normal equations over centred x. Nothing when the
// x do not determine it (fewer distinct ones than coefficients).
std::optional<std::vector<double>> fit_polynomial(const std::vector<double>& x, const std::vector<double>& y, int degree);

// Coefficients c >= 0 that minimise sum (c . rows[i] - y[i])^2, by trying every set of coefficients that are not zero.
std::array<double, 3> fit_non_negative(const std::vector<std::array<double, 3>>& rows, const std::vector<double>& y);

}  // namespace lathe::eval
