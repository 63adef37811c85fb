// Conversations as the model that is served reads and writes them: its template, its stop tokens, its way to call tools (row L-10.7).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/tokenizer.h"

namespace lathe::infer {

struct ToolCall {
  std::string id;         // "call_..."
  std::string name;
  std::string arguments;  // JSON text of an object
};

struct ChatTurn {
  std::string role;  // "system", "user", "assistant", "tool"
  std::string text;
  std::vector<ToolCall> tool_calls{};  // of the assistant
  std::string tool_call_id{};          // of a tool's answer
};

struct ToolDefinition {
  std::string name, description;
  Json parameters;  // JSON Schema; null: none
};

struct ChatPrompt {
  std::vector<int32_t> ids;
  std::vector<int32_t> stop_ids;
};

// A copyable value; any thread.
class ChatFormat {
 public:
  // name: of tokenizer/chat_template.h's table. Errors: unknown, or the tokenizer lacks its markers.
  static Result<ChatFormat> find(std::string_view name, const tokenizer::Tokenizer& tokenizer);

  const std::string& name() const { return template_.name(); }
  const tokenizer::ChatTemplate& chat_template() const { return template_; }
  // A turn of its own for a system message; where there is none, it is put before the user's message that follows it, as the chat
  // origin does, and one that none follows is refused.
  bool has_system() const { return template_.has_system_turn(); }

  // ... up to the assistant's header; with continues the last turn is the assistant's and is left open. Errors say which turn and why.
  // Texts never become special tokens.
  Result<ChatPrompt> prompt(std::span<const ChatTurn> turns, std::span<const ToolDefinition> tools = {}, bool continues = false) const;
  std::vector<int32_t> stop_ids() const { return template_.stop_ids(tokenizer_); }

  // What forces a call of one of the tools, or of the one named `only` (tool_choice required, or a function): the schema of
  // {"name", "arguments"} for GrammarCompiler::json_schema. Such an answer is read by a Reader with is_call. Errors: `only` is none of them.
  static Result<Json> call_schema(std::span<const ToolDefinition> tools, std::string_view only = {});

  // Splits an answer as it comes into text that is shown and tool calls.
  class Reader;

 private:
  ChatFormat(tokenizer::ChatTemplate form, tokenizer::Tokenizer tokenizer) : template_(std::move(form)), tokenizer_(std::move(tokenizer)) {}

  tokenizer::ChatTemplate template_;
  tokenizer::Tokenizer tokenizer_;
};

// One answer; one thread. However the answer is cut into pieces, the text and the calls are the same. What is no well-formed call of a
// known tool is text. Blank space beside a call is dropped, and what may become a call is held back.
class ChatFormat::Reader {
 public:
  struct Options {
    std::vector<std::string> tools;       // names of those that may be called; empty: everything is text
    std::function<std::string()> new_id;  // of each call
    bool is_call = false;                 // the whole answer is one call (call_schema)
  };
  struct Read {
    std::string text;
    std::vector<ToolCall> calls;
  };
  Reader(const ChatFormat& format, Options options);
  Reader(const ChatFormat& format, std::span<const ToolDefinition> tools, std::function<std::string()> new_id, bool is_call = false);

  Read push(std::string_view piece);
  Read finish();  // the answer has ended
  bool has_called() const { return num_calls_ > 0; }

 private:
  bool read_text(Read& out);
  bool read_call(Read& out, bool ended);
  bool read_bare(Read& out, bool ended);
  std::vector<ToolCall> calls_of(std::string_view json) const;
  void take(std::vector<ToolCall> calls, size_t length, Read& out);

  enum class State { kText, kCall, kStart, kPlain };
  Options options_;
  std::string open_, close_;  // marks of a call; empty: bare JSON (llama3), no closing one (mistral)
  char bracket_ = '{';
  State state_ = State::kText;
  std::string buffer_;
  size_t opened_ = 0;  // kCall: length of what stands before the JSON: blank space and the mark
  bool behind_call_ = false;
  int64_t num_calls_ = 0;
};

}  // namespace lathe::infer
