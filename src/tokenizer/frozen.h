// The tokenizer that a lab project trains once and never again: its hash ties every data set, checkpoint and adapter to
// it (rows L-3.16 to L-3.24, trap T1). Every kind of tokenizer can be loaded so; there is one hash, Tokenizer::hash().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "core/result.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {

inline constexpr const char* kTokenizerConfigFile = "tokenizer_config.json";
inline constexpr const char* kSpmFile = "spm.model";
// Title of every error about two hashes that should be one (row L-3.20).
inline constexpr const char* kMismatchTitle = "Tokenizer mismatch between datasets";

struct FrozenTokenizer {
  Tokenizer tokenizer;
  fs::path path;           // the file it was read from
  std::string hash;        // 64 hex digits, computed from the files at this load, never read from a record
  std::string created_by;  // as its record says: "lathe 0.1.0, 2026-11-21 16:10:00"; empty when nothing says
  // Ids that settings of generation use; from the tokenizer, never from a config (row L-3.16). Absent: it has none.
  std::optional<int32_t> unk, bos, eos, pad;
};

// A folder, or any file in it (row L-3.24): spm.model, tokenizer.json, tokenizer_config.json ... There is no default.
// Error when the folder's record (tokenizer_config.json, manifest.json) states another hash than its files have.
Result<FrozenTokenizer> load_frozen(const fs::path& folder_or_file);

// The id of text that no token spells; nothing where every text has tokens.
std::optional<int32_t> find_unk(const Tokenizer& tokenizer);
// The token that ends a text: </s>, <|endoftext|> and their like, a SentencePiece model's own.
std::optional<int32_t> find_end_of_text(const Tokenizer& tokenizer);

// Something made with a tokenizer, with the hash that its own record states.
struct TokenizerUse {
  std::string path;        // of the data set, checkpoint, adapter; or of the tokenizer itself
  std::string hash;        // empty: its record states none, which is a mismatch too
  std::string created_by;  // program and time, as recorded
  std::string repack;      // the command that makes it anew; empty: the packer's, with `path` as output
};

// The record of a tokenizer as loaded now: what the records of others are compared with.
TokenizerUse use_of(const FrozenTokenizer& tokenizer);

// Ok when all hashes are the same. Else the error of row L-3.20: its title, a table path, hash, created by, and the
// command that repairs each odd one out: those that differ from the most frequent hash, of equally frequent ones from
// that which comes first; so put use_of(tokenizer) first. Nothing turns this check off (row L-3.21).
Status check_same(const std::vector<TokenizerUse>& uses);

// Writes <folder>/tokenizer_config.json: sha256_hash, the special-token map and the ids above, then `details` (training
// settings, library version, corpus). The folder must hold the tokenizer's file by then.
Status write_tokenizer_config(const fs::path& folder, const Tokenizer& tokenizer, const std::string& created_by,
                              const Json& details);

// Folders below `roots` whose JSON files name the hash, without `own`: data sets, checkpoints and adapters that depend
// on the tokenizer (row L-1.29). Sorted; unreadable folders are passed over.
std::vector<fs::path> find_dependants(const std::vector<fs::path>& roots, const std::string& hash, const fs::path& own);

}  // namespace lathe::tokenizer
