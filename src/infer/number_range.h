// Numbers within bounds as grammars of their decimal digits.
#pragma once

#include <optional>

#include "infer/grammar_rules.h"

namespace lathe::infer {

struct NumberBound {
  double value;
  bool is_exclusive = false;
};

// Integers without leading zeros, plus signs or "-0". An error when a bound is beyond +-2^53 or nothing lies between them.
Result<ExprId> add_integer_range(GrammarRules& rules, std::optional<NumberBound> min, std::optional<NumberBound> max);

// Decimal numbers without an exponent; "-0" and trailing zeros may come. An error as above, or when a bound has more than 30 digits
// after its point.
Result<ExprId> add_decimal_range(GrammarRules& rules, std::optional<NumberBound> min, std::optional<NumberBound> max);

}  // namespace lathe::infer
