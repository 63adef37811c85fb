// Regular expressions as JSON Schema's "pattern" (ECMA-262) and Python's re share them. What the two read differently is read so that
// both accept what comes out: . is no line break, \d \w \s are ASCII, their negations leave out all that either counts to them. Lazy
// quantifiers say nothing about a language and are read as greedy ones. Look-around, back-references, \b, flags, possessive
// quantifiers and \p are refused by name.
#pragma once

#include <string_view>

#include "infer/grammar_rules.h"

namespace lathe::infer {

struct RegexOptions {
  bool search = false;          // matches anywhere unless ^ and $ say otherwise (JSON Schema); else the whole text
  bool in_json_string = false;  // characters are written as in a JSON string, escaped in the usual way where they must be
};

// Errors carry the byte offset in the pattern.
Result<ExprId> add_regex(GrammarRules& rules, std::string_view pattern, const RegexOptions& options);
Result<GrammarRules> rules_of_regex(std::string_view pattern);

// One character of the set inside a JSON string, escaped where it must be.
ExprId json_characters(GrammarRules& rules, const CodeSet& set);

}  // namespace lathe::infer
