// The chat origin's tokenizer.pkl: a pickled tiktoken encoding (row C-2.12), read without executing anything.
#pragma once

#include <string>
#include <vector>

#include "core/file.h"
#include "core/result.h"

namespace lathe::tokenizer {

inline constexpr const char* kPickleFile = "tokenizer.pkl";

struct TiktokenPickle {
  std::string pattern;
  std::vector<std::string> tokens;          // by rank
  std::vector<std::string> special_tokens;  // in the order of their ids, which follow the ranks
};

Result<TiktokenPickle> read_tiktoken_pickle(const fs::path& path);

}  // namespace lathe::tokenizer
