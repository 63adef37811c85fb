// Reading and writing tokenizer files; docs/formats/tokenizer.md describes tokenizer.json.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "tokenizer/token_model.h"

namespace lathe::tokenizer {

inline constexpr const char* kTokenizerFile = "tokenizer.json";

struct TokenizerParts {
  fs::path path;  // the file that was read
  std::shared_ptr<const TokenModel> model;
  std::vector<std::string> special_tokens;
  std::string hash;  // as the file states it; empty when it states none
};

// What every error about a file that is there ends with.
inline constexpr const char* kTokenizerRemedy = "; put a whole copy back, or train it again: lathe tokenizer train";

// A folder that holds tokenizer.json (else the chat origin's tokenizer.pkl), such a file, or a *.tiktoken rank file.
// A missing file is an error that names the path and the command that makes it.
Result<TokenizerParts> read_tokenizer(const fs::path& file_or_folder);

Status write_tokenizer(const fs::path& folder, const TokenModel& model, const std::vector<std::string>& special_tokens,
                       const std::string& hash);

}  // namespace lathe::tokenizer
