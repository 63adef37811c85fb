#include "infer/grammar_rules.h"

#include <algorithm>

namespace lathe::infer {
namespace {

constexpr int64_t kMaxCost = int64_t{1} << 40;

bool is_ascii(const CodeSet& set) { return set.empty() || set.ranges().back().last < 0x80; }

// The character that begins at text[at] of valid UTF-8.
size_t character_length(std::string_view text, size_t at) {
  size_t end = at + 1;
  while (end < text.size() && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) ++end;
  return end - at;
}

}  // namespace

ExprId GrammarRules::add(Expr expr) {
  entries_ += 1 + static_cast<int64_t>(expr.parts.size() + expr.bytes.size() / 16 + expr.set.ranges().size() / 8);
  if (entries_ > kMaxGrammarExpressions) {
    overflow_ = true;
    if (!exprs_.empty()) return 0;
    expr = {};
  }
  deepest_ = std::max(deepest_, expr.depth);
  expr.cost = std::min(expr.cost, kMaxCost);
  exprs_.push_back(std::move(expr));
  return static_cast<ExprId>(exprs_.size() - 1);
}

Status GrammarRules::within_bounds() const {
  if (overflow_) return error("the grammar is too large: more than ", kMaxGrammarExpressions, " expressions");
  if (deepest_ > kMaxExpressionDepth) return error("the grammar nests more than ", kMaxExpressionDepth, " levels");
  return {};
}

ExprId GrammarRules::literal(std::string_view text) {
  if (text.empty()) return empty();
  Expr expr;
  expr.kind = Expr::Kind::kLiteral;
  expr.bytes = text;
  expr.cost = static_cast<int64_t>(text.size());
  return add(std::move(expr));
}

ExprId GrammarRules::char_class(CodeSet set) {
  Expr expr;
  expr.kind = Expr::Kind::kClass;
  expr.cost = is_ascii(set) ? 1 : 16;
  expr.set = std::move(set);
  return add(std::move(expr));
}

ExprId GrammarRules::group(Expr::Kind kind, std::vector<ExprId> parts) {
  if (parts.size() == 1) return parts[0];
  Expr expr;
  expr.kind = kind;
  for (const ExprId part : parts) {
    expr.depth = std::max(expr.depth, this->expr(part).depth + 1);
    expr.cost += this->expr(part).cost;
  }
  expr.parts = std::move(parts);
  return add(std::move(expr));
}

ExprId GrammarRules::repeat(ExprId part, int64_t min, int64_t max) {
  Expr expr;
  expr.kind = Expr::Kind::kRepeat;
  expr.depth = this->expr(part).depth + 1;
  expr.cost = std::min(this->expr(part).cost, kMaxCost / (kMaxRepetition + 1)) * (std::max(min, max) + 1) + 2;
  expr.parts = {part};
  expr.min = min, expr.max = max;
  return add(std::move(expr));
}

ExprId GrammarRules::call(int32_t rule) {
  Expr expr;
  expr.kind = Expr::Kind::kCall;
  expr.rule = rule;
  return add(std::move(expr));
}

// texts: sorted, distinct, equal in [0, from).
ExprId GrammarRules::suffixes(std::span<const std::string> texts, size_t from) {
  size_t end = texts[0].size();  // of what all of them share
  if (texts.size() > 1) {
    const std::string &first = texts.front(), &last = texts.back();
    end = from;
    while (end < first.size() && end < last.size() && first[end] == last[end]) ++end;
    while (end > from && end < last.size() && (static_cast<uint8_t>(last[end]) & 0xC0) == 0x80) --end;
  }
  const std::string shared = texts[0].substr(from, end - from);
  if (texts.size() == 1) return literal(shared);
  std::vector<ExprId> branches;
  size_t begin = 0;
  if (texts[0].size() == end) {
    branches.push_back(empty());
    begin = 1;
  }
  while (begin < texts.size()) {
    const std::string_view character = std::string_view(texts[begin]).substr(end, character_length(texts[begin], end));
    size_t next = begin + 1;
    while (next < texts.size() && texts[next].compare(end, character.size(), character) == 0) ++next;
    branches.push_back(suffixes(texts.subspan(begin, next - begin), end));
    begin = next;
  }
  const ExprId rest = choice(std::move(branches));
  return shared.empty() ? rest : sequence({literal(shared), rest});
}

ExprId GrammarRules::one_of(std::span<const std::string> texts) {
  if (texts.empty()) return never();
  std::vector<std::string> sorted(texts.begin(), texts.end());
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  return suffixes(sorted, 0);
}

int32_t GrammarRules::add_rule(std::string name) {
  rules_.push_back({std::move(name), -1});
  return static_cast<int32_t>(rules_.size() - 1);
}

}  // namespace lathe::infer
