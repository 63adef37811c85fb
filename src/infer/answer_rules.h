// What every answer of one model and tokenizer obeys, however it is computed: which tokens end it, how long it may get, what the
// calculator reads and writes.
#pragma once

#include <optional>
#include <span>

#include "core/result.h"
#include "infer/language_model.h"
#include "tasks/tool_machine.h"
#include "tokenizer/tokenizer.h"

namespace lathe::infer {

// Immutable; any thread. The model must outlive it.
class AnswerRules {
 public:
  // Special tokens are taken by name; those that the tokenizer lacks never occur.
  AnswerRules(const LanguageModel& model, const tokenizer::Tokenizer& tokenizer);

  int64_t vocab_size() const { return vocab_size_; }  // ids that both the model and the tokenizer know: these are drawn
  const tokenizer::Tokenizer& tokenizer() const { return tokenizer_; }
  tasks::ToolMachine tool_machine(tasks::CalculatorMode mode) const { return {tool_tokens_, tool_text_, mode}; }
  // assistant_end, BOS or one of these ids.
  bool is_terminal(int32_t token, std::span<const int32_t> stop_ids) const;
  std::vector<int32_t> terminals(std::span<const int32_t> stop_ids) const;  // below vocab_size(), ascending, each once

  // Not empty, ids of the model's vocabulary.
  Status check_ids(std::span<const int32_t> prompt) const;
  // At most the model's positions (row C-10.25).
  Status check_length(int64_t prompt_length) const;
  // Positions that a prompt and its answer take at most: without max_tokens the trained length (row C-10.24). The last token of an
  // answer takes none, so an answer has at most one token more than is left.
  int64_t positions(int64_t prompt_length, std::optional<int64_t> max_tokens) const;
  int64_t most_tokens(int64_t prompt_length, std::optional<int64_t> max_tokens) const;

 private:
  const LanguageModel& model_;
  tokenizer::Tokenizer tokenizer_;
  tasks::ToolTokens tool_tokens_;
  tasks::ToolText tool_text_;
  int64_t vocab_size_;
};

}  // namespace lathe::infer
