// SentencePiece models in the form of Hugging Face's tokenizer.json.
#pragma once

#include "core/json.h"
#include "core/result.h"
#include "tokenizer/spm_model.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {

// Unigram as that library's Unigram, BPE with the merges that the scores imply; user-defined pieces become added words.
// Error when the model normalises text: that library has no equal of it.
Result<Json> spm_to_hugging_face(const Tokenizer& tokenizer, const SpmModel& model);

}  // namespace lathe::tokenizer
