#include "tasks/calculator_values.h"

#include <algorithm>
#include <string>

#include "tasks/python_float.h"

namespace lathe::tasks {
namespace {

bool is_number(const CalculatorValue& v) {
  return std::holds_alternative<BigInteger>(v) || std::holds_alternative<double>(v);
}

std::optional<double> as_double(const CalculatorValue& v) {
  if (const auto* integer = std::get_if<BigInteger>(&v)) return integer->to_double();
  return std::get<double>(v);
}

MaybeValue integer_operation(BinaryOperator op, const BigInteger& a, const BigInteger& b, StepBudget& budget) {
  if (op == BinaryOperator::kDivide) {
    const std::optional<double> quotient = BigInteger::true_quotient(a, b, budget);
    return quotient ? MaybeValue(*quotient) : std::nullopt;
  }
  std::optional<BigInteger> result;
  if (op == BinaryOperator::kAdd) result = BigInteger::sum(a, b, budget);
  if (op == BinaryOperator::kSubtract) result = BigInteger::sum(a, b.negated(), budget);
  if (op == BinaryOperator::kMultiply) result = BigInteger::product(a, b, budget);
  if (op == BinaryOperator::kFloorDivide) result = BigInteger::floor_quotient(a, b, budget);
  return result ? MaybeValue(std::move(*result)) : std::nullopt;
}

MaybeValue float_operation(BinaryOperator op, double a, double b) {
  switch (op) {
    case BinaryOperator::kAdd:
      return a + b;
    case BinaryOperator::kSubtract:
      return a - b;
    case BinaryOperator::kMultiply:
      return a * b;
    case BinaryOperator::kDivide:
      return b == 0 ? std::nullopt : MaybeValue(a / b);
    case BinaryOperator::kFloorDivide:
      if (const std::optional<double> quotient = python_floor_quotient(a, b)) return *quotient;
      return std::nullopt;
  }
  return std::nullopt;
}

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_letter(char c) { return upper(c) != lower(c); }

std::string stripped(std::string_view text, std::string_view set, bool left, bool right) {
  while (left && !text.empty() && set.find(text.front()) != std::string_view::npos) text.remove_prefix(1);
  while (right && !text.empty() && set.find(text.back()) != std::string_view::npos) text.remove_suffix(1);
  return std::string(text);
}

int64_t count_in(std::string_view text, std::string_view part) {
  if (part.empty()) return static_cast<int64_t>(text.size()) + 1;
  int64_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

}  // namespace

MaybeValue apply_binary(BinaryOperator op, const CalculatorValue& a, const CalculatorValue& b, StepBudget& budget) {
  if (!budget.take(1)) return std::nullopt;
  const auto* left = std::get_if<BigInteger>(&a);
  const auto* right = std::get_if<BigInteger>(&b);
  if (left && right) return integer_operation(op, *left, *right, budget);
  if (is_number(a) && is_number(b)) {
    const std::optional<double> x = as_double(a), y = as_double(b);
    return x && y ? float_operation(op, *x, *y) : std::nullopt;
  }
  const bool tuple_a = std::holds_alternative<EmptyTuple>(a), tuple_b = std::holds_alternative<EmptyTuple>(b);
  const bool sum_of_tuples = op == BinaryOperator::kAdd && tuple_a && tuple_b;
  const bool repeated = op == BinaryOperator::kMultiply && ((tuple_a && right) || (left && tuple_b));
  return sum_of_tuples || repeated ? MaybeValue(EmptyTuple{}) : std::nullopt;
}

MaybeValue apply_negation(const CalculatorValue& value) {
  if (const auto* integer = std::get_if<BigInteger>(&value)) return integer->negated();
  if (const auto* number = std::get_if<double>(&value)) return -*number;
  return std::nullopt;
}

MaybeValue apply_plus(const CalculatorValue& value) { return is_number(value) ? MaybeValue(value) : std::nullopt; }

MaybeValue call_method(const CalculatorValue& value, std::string_view name, const CalculatorValue* argument) {
  const auto* text = std::get_if<std::string>(&value);
  const auto* parameter = argument ? std::get_if<std::string>(argument) : nullptr;
  if (!text || (argument && !parameter)) return std::nullopt;
  if (name == "count") return parameter ? MaybeValue(BigInteger(count_in(*text, *parameter))) : std::nullopt;
  if (name == "strip" || name == "lstrip" || name == "rstrip")
    return stripped(*text, parameter ? *parameter : " ", name != "rstrip", name != "lstrip");
  if (argument) return std::nullopt;
  std::string out = *text;
  if (name == "upper") {
    std::transform(out.begin(), out.end(), out.begin(), upper);
  } else if (name == "lower") {
    std::transform(out.begin(), out.end(), out.begin(), lower);
  } else if (name == "swapcase") {
    std::transform(out.begin(), out.end(), out.begin(), [](char c) { return upper(c) == c ? lower(c) : upper(c); });
  } else if (name == "capitalize") {
    std::transform(out.begin(), out.end(), out.begin(), lower);
    if (!out.empty()) out[0] = upper(out[0]);
  } else if (name == "title") {
    for (size_t i = 0; i < out.size(); ++i) out[i] = i > 0 && is_letter(out[i - 1]) ? lower(out[i]) : upper(out[i]);
  } else {
    return std::nullopt;
  }
  return out;
}

MaybeValue get_attribute(const CalculatorValue& value, std::string_view name) {
  if (name != "real") return std::nullopt;
  if (const auto* truth = std::get_if<bool>(&value)) return BigInteger(*truth ? 1 : 0);
  return is_number(value) ? MaybeValue(value) : std::nullopt;
}

bool is_true(const CalculatorValue& value) {
  if (const auto* integer = std::get_if<BigInteger>(&value)) return !integer->is_zero();
  if (const auto* number = std::get_if<double>(&value)) return *number != 0;
  if (const auto* truth = std::get_if<bool>(&value)) return *truth;
  if (const auto* text = std::get_if<std::string>(&value)) return !text->empty();
  return std::holds_alternative<Ellipsis>(value);
}

}  // namespace lathe::tasks
