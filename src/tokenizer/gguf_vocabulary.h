// The tokenizer inside a GGUF file, as plain vectors (the file itself is the tensor room's): tokenizer.ggml.model "llama"
// (SentencePiece BPE), "t5" (SentencePiece unigram) and "gpt2" (byte-level BPE whose split tokenizer.ggml.pre names).
// docs/formats/gguf.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {

struct GgufVocabulary {
  std::string model;                 // "llama", "t5" or "gpt2"
  std::string pre;                   // of "gpt2": the split
  std::vector<std::string> tokens;   // by id, as the file writes them
  std::vector<float> scores;         // empty, or one a token; SentencePiece only
  std::vector<int32_t> types;        // empty, or one a token: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte
  std::vector<std::string> merges;   // "left right" by rank; "gpt2" only
  std::optional<int32_t> bos, eos, unknown, padding;
  bool add_space_prefix = true;      // SentencePiece: a blank is put before a text
  bool remove_extra_whitespaces = false;
  std::string charsmap;              // SentencePiece's table of normalisation; empty: none
  // Writing: what llama.cpp does otherwise than this tokenizer, for people.
  std::vector<std::string> remarks;
};

// Error (naming what is wrong, `path` for messages) where the vocabulary is damaged, or asks for what is not known here.
Result<Tokenizer> tokenizer_from_gguf(const GgufVocabulary& vocabulary, const std::string& path);

// With `size` tokens, those above the tokenizer's filled up as unused. Error with the reason where llama.cpp has no tokenizer of
// this kind: characters, a split whose name it does not know, normalised text.
Result<GgufVocabulary> tokenizer_to_gguf(const Tokenizer& tokenizer, int64_t size);

}  // namespace lathe::tokenizer
