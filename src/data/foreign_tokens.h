// Token files of other programs as sequence sets (docs/formats/packed.md, "Files of other programs"): llm.c's .bin,
// nanoGPT's .bin and Megatron's .bin with .idx. Read by memory map. They name no tokenizer, so the ids are compared
// with the vocabulary instead; that a file is of the right tokenizer is the user's word.
#pragma once

#include <memory>

#include "core/file.h"
#include "core/result.h"
#include "data/sequence_set.h"

namespace lathe::data {

enum class TokenFileKind {
  kLlmC,      // 256 int32: magic 20240520, version 1, number of tokens; then uint16. Magic 20240801, version 7: uint32
  kNanoGpt,   // uint16 without a header
  kMegatron,  // NAME.bin without a header, NAME.idx with magic MMIDIDX, sequence lengths, offsets, document borders
};

// By the files' content: an .idx of Megatron's beside it, llm.c's magic, else nanoGPT's when the size is even.
Result<TokenFileKind> token_file_kind(const fs::path& bin);

// Sequences of `sequence_length` from all tokens of the file in a row. Every field is checked against the files' sizes
// with overflow-safe arithmetic; a token that is negative or >= vocab_size is an error with its byte.
Result<std::shared_ptr<const SequenceSet>> open_foreign_tokens(const fs::path& bin, int64_t sequence_length,
                                                               int64_t vocab_size);

}  // namespace lathe::data
