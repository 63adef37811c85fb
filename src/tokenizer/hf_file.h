// Hugging Face's tokenizer.json (rows C-2.20, C-2.21): byte-level BPE of the GPT-2, LLaMA-3, Qwen and Mistral (tekken)
// kinds, and the BPE over characters of the LLaMA-2 and older Mistral kinds. What a file asks for and this program
// would do otherwise is refused by the name of its field; the post-processor is not read, because encoding adds no
// special tokens (row C-2.20).
#pragma once

#include <string>

#include "core/json.h"
#include "core/result.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {

// True for a tokenizer.json of that library, whatever it holds.
bool is_hugging_face(const Json& file);

// `path` is for messages. Ids, merges, split pattern, normaliser and added tokens are the file's. A merge list that
// says no more than the ids do (as files made from rank files have it) becomes tiktoken's rule, so that the hash is the
// same.
Result<Tokenizer> from_hugging_face(const Json& file, const std::string& path);

// The same tokenizer for that library: all merges by rank, added tokens found in any text. Error for another kind of
// model, and for tokens that its text form cannot hold.
Result<Json> to_hugging_face(const Tokenizer& tokenizer);

}  // namespace lathe::tokenizer
