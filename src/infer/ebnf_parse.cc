#include "infer/ebnf_parse.h"

#include <map>
#include <utility>

#include "core/code_point.h"
#include "core/text.h"
#include "infer/grammar_scan.h"

namespace lathe::infer {
namespace {

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}
bool begins_name(char c) { return is_name(c) && c != '-'; }

class EbnfReader {
 public:
  explicit EbnfReader(std::string_view source) : scan_(source) {}

  Result<GrammarRules> read() {
    skip_space();
    while (!scan_.at_end()) {
      const size_t begin = scan_.place();
      LATHE_TRY(const std::string name, read_name());
      skip_space();
      if (!scan_.take("::=")) return scan_.fail("expected ::= after the name ", name);
      const int32_t rule = rule_named(name);
      if (rules_.rules()[static_cast<size_t>(rule)].body >= 0) {
        scan_.go_to(begin);
        return scan_.fail("rule ", name, " is defined twice");
      }
      LATHE_TRY(const ExprId body, read_choice(0));
      if (!scan_.at_end() && !at_definition()) return scan_.fail("expected a rule's part or the next `name ::=`, not '", scan_.peek(), "'");
      rules_.define(rule, body);
    }
    const auto root = ids_.find("root");
    if (root == ids_.end()) return error("the grammar has no rule named root");
    for (const GrammarRules::Rule& rule : rules_.rules())
      if (rule.body < 0) return error_at({}, uses_[rule.name], "rule ", rule.name, " is used and not defined");
    rules_.root = root->second;
    return std::move(rules_);
  }

 private:
  void skip_space() {
    for (; !scan_.at_end(); scan_.skip(1)) {
      if (scan_.peek() == '#')
        while (!scan_.at_end() && scan_.peek() != '\n') scan_.skip(1);
      const char c = scan_.peek();
      if (scan_.at_end() || (c != ' ' && c != '\t' && c != '\n' && c != '\r')) return;
    }
  }

  Result<std::string> read_name() {
    const size_t begin = scan_.place();
    if (!begins_name(scan_.peek())) return scan_.fail("expected a rule's name");
    while (is_name(scan_.peek())) scan_.skip(1);
    return std::string(scan_.since(begin));
  }

  bool at_definition() {
    const size_t begin = scan_.place();
    if (!begins_name(scan_.peek())) return false;
    while (is_name(scan_.peek())) scan_.skip(1);
    skip_space();
    const bool found = scan_.starts_with("::=");
    scan_.go_to(begin);
    return found;
  }

  int32_t rule_named(const std::string& name) {
    const auto [it, is_new] = ids_.try_emplace(name, -1);
    if (is_new) it->second = rules_.add_rule(name);
    return it->second;
  }

  Result<ExprId> read_choice(int32_t depth) {
    if (depth > kMaxGrammarNesting) return scan_.fail("brackets nest more than ", kMaxGrammarNesting, " levels");
    std::vector<ExprId> alternatives;
    do {
      LATHE_TRY(const ExprId sequence, read_sequence(depth));
      alternatives.push_back(sequence);
    } while (scan_.take('|'));
    return rules_.choice(std::move(alternatives));
  }

  // Leaves white space after it behind.
  Result<ExprId> read_sequence(int32_t depth) {
    std::vector<ExprId> parts;
    for (skip_space(); !scan_.at_end() && scan_.peek() != '|' && scan_.peek() != ')'; skip_space()) {
      ExprId part;
      if (scan_.peek() == '"') {
        LATHE_TRY(part, read_text());
      } else if (scan_.peek() == '[') {
        LATHE_TRY(part, read_class());
      } else if (scan_.take('.')) {
        part = rules_.char_class(CodeSet::all());
      } else if (scan_.peek() == '(') {
        if (scan_.peek(1) == '=') return scan_.fail("look-ahead (=...) is not supported");
        scan_.skip(1);
        LATHE_TRY(part, read_choice(depth + 1));
        if (!scan_.take(')')) return scan_.fail("expected )");
      } else if (begins_name(scan_.peek())) {
        if (at_definition()) break;
        const size_t begin = scan_.place();
        LATHE_TRY(const std::string name, read_name());
        if (scan_.peek() == '(') return scan_.fail("macros such as ", name, "() are not supported");
        uses_.try_emplace(name, static_cast<int64_t>(begin));
        part = rules_.call(rule_named(name));
      } else {
        return scan_.fail("expected a text, a class, a group or a rule's name, not '", scan_.peek(), "'");
      }
      LATHE_TRY(part, read_repetition(part));
      parts.push_back(part);
    }
    return rules_.sequence(std::move(parts));
  }

  Result<ExprId> read_repetition(ExprId part) {
    for (int32_t count = 0;; ++count) {
      const size_t before = scan_.place();
      skip_space();
      if (count > kMaxGrammarNesting) return scan_.fail("more than ", kMaxGrammarNesting, " repetitions of one part");
      if (scan_.take('*')) {
        part = rules_.repeat(part, 0);
      } else if (scan_.take('+')) {
        part = rules_.repeat(part, 1);
      } else if (scan_.take('?')) {
        part = rules_.optional(part);
      } else if (scan_.take('{')) {
        LATHE_TRY(part, read_counts(part));
      } else {
        scan_.go_to(before);
        return part;
      }
    }
  }

  Result<ExprId> read_counts(ExprId part) {
    skip_space();
    const int64_t min = scan_.take_number();
    int64_t max = min;
    skip_space();
    if (scan_.take(',')) {
      skip_space();
      max = scan_.take_number();
      skip_space();
    }
    if (!scan_.take('}') || min == -1) return scan_.fail("expected {m}, {m,} or {m,n}");
    if (min == -2 || max == -2 || min > kMaxRepetition || max > kMaxRepetition)
      return scan_.fail("more than ", kMaxRepetition, " repetitions");
    if (max >= 0 && max < min) return scan_.fail("{", min, ",", max, "} has the larger number first");
    return rules_.repeat(part, min, max);
  }

  Result<char32_t> read_character() {
    if (!scan_.take('\\')) {
      if (scan_.peek() == '\n') return scan_.fail("a line ends inside a text or class");
      return scan_.take_character();
    }
    if (scan_.at_end()) return scan_.fail("the grammar ends after a backslash");
    const char c = scan_.peek();
    scan_.skip(1);
    int64_t code = -1;
    switch (c) {
      case 'n': return char32_t{'\n'};
      case 't': return char32_t{'\t'};
      case 'r': return char32_t{'\r'};
      case '0': return char32_t{0};
      case 'f': return char32_t{'\f'};
      case 'v': return char32_t{'\v'};
      case 'b': return char32_t{'\b'};
      case 'a': return char32_t{'\a'};
      case 'x': code = scan_.take_hex(2); break;
      case 'u': code = scan_.take_hex(4); break;
      case 'U': code = scan_.take_hex(8); break;
      case '\\': case '"': case '\'': case '[': case ']': case '-': case '^': case '/': case '?': case '.': case '+': case '*':
      case '(': case ')': case '{': case '}': case '|': case '$':
        return static_cast<char32_t>(c);
      default: return scan_.fail("unknown escape \\", c);
    }
    if (!is_scalar(code)) return scan_.fail("\\", c, " needs the hexadecimal digits of a character");
    return static_cast<char32_t>(code);
  }

  Result<ExprId> read_text() {
    scan_.skip(1);
    std::string text;
    while (!scan_.take('"')) {
      if (scan_.at_end()) return scan_.fail("a text has no closing \"");
      LATHE_TRY(const char32_t code, read_character());
      append_code_point(text, code);
    }
    return rules_.literal(text);
  }

  Result<ExprId> read_class() {
    scan_.skip(1);
    const bool negated = scan_.take('^');
    std::vector<CodeRange> ranges;
    while (!scan_.take(']')) {
      if (scan_.at_end()) return scan_.fail("a class has no closing ]");
      LATHE_TRY(const char32_t first, read_character());
      char32_t last = first;
      if (scan_.peek() == '-' && scan_.peek(1) != ']') {
        scan_.skip(1);
        if (scan_.at_end()) return scan_.fail("a class has no closing ]");
        LATHE_TRY(last, read_character());
        if (last < first) return scan_.fail("a range of a class has the larger character first");
      }
      ranges.push_back({first, last});
    }
    const CodeSet set(std::move(ranges));
    return rules_.char_class(negated ? set.complement() : set);
  }

  GrammarScanner scan_;
  GrammarRules rules_;
  std::map<std::string, int32_t> ids_;
  std::map<std::string, int64_t> uses_;  // offset of the first use
};

}  // namespace

Result<GrammarRules> rules_of_ebnf(std::string_view source) {
  if (source.size() > kMaxGrammarBytes) return error("the grammar has ", source.size(), " bytes, more than ", kMaxGrammarBytes);
  if (const int64_t bad = first_invalid_utf8(source); bad >= 0) return error_at({}, bad, "the grammar is not valid UTF-8");
  return EbnfReader(source).read();
}

Result<GrammarRules> rules_of_choice(std::span<const std::string> texts) {
  if (texts.empty()) return error("a choice needs at least one text");
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].empty()) return error("choice ", i, " is empty");
    if (first_invalid_utf8(texts[i]) >= 0) return error("choice ", i, " is not valid UTF-8");
  }
  GrammarRules rules;
  rules.define(rules.add_rule("root"), rules.one_of(texts));
  return rules;
}

}  // namespace lathe::infer
