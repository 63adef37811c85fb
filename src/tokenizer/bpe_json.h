// The lists of tokens and merges in lathe's tokenizer.json (docs/formats/tokenizer.md), common to the kinds of BPE.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace lathe::tokenizer {

// "tokens": base64 by id, null for an id that no token has (an empty string here).
Result<std::vector<std::string>> tokens_from_json(const Json& file, const std::string& path);
// Pairs of ids by rank.
Result<std::vector<std::pair<int32_t, int32_t>>> merges_from_json(const Json& list, const std::string& path);
Json merges_to_json(const std::vector<std::pair<int32_t, int32_t>>& merges);

}  // namespace lathe::tokenizer
