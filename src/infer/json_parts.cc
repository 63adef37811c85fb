#include "infer/json_parts.h"

#include <algorithm>

#include "infer/json_schema.h"
#include "tokenizer/utf8.h"

namespace lathe::infer {
namespace {

constexpr size_t kMaxExcludedKey = 300;  // bytes; keys that begin with more of a declared name than this are left out
constexpr int32_t kDeep = 200;           // an expression that gets a rule of its own

CodeSet plain_characters() { return CodeSet({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}}).complement(); }

}  // namespace

ExprId JsonParts::rule(std::string name, ExprId body) {
  const int32_t id = rules_.add_rule(std::move(name));
  rules_.define(id, body);
  return rules_.call(id);
}

template <class F>
ExprId JsonParts::once(const std::string& name, F&& body) {
  const auto [it, is_new] = made_.try_emplace(name, -1);
  if (is_new) {
    it->second = rules_.add_rule("(" + name + ")");
    const int32_t id = it->second;  // the body may make others
    rules_.define(id, body());
    return rules_.call(id);
  }
  return rules_.call(it->second);
}

ExprId JsonParts::spaces() {
  return once("blanks", [&] { return rules_.repeat(rules_.char_class(CodeSet({{' ', ' '}, {'\t', '\n'}, {'\r', '\r'}})), 0, kMaxJsonSpaces); });
}

ExprId JsonParts::colon() { return rules_.sequence({spaces(), rules_.literal(":"), spaces()}); }
ExprId JsonParts::comma() { return rules_.sequence({spaces(), rules_.literal(","), spaces()}); }

ExprId JsonParts::character() {
  const auto hex = [&](std::vector<CodeRange> ranges) { return rules_.char_class(CodeSet(std::move(ranges))); };
  const auto any = [&](int64_t count) { return rules_.repeat(hex({{'0', '9'}, {'a', 'f'}, {'A', 'F'}}), count, count); };
  // \u names one character: no half of a surrogate pair without the other.
  const ExprId unicode = rules_.choice({
      rules_.sequence({hex({{'0', '9'}, {'a', 'c'}, {'A', 'C'}, {'e', 'f'}, {'E', 'F'}}), any(3)}),
      rules_.sequence({hex({{'d', 'd'}, {'D', 'D'}}),
                       rules_.choice({rules_.sequence({hex({{'0', '7'}}), any(2)}),
                                      rules_.sequence({hex({{'8', '9'}, {'a', 'b'}, {'A', 'B'}}), any(2), rules_.literal("\\u"), hex({{'d', 'd'}, {'D', 'D'}}),
                                                       hex({{'c', 'f'}, {'C', 'F'}}), any(2)})})}),
  });
  std::vector<CodeRange> simple;
  for (const char c : std::string_view("\"\\/bfnrt")) simple.push_back({static_cast<char32_t>(c), static_cast<char32_t>(c)});
  const ExprId escape = rules_.sequence({rules_.literal("\\"), rules_.choice({rules_.char_class(CodeSet(std::move(simple))), rules_.sequence({rules_.literal("u"), unicode})})});
  return rules_.choice({rules_.char_class(plain_characters()), escape});
}

ExprId JsonParts::text(int64_t min_length, int64_t max_length) {
  return once("string " + std::to_string(min_length) + " " + std::to_string(max_length), [&] {
    return rules_.sequence({rules_.literal("\""), rules_.repeat(character(), min_length, max_length), rules_.literal("\"")});
  });
}

ExprId JsonParts::integer() {
  return once("integer", [&] {
    const ExprId digits = rules_.sequence({rules_.char_class(CodeSet({{'1', '9'}})), rules_.repeat(rules_.char_class(CodeSet({{'0', '9'}})), 0)});
    return rules_.choice({rules_.literal("0"), rules_.sequence({rules_.optional(rules_.literal("-")), digits})});
  });
}

ExprId JsonParts::number() {
  return once("number", [&] {
    const ExprId digit = rules_.char_class(CodeSet({{'0', '9'}}));
    const ExprId digits = rules_.repeat(digit, 1);
    const ExprId whole = rules_.choice({rules_.literal("0"), rules_.sequence({rules_.char_class(CodeSet({{'1', '9'}})), rules_.repeat(digit, 0)})});
    const ExprId fraction = rules_.optional(rules_.sequence({rules_.literal("."), digits}));
    const ExprId sign = rules_.optional(rules_.char_class(CodeSet({{'+', '+'}, {'-', '-'}})));
    const ExprId exponent = rules_.optional(rules_.sequence({rules_.char_class(CodeSet({{'e', 'e'}, {'E', 'E'}})), sign, rules_.repeat(digit, 1, 2)}));
    return rules_.sequence({rules_.optional(rules_.literal("-")), whole, fraction, exponent});
  });
}

ExprId JsonParts::value() {
  return once("value", [&] {
    const ExprId any = rules_.call(made_.at("value"));
    const ExprId member = rules_.sequence({text(0, -1), colon(), any});
    return rules_.choice({object({}, member, false, -1), array({}, any, 0, -1), text(0, -1), number(), rules_.literal("true"), rules_.literal("false"),
                          rules_.literal("null")});
  });
}

// names: sorted, distinct, equal in [0, from). What may follow so that the key is none of them.
ExprId JsonParts::key_from(std::span<const std::string> names, size_t from) {
  if (from > kMaxExcludedKey) return rules_.never();
  std::vector<ExprId> parts;
  if (names[0].size() == from)
    names = names.subspan(1);
  else
    parts.push_back(rules_.empty());
  CodeSet others = plain_characters();
  while (!names.empty()) {
    const tokenizer::CodePoint code = tokenizer::read_code_point(names[0], from);
    size_t count = 1;
    while (count < names.size() && names[count].compare(from, code.length, names[0], from, code.length) == 0) ++count;
    if (others.contains(code.value)) {
      others = others.without(CodeSet::one(code.value));
      parts.push_back(rules_.sequence({rules_.char_class(CodeSet::one(code.value)), key_from(names.first(count), from + code.length)}));
    }
    names = names.subspan(count);
  }
  parts.push_back(rules_.sequence({rules_.char_class(others), rules_.repeat(rules_.char_class(plain_characters()), 0)}));
  return rules_.choice(std::move(parts));
}

ExprId JsonParts::key_beside(std::span<const std::string> names) {
  if (names.empty()) return text(0, -1);
  std::vector<std::string> sorted(names.begin(), names.end());
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  return rules_.sequence({rules_.literal("\""), key_from(sorted, 0), rules_.literal("\"")});
}

ExprId JsonParts::constant(const Json& value) {
  const bool is_array = value.is_array();
  if ((!is_array && !value.is_object()) || value.size() == 0) return rules_.literal(value.dump());
  std::vector<ExprId> parts = {rules_.literal(is_array ? "[" : "{"), spaces()};
  for (size_t i = 0; i < value.size(); ++i) {
    if (i > 0) parts.push_back(comma());
    if (!is_array) {
      parts.push_back(rules_.literal(Json(value.as_object()[i].first).dump()));
      parts.push_back(colon());
    }
    parts.push_back(constant(is_array ? value.at(i) : value.as_object()[i].second));
  }
  parts.push_back(spaces());
  parts.push_back(rules_.literal(is_array ? "]" : "}"));
  return rules_.sequence(std::move(parts));
}

ExprId JsonParts::array(const std::vector<ExprId>& first, ExprId rest, int64_t min, int64_t max) {
  const ExprId open = rules_.literal("["), close = rules_.literal("]");
  const ExprId nothing = rules_.sequence({open, spaces(), close});
  if (max == 0) return min == 0 ? nothing : rules_.never();
  const auto count = static_cast<int64_t>(first.size());
  const auto after = [&](int64_t k) {  // any number of the rest, when there are k >= 1 items
    return rules_.repeat(rules_.sequence({comma(), rest}), std::max<int64_t>(min - k, 0), max < 0 ? -1 : std::max<int64_t>(max - k, 0));
  };
  ExprId body;
  if (count == 0) {
    body = rules_.sequence({rest, after(1)});
  } else {
    ExprId tail = max >= 0 && count >= max ? rules_.empty() : after(count);
    for (int64_t i = count - 1; i >= 1; --i) {
      if (max >= 0 && i >= max) continue;
      tail = rules_.sequence({comma(), first[static_cast<size_t>(i)], tail});
      if (i >= min) tail = rules_.optional(tail);
      if (rules_.expr(tail).depth > kDeep) tail = rule("(items)", tail);
    }
    body = rules_.sequence({first[0], tail});
  }
  const ExprId filled = rules_.sequence({open, spaces(), body, spaces(), close});
  return min > 0 ? filled : rules_.choice({filled, nothing});
}

ExprId JsonParts::object(const std::vector<JsonProperty>& properties, std::optional<ExprId> extra, bool not_empty, int64_t extra_max) {
  if (extra_max == 0) extra.reset();
  if (extra) extra = rule("(member)", *extra);
  const auto extras = [&](int64_t before) {
    return rules_.repeat(rules_.sequence({comma(), *extra}), 0, extra_max < 0 ? -1 : extra_max - before);
  };
  std::vector<ExprId> heads;
  bool may_be_empty = true;
  // tail: what may follow a member that comes before property i, from the last to the first.
  ExprId tail = extra ? rule("(more)", extras(0)) : rules_.empty();
  std::vector<ExprId> tails(properties.size() + 1, tail), members(properties.size());
  for (size_t i = properties.size(); i-- > 0;) {
    members[i] = rule("(member)", properties[i].member);
    const ExprId next = rules_.sequence({comma(), members[i]});
    tails[i] = rule("(more)", rules_.sequence({properties[i].is_required ? next : rules_.optional(next), tails[i + 1]}));
  }
  for (size_t i = 0; i < properties.size() && may_be_empty; ++i) {
    heads.push_back(rules_.sequence({members[i], tails[i + 1]}));
    may_be_empty = !properties[i].is_required;
  }
  if (may_be_empty && extra) heads.push_back(rules_.sequence({*extra, extras(1)}));
  const ExprId open = rules_.literal("{"), close = rules_.literal("}");
  const ExprId filled = rules_.sequence({open, spaces(), rules_.choice(std::move(heads)), spaces(), close});
  if (!may_be_empty || not_empty) return filled;
  return rules_.choice({filled, rules_.sequence({open, spaces(), close})});
}

}  // namespace lathe::infer
