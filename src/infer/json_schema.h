// JSON Schema (2020-12, and draft 4 to 7 where they only spell differently) as a grammar of JSON texts. Every text of the grammar is an
// instance of the schema; not every instance is a text of it: properties come in the order of the schema, none that "properties" does
// not name unless additionalProperties says so, between the parts of objects and arrays stand at most kMaxJsonSpaces blanks.
// docs/serving.md lists what is supported; all else is an error that names the keyword's JSON pointer.
#pragma once

#include "core/json.h"
#include "infer/grammar_rules.h"

namespace lathe::infer {

inline constexpr int64_t kMaxJsonSpaces = 20;  // of " ", "\n", "\t", "\r"; a weak model cannot fill its answer with blanks

Result<GrammarRules> rules_of_json_schema(const Json& schema);

}  // namespace lathe::infer
