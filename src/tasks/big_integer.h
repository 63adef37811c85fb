// Integers of any size with Python's semantics, for the calculator (row C-10.15): floor division, true division
// rounded once, decimal text. Work is counted in steps (one step = one 32-bit digit product or sum), so that an
// expression cannot take unbounded time (row C-10.19).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lathe::tasks {

// Steps left; once used up, every further operation fails.
class StepBudget {
 public:
  explicit StepBudget(int64_t steps) : left_(steps) {}
  bool take(int64_t steps) {
    left_ -= steps;
    return left_ >= 0;
  }

 private:
  int64_t left_;
};

class BigInteger {
 public:
  BigInteger() = default;
  explicit BigInteger(int64_t value);
  // ASCII digits only.
  static std::optional<BigInteger> from_decimal(std::string_view digits, StepBudget& budget);

  bool is_zero() const { return digits_.empty(); }
  bool is_negative() const { return negative_; }
  BigInteger negated() const;
  friend bool operator==(const BigInteger&, const BigInteger&) = default;

  // All return nothing when the budget is used up.
  static std::optional<BigInteger> sum(const BigInteger& a, const BigInteger& b, StepBudget& budget);
  static std::optional<BigInteger> product(const BigInteger& a, const BigInteger& b, StepBudget& budget);
  // a // b rounded towards minus infinity; nothing for b = 0.
  static std::optional<BigInteger> floor_quotient(const BigInteger& a, const BigInteger& b, StepBudget& budget);
  // The double nearest to a / b (ties to even); nothing for b = 0 and when the result is too large.
  static std::optional<double> true_quotient(const BigInteger& a, const BigInteger& b, StepBudget& budget);
  // The nearest double (ties to even); nothing when too large.
  std::optional<double> to_double() const;

  // Nothing above `max_digits` decimal digits.
  std::optional<std::string> to_decimal(int64_t max_digits, StepBudget& budget) const;

 private:
  using Digits = std::vector<uint32_t>;  // little-endian, base 2^32, no leading zeros
  BigInteger(Digits digits, bool negative);
  static int compare(const Digits& a, const Digits& b);
  static Digits add(const Digits& a, const Digits& b);
  static Digits subtract(const Digits& a, const Digits& b);  // a >= b
  static void divide(const Digits& a, const Digits& b, Digits* quotient, Digits* remainder);
  static Digits shift_left(const Digits& a, int64_t bits);
  static int64_t bit_length(const Digits& a);
  // (a + something below one unit, if sticky) * 2^exponent as a double.
  static std::optional<double> round_to_double(const Digits& a, bool sticky, int64_t exponent);

  Digits digits_;
  bool negative_ = false;
};

}  // namespace lathe::tasks
