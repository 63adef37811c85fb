// The calculator tool: the text between <|python_start|> and <|python_end|> in, the text of the result out
// (rows C-10.14 to C-10.20, C-10.27). A small evaluator of its own: nothing is ever executed.
//   arithmetic  + - * / // and round brackets over integers of any size and floats, with Python's results
//   strings     'word'.count('r') with upper, lower, strip, ... before it; not, and, or, x if c else y
// Commas are removed first. Work is bounded by the length of the expression, its depth and a step budget.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lathe::tasks {

enum class CalculatorMode {
  kNative,      // no list of blocked words; a tuple or an ellipsis is no result
  kCompatible,  // the origin's text for every accepted expression, its list of blocked words included
};

// Nothing when the expression is refused, fails, or takes too many steps. Thread-safe.
std::optional<std::string> calculate(std::string_view expression, CalculatorMode mode = CalculatorMode::kNative);

}  // namespace lathe::tasks
