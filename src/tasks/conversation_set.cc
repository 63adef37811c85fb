#include "tasks/conversation_set.h"

namespace lathe::tasks {

using tokenizer::Role;

Status check_turns(const tokenizer::Conversation& conversation) {
  const auto& messages = conversation.messages;
  const size_t first = !messages.empty() && messages[0].role == Role::kSystem ? 1 : 0;
  if (messages.size() < first + 2) return error("has ", messages.size() - first, " message(s) of user and assistant; at least two are needed");
  for (size_t i = 0; i < messages.size(); ++i) {
    const Role expected = i < first ? Role::kSystem : (i - first) % 2 == 0 ? Role::kUser : Role::kAssistant;
    if (messages[i].role != expected)
      return error("message ", i, " is the ", tokenizer::role_name(messages[i].role), "'s; ", tokenizer::role_name(expected), " was to follow");
    if (messages[i].role != Role::kAssistant && !std::holds_alternative<std::string>(messages[i].content))
      return error("message ", i, " of the ", tokenizer::role_name(messages[i].role), " is no text");
  }
  return {};
}

}  // namespace lathe::tasks
