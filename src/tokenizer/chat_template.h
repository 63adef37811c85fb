// The one table of chat templates (rows L-7.1 to L-7.7, L-7.16, L-7.17): conversations to ids and loss mask, prompts,
// stop tokens. Corpus preparation, training, evaluation and serving all come through here.
//   chat           the chat family's own markers (rows C-2.23 to C-2.30; tokenizer/render.h does the work)
//   chatml         the lab's: a line break before <|im_end|>;  chatml_strict: the common form, without it
//   instruct       ### Instruction: / ### Response:
//   human          Human: / Assistant: (the lab's "chat", whose name the chat family has here)
//   alpaca         the published Stanford Alpaca prompt, with and without an input
// and those of other programs' models, by the texts that were published with them:
//   llama3, llama3.1, mistral ([INST] as tokens), mistral_v1 ([INST] as text), llama2, gemma, zephyr, hermes and qwen2.5 (ChatML with tools)
// Every text between two markers is encoded by itself, so what a user types can neither become a marker nor move the
// mask, and a prompt has the same tokens as the conversation that begins with it, whatever the tokenizer.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "tokenizer/conversation.h"
#include "tokenizer/render.h"
#include "tokenizer/template_turns.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {

enum class LossOn { kAssistant, kAll };

class ChatTemplate {
 public:
  // An unknown name is an error that lists the known ones.
  static Result<ChatTemplate> find(std::string_view name);
  // The same in the lab's vocabulary, where "chat" is Human: / Assistant: (row L-7.1).
  static Result<ChatTemplate> find_lab(std::string_view name);
  static const std::vector<std::string>& names();      // our own, for training
  static const std::vector<std::string>& all_names();  // with other programs'

  const std::string& name() const { return name_; }
  int version() const { return 1; }  // recorded in manifests; a change of any byte raises it

  // Special tokens that must be single tokens of the tokenizer (row L-1.44); the error names the missing ones.
  Status check(const Tokenizer& tokenizer) const;
  // Their names, for training rows of their own (row L-7.24): "<|im_start|>", "<|im_end|>"; none for plain-text templates.
  std::vector<std::string> markers() const;

  // Mask 1: the assistant's text and the stop token behind it. Built from the spans as they are encoded, never by
  // searching. Not cut: max_tokens is the caller's business (row L-7.13). Errors: those of check and of check_order, and
  // tool calls in any template but "chat".
  Result<Rendered> render(const Tokenizer& tokenizer, const Conversation& conversation,
                          LossOn loss_on = LossOn::kAssistant) const;
  // Everything up to and including the assistant's header: a prefix, token by token, of the rendered conversation
  // (row L-7.6). The conversation ends with the user's message.
  Result<std::vector<int32_t>> prompt(const Tokenizer& tokenizer, const Conversation& conversation) const;
  // The same of a conversation with tools, in any order of roles (whoever serves takes what clients send). Tools are described in the
  // template's own notation where it has one, else in the system's words in that of hermes; a system message without a turn of its
  // own is put before a user's message. Errors: those of check; no message; one that has no place, by its index.
  Result<std::vector<int32_t>> prompt(const Tokenizer& tokenizer, std::span<const TemplateTurn> turns, const TurnOptions& options = {}) const;
  bool has_system_turn() const;
  ToolNotation tool_notation() const;
  // Any of these ends the answer (row L-7.5): the end marker and the tokenizer's token at the end of a text (a tokenizer
  // with <|bos|> alone: that). Of a tokenizer that passes check().
  std::vector<int32_t> stop_ids(const Tokenizer& tokenizer) const;
  // The template in Hugging Face's language, for files that leave: the same text, but for the inputs of alpaca and tool calls.
  std::string jinja() const;
  // The answer as it is shown, stored and scored: without the line break that stands before the stop token.
  std::string shown(std::string answer) const;

  // What a template in that language is, by its markers; it is never executed. name: where this table has it (ours), else the
  // common word ("phi3"), empty where it is not known.
  struct Recognised {
    std::string name;
    bool ours = false;
  };
  static Recognised recognise(std::string_view jinja);

  struct Layout;  // a row of the table

 private:
  explicit ChatTemplate(const Layout& layout);
  Result<Rendered> write(const Tokenizer& tokenizer, const Conversation& conversation, bool prompt) const;
  Result<Rendered> write_framed(const Tokenizer& tokenizer, const Conversation& conversation, bool prompt) const;

  std::string name_;
  const Layout* layout_;
};

}  // namespace lathe::tokenizer
