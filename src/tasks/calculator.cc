#include "tasks/calculator.h"

#include <algorithm>
#include <array>

#include "tasks/calculator_parser.h"
#include "tasks/python_float.h"

namespace lathe::tasks {
namespace {

constexpr size_t kMaxLength = size_t{1} << 18;
constexpr int64_t kMaxSteps = 50'000'000;   // some tens of milliseconds
constexpr int64_t kMaxResultDigits = 4300;  // Python's limit for integer <-> text (C-10.20)

// Row C-10.18: they also hit innocent words, which is why only the compatible mode has them.
constexpr std::array<std::string_view, 17> kBlocked = {"__",   "import",  "exec",      "eval",    "compile", "open",
                                                       "file", "input",   "raw_input", "globals", "locals",  "vars",
                                                       "dir",  "getattr", "setattr",   "delattr", "hasattr"};

bool all_in(std::string_view text, std::string_view extra, bool letters) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (letters && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) ||
           extra.find(c) != std::string_view::npos;
  });
}

bool is_blocked(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return std::any_of(kBlocked.begin(), kBlocked.end(),
                     [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

std::optional<std::string> text_of(const CalculatorValue& value, CalculatorMode mode, StepBudget& budget) {
  if (const auto* integer = std::get_if<BigInteger>(&value)) return integer->to_decimal(kMaxResultDigits, budget);
  if (const auto* number = std::get_if<double>(&value)) return python_float_text(*number);
  if (const auto* truth = std::get_if<bool>(&value)) return *truth ? "True" : "False";
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (mode == CalculatorMode::kNative) return std::nullopt;
  return std::holds_alternative<EmptyTuple>(value) ? "()" : "Ellipsis";
}

}  // namespace

std::optional<std::string> calculate(std::string_view expression, CalculatorMode mode) {
  if (expression.size() > kMaxLength) return std::nullopt;
  std::string text(expression);
  text.erase(std::remove(text.begin(), text.end(), ','), text.end());
  const bool arithmetic = all_in(text, "*+-/.() ", false) && text.find("**") == std::string::npos;
  if (!arithmetic) {
    if (!all_in(text, "'\"()._ ", true)) return std::nullopt;
    if (mode == CalculatorMode::kCompatible && is_blocked(text)) return std::nullopt;
    if (text.find(".count(") == std::string::npos) return std::nullopt;
  }
  StepBudget budget(kMaxSteps);
  const std::optional<CalculatorValue> value = evaluate_expression(text, kMaxResultDigits, budget);
  if (!value) return std::nullopt;
  return text_of(*value, mode, budget);
}

}  // namespace lathe::tasks
