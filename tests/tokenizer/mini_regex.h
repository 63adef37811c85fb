// A small backtracking matcher for regular expressions over code points, written straight from the meaning of the
// syntax and slow on purpose: the truth that split scanners are compared with. Knows literals, escapes (\s \S \r \n
// \p{...} of categories), classes, groups, (?:...), (?i:...), (?!...), $ and \z at the text's end, alternation,
// ? * + {m,n} and possessive quantifiers.
#pragma once

#include <utf8proc.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace lathe::testing {

class MiniRegex {
 public:
  explicit MiniRegex(std::string pattern);
  ~MiniRegex();
  // End of the leftmost-alternative match that begins at `begin`, or -1.
  int64_t match(const std::u32string& text, size_t begin) const;

  struct Node;

 private:
  std::unique_ptr<Node> root_;
};

using OneChar = std::function<bool(char32_t)>;
using Then = std::function<bool(size_t)>;

struct MiniRegex::Node {
  enum class Kind { kChar, kSequence, kChoice, kRepeat, kNotAhead, kEnd };
  Kind kind;
  OneChar accepts;
  std::vector<std::unique_ptr<Node>> children;
  size_t min = 0, max = 0;
  bool possessive = false;

  bool match(const std::u32string& text, size_t at, const Then& then) const {
    switch (kind) {
      case Kind::kChar:
        return at < text.size() && accepts(text[at]) && then(at + 1);
      case Kind::kSequence:
        return sequence(text, at, 0, then);
      case Kind::kChoice:
        for (const auto& child : children)
          if (child->match(text, at, then)) return true;
        return false;
      case Kind::kRepeat:
        return possessive ? repeat_possessive(text, at, then) : repeat(text, at, 0, then);
      case Kind::kEnd:
        return at == text.size() && then(at);
      case Kind::kNotAhead:
        return !children[0]->match(text, at, [](size_t) { return true; }) && then(at);
    }
    return false;
  }
  bool sequence(const std::u32string& text, size_t at, size_t child, const Then& then) const {
    if (child == children.size()) return then(at);
    return children[child]->match(text, at, [&](size_t next) { return sequence(text, next, child + 1, then); });
  }
  bool repeat(const std::u32string& text, size_t at, size_t count, const Then& then) const {
    if (count < max &&
        children[0]->match(text, at, [&](size_t next) { return next > at && repeat(text, next, count + 1, then); }))
      return true;
    return count >= min && then(at);
  }
  bool repeat_possessive(const std::u32string& text, size_t at, const Then& then) const {
    size_t count = 0;
    while (count < max) {
      size_t next = at;
      if (!children[0]->match(text, at, [&](size_t end) { return next = end, true; }) || next == at) break;
      at = next;
      ++count;
    }
    return count >= min && then(at);
  }
};

namespace mini_regex {

inline utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }
inline bool is_letter(char32_t c) { return category(c) >= UTF8PROC_CATEGORY_LU && category(c) <= UTF8PROC_CATEGORY_LO; }
inline bool is_number(char32_t c) { return category(c) >= UTF8PROC_CATEGORY_ND && category(c) <= UTF8PROC_CATEGORY_NO; }
inline bool is_space(char32_t c) {
  return (category(c) >= UTF8PROC_CATEGORY_ZS && category(c) <= UTF8PROC_CATEGORY_ZP) || (c >= 9 && c <= 13) ||
         c == 0x85;
}
inline char32_t fold(char32_t c) {
  utf8proc_int32_t out[8];
  int boundary = 0;
  const auto n = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), out, 8, UTF8PROC_CASEFOLD, &boundary);
  return n == 1 ? static_cast<char32_t>(out[0]) : c;
}

class Parser {
 public:
  using Node = MiniRegex::Node;
  using Kind = Node::Kind;
  explicit Parser(const std::string& pattern) : pattern_(pattern) {}

  std::unique_ptr<Node> parse() {
    auto node = choice();
    if (at_ != pattern_.size()) throw std::runtime_error("regex: unexpected )");
    return node;
  }

 private:
  static std::unique_ptr<Node> make(Kind kind) {
    auto node = std::make_unique<Node>();
    node->kind = kind;
    return node;
  }
  bool eat(const std::string& word) {
    if (pattern_.compare(at_, word.size(), word) != 0) return false;
    at_ += word.size();
    return true;
  }
  std::unique_ptr<Node> choice() {
    auto node = make(Kind::kChoice);
    do node->children.push_back(sequence());
    while (eat("|"));
    return node;
  }
  std::unique_ptr<Node> sequence() {
    auto node = make(Kind::kSequence);
    while (at_ < pattern_.size() && pattern_[at_] != '|' && pattern_[at_] != ')')
      node->children.push_back(quantified());
    return node;
  }
  std::unique_ptr<Node> quantified() {
    auto item = atom();
    size_t min = 1, max = 1;
    if (eat("?"))
      min = 0;
    else if (eat("*"))
      min = 0, max = std::numeric_limits<size_t>::max();
    else if (eat("+"))
      max = std::numeric_limits<size_t>::max();
    else if (eat("{")) {
      min = static_cast<size_t>(pattern_.at(at_++) - '0');
      if (!eat(",")) throw std::runtime_error("regex: {m,n} expected");
      max = static_cast<size_t>(pattern_.at(at_++) - '0');
      if (!eat("}")) throw std::runtime_error("regex: } expected");
    } else {
      return item;
    }
    auto node = make(Kind::kRepeat);
    node->min = min;
    node->max = max;
    node->possessive = eat("+");
    node->children.push_back(std::move(item));
    return node;
  }
  std::unique_ptr<Node> atom() {
    if (eat("(?!")) {
      auto node = make(Kind::kNotAhead);
      node->children.push_back(choice());
      close();
      return node;
    }
    if (eat("(?i:")) {
      const bool outer = std::exchange(fold_case_, true);
      auto node = choice();
      fold_case_ = outer;
      close();
      return node;
    }
    if (eat("$") || eat("\\z")) return make(Kind::kEnd);
    if (eat("(?:") || eat("(")) {
      auto node = choice();
      close();
      return node;
    }
    auto node = make(Kind::kChar);
    node->accepts = eat("[") ? char_class() : one();
    return node;
  }
  void close() {
    if (!eat(")")) throw std::runtime_error("regex: ) expected");
  }
  OneChar char_class() {
    const bool negated = eat("^");
    std::vector<OneChar> items;
    while (!eat("]")) items.push_back(one());
    return [=](char32_t c) {
      for (const OneChar& item : items)
        if (item(c)) return !negated;
      return negated;
    };
  }
  static OneChar of(utf8proc_category_t wanted) {
    return [wanted](char32_t c) { return category(c) == wanted; };
  }
  OneChar one() {
    if (eat("\\p{L}")) return is_letter;
    if (eat("\\p{N}")) return is_number;
    if (eat("\\p{M}"))
      return [](char32_t c) { return category(c) >= UTF8PROC_CATEGORY_MN && category(c) <= UTF8PROC_CATEGORY_ME; };
    if (eat("\\p{Lu}")) return of(UTF8PROC_CATEGORY_LU);
    if (eat("\\p{Ll}")) return of(UTF8PROC_CATEGORY_LL);
    if (eat("\\p{Lt}")) return of(UTF8PROC_CATEGORY_LT);
    if (eat("\\p{Lm}")) return of(UTF8PROC_CATEGORY_LM);
    if (eat("\\p{Lo}")) return of(UTF8PROC_CATEGORY_LO);
    if (eat("\\s")) return is_space;
    if (eat("\\S")) return [](char32_t c) { return !is_space(c); };
    char32_t literal;
    if (eat("\\r"))
      literal = '\r';
    else if (eat("\\n"))
      literal = '\n';
    else
      literal = static_cast<unsigned char>(pattern_.at(at_++));
    if (fold_case_) return [=](char32_t c) { return fold(c) == fold(literal); };
    return [=](char32_t c) { return c == literal; };
  }

  const std::string& pattern_;
  size_t at_ = 0;
  bool fold_case_ = false;
};

}  // namespace mini_regex

inline MiniRegex::MiniRegex(std::string pattern) : root_(mini_regex::Parser(pattern).parse()) {}
inline MiniRegex::~MiniRegex() = default;
inline int64_t MiniRegex::match(const std::u32string& text, size_t begin) const {
  int64_t found = -1;
  root_->match(text, begin, [&](size_t end) { return found = static_cast<int64_t>(end), true; });
  return found;
}

}  // namespace lathe::testing
