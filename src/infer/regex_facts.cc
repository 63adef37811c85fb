#include "infer/regex_facts.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/text.h"
#include "infer/grammar_table.h"
#include "infer/regex_parse.h"

namespace lathe::infer {
namespace {

constexpr int64_t kFar = int64_t{1} << 40;

int64_t times(int64_t a, int64_t b) { return a == 0 || b == 0 ? 0 : a > kFar / b ? kFar : a * b; }

}  // namespace

TextLengths text_lengths(const GrammarRules& rules, ExprId id) {
  const Expr& expr = rules.expr(id);
  TextLengths out;
  switch (expr.kind) {
    case Expr::Kind::kLiteral: out.min = out.max = count_code_points(expr.bytes); break;
    case Expr::Kind::kClass: out.min = out.max = 1; break;
    case Expr::Kind::kSequence:
      for (const ExprId part : expr.parts) {
        const TextLengths of = text_lengths(rules, part);
        out.min = std::min(out.min + of.min, kFar);
        out.max = out.max < 0 || of.max < 0 ? -1 : std::min(out.max + of.max, kFar);
      }
      break;
    case Expr::Kind::kChoice:
      for (size_t i = 0; i < expr.parts.size(); ++i) {
        const TextLengths of = text_lengths(rules, expr.parts[i]);
        out.min = i == 0 ? of.min : std::min(out.min, of.min);
        out.max = out.max < 0 || of.max < 0 ? -1 : std::max(out.max, of.max);
      }
      break;
    case Expr::Kind::kRepeat: {
      const TextLengths of = text_lengths(rules, expr.parts[0]);
      out.min = times(of.min, expr.min);
      out.max = of.max == 0 || expr.max == 0 ? 0 : of.max < 0 || expr.max < 0 ? -1 : times(of.max, expr.max);
      break;
    }
    case Expr::Kind::kCall: require(false, "[text_lengths] an expression with calls");
  }
  return out;
}

Result<bool> regex_finds(std::string_view pattern, std::string_view text) {
  GrammarRules rules;
  const int32_t root = rules.add_rule("pattern");
  LATHE_TRY(const ExprId body, add_regex(rules, pattern, {true, false}));
  rules.define(root, body);
  auto program = compile_program(rules);
  if (!program.ok()) return program.error();
  GrammarTable table(std::move(program).value());
  int32_t state = table.start();
  for (const char byte : text) {
    if (state == kDeadState) return false;
    state = table.next(state, static_cast<uint8_t>(byte));
  }
  return state != kDeadState && table.is_complete(state);
}

}  // namespace lathe::infer
