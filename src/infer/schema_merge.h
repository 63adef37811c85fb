// JSON schemas that hold at the same time made into one (allOf, a reference with siblings, a schema around anyOf).
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"
#include "core/result.h"

namespace lathe::infer {

// Says nothing about the instances: title, description, default and the like, definitions, extensions (x-...).
bool is_annotation(std::string_view keyword);

// What "#" or "#/a/b" names in root. Errors name the place `at` of the reference.
Result<const Json*> resolve_reference(const Json& root, const std::string& reference, const std::string& at);

// depth: of calls that led here.
// schema with its $ref (and those of what it refers to) put in place. at: JSON pointer for errors.
Result<Json> without_reference(const Json& root, const Json& schema, const std::string& at, int depth = 0);

// The same of a schema that stands beside others: unevaluatedProperties and -Items, which speak of its own alone, are an error.
Result<Json> inner_schema(const Json& root, const Json& schema, const std::string& at, int depth = 0);

// A schema whose instances are those of both. Errors where two keywords cannot be made one.
Result<Json> merge_schemas(const Json& root, const Json& a, const Json& b, const std::string& at, int depth = 0);

}  // namespace lathe::infer
