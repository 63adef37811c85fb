// The one table of chat templates (rows L-7.1 to L-7.7, L-7.16, L-7.17): conversations to ids and loss mask, prompts, stop tokens.
// Corpus preparation, training, evaluation and serving all come through here.
//   chat          the chat family's own markers (rows C-2.23 to C-2.30; tokenizer/render.h does the work)
//   chatml        the lab's: a line break before <|im_end|>;  chatml_strict: the common form, without it
//   instruct, human (the lab's "chat"), alpaca
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "tokenizer/conversation.h"
#include "tokenizer/render.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {

enum class LossOn { kAssistant, kAll };

class ChatTemplate {
 public:
  // An unknown name is an error that lists the known ones.
  static Result<ChatTemplate> find(std::string_view name);
  static const std::vector<std::string>& names();

  const std::string& name() const { return name_; }
  int version() const { return 1; }  // recorded in manifests; a change of any byte raises it

  // Special tokens that must be single tokens of the tokenizer (row L-1.44); the error names the missing ones.
  Status check(const Tokenizer& tokenizer) const;

  // Mask 1: the assistant's text and the stop token behind it. Built from the spans as they are encoded, never by
  // searching. Not cut: max_tokens is the caller's business (row L-7.13).
  Result<Rendered> render(const Tokenizer& tokenizer, const Conversation& conversation, LossOn loss_on = LossOn::kAssistant) const;
  // Everything up to and including the assistant's header: a prefix, token by token, of the rendered conversation (row L-7.6).
  // The conversation ends with the user's message.
  Result<std::vector<int32_t>> prompt(const Tokenizer& tokenizer, const Conversation& conversation) const;
  // Any of these ends the answer (row L-7.5).
  std::vector<int32_t> stop_ids(const Tokenizer& tokenizer) const;
  // The answer as it is shown, stored and scored: without the line break that stands before the stop token.
  std::string shown(std::string answer) const;

 private:
  enum class Form;
  ChatTemplate(std::string name, Form form) : name_(std::move(name)), form_(form) {}
  std::string name_;
  Form form_;
};

}  // namespace lathe::tokenizer
