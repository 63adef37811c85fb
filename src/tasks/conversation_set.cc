#include "tasks/conversation_set.h"

namespace lathe::tasks {

Status check_turns(const tokenizer::Conversation& conversation) {
  const auto& messages = conversation.messages;
  LATHE_TRY_STATUS(tokenizer::check_order(messages));
  const size_t system = messages[0].role == tokenizer::Role::kSystem ? 1 : 0;
  if (messages.size() < system + 2) return error("has ", messages.size() - system, " message of user and assistant; at least two are needed");
  return {};
}

}  // namespace lathe::tasks
