#include "tasks/calculator_parser.h"

#include "tasks/calculator_values.h"
#include "tasks/python_float.h"

namespace lathe::tasks {
namespace {

constexpr int kMaxDepth = 200;  // CPython's limit of nested brackets

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_char(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c); }

// Recursive descent over the text; every method leaves position_ behind what it took, and nothing means failure.
class Parser {
 public:
  Parser(std::string_view text, int64_t max_digits, StepBudget& budget)
      : text_(text), max_digits_(max_digits), budget_(budget) {}

  MaybeValue parse() {
    MaybeValue value = ternary();
    skip_blanks();
    return position_ == text_.size() ? value : std::nullopt;
  }

 private:
  MaybeValue ternary() {
    MaybeValue chosen = disjunction();
    if (!chosen || !take_word("if")) return chosen;
    const MaybeValue condition = disjunction();
    if (!condition || !take_word("else")) return std::nullopt;
    Depth depth(*this);
    MaybeValue otherwise = depth.ok() ? ternary() : std::nullopt;
    if (!otherwise) return std::nullopt;
    return is_true(*condition) ? chosen : otherwise;
  }

  MaybeValue disjunction() {
    MaybeValue left = conjunction();
    while (left && take_word("or")) {
      MaybeValue right = conjunction();
      if (!right) return std::nullopt;
      if (!is_true(*left)) left = std::move(right);
    }
    return left;
  }

  MaybeValue conjunction() {
    MaybeValue left = negation();
    while (left && take_word("and")) {
      MaybeValue right = negation();
      if (!right) return std::nullopt;
      if (is_true(*left)) left = std::move(right);
    }
    return left;
  }

  MaybeValue negation() {
    int64_t count = 0;
    while (take_word("not")) ++count;
    MaybeValue value = sum();
    if (!value || count == 0) return value;
    return is_true(*value) == (count % 2 == 0);
  }

  MaybeValue sum() {
    MaybeValue left = product();
    while (left) {
      skip_blanks();
      const char c = peek();
      if (c != '+' && c != '-') break;
      ++position_;
      const MaybeValue right = product();
      if (!right) return std::nullopt;
      left = apply_binary(c == '+' ? BinaryOperator::kAdd : BinaryOperator::kSubtract, *left, *right, budget_);
    }
    return left;
  }

  MaybeValue product() {
    MaybeValue left = unary();
    while (left) {
      skip_blanks();
      BinaryOperator op = BinaryOperator::kMultiply;
      if (peek() == '/') {
        op = peek(1) == '/' ? BinaryOperator::kFloorDivide : BinaryOperator::kDivide;
      } else if (peek() != '*') {
        break;
      }
      position_ += op == BinaryOperator::kFloorDivide ? 2 : 1;
      const MaybeValue right = unary();
      if (!right) return std::nullopt;
      left = apply_binary(op, *left, *right, budget_);
    }
    return left;
  }

  MaybeValue unary() {
    bool any = false, negative = false;
    for (skip_blanks(); peek() == '+' || peek() == '-'; skip_blanks()) {
      any = true;
      negative ^= peek() == '-';
      ++position_;
    }
    MaybeValue value = postfix();
    if (!value || !any) return value;
    return negative ? apply_negation(*value) : apply_plus(*value);
  }

  MaybeValue postfix() {
    MaybeValue value = atom();
    while (value) {
      skip_blanks();
      if (peek() == '(') return std::nullopt;  // no value here can be called
      if (peek() != '.') break;
      ++position_;
      skip_blanks();
      const std::string_view name = take_name();
      skip_blanks();
      if (peek() != '(') {
        value = get_attribute(*value, name);
        continue;
      }
      ++position_;
      skip_blanks();
      MaybeValue argument;
      if (peek() != ')') {
        Depth depth(*this);
        argument = depth.ok() ? ternary() : std::nullopt;
        if (!argument || !take_closing()) return std::nullopt;
      } else {
        ++position_;
      }
      value = call_method(*value, name, argument ? &*argument : nullptr);
    }
    return value;
  }

  MaybeValue atom() {
    skip_blanks();
    const char c = peek();
    if (c == '(') {
      ++position_;
      skip_blanks();
      if (peek() == ')') {
        ++position_;
        return EmptyTuple{};
      }
      Depth depth(*this);
      MaybeValue inner = depth.ok() ? ternary() : std::nullopt;
      return inner && take_closing() ? inner : std::nullopt;
    }
    if (c == '\'' || c == '"') return strings();
    if (text_.substr(position_, 3) == "...") {
      position_ += 3;
      return Ellipsis{};
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    const std::string_view name = take_name();
    if (name == "True" || name == "False") return name == "True";
    return std::nullopt;
  }

  MaybeValue number() {
    const size_t begin = position_;
    while (is_digit(peek())) ++position_;
    if (peek() == '.') {
      ++position_;
      while (is_digit(peek())) ++position_;
      return parse_python_float(text_.substr(begin, position_ - begin));
    }
    const std::string_view digits = text_.substr(begin, position_ - begin);
    const bool zero = digits.find_first_not_of('0') == std::string_view::npos;
    if (digits[0] == '0' && !zero) return std::nullopt;
    if (static_cast<int64_t>(digits.size()) > max_digits_) return std::nullopt;
    std::optional<BigInteger> value = BigInteger::from_decimal(digits, budget_);
    return value ? MaybeValue(std::move(*value)) : std::nullopt;
  }

  MaybeValue strings() {
    std::string joined;
    while (peek() == '\'' || peek() == '"') {
      const std::string triple(3, peek());
      const std::string quote = text_.substr(position_, 3) == triple ? triple : triple.substr(0, 1);
      position_ += quote.size();
      const size_t end = text_.find(quote, position_);
      if (end == std::string_view::npos) return std::nullopt;
      joined += text_.substr(position_, end - position_);
      position_ = end + quote.size();
      skip_blanks();
    }
    return joined;
  }

  void skip_blanks() {
    while (peek() == ' ') ++position_;
  }
  char peek(size_t ahead = 0) const { return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\0'; }
  bool take_closing() {
    skip_blanks();
    if (peek() != ')') return false;
    ++position_;
    return true;
  }
  std::string_view take_name() {
    const size_t begin = position_;
    if (!is_digit(peek()))
      while (is_name_char(peek())) ++position_;
    return text_.substr(begin, position_ - begin);
  }
  bool take_word(std::string_view word) {
    skip_blanks();
    if (text_.substr(position_, word.size()) != word || is_name_char(peek(word.size()))) return false;
    position_ += word.size();
    return true;
  }

  class Depth {
   public:
    explicit Depth(Parser& parser) : parser_(parser) { ++parser_.depth_; }
    ~Depth() { --parser_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;
    bool ok() const { return parser_.depth_ <= kMaxDepth; }

   private:
    Parser& parser_;
  };

  std::string_view text_;
  int64_t max_digits_;
  StepBudget& budget_;
  size_t position_ = 0;
  int depth_ = 0;
};

}  // namespace

std::optional<CalculatorValue> evaluate_expression(std::string_view text, int64_t max_digits, StepBudget& budget) {
  return Parser(text, max_digits, budget).parse();
}

}  // namespace lathe::tasks
