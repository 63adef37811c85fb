#include "infer/chat_prompt.h"

#include "core/check.h"

namespace lathe::infer {
namespace {

void append_text(const tokenizer::Tokenizer& tokenizer, std::string_view text, std::vector<int32_t>& ids) {
  const std::vector<int32_t> encoded = tokenizer.encode(text);
  ids.insert(ids.end(), encoded.begin(), encoded.end());
}

}  // namespace

Result<ChatTokens> ChatTokens::of(const tokenizer::Tokenizer& tokenizer) {
  for (const char* name : {tokenizer::kBos, tokenizer::kUserStart, tokenizer::kUserEnd, tokenizer::kAssistantStart,
                           tokenizer::kAssistantEnd})
    if (!(std::string_view(name) == tokenizer::kBos ? tokenizer.find_bos() : tokenizer.find_special(name)))
      return error("the tokenizer has no ", name,
                   " token, so it cannot mark the turns of a chat; use one made by \"lathe tokenizer train\"");
  return ChatTokens{tokenizer.bos_id(), tokenizer.special_id(tokenizer::kUserStart),
                    tokenizer.special_id(tokenizer::kUserEnd), tokenizer.special_id(tokenizer::kAssistantStart),
                    tokenizer.special_id(tokenizer::kAssistantEnd)};
}

void append_user_turn(const tokenizer::Tokenizer& tokenizer, const ChatTokens& tokens, std::string_view text,
                      std::vector<int32_t>& ids) {
  ids.push_back(tokens.user_start);
  append_text(tokenizer, text, ids);
  ids.push_back(tokens.user_end);
  ids.push_back(tokens.assistant_start);
}

std::vector<int32_t> chat_prompt(const tokenizer::Tokenizer& tokenizer, const ChatTokens& tokens,
                                 const std::vector<ChatMessage>& messages) {
  std::vector<int32_t> ids = {tokens.bos};
  for (const ChatMessage& message : messages) {
    require(message.role != tokenizer::Role::kSystem, "[chat_prompt] the chat has no place for a system message");
    const bool user = message.role == tokenizer::Role::kUser;
    ids.push_back(user ? tokens.user_start : tokens.assistant_start);
    append_text(tokenizer, message.text, ids);
    ids.push_back(user ? tokens.user_end : tokens.assistant_end);
  }
  ids.push_back(tokens.assistant_start);
  return ids;
}

}  // namespace lathe::infer
