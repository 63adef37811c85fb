#include "infer/grammar_program.h"

#include <algorithm>
#include <map>
#include <utility>

namespace lathe::infer {
namespace {

constexpr int64_t kInline = 2048;  // nodes that copies of a part may take before it becomes a rule of its own
constexpr int64_t kChunk = 32;     // repetitions that are told apart within one run; see Builder::counted

// Thompson's construction, and what makes it an automaton to run. A fragment only adds edges out of `from` and into `to`.
class Builder {
 public:
  Builder(const GrammarRules& rules, const CodeSet* spellable) : rules_(rules), spellable_(spellable) {}

  Result<GrammarProgram> build() {
    const size_t count = rules_.rules().size();
    for (size_t i = 0; i < count; ++i) new_rule();
    for (size_t i = 0; i < count; ++i) {
      const GrammarRules::Rule& rule = rules_.rules()[i];
      if (rule.body < 0) return error("rule ", rule.name, " is used and not defined");
      add(rule.body, out_.starts[i], ends_[i]);
      if (overflow_) return error("the grammar is too large: rule ", rule.name, " takes it over ", kMaxProgramNodes, " states");
    }
    out_.root = rules_.root;
    LATHE_TRY_STATUS(trim());
    skip_nullable();
    mark_tails();
    LATHE_TRY_STATUS(sort_rules());
    find_byte_classes();
    return std::move(out_);
  }

 private:
  using Node = GrammarProgram::Node;

  int32_t new_node() {
    if (static_cast<int64_t>(out_.nodes.size()) >= kMaxProgramNodes) {
      overflow_ = true;
      return 0;
    }
    out_.nodes.emplace_back();
    return static_cast<int32_t>(out_.nodes.size() - 1);
  }
  int32_t new_rule() {
    out_.starts.push_back(new_node());
    ends_.push_back(new_node());
    out_.nodes[static_cast<size_t>(ends_.back())].ends = true;
    return static_cast<int32_t>(out_.starts.size() - 1);
  }
  Node& node(int32_t id) { return out_.nodes[static_cast<size_t>(id)]; }
  void silent(int32_t from, int32_t to) { node(from).silent.push_back(to); }
  void call(int32_t rule, int32_t from, int32_t to) { node(from).calls.push_back({rule, to, false}); }

  // {rule}: a rule whose body is part, min to max times.
  int32_t rule_of(ExprId part, int64_t min, int64_t max) {
    const auto [it, is_new] = own_rules_.try_emplace({part, {min, max}}, -1);
    if (!is_new) return it->second;
    const int32_t rule = new_rule();
    it->second = rule;
    repeat(part, min, max, out_.starts[static_cast<size_t>(rule)], ends_[static_cast<size_t>(rule)]);
    return rule;
  }

  void add(ExprId id, int32_t from, int32_t to) {
    if (overflow_) return;
    const Expr& expr = rules_.expr(id);
    switch (expr.kind) {
      case Expr::Kind::kLiteral: add_literal(expr.bytes, from, to); break;
      case Expr::Kind::kClass: add_class(expr.set, from, to); break;
      case Expr::Kind::kSequence: {
        int32_t at = from;
        for (size_t i = 0; i < expr.parts.size(); ++i) {
          const int32_t next = i + 1 == expr.parts.size() ? to : new_node();
          add(expr.parts[i], at, next);
          at = next;
        }
        if (expr.parts.empty()) silent(from, to);
        break;
      }
      case Expr::Kind::kChoice:
        for (const ExprId part : expr.parts) add(part, from, to);
        break;
      case Expr::Kind::kRepeat: repeat(expr.parts[0], expr.min, expr.max, from, to); break;
      case Expr::Kind::kCall: call(expr.rule, from, to); break;
    }
  }

  void add_literal(const std::string& bytes, int32_t from, int32_t to) {
    if (spellable_ != nullptr)
      for (size_t at = 0; at < bytes.size();) {
        size_t length = 1;
        while (at + length < bytes.size() && (static_cast<uint8_t>(bytes[at + length]) & 0xC0) == 0x80) ++length;
        char32_t code = static_cast<uint8_t>(bytes[at]);
        if (length > 1) code &= (char32_t{0x7F} >> length);
        for (size_t i = 1; i < length; ++i) code = code << 6 | (static_cast<uint8_t>(bytes[at + i]) & 0x3F);
        if (!spellable_->contains(code)) return;
        at += length;
      }
    for (size_t i = 0; i < bytes.size(); ++i) {
      const int32_t next = i + 1 == bytes.size() ? to : new_node();
      const uint8_t byte = static_cast<uint8_t>(bytes[i]);
      node(from).bytes.push_back({byte, byte, next});
      from = next;
    }
  }

  // Ends that many sequences share (continuation bytes) become one chain.
  void add_class(const CodeSet& set, int32_t from, int32_t to) {
    std::map<std::pair<int32_t, std::pair<uint8_t, uint8_t>>, int32_t> chains;  // (target, range) -> the node before it
    for (const std::vector<ByteRange>& sequence : utf8_sequences(spellable_ == nullptr ? set : set.both(*spellable_))) {
      int32_t target = to;
      for (size_t i = sequence.size(); i-- > 1;) {
        const auto [it, is_new] = chains.try_emplace({target, {sequence[i].first, sequence[i].last}}, -1);
        if (is_new) {
          it->second = new_node();
          node(it->second).bytes.push_back({sequence[i].first, sequence[i].last, target});
        }
        target = it->second;
      }
      node(from).bytes.push_back({sequence[0].first, sequence[0].last, target});
    }
  }

  void repeat(ExprId part, int64_t min, int64_t max, int32_t from, int32_t to) {
    const int64_t copies = std::max(min, max), cost = rules_.expr(part).cost;
    if (copies > kChunk + 1 && cost <= kInline / kChunk) {
      counted(part, min, max, from, to);
    } else if (copies > 4 && cost * copies > kInline) {
      const int32_t rule = rule_of(part, 1, 1);
      plain(min, max, from, to, [&](int32_t a, int32_t b) { call(rule, a, b); });
    } else {
      plain(min, max, from, to, [&](int32_t a, int32_t b) { add(part, a, b); });
    }
  }

  template <class F>
  void plain(int64_t min, int64_t max, int32_t from, int32_t to, F&& one) {
    for (int64_t i = 0; i < min && !overflow_; ++i) {
      const int32_t next = i + 1 == min && max == min ? to : new_node();
      one(from, next);
      from = next;
    }
    if (max < 0) {
      const int32_t loop = new_node(), after = new_node();
      silent(from, loop), silent(loop, to), silent(after, loop);
      one(loop, after);
      return;
    }
    if (max == min) {
      if (min == 0) silent(from, to);
      return;
    }
    for (int64_t i = min; i < max && !overflow_; ++i) {
      const int32_t next = i + 1 == max ? to : new_node();
      silent(from, to);
      one(from, next);
      from = next;
    }
  }

  // Long counts are runs of kChunk: one rule is a whole run, another the last run that may end early. Their nodes are the same
  // wherever in the count they are called from, so that masks of long counts are shared, too.
  void counted(ExprId part, int64_t min, int64_t max, int32_t from, int32_t to) {
    const int32_t whole = rule_of(part, kChunk, kChunk);
    const auto exactly = [&](int64_t count, int32_t a, int32_t b) {
      for (int64_t i = 0; i < count / kChunk && !overflow_; ++i) {
        const int32_t next = (i + 1) * kChunk == count ? b : new_node();
        call(whole, a, next);
        a = next;
      }
      if (count == 0)
        silent(a, b);
      else if (count % kChunk != 0)
        repeat(part, count % kChunk, count % kChunk, a, b);
    };
    if (max == min) return exactly(min, from, to);
    int32_t middle = from;
    if (min > 0) exactly(min, from, middle = new_node());
    if (max < 0) return repeat(part, 0, -1, middle, to);
    int64_t left = max - min;
    if (left >= kChunk) {
      const int32_t partial = rule_of(part, 0, kChunk - 1);
      for (; left >= kChunk && !overflow_; left -= kChunk) {
        call(partial, middle, to);
        const int32_t next = new_node();
        call(whole, middle, next);
        middle = next;
      }
    }
    repeat(part, 0, left, middle, to);
  }

  // Keeps edges from which their rule's end can be reached, rules alike.
  Status trim() {
    const size_t count = out_.nodes.size();
    // Backward edges; those of calls wait until the rule is known to end.
    std::vector<std::vector<int32_t>> before(count);
    std::vector<std::vector<std::pair<int32_t, int32_t>>> waiting(out_.starts.size());  // by rule: (from, to)
    for (size_t i = 0; i < count; ++i) {
      const auto from = static_cast<int32_t>(i);
      for (const auto& edge : out_.nodes[i].bytes) before[static_cast<size_t>(edge.target)].push_back(from);
      for (const int32_t target : out_.nodes[i].silent) before[static_cast<size_t>(target)].push_back(from);
      for (const auto& edge : out_.nodes[i].calls) waiting[static_cast<size_t>(edge.rule)].push_back({from, edge.target});
    }
    std::vector<int32_t> rule_of_start(count, -1);
    for (size_t rule = 0; rule < out_.starts.size(); ++rule) rule_of_start[static_cast<size_t>(out_.starts[rule])] = static_cast<int32_t>(rule);
    std::vector<uint8_t> live(count, 0), rule_lives(out_.starts.size(), 0);
    std::vector<int32_t> work;
    const auto reach = [&](int32_t id) {
      if (!std::exchange(live[static_cast<size_t>(id)], uint8_t{1})) work.push_back(id);
    };
    for (const int32_t end : ends_) reach(end);
    while (!work.empty()) {
      const int32_t id = work.back();
      work.pop_back();
      for (const int32_t from : before[static_cast<size_t>(id)]) reach(from);
      const int32_t rule = rule_of_start[static_cast<size_t>(id)];
      if (rule < 0) continue;
      rule_lives[static_cast<size_t>(rule)] = 1;
      for (const auto& [from, to] : waiting[static_cast<size_t>(rule)]) {
        before[static_cast<size_t>(to)].push_back(from);
        if (live[static_cast<size_t>(to)]) reach(from);
      }
    }
    if (!live[static_cast<size_t>(out_.starts[static_cast<size_t>(out_.root)])])
      return error("no text belongs to the grammar", spellable_ == nullptr ? "" : " that the vocabulary can write");
    const auto dead = [&](int32_t id) { return !live[static_cast<size_t>(id)]; };
    for (size_t i = 0; i < count; ++i) {
      std::erase_if(out_.nodes[i].bytes, [&](const auto& edge) { return dead(edge.target); });
      std::erase_if(out_.nodes[i].calls, [&](const auto& edge) { return dead(edge.target) || !rule_lives[static_cast<size_t>(edge.rule)]; });
      std::erase_if(out_.nodes[i].silent, dead);
    }
    return {};
  }

  // A call of a rule that the empty text belongs to may be stepped over.
  void skip_nullable() {
    std::vector<uint8_t> nullable(out_.starts.size(), 0), seen(out_.nodes.size(), 0);
    std::vector<std::vector<std::pair<int32_t, int32_t>>> callers(out_.starts.size());
    std::vector<int32_t> rule_of_node(out_.nodes.size(), -1), work;
    for (size_t rule = 0; rule < out_.starts.size(); ++rule) {
      seen[static_cast<size_t>(out_.starts[rule])] = 1;
      rule_of_node[static_cast<size_t>(out_.starts[rule])] = static_cast<int32_t>(rule);
      work.push_back(out_.starts[rule]);
    }
    const auto reach = [&](int32_t from, int32_t to) {
      if (std::exchange(seen[static_cast<size_t>(to)], uint8_t{1})) return;
      rule_of_node[static_cast<size_t>(to)] = rule_of_node[static_cast<size_t>(from)];
      work.push_back(to);
    };
    while (!work.empty()) {
      const int32_t id = work.back();
      work.pop_back();
      const int32_t rule = rule_of_node[static_cast<size_t>(id)];
      for (const int32_t to : node(id).silent) reach(id, to);
      for (const auto& edge : node(id).calls) {
        callers[static_cast<size_t>(edge.rule)].push_back({id, edge.target});
        if (nullable[static_cast<size_t>(edge.rule)]) reach(id, edge.target);
      }
      if (node(id).ends && !std::exchange(nullable[static_cast<size_t>(rule)], uint8_t{1}))
        for (const auto& [from, to] : callers[static_cast<size_t>(rule)]) reach(from, to);
    }
    for (size_t i = 0; i < out_.nodes.size(); ++i)
      for (const auto& edge : out_.nodes[i].calls)
        if (nullable[static_cast<size_t>(edge.rule)]) out_.nodes[i].silent.push_back(edge.target);
    out_.root_is_nullable = nullable[static_cast<size_t>(out_.root)] != 0;
  }

  // What silent edges lead to from a node, itself included; at most `most` of it.
  std::vector<int32_t> closure(int32_t from, std::vector<int32_t>& mark, size_t most) {
    std::vector<int32_t> out = {from};
    mark[static_cast<size_t>(from)] = ++marks_;
    for (size_t i = 0; i < out.size() && out.size() < most; ++i)
      for (const int32_t to : node(out[i]).silent)
        if (std::exchange(mark[static_cast<size_t>(to)], marks_) != marks_) out.push_back(to);
    return out;
  }

  void mark_tails() {
    constexpr size_t kFew = 16;
    std::vector<int32_t> mark(out_.nodes.size(), 0);
    for (Node& n : out_.nodes)
      for (auto& edge : n.calls) {
        const std::vector<int32_t> after = closure(edge.target, mark, kFew);
        edge.is_tail = after.size() < kFew && std::all_of(after.begin(), after.end(), [&](int32_t id) { return node(id).bytes.empty() && node(id).calls.empty(); });
      }
  }

  // Callers before those they call without a byte in between; a circle is left recursion.
  Status sort_rules() {
    const size_t count = out_.starts.size();
    std::vector<std::vector<int32_t>> first_calls(count);
    std::vector<int32_t> mark(out_.nodes.size(), 0);
    for (size_t rule = 0; rule < count; ++rule)
      for (const int32_t id : closure(out_.starts[rule], mark, out_.nodes.size() + 1))
        for (const auto& edge : node(id).calls) first_calls[rule].push_back(edge.rule);
    std::vector<uint8_t> state(count, 0);  // 1: on the path, 2: done
    std::vector<std::pair<int32_t, size_t>> path;
    for (size_t rule = 0; rule < count; ++rule) {
      if (state[rule] != 0) continue;
      state[rule] = 1;
      path.assign(1, {static_cast<int32_t>(rule), 0});
      while (!path.empty()) {
        auto& [at, next] = path.back();
        const std::vector<int32_t>& calls = first_calls[static_cast<size_t>(at)];
        if (next == calls.size()) {
          state[static_cast<size_t>(at)] = 2;
          out_.order.push_back(at);
          path.pop_back();
          continue;
        }
        const int32_t callee = calls[next++];
        if (state[static_cast<size_t>(callee)] == 1) return left_recursion(callee, path);
        if (state[static_cast<size_t>(callee)] == 0) {
          state[static_cast<size_t>(callee)] = 1;
          path.push_back({callee, 0});
        }
      }
    }
    std::reverse(out_.order.begin(), out_.order.end());
    out_.place.resize(count);
    for (size_t i = 0; i < count; ++i) out_.place[static_cast<size_t>(out_.order[i])] = static_cast<int32_t>(i);
    return {};
  }

  Error left_recursion(int32_t rule, const std::vector<std::pair<int32_t, size_t>>& path) const {
    std::string circle;
    const auto name = [&](int32_t id) {
      return static_cast<size_t>(id) < rules_.rules().size() ? rules_.rules()[static_cast<size_t>(id)].name : std::string("(...)");
    };
    bool inside = false;
    for (const auto& step : path) {
      inside |= step.first == rule;
      if (inside && circle.size() < 200) circle += name(step.first) + " -> ";
    }
    return error("left recursion: ", circle, name(rule), "; let each rule begin with something else than itself (a ::= b (\",\" b)*)");
  }

  void find_byte_classes() {
    std::array<bool, 257> border{};
    border[0] = true;
    for (const Node& n : out_.nodes)
      for (const auto& edge : n.bytes) border[edge.first] = true, border[size_t{edge.last} + 1] = true;
    for (size_t byte = 0; byte < 256; ++byte) {
      if (border[byte]) out_.class_byte.push_back(static_cast<uint8_t>(byte));
      out_.byte_class[byte] = static_cast<uint8_t>(out_.class_byte.size() - 1);
    }
  }

  const GrammarRules& rules_;
  const CodeSet* spellable_;
  GrammarProgram out_;
  std::vector<int32_t> ends_;                 // by rule
  std::map<std::pair<ExprId, std::pair<int64_t, int64_t>>, int32_t> own_rules_;
  int32_t marks_ = 0;
  bool overflow_ = false;
};

}  // namespace

Result<GrammarProgram> compile_program(const GrammarRules& rules, const CodeSet* spellable) {
  LATHE_TRY_STATUS(rules.within_bounds());
  return Builder(rules, spellable).build();
}

}  // namespace lathe::infer
