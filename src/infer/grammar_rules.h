// What every notation of a grammar (EBNF, regular expression, JSON schema) is read into: rules whose bodies are expressions over
// characters. Expressions live in one table and are named by their index, so that no shape of a source can exhaust the call stack.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "infer/code_set.h"

namespace lathe::infer {

// Bounds of what is compiled (trap S7: past them there is an error, never no constraint).
inline constexpr size_t kMaxGrammarBytes = 256 * 1024;     // of the source
inline constexpr int32_t kMaxGrammarNesting = 100;         // of the source's brackets and schemas
inline constexpr int32_t kMaxExpressionDepth = 1000;       // of the expression read from it
inline constexpr int64_t kMaxGrammarExpressions = 500'000;
inline constexpr int64_t kMaxRepetition = 20'000;          // n of {m,n}

using ExprId = int32_t;

struct Expr {
  enum class Kind : uint8_t { kLiteral, kClass, kSequence, kChoice, kRepeat, kCall };
  Kind kind = Kind::kSequence;
  std::string bytes;            // kLiteral: valid UTF-8
  CodeSet set;                  // kClass
  std::vector<ExprId> parts;    // kSequence (none: the empty text), kChoice (none: nothing at all); kRepeat: one
  int32_t rule = -1;            // kCall
  int64_t min = 0, max = -1;    // kRepeat; -1: no limit
  int32_t depth = 1;
  int64_t cost = 1;             // about the number of automaton nodes, saturated
};

class GrammarRules {
 public:
  ExprId empty() { return sequence({}); }
  ExprId never() { return choice({}); }
  ExprId literal(std::string_view text);
  ExprId char_class(CodeSet set);
  ExprId sequence(std::vector<ExprId> parts) { return group(Expr::Kind::kSequence, std::move(parts)); }
  ExprId choice(std::vector<ExprId> parts) { return group(Expr::Kind::kChoice, std::move(parts)); }
  ExprId repeat(ExprId part, int64_t min, int64_t max = -1);
  ExprId optional(ExprId part) { return repeat(part, 0, 1); }
  ExprId call(int32_t rule);
  // One of these texts: equal beginnings are shared, so that thousands cost no more than their bytes.
  ExprId one_of(std::span<const std::string> texts);

  int32_t add_rule(std::string name);  // its body follows by define(); it has none until then
  void define(int32_t rule, ExprId body) { rules_[static_cast<size_t>(rule)].body = body; }
  int32_t root = 0;

  struct Rule {
    std::string name;
    ExprId body = -1;
  };
  const std::vector<Rule>& rules() const { return rules_; }
  const Expr& expr(ExprId id) const { return exprs_[static_cast<size_t>(id)]; }
  // Whether a bound was passed on the way; the expressions are then not whole.
  Status within_bounds() const;

 private:
  ExprId add(Expr expr);
  ExprId group(Expr::Kind kind, std::vector<ExprId> parts);
  ExprId suffixes(std::span<const std::string> texts, size_t from);
  std::vector<Expr> exprs_;
  std::vector<Rule> rules_;
  int64_t entries_ = 0;
  int32_t deepest_ = 0;
  bool overflow_ = false;
};

}  // namespace lathe::infer
