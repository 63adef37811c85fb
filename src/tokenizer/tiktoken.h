// tiktoken's public encodings and its file forms: rank files (a line is a token in base64, a blank and its rank) and
// the vocabulary of GPT-2 (encoder.json with vocab.bpe, which Hugging Face names vocab.json and merges.txt).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "tokenizer/bpe_model.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {

struct TiktokenEncoding {
  std::string_view name;    // "cl100k_base"
  std::string_view split;   // name of its split pattern
  std::string_view sha256;  // of its published rank file; empty: it has none of its own
  std::vector<AddedToken> special_tokens;
};

// gpt2, r50k_base, p50k_base, p50k_edit, cl100k_base, o200k_base (as in tiktoken 0.14).
const std::vector<TiktokenEncoding>& tiktoken_encodings();
const TiktokenEncoding* find_tiktoken_encoding(std::string_view name);  // null when there is none

// The tokens of a rank file, ranks ascending from 0. Ranks may be left out only for the ids in `gaps` (p50k has its
// special token between the others). Errors name the byte.
Result<std::vector<std::string>> parse_ranks(std::string_view text, const std::string& path,
                                             const std::vector<AddedToken>& gaps = {});

// A public encoding from its rank file, whose SHA-256 must be the published one.
Result<Tokenizer> load_tiktoken(const TiktokenEncoding& encoding, const fs::path& path);
// A rank file NAME.tiktoken or NAME.tiktoken.zst. `split` null: that of the public encoding NAME with its special tokens
// and its published content, else the chat family's with its special tokens. A `split` that is given makes ordinary
// tokens of all ranks, without special tokens.
Result<Tokenizer> load_ranks(const fs::path& path, const SplitPattern* split = nullptr);
// True for the names that load_ranks reads.
bool is_rank_file(const fs::path& path);
// The same as load_tiktoken with text that need not be the published file: for ranks cut short.
Result<Tokenizer> tiktoken_from_ranks(const TiktokenEncoding& encoding, std::string_view text, const std::string& path);

// GPT-2's tokens by id, without <|endoftext|>, which must follow them (other models' files of these names have other
// split patterns). Each merge must lead to the id 256 plus its line.
Result<std::vector<std::string>> read_gpt2_tokens(const fs::path& vocabulary, const fs::path& merges);

// The rank file of a tokenizer; error when a rank file cannot say what it does (merges of their own, a normaliser,
// another kind of model). Special tokens and the split pattern are not in a rank file.
Result<std::string> to_tiktoken_ranks(const Tokenizer& tokenizer);

}  // namespace lathe::tokenizer
