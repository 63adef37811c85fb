// The merges that tiktoken's rule implies, as tokenizer.json files made from rank files list them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace lathe::tokenizer {

// All pairs of tokens whose joined bytes are a token: by the id of the result, then of the left, then of the right
// token. tokens[id] are bytes, empty for a gap.
std::vector<std::pair<int32_t, int32_t>> merges_of_ranks(const std::vector<std::string>& tokens);

}  // namespace lathe::tokenizer
