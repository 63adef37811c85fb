#include "tasks/answer_reward.h"

#include "core/check.h"
#include "tasks/task.h"

namespace lathe::tasks {

double number_reward(const tokenizer::Conversation& conversation, std::string_view answer) {
  require(!conversation.messages.empty() && conversation.messages.back().role == tokenizer::Role::kAssistant,
          "[number_reward] the conversation must end with the assistant's answer");
  const auto& content = conversation.messages.back().content;
  const auto* parts = std::get_if<std::vector<tokenizer::Part>>(&content);
  const std::string* own = std::get_if<std::string>(&content);
  const std::string expected = final_number(own != nullptr ? *own : parts->empty() ? "" : parts->back().text);
  return !expected.empty() && final_number(answer) == expected ? 1.0 : 0.0;
}

}  // namespace lathe::tasks
