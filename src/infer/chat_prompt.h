// The tokens of a chat, as chat and server put them together (rows C-11.4, C-11.14). User and assistant text is plain:
// names of special tokens inside it never become special tokens.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "tokenizer/conversation.h"
#include "tokenizer/tokenizer.h"

namespace lathe::infer {

struct ChatTokens {
  int32_t bos, user_start, user_end, assistant_start, assistant_end;
  // An error for a tokenizer without the chat markers.
  static Result<ChatTokens> of(const tokenizer::Tokenizer& tokenizer);
};

struct ChatMessage {
  tokenizer::Role role = tokenizer::Role::kUser;  // user or assistant
  std::string text;
};

// user_start, text, user_end, assistant_start
void append_user_turn(const tokenizer::Tokenizer& tokenizer, const ChatTokens& tokens, std::string_view text,
                      std::vector<int32_t>& ids);

// BOS, every message between its markers, assistant_start.
std::vector<int32_t> chat_prompt(const tokenizer::Tokenizer& tokenizer, const ChatTokens& tokens,
                                 const std::vector<ChatMessage>& messages);

}  // namespace lathe::infer
