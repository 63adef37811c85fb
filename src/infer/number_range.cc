#include "infer/number_range.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "core/text.h"

namespace lathe::infer {
namespace {

constexpr double kLargest = 9007199254740992;  // 2^53: beyond it a double is no exact bound

// A magnitude: digits before the point (no leading zeros but "0") and after it (no trailing ones).
struct Decimal {
  std::string whole, fraction;
  bool is_exclusive = false;
};

std::string less_one(std::string digits) {  // of a whole number above 0
  size_t i = digits.size();
  while (digits[--i] == '0') digits[i] = '9';
  --digits[i];
  return digits.size() > 1 && digits[0] == '0' ? digits.substr(1) : digits;
}

std::string plus_one(std::string digits) {
  for (size_t i = digits.size(); i-- > 0;) {
    if (digits[i] != '9') {
      ++digits[i];
      return digits;
    }
    digits[i] = '0';
  }
  return "1" + digits;
}

bool less(const std::string& a, const std::string& b) { return a.size() != b.size() ? a.size() < b.size() : a < b; }

bool all_zeros(std::string_view digits) { return digits.find_first_not_of('0') == std::string_view::npos; }

class Ranges {
 public:
  explicit Ranges(GrammarRules& rules) : rules_(rules) {}

  // Whole numbers from..to; to empty: no end. Nothing when from > to.
  ExprId whole(const std::string& from, const std::string& to) {
    std::vector<ExprId> parts;
    if (to.empty()) {
      parts.push_back(same_length(from, std::string(from.size(), '9')));
      parts.push_back(rules_.sequence({digit('1', '9'), rules_.repeat(digit('0', '9'), static_cast<int64_t>(from.size()))}));
    } else if (!less(to, from)) {
      for (size_t length = from.size(); length <= to.size(); ++length)
        parts.push_back(same_length(length == from.size() ? from : "1" + std::string(length - 1, '0'),
                                    length == to.size() ? to : std::string(length, '9')));
    }
    return rules_.choice(std::move(parts));
  }

  // Decimals of from..to (to: none = no end).
  ExprId decimals(const Decimal& from, const std::optional<Decimal>& to) {
    std::vector<ExprId> parts;
    if (to && from.whole == to->whole) {
      const size_t length = std::max({from.fraction.size(), to->fraction.size(), size_t{1}});
      std::string a = from.fraction, b = to->fraction;
      a.resize(length, '0'), b.resize(length, '0');
      if (a > b) return rules_.never();
      low_exclusive_ = from.is_exclusive, high_exclusive_ = to->is_exclusive;
      std::vector<ExprId> tails;
      if (ends_between(a, b)) tails.push_back(rules_.empty());
      tails.push_back(rules_.sequence({rules_.literal("."), between(a, b, false)}));
      return rules_.sequence({rules_.literal(from.whole), rules_.choice(std::move(tails))});
    }
    if (to && less(to->whole, from.whole)) return rules_.never();
    low_exclusive_ = from.is_exclusive;
    std::vector<ExprId> low;
    if (from.fraction.empty() && !from.is_exclusive) low.push_back(rules_.empty());
    low.push_back(rules_.sequence({rules_.literal("."), at_least(from.fraction, false)}));
    parts.push_back(rules_.sequence({rules_.literal(from.whole), rules_.choice(std::move(low))}));
    const ExprId any_fraction = rules_.optional(rules_.sequence({rules_.literal("."), rules_.repeat(digit('0', '9'), 1)}));
    const std::string next = plus_one(from.whole);
    if (!to) {
      parts.push_back(rules_.sequence({whole(next, ""), any_fraction}));
      return rules_.choice(std::move(parts));
    }
    if (less(next, to->whole)) parts.push_back(rules_.sequence({whole(next, less_one(to->whole)), any_fraction}));
    high_exclusive_ = to->is_exclusive;
    std::vector<ExprId> high;
    if (!to->fraction.empty() || !to->is_exclusive) high.push_back(rules_.empty());
    high.push_back(rules_.sequence({rules_.literal("."), at_most(to->fraction, false)}));
    parts.push_back(rules_.sequence({rules_.literal(to->whole), rules_.choice(std::move(high))}));
    return rules_.choice(std::move(parts));
  }

 private:
  ExprId digit(char first, char last) {
    return first > last ? rules_.never() : rules_.char_class(CodeSet({{static_cast<char32_t>(first), static_cast<char32_t>(last)}}));
  }
  ExprId digits(int64_t min, int64_t max) { return rules_.repeat(digit('0', '9'), min, max); }

  ExprId same_length(std::string_view from, std::string_view to) {
    if (from.empty()) return rules_.empty();
    const auto rest = static_cast<int64_t>(from.size()) - 1;
    // Halves that reach to their end are no further cut in two, over and over.
    if (all_zeros(from) && to.find_first_not_of('9') == std::string_view::npos) return digits(rest + 1, rest + 1);
    if (from[0] == to[0]) return rules_.sequence({digit(from[0], from[0]), same_length(from.substr(1), to.substr(1))});
    std::vector<ExprId> parts;
    parts.push_back(rules_.sequence({digit(from[0], from[0]), same_length(from.substr(1), std::string(from.size() - 1, '9'))}));
    if (from[0] + 1 < to[0])
      parts.push_back(rules_.sequence({digit(static_cast<char>(from[0] + 1), static_cast<char>(to[0] - 1)), digits(rest, rest)}));
    parts.push_back(rules_.sequence({digit(to[0], to[0]), same_length(std::string(to.size() - 1, '0'), to.substr(1))}));
    return rules_.choice(std::move(parts));
  }

  // Digits after a point, of which a part equal to the bound's has been written; `rest` is what is left of the bound. A text that ends
  // has zeros there.
  ExprId at_least(std::string_view rest, bool may_end) {
    if (rest.empty()) {
      if (!low_exclusive_) return rules_.repeat(digit('0', '9'), may_end ? 0 : 1);
      return rules_.sequence({rules_.repeat(digit('0', '0'), 0), digit('1', '9'), digits(0, -1)});
    }
    std::vector<ExprId> parts;
    if (may_end && all_zeros(rest) && !low_exclusive_) parts.push_back(rules_.empty());
    parts.push_back(rules_.sequence({digit(static_cast<char>(rest[0] + 1), '9'), digits(0, -1)}));
    parts.push_back(rules_.sequence({digit(rest[0], rest[0]), at_least(rest.substr(1), true)}));
    return rules_.choice(std::move(parts));
  }

  ExprId at_most(std::string_view rest, bool may_end) {
    if (rest.empty()) return high_exclusive_ ? rules_.never() : rules_.repeat(digit('0', '0'), may_end ? 0 : 1);
    std::vector<ExprId> parts;
    if (may_end && (!all_zeros(rest) || !high_exclusive_)) parts.push_back(rules_.empty());
    parts.push_back(rules_.sequence({digit('0', static_cast<char>(rest[0] - 1)), digits(0, -1)}));
    parts.push_back(rules_.sequence({digit(rest[0], rest[0]), at_most(rest.substr(1), true)}));
    return rules_.choice(std::move(parts));
  }

  bool ends_between(std::string_view a, std::string_view b) const {
    return all_zeros(a) && !low_exclusive_ && (!all_zeros(b) || !high_exclusive_);
  }

  // a <= b, of equal length.
  ExprId between(std::string_view a, std::string_view b, bool may_end) {
    if (a.empty()) return low_exclusive_ || high_exclusive_ ? rules_.never() : rules_.repeat(digit('0', '0'), may_end ? 0 : 1);
    std::vector<ExprId> parts;
    if (may_end && ends_between(a, b)) parts.push_back(rules_.empty());
    if (a[0] == b[0]) {
      parts.push_back(rules_.sequence({digit(a[0], a[0]), between(a.substr(1), b.substr(1), true)}));
    } else {
      parts.push_back(rules_.sequence({digit(a[0], a[0]), at_least(a.substr(1), true)}));
      parts.push_back(rules_.sequence({digit(static_cast<char>(a[0] + 1), static_cast<char>(b[0] - 1)), digits(0, -1)}));
      parts.push_back(rules_.sequence({digit(b[0], b[0]), at_most(b.substr(1), true)}));
    }
    return rules_.choice(std::move(parts));
  }

  GrammarRules& rules_;
  bool low_exclusive_ = false, high_exclusive_ = false;
};

Result<Decimal> decimal_of(double value, bool is_exclusive) {
  const std::string text = shortest_double(std::fabs(value));
  std::string digits;
  int64_t point = -1, exponent = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.') point = static_cast<int64_t>(digits.size());
    else if (text[i] == 'e' || text[i] == 'E') {
      exponent = std::strtol(text.c_str() + i + 1, nullptr, 10);
      break;
    } else digits += text[i];
  }
  point = (point < 0 ? static_cast<int64_t>(digits.size()) : point) + exponent;
  if (point < -30 || static_cast<int64_t>(digits.size()) - point > 30) return error("a bound with more than 30 digits after its point is not supported");
  if (point <= 0) digits.insert(0, static_cast<size_t>(1 - point), '0'), point = 1;
  if (static_cast<int64_t>(digits.size()) < point) digits.resize(static_cast<size_t>(point), '0');
  Decimal out{digits.substr(0, static_cast<size_t>(point)), digits.substr(static_cast<size_t>(point)), is_exclusive};
  while (out.whole.size() > 1 && out.whole[0] == '0') out.whole.erase(0, 1);
  while (!out.fraction.empty() && out.fraction.back() == '0') out.fraction.pop_back();
  return out;
}

Status check_bounds(const std::optional<NumberBound>& min, const std::optional<NumberBound>& max) {
  for (const auto& bound : {min, max})
    if (bound && !(std::fabs(bound->value) <= kLargest)) return error("bounds beyond +-2^53 are not supported");
  if (min && max && (min->value > max->value || (min->value == max->value && (min->is_exclusive || max->is_exclusive))))
    return error("no number lies between the bounds");
  return {};
}

}  // namespace

Result<ExprId> add_integer_range(GrammarRules& rules, std::optional<NumberBound> min, std::optional<NumberBound> max) {
  LATHE_TRY_STATUS(check_bounds(min, max));
  std::optional<int64_t> low, high;
  if (min) low = static_cast<int64_t>(std::ceil(min->value)) + (min->is_exclusive && std::ceil(min->value) == min->value ? 1 : 0);
  if (max) high = static_cast<int64_t>(std::floor(max->value)) - (max->is_exclusive && std::floor(max->value) == max->value ? 1 : 0);
  if (low && high && *low > *high) return error("no integer lies between the bounds");
  Ranges ranges(rules);
  std::vector<ExprId> parts;
  if (!high || *high >= 0) {
    const int64_t from = std::max<int64_t>(low.value_or(0), 0);
    parts.push_back(ranges.whole(std::to_string(from), high ? std::to_string(*high) : ""));
  }
  if (!low || *low < 0) {
    const int64_t from = std::max<int64_t>(high ? -*high : 1, 1);
    parts.push_back(rules.sequence({rules.literal("-"), ranges.whole(std::to_string(from), low ? std::to_string(-*low) : "")}));
  }
  return rules.choice(std::move(parts));
}

Result<ExprId> add_decimal_range(GrammarRules& rules, std::optional<NumberBound> min, std::optional<NumberBound> max) {
  LATHE_TRY_STATUS(check_bounds(min, max));
  Ranges ranges(rules);
  std::vector<ExprId> parts;
  const Decimal zero{"0", "", false};
  if (!max || max->value >= 0) {
    Decimal from = zero;
    std::optional<Decimal> to;
    if (min && min->value >= 0) {
      LATHE_TRY(from, decimal_of(min->value, min->is_exclusive));
    }
    if (max) {
      LATHE_TRY(to, decimal_of(max->value, max->is_exclusive));
    }
    parts.push_back(ranges.decimals(from, to));
  }
  if (!min || min->value < 0) {
    Decimal from = zero;
    std::optional<Decimal> to;
    if (max && max->value <= 0) {
      LATHE_TRY(from, decimal_of(max->value, max->is_exclusive));
    }
    if (min) {
      LATHE_TRY(to, decimal_of(min->value, min->is_exclusive));
    }
    parts.push_back(rules.sequence({rules.literal("-"), ranges.decimals(from, to)}));
  }
  return rules.choice(std::move(parts));
}

}  // namespace lathe::infer
