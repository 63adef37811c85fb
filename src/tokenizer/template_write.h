// Turns as a row of the table writes them; for chat_template.cc.
#pragma once

#include <span>

#include "core/result.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/template_turns.h"

namespace lathe::tokenizer {

// Mask 1: what the assistant says, with the token that ends its turn. header: that of an answer at the end.
Result<Rendered> write_turns(const ChatTemplate::Layout& row, const Tokenizer& tokenizer, std::span<const TemplateTurn> turns,
                             const TurnOptions& options, bool header);

}  // namespace lathe::tokenizer
