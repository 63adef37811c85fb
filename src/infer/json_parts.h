// The building blocks of JSON texts, each made once per grammar.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "infer/grammar_rules.h"

namespace lathe::infer {

struct JsonProperty {
  ExprId member;  // "name": value
  bool is_required = false;
};

class JsonParts {
 public:
  explicit JsonParts(GrammarRules& rules) : rules_(rules) {}

  ExprId value();    // any JSON value
  ExprId integer();  // no exponent, no "-0"
  ExprId number();   // an exponent of at most two digits: every reader's double holds it
  ExprId text(int64_t min_length, int64_t max_length);  // a string of so many characters; -1: no limit
  // A string that is none of these, written without escapes where there are any.
  ExprId key_beside(std::span<const std::string> names);
  ExprId colon();
  ExprId constant(const Json& value);
  // first[i] at place i, then rest; max -1: no limit.
  ExprId array(const std::vector<ExprId>& first, ExprId rest, int64_t min, int64_t max);
  // The properties in this order, then members of `extra`, at most extra_max (-1: any number).
  ExprId object(const std::vector<JsonProperty>& properties, std::optional<ExprId> extra, bool not_empty, int64_t extra_max);

 private:
  template <class F>
  ExprId once(const std::string& name, F&& body);
  ExprId rule(std::string name, ExprId body);
  ExprId spaces();
  ExprId comma();
  ExprId character();
  ExprId key_from(std::span<const std::string> names, size_t from);

  GrammarRules& rules_;
  std::map<std::string, int32_t> made_;
};

}  // namespace lathe::infer
