#include "infer/regex_parse.h"

#include <string>
#include <utility>

#include "core/text.h"
#include "infer/grammar_scan.h"
#include "tokenizer/char_class.h"

namespace lathe::infer {
namespace {

// What is surely in a class, and what may be in it by one reading or another: the negation leaves out the latter.
struct ClassSets {
  CodeSet narrow, wide;
};

CodeSet with_bits(uint8_t bits, std::vector<CodeRange> more) {
  const tokenizer::CharTable& table = tokenizer::CharTable::get();
  for (char32_t code = 0; code <= 0x10FFFF; ++code) {
    if ((table.at(code) & bits) == 0) continue;
    if (!more.empty() && more.back().last + 1 == code)
      more.back().last = code;
    else
      more.push_back({code, code});
  }
  return CodeSet(std::move(more));
}

const ClassSets& digits() {
  static const ClassSets sets{CodeSet({{'0', '9'}}), with_bits(tokenizer::kNumber, {})};
  return sets;
}
const ClassSets& words() {
  static const ClassSets sets{CodeSet({{'0', '9'}, {'A', 'Z'}, {'a', 'z'}, {'_', '_'}}),
                              with_bits(tokenizer::kLetter | tokenizer::kNumber | tokenizer::kMark, {{'_', '_'}})};
  return sets;
}
const ClassSets& spaces() {
  static const ClassSets sets{CodeSet({{' ', ' '}, {'\t', '\r'}}), with_bits(tokenizer::kSpace, {{0x1C, 0x1F}, {0xA0, 0xA0}, {0xFEFF, 0xFEFF}})};
  return sets;
}

const CodeSet& dot() {
  static const CodeSet set = CodeSet({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}).complement();
  return set;
}

class RegexReader {
 public:
  RegexReader(GrammarRules& rules, std::string_view pattern, const RegexOptions& options) : rules_(rules), scan_(pattern), options_(options) {}

  Result<ExprId> read() {
    std::vector<ExprId> alternatives;
    do {
      LATHE_TRY(const ExprId alternative, read_top());
      alternatives.push_back(alternative);
    } while (scan_.take('|'));
    if (!scan_.at_end()) return scan_.fail("unmatched )");
    return rules_.choice(std::move(alternatives));
  }

 private:
  ExprId characters(const CodeSet& set) { return options_.in_json_string ? json_characters(rules_, set) : rules_.char_class(set); }
  ExprId anything() {
    if (anything_ < 0) anything_ = rules_.repeat(characters(CodeSet::all()), 0);
    return anything_;
  }

  bool take_begin() { return scan_.take('^') || scan_.take("\\A"); }
  bool take_end() { return scan_.take('$') || scan_.take("\\Z") || scan_.take("\\z"); }

  Result<ExprId> read_top() {
    const bool from_begin = take_begin();
    LATHE_TRY(const ExprId body, read_sequence(0));
    const bool to_end = take_end();
    if (to_end && !scan_.at_end() && scan_.peek() != '|') return scan_.fail("$ is supported at the end of the pattern or of an alternative only");
    if (!options_.search) return body;
    std::vector<ExprId> parts;
    if (!from_begin) parts.push_back(anything());
    parts.push_back(body);
    if (!to_end) parts.push_back(anything());
    return rules_.sequence(std::move(parts));
  }

  Result<ExprId> read_choice(int32_t depth) {
    if (depth > kMaxGrammarNesting) return scan_.fail("groups nest more than ", kMaxGrammarNesting, " levels");
    std::vector<ExprId> alternatives;
    do {
      LATHE_TRY(const ExprId alternative, read_sequence(depth));
      alternatives.push_back(alternative);
    } while (scan_.take('|'));
    return rules_.choice(std::move(alternatives));
  }

  bool at_end_anchor() const {
    return scan_.peek() == '$' || scan_.starts_with("\\Z") || scan_.starts_with("\\z");
  }

  Result<ExprId> read_sequence(int32_t depth) {
    std::vector<ExprId> parts;
    while (!scan_.at_end() && scan_.peek() != '|' && scan_.peek() != ')') {
      if (at_end_anchor()) {
        if (depth == 0) break;
        return scan_.fail("$ is supported at the end of the pattern or of an alternative only");
      }
      LATHE_TRY(ExprId part, read_atom(depth));
      LATHE_TRY(part, read_quantifier(part));
      parts.push_back(part);
    }
    return rules_.sequence(std::move(parts));
  }

  Result<ExprId> read_atom(int32_t depth) {
    const char c = scan_.peek();
    if (c == '(') return read_group(depth);
    if (c == '[') return read_class();
    if (c == '.') {
      scan_.skip(1);
      return characters(dot());
    }
    if (c == '^') return scan_.fail("^ is supported at the beginning of the pattern or of an alternative only");
    if (c == '*' || c == '+' || c == '?') return scan_.fail("nothing to repeat before ", c);
    if (c == '\\') {
      LATHE_TRY(const ClassSets sets, read_escape(false));
      return characters(sets.narrow);
    }
    return characters(CodeSet::one(scan_.take_character()));
  }

  Result<ExprId> read_group(int32_t depth) {
    scan_.skip(1);
    if (scan_.take('?')) {
      if (scan_.peek() == '=' || scan_.peek() == '!') return scan_.fail("look-ahead (?", scan_.peek(), ") is not supported");
      if (scan_.starts_with("<=") || scan_.starts_with("<!")) return scan_.fail("look-behind (?<", scan_.peek(1), ") is not supported");
      if (scan_.starts_with("P=")) return scan_.fail("back-references (?P=name) are not supported");
      if (scan_.take('<') || scan_.take("P<")) {
        while (!scan_.at_end() && scan_.peek() != '>' && scan_.peek() != ')') scan_.skip(1);
        if (!scan_.take('>')) return scan_.fail("expected > after a group's name");
      } else if (!scan_.take(':')) {
        return scan_.fail("(?", scan_.peek(), " is not supported; groups are (...), (?:...) and (?<name>...)");
      }
    }
    LATHE_TRY(const ExprId body, read_choice(depth + 1));
    if (!scan_.take(')')) return scan_.fail("expected )");
    return body;
  }

  Result<ExprId> read_quantifier(ExprId part) {
    if (scan_.take('*')) {
      part = rules_.repeat(part, 0);
    } else if (scan_.take('+')) {
      part = rules_.repeat(part, 1);
    } else if (scan_.take('?')) {
      part = rules_.optional(part);
    } else if (scan_.peek() == '{' && scan_.peek(1) >= '0' && scan_.peek(1) <= '9') {
      scan_.skip(1);
      const int64_t min = scan_.take_number();
      int64_t max = min;
      if (scan_.take(',')) max = scan_.take_number();
      if (!scan_.take('}')) return scan_.fail("expected {m}, {m,} or {m,n}");
      if (min == -2 || max == -2 || min > kMaxRepetition || max > kMaxRepetition) return scan_.fail("more than ", kMaxRepetition, " repetitions");
      if (max >= 0 && max < min) return scan_.fail("{", min, ",", max, "} has the larger number first");
      part = rules_.repeat(part, min, max);
    } else if (scan_.starts_with("{,")) {
      return scan_.fail("{,n} means different things in different places; write {0,n}");
    } else {
      return part;
    }
    if (scan_.take('?')) return part;  // lazy
    if (scan_.peek() == '+') return scan_.fail("possessive quantifiers are not supported");
    if (scan_.peek() == '*' || (scan_.peek() == '{' && scan_.peek(1) >= '0' && scan_.peek(1) <= '9')) return scan_.fail("multiple repeat");
    return part;
  }

  static ClassSets single(char32_t code) { return {CodeSet::one(code), CodeSet::one(code)}; }
  static ClassSets negated(const ClassSets& sets) { return {sets.wide.complement(), sets.narrow.complement()}; }

  Result<ClassSets> read_escape(bool in_class) {
    scan_.skip(1);
    if (scan_.at_end()) return scan_.fail("the pattern ends after a backslash");
    const char32_t c = scan_.take_character();
    int64_t code = -1;
    switch (c) {
      case 'd': return digits();
      case 'w': return words();
      case 's': return spaces();
      case 'D': return negated(digits());
      case 'W': return negated(words());
      case 'S': return negated(spaces());
      case 'n': return single('\n');
      case 't': return single('\t');
      case 'r': return single('\r');
      case 'f': return single('\f');
      case 'v': return single('\v');
      case '0':
        if (scan_.peek() >= '0' && scan_.peek() <= '9') return scan_.fail("octal escapes are not supported");
        return single(0);
      case 'x': code = scan_.take_hex(2); break;
      case 'u':
        if (scan_.take('{')) {
          for (int count = 0; count < 6 && scan_.peek() != '}'; ++count) {
            const int64_t digit = scan_.take_hex(1);
            if (digit < 0) return scan_.fail("\\u{} needs hexadecimal digits");
            code = (code < 0 ? 0 : code * 16) + digit;
          }
          if (!scan_.take('}')) return scan_.fail("\\u{} needs 1 to 6 hexadecimal digits");
        } else {
          code = scan_.take_hex(4);
        }
        break;
      case 'b':
        if (in_class) return single('\b');
        return scan_.fail("word borders \\b are not supported");
      case 'B': return scan_.fail("word borders \\B are not supported");
      case 'k': return scan_.fail("back-references \\k are not supported");
      case 'p': case 'P': return scan_.fail("Unicode properties \\p are not supported");
      default:
        if (c >= '1' && c <= '9') return scan_.fail("back-references \\", static_cast<char>(c), " are not supported");
        if (c < 0x80 && ((c | 0x20) < 'a' || (c | 0x20) > 'z')) return single(c);
        return scan_.fail("unknown escape in the pattern");
    }
    if (!is_scalar(code)) return scan_.fail("\\x and \\u need the hexadecimal digits of a character");
    return single(static_cast<char32_t>(code));
  }

  Result<ExprId> read_class() {
    scan_.skip(1);
    const bool is_negated = scan_.take('^');
    if (scan_.peek() == ']') return scan_.fail("an empty class");
    ClassSets all;
    std::vector<CodeRange> narrow, wide;
    const auto add = [&](const ClassSets& sets) {
      narrow.insert(narrow.end(), sets.narrow.ranges().begin(), sets.narrow.ranges().end());
      wide.insert(wide.end(), sets.wide.ranges().begin(), sets.wide.ranges().end());
    };
    while (!scan_.take(']')) {
      if (scan_.at_end()) return scan_.fail("a class has no closing ]");
      LATHE_TRY(const ClassSets first, read_member());
      if (scan_.peek() != '-' || scan_.peek(1) == ']') {
        add(first);
        continue;
      }
      scan_.skip(1);
      if (scan_.at_end()) return scan_.fail("a class has no closing ]");
      LATHE_TRY(const ClassSets last, read_member());
      const auto is_one = [](const ClassSets& s) { return s.wide.ranges().size() == 1 && s.wide.ranges()[0].first == s.wide.ranges()[0].last; };
      if (!is_one(first) || !is_one(last)) return scan_.fail("a range of a class needs characters at both ends");
      const CodeRange range{first.wide.ranges()[0].first, last.wide.ranges()[0].first};
      if (range.last < range.first) return scan_.fail("a range of a class has the larger character first");
      narrow.push_back(range), wide.push_back(range);
    }
    all = {CodeSet(std::move(narrow)), CodeSet(std::move(wide))};
    return characters(is_negated ? negated(all).narrow : all.narrow);
  }

  Result<ClassSets> read_member() {
    if (scan_.peek() == '\\') return read_escape(true);
    return single(scan_.take_character());
  }

  GrammarRules& rules_;
  GrammarScanner scan_;
  RegexOptions options_;
  ExprId anything_ = -1;
};

}  // namespace

ExprId json_characters(GrammarRules& rules, const CodeSet& set) {
  const CodeSet special({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}});
  std::vector<ExprId> parts;
  if (const CodeSet plain = set.without(special); !plain.empty()) parts.push_back(rules.char_class(plain));
  std::vector<std::string> escapes;
  const CodeSet escaped = set.both(special);
  for (const CodeRange& range : escaped.ranges())
    for (char32_t code = range.first; code <= range.last; ++code) {
      switch (code) {
        case '"': escapes.push_back("\\\""); break;
        case '\\': escapes.push_back("\\\\"); break;
        case '\b': escapes.push_back("\\b"); break;
        case '\t': escapes.push_back("\\t"); break;
        case '\n': escapes.push_back("\\n"); break;
        case '\f': escapes.push_back("\\f"); break;
        case '\r': escapes.push_back("\\r"); break;
        default: escapes.push_back(format_text("\\u%04x", static_cast<unsigned>(code)));
      }
    }
  if (!escapes.empty()) parts.push_back(rules.one_of(escapes));
  return rules.choice(std::move(parts));
}

Result<ExprId> add_regex(GrammarRules& rules, std::string_view pattern, const RegexOptions& options) {
  if (pattern.size() > kMaxGrammarBytes) return error("the pattern has ", pattern.size(), " bytes, more than ", kMaxGrammarBytes);
  if (const int64_t bad = first_invalid_utf8(pattern); bad >= 0) return error_at({}, bad, "the pattern is not valid UTF-8");
  return RegexReader(rules, pattern, options).read();
}

Result<GrammarRules> rules_of_regex(std::string_view pattern) {
  GrammarRules rules;
  const int32_t root = rules.add_rule("root");
  LATHE_TRY(const ExprId body, add_regex(rules, pattern, {}));
  rules.define(root, body);
  return rules;
}

}  // namespace lathe::infer
