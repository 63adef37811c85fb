// The samples of the stages after base training: what the model answers to a few fixed prompts, greedily, as it learns.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "data/conversation_packer.h"
#include "data/preference_pair.h"
#include "model/transformer.h"
#include "tokenizer/tokenizer.h"

namespace lathe::cli {

// Tokens as text, without special ones; of a long text its end.
std::string plain_text(const tokenizer::Tokenizer& tokenizer, std::span<const int32_t> ids);

// One line a prompt: its text, an arrow, the answer. A prompt that leaves the context no room is left out. stop_ids: of the
// conversation's template, where it is not the chat family's.
Result<std::vector<std::string>> answer_lines(model::Transformer& model, const tokenizer::Tokenizer& tokenizer,
                                              const std::vector<std::vector<int32_t>>& prompts, std::vector<int32_t> stop_ids = {});

// The first prompts of a set: of each conversation all that comes before the assistant's first word. One that has no answer is
// passed over.
Result<std::vector<std::vector<int32_t>>> first_prompts(data::ConversationSource& set);
std::vector<std::vector<int32_t>> first_prompts(const std::vector<data::EncodedPair>& pairs);

}  // namespace lathe::cli
