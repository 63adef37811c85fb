// Reading and writing tokenizer files; docs/formats/tokenizer.md describes tokenizer.json.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/token_model.h"

namespace lathe::tokenizer {

inline constexpr const char* kTokenizerFile = "tokenizer.json";

class Tokenizer;

struct TokenizerParts {
  fs::path path;  // the file that was read
  std::shared_ptr<const TokenModel> model;
  std::vector<AddedToken> added;
  std::string hash;  // as the file states it; empty when it states none
};

// What every error about a file that is there ends with.
inline constexpr const char* kTokenizerRemedy = "; put a whole copy back, or train it again: lathe tokenizer train";

// What Tokenizer::load describes.
// A missing file is an error that names the path and the command that makes it.
Result<TokenizerParts> read_tokenizer(const fs::path& file_or_folder);

// The content of lathe's tokenizer.json.
Json tokenizer_json(const Tokenizer& tokenizer);

Status write_tokenizer(const fs::path& folder, const TokenModel& model, const std::vector<AddedToken>& added,
                       const std::string& hash);

}  // namespace lathe::tokenizer
