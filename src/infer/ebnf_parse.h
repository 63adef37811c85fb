// GBNF, the notation of grammars that llama.cpp and XGrammar read: `name ::= body`, texts in quotes, classes in brackets, (), |, ?, *,
// +, {m}, {m,}, {m,n}, . for any character, # comments. Texts match from the rule `root`. A rule goes on until the next `name ::=`.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "infer/grammar_rules.h"

namespace lathe::infer {

// Errors carry the byte offset in the source.
Result<GrammarRules> rules_of_ebnf(std::string_view source);

// One of the texts; at least one, none empty, each valid UTF-8.
Result<GrammarRules> rules_of_choice(std::span<const std::string> texts);

}  // namespace lathe::infer
