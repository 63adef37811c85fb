// Operators and string methods on the calculator's values, as Python defines them.
#pragma once

#include <optional>
#include <string_view>

#include "tasks/calculator_parser.h"

namespace lathe::tasks {

enum class BinaryOperator { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide };

using MaybeValue = std::optional<CalculatorValue>;

MaybeValue apply_binary(BinaryOperator op, const CalculatorValue& a, const CalculatorValue& b, StepBudget& budget);
MaybeValue apply_negation(const CalculatorValue& value);
MaybeValue apply_plus(const CalculatorValue& value);

// value.name(argument); `argument` is null for an empty argument list.
MaybeValue call_method(const CalculatorValue& value, std::string_view name, const CalculatorValue* argument);
MaybeValue get_attribute(const CalculatorValue& value, std::string_view name);

bool is_true(const CalculatorValue& value);

}  // namespace lathe::tasks
