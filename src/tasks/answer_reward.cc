#include "tasks/answer_reward.h"

#include "core/check.h"
#include "tasks/task.h"

namespace lathe::tasks {

std::string reference_number(const tokenizer::Conversation& conversation) {
  require(!conversation.messages.empty() && conversation.messages.back().role == tokenizer::Role::kAssistant,
          "[number_reward] the conversation must end with the assistant's answer");
  const auto& content = conversation.messages.back().content;
  const auto* parts = std::get_if<std::vector<tokenizer::Part>>(&content);
  const std::string* own = std::get_if<std::string>(&content);
  return final_number(own != nullptr ? *own : parts->empty() ? "" : parts->back().text);
}

double number_reward(const tokenizer::Conversation& conversation, std::string_view answer) {
  const std::string expected = reference_number(conversation);
  return !expected.empty() && final_number(answer) == expected ? 1.0 : 0.0;
}

}  // namespace lathe::tasks
