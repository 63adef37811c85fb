// The fields of tokenizer.json that make a BPE over characters of it: the LLaMA-2, Mistral (before tekken) and Gemma kinds.
#pragma once

#include <optional>
#include <string>

#include "core/json.h"
#include "core/result.h"
#include "tokenizer/text_bpe_model.h"

namespace lathe::tokenizer {

// Nothing when the file is of another kind; else how blanks are treated, still without tokens and merges. Known are the
// normalisers Prepend and Replace, and the pre-tokenizer Metaspace. Errors name the field.
Result<std::optional<TextBpeSettings>> read_text_form(const Json& file, const std::string& path);

// The same way back.
struct TextForm {
  Json normalizer, pre_tokenizer, decoder;
};
TextForm text_form_of(const TextBpeSettings& settings);

}  // namespace lathe::tokenizer
