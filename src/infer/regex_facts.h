// What has to be known of a regular expression before it is used in a schema.
#pragma once

#include <string_view>

#include "infer/grammar_rules.h"

namespace lathe::infer {

struct TextLengths {
  int64_t min = 0, max = 0;  // characters; max -1: no limit
};
// Of the texts of an expression without calls.
TextLengths text_lengths(const GrammarRules& rules, ExprId id);

// Whether the pattern is found in the text, which is valid UTF-8.
Result<bool> regex_finds(std::string_view pattern, std::string_view text);

}  // namespace lathe::infer
