// Parser and evaluator of the calculator's grammar, a subset of Python's expressions:
//   ternary := or ["if" or "else" ternary]      or := and {"or" and}      and := not {"and" not}
//   not := "not" not | sum                      sum := product {("+"|"-") product}
//   product := unary {("*"|"/"|"//") unary}     unary := ("+"|"-") unary | postfix
//   postfix := atom {"." method ["(" [ternary] ")"]}
//   atom := number | string {string} | "(" [ternary] ")" | "..." | True | False
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "tasks/big_integer.h"

namespace lathe::tasks {

struct EmptyTuple {};
struct Ellipsis {};
using CalculatorValue = std::variant<BigInteger, double, bool, std::string, EmptyTuple, Ellipsis>;

// Nothing on a syntax error, a type error, a division by zero, an unknown name, an integer literal above
// `max_digits` digits, more than 200 nested brackets, or a used-up budget.
std::optional<CalculatorValue> evaluate_expression(std::string_view text, int64_t max_digits, StepBudget& budget);

}  // namespace lathe::tasks
