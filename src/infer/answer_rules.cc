#include "infer/answer_rules.h"

#include <algorithm>

namespace lathe::infer {
namespace {

tasks::ToolTokens find_tool_tokens(const tokenizer::Tokenizer& tokenizer) {
  const auto id = [&](const char* name) { return tokenizer.find_special(name).value_or(-1); };
  tasks::ToolTokens tokens;
  tokens.bos = tokenizer.find_bos().value_or(-1);
  tokens.assistant_end = id(tokenizer::kAssistantEnd);
  tokens.python_start = id(tokenizer::kPythonStart);
  tokens.python_end = id(tokenizer::kPythonEnd);
  tokens.output_start = id(tokenizer::kOutputStart);
  tokens.output_end = id(tokenizer::kOutputEnd);
  return tokens;
}

}  // namespace

AnswerRules::AnswerRules(const LanguageModel& model, const tokenizer::Tokenizer& tokenizer)
    : model_(model), tokenizer_(tokenizer), tool_tokens_(find_tool_tokens(tokenizer)),
      vocab_size_(std::min(model.vocab_size(), tokenizer.vocab_size())) {
  tool_text_.decode = [t = tokenizer_](const std::vector<int32_t>& ids) { return t.decode(ids); };
  tool_text_.encode = [t = tokenizer_](std::string_view text) { return t.encode(text); };
}

bool AnswerRules::is_terminal(int32_t token, std::span<const int32_t> stop_ids) const {
  return token == tool_tokens_.assistant_end || token == tool_tokens_.bos ||
         std::find(stop_ids.begin(), stop_ids.end(), token) != stop_ids.end();
}

std::vector<int32_t> AnswerRules::terminals(std::span<const int32_t> stop_ids) const {
  std::vector<int32_t> ids(stop_ids.begin(), stop_ids.end());
  ids.push_back(tool_tokens_.assistant_end);
  ids.push_back(tool_tokens_.bos);
  std::erase_if(ids, [&](int32_t id) { return id < 0 || id >= vocab_size_; });
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

Status AnswerRules::check_ids(std::span<const int32_t> prompt) const {
  if (prompt.empty()) return error("the prompt holds no token");
  for (const int32_t id : prompt)
    if (id < 0 || id >= model_.vocab_size())
      return error("token ", id, " of the prompt is outside the vocabulary of ", model_.vocab_size());
  return {};
}

Status AnswerRules::check_length(int64_t prompt_length) const {
  if (prompt_length > model_.context_limit())
    return error("the text has ", prompt_length, " tokens, more than the ", model_.context_limit(), " positions of the model; shorten it");
  return {};
}

int64_t AnswerRules::positions(int64_t prompt_length, std::optional<int64_t> max_tokens) const {
  if (!max_tokens) return std::max(prompt_length, std::min(model_.sequence_len(), model_.context_limit()));
  return prompt_length + std::min(*max_tokens, model_.context_limit() - prompt_length);
}

int64_t AnswerRules::most_tokens(int64_t prompt_length, std::optional<int64_t> max_tokens) const {
  const int64_t room = positions(prompt_length, max_tokens) - prompt_length + 1;
  return max_tokens ? std::min(room, *max_tokens) : room;
}

}  // namespace lathe::infer
