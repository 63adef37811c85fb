// A split step by a regular expression.
#pragma once

#include <memory>
#include <string>

#include "core/result.h"
#include "tokenizer/foreign_split.h"

namespace lathe::tokenizer {

// What becomes of a match (with `invert`: of what is between matches); the rest is pieces. tokenizer.json's names.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

Result<std::unique_ptr<SplitStep>> make_regex_step(const std::string& regex, SplitBehavior behavior, bool invert);

// The expression that matches this text alone.
std::string quoted_regex(std::string_view text);

}  // namespace lathe::tokenizer
