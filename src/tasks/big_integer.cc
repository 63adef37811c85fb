#include "tasks/big_integer.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace lathe::tasks {
namespace {

void trim(std::vector<uint32_t>& digits) {
  while (!digits.empty() && digits.back() == 0) digits.pop_back();
}

int64_t length(const std::vector<uint32_t>& digits) { return static_cast<int64_t>(digits.size()); }

// digits = digits * factor + carry
void multiply_add(std::vector<uint32_t>& digits, uint32_t factor, uint32_t carry) {
  uint64_t rest = carry;
  for (uint32_t& digit : digits) {
    rest += uint64_t{digit} * factor;
    digit = static_cast<uint32_t>(rest);
    rest >>= 32;
  }
  if (rest != 0) digits.push_back(static_cast<uint32_t>(rest));
}

// digits = digits / divisor; returns the remainder.
uint32_t divide_small(std::vector<uint32_t>& digits, uint32_t divisor) {
  uint64_t rest = 0;
  for (size_t i = digits.size(); i-- > 0;) {
    rest = rest << 32 | digits[i];
    digits[i] = static_cast<uint32_t>(rest / divisor);
    rest %= divisor;
  }
  trim(digits);
  return static_cast<uint32_t>(rest);
}

constexpr uint32_t kBillion = 1'000'000'000;

}  // namespace

BigInteger::BigInteger(int64_t value) : negative_(value < 0) {
  uint64_t rest = negative_ ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
  for (; rest != 0; rest >>= 32) digits_.push_back(static_cast<uint32_t>(rest));
}

BigInteger::BigInteger(Digits digits, bool negative) : digits_(std::move(digits)) {
  trim(digits_);
  negative_ = negative && !digits_.empty();
}

std::optional<BigInteger> BigInteger::from_decimal(std::string_view digits, StepBudget& budget) {
  const int64_t groups = static_cast<int64_t>(digits.size()) / 9 + 1;
  if (!budget.take(groups * groups / 2 + 1)) return std::nullopt;
  Digits out;
  while (!digits.empty()) {
    const size_t take = (digits.size() - 1) % 9 + 1;  // the first group may be short, all others are full
    uint32_t group = 0;
    for (const char c : digits.substr(0, take)) group = group * 10 + static_cast<uint32_t>(c - '0');
    multiply_add(out, kBillion, group);
    digits.remove_prefix(take);
  }
  return BigInteger(std::move(out), false);
}

BigInteger BigInteger::negated() const { return BigInteger(digits_, !negative_); }

int BigInteger::compare(const Digits& a, const Digits& b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  for (size_t i = a.size(); i-- > 0;) {
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return 0;
}

BigInteger::Digits BigInteger::add(const Digits& a, const Digits& b) {
  Digits out = a.size() >= b.size() ? a : b;
  const Digits& shorter = a.size() >= b.size() ? b : a;
  uint64_t carry = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    carry += uint64_t{out[i]} + (i < shorter.size() ? shorter[i] : 0);
    out[i] = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
  if (carry != 0) out.push_back(static_cast<uint32_t>(carry));
  return out;
}

BigInteger::Digits BigInteger::subtract(const Digits& a, const Digits& b) {
  Digits out = a;
  int64_t borrow = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    borrow += int64_t{out[i]} - (i < b.size() ? int64_t{b[i]} : 0);
    out[i] = static_cast<uint32_t>(borrow);
    borrow >>= 32;
  }
  trim(out);
  return out;
}

std::optional<BigInteger> BigInteger::sum(const BigInteger& a, const BigInteger& b, StepBudget& budget) {
  if (!budget.take(std::max(length(a.digits_), length(b.digits_)) + 1)) return std::nullopt;
  if (a.negative_ == b.negative_) return BigInteger(add(a.digits_, b.digits_), a.negative_);
  if (compare(a.digits_, b.digits_) >= 0) return BigInteger(subtract(a.digits_, b.digits_), a.negative_);
  return BigInteger(subtract(b.digits_, a.digits_), b.negative_);
}

std::optional<BigInteger> BigInteger::product(const BigInteger& a, const BigInteger& b, StepBudget& budget) {
  if (!budget.take(length(a.digits_) * length(b.digits_) + 1)) return std::nullopt;
  Digits out(a.digits_.size() + b.digits_.size(), 0);
  for (size_t i = 0; i < a.digits_.size(); ++i) {
    uint64_t carry = 0;
    for (size_t j = 0; j < b.digits_.size(); ++j) {
      carry += uint64_t{a.digits_[i]} * b.digits_[j] + out[i + j];
      out[i + j] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    out[i + b.digits_.size()] = static_cast<uint32_t>(carry);
  }
  return BigInteger(std::move(out), a.negative_ != b.negative_);
}

// Knuth, The Art of Computer Programming 2, algorithm 4.3.1 D.
void BigInteger::divide(const Digits& a, const Digits& b, Digits* quotient, Digits* remainder) {
  if (compare(a, b) < 0) {
    quotient->clear();
    *remainder = a;
    return;
  }
  if (b.size() == 1) {
    *quotient = a;
    remainder->assign(1, divide_small(*quotient, b[0]));
    trim(*remainder);
    return;
  }
  const int shift = std::countl_zero(b.back());
  const Digits v = shift_left(b, shift);
  Digits u = shift_left(a, shift);
  u.resize(a.size() + 1, 0);
  const size_t n = v.size(), m = a.size() - n;
  quotient->assign(m + 1, 0);
  for (size_t j = m + 1; j-- > 0;) {
    const uint64_t top = uint64_t{u[j + n]} << 32 | u[j + n - 1];
    uint64_t guess = top / v[n - 1], rest = top % v[n - 1];
    while (guess >> 32 != 0 || guess * v[n - 2] > (rest << 32 | u[j + n - 2])) {
      --guess;
      rest += v[n - 1];
      if (rest >> 32 != 0) break;
    }
    int64_t borrow = 0;
    uint64_t carry = 0;
    for (size_t i = 0; i < n; ++i) {
      carry += guess * v[i];
      borrow += int64_t{u[i + j]} - static_cast<int64_t>(carry & 0xFFFFFFFFu);
      u[i + j] = static_cast<uint32_t>(borrow);
      borrow >>= 32;
      carry >>= 32;
    }
    borrow += int64_t{u[j + n]} - static_cast<int64_t>(carry);
    u[j + n] = static_cast<uint32_t>(borrow);
    if (borrow < 0) {
      --guess;
      uint64_t back = 0;
      for (size_t i = 0; i < n; ++i) {
        back += uint64_t{u[i + j]} + v[i];
        u[i + j] = static_cast<uint32_t>(back);
        back >>= 32;
      }
      u[j + n] += static_cast<uint32_t>(back);
    }
    (*quotient)[j] = static_cast<uint32_t>(guess);
  }
  trim(*quotient);
  // Only whether the remainder is zero matters to the callers, so it stays shifted.
  trim(u);
  *remainder = std::move(u);
}

std::optional<BigInteger> BigInteger::floor_quotient(const BigInteger& a, const BigInteger& b, StepBudget& budget) {
  if (b.is_zero() || !budget.take((length(a.digits_) + 1) * (length(b.digits_) + 1))) return std::nullopt;
  Digits quotient, remainder;
  divide(a.digits_, b.digits_, &quotient, &remainder);
  const bool negative = a.negative_ != b.negative_;
  if (negative && !remainder.empty()) quotient = add(quotient, Digits{1});
  return BigInteger(std::move(quotient), negative);
}

BigInteger::Digits BigInteger::shift_left(const Digits& a, int64_t bits) {
  if (a.empty()) return a;
  Digits out(static_cast<size_t>(bits / 32), 0);
  const int small = static_cast<int>(bits % 32);
  uint64_t carry = 0;
  for (const uint32_t digit : a) {
    carry |= uint64_t{digit} << small;
    out.push_back(static_cast<uint32_t>(carry));
    carry >>= 32;
  }
  if (carry != 0) out.push_back(static_cast<uint32_t>(carry));
  return out;
}

int64_t BigInteger::bit_length(const Digits& a) { return a.empty() ? 0 : length(a) * 32 - std::countl_zero(a.back()); }

std::optional<double> BigInteger::round_to_double(const Digits& a, bool sticky, int64_t exponent) {
  constexpr int64_t kMantissaBits = 53, kSmallestExponent = -1074;
  const int64_t bits = bit_length(a);
  // Number of low bits that the result has no room for: all but 53, or those below the smallest subnormal.
  const int64_t drop = std::max<int64_t>({bits - kMantissaBits, kSmallestExponent - exponent, 0});
  if (drop > bits + 1) return 0.0;
  const auto bit = [&](int64_t i) { return i < bits && (a[static_cast<size_t>(i / 32)] >> (i % 32) & 1) != 0; };
  uint64_t mantissa = 0;
  for (int64_t i = bits; i-- > drop;) mantissa = mantissa << 1 | static_cast<uint64_t>(bit(i));
  if (drop > 0 && bit(drop - 1)) {
    bool above_half = sticky;
    for (int64_t i = 0; i < drop - 1 && !above_half; ++i) above_half = bit(i);
    if (above_half || (mantissa & 1) != 0) ++mantissa;
  }
  if (bits + exponent > 1100) return std::nullopt;
  const double value = std::ldexp(static_cast<double>(mantissa), static_cast<int>(exponent + drop));
  if (std::isinf(value)) return std::nullopt;
  return value;
}

std::optional<double> BigInteger::to_double() const {
  const std::optional<double> value = round_to_double(digits_, false, 0);
  return value && negative_ ? -*value : value;
}

std::optional<double> BigInteger::true_quotient(const BigInteger& a, const BigInteger& b, StepBudget& budget) {
  if (b.is_zero()) return std::nullopt;
  const bool negative = a.negative_ != b.negative_;
  if (a.is_zero()) return negative ? -0.0 : 0.0;
  // Enough shift that the quotient has at least 66 bits: 53, one to round by, and room for subnormals' coarser grid.
  const int64_t shift = std::max<int64_t>(0, 66 + bit_length(b.digits_) - bit_length(a.digits_));
  const int64_t size = length(a.digits_) + shift / 32 + 1;
  if (!budget.take((size + 1) * (length(b.digits_) + 1))) return std::nullopt;
  Digits quotient, remainder;
  divide(shift_left(a.digits_, shift), b.digits_, &quotient, &remainder);
  const std::optional<double> value = round_to_double(quotient, !remainder.empty(), -shift);
  return value && negative ? -*value : value;
}

std::optional<std::string> BigInteger::to_decimal(int64_t max_digits, StepBudget& budget) const {
  if (is_zero()) return "0";
  if (bit_length(digits_) > max_digits * 10 / 3 + 64) return std::nullopt;  // 2^(10/3) > 10: surely too long
  if (!budget.take(length(digits_) * (length(digits_) + 1))) return std::nullopt;
  Digits rest = digits_;
  std::string reversed;
  while (!rest.empty()) {
    uint32_t group = divide_small(rest, kBillion);
    for (int i = 0; i < 9 && (group != 0 || !rest.empty()); ++i) {
      reversed += static_cast<char>('0' + group % 10);
      group /= 10;
    }
  }
  if (static_cast<int64_t>(reversed.size()) > max_digits) return std::nullopt;
  if (negative_) reversed += '-';
  std::reverse(reversed.begin(), reversed.end());
  return reversed;
}

}  // namespace lathe::tasks
