// Python's text of a double and its float operators where they differ from C's (rows C-10.15, C-10.16).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lathe::tasks {

// repr(value): shortest digits that read back, exponent form below 1e-4 and from 1e16 on; inf, -inf, nan.
std::string python_float_text(double value);

// Digits with one point ("1.", ".5", "007.5"); too large gives infinity, as in Python.
double parse_python_float(std::string_view text);

// a // b of floats; nothing for b = 0.
std::optional<double> python_floor_quotient(double a, double b);

}  // namespace lathe::tasks
