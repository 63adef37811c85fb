// Conversations with tools, as a template writes them (ChatTemplate::prompt).
#pragma once

#include <string>
#include <vector>

#include "core/json.h"

namespace lathe::tokenizer {

enum class Speaker { kSystem, kUser, kAssistant, kTool };

enum class ToolNotation {
  kHermes,   // <tool_call>{"name", "arguments"}</tool_call>
  kLlama3,   // {"name", "parameters"}
  kMistral,  // [TOOL_CALLS] [{"name", "arguments", "id"}]
};

struct TemplateCall {
  std::string name;
  Json arguments;
  std::string id;
};

struct TemplateTurn {
  Speaker speaker = Speaker::kUser;
  std::string text;
  std::vector<TemplateCall> calls{};  // of the assistant
  std::string call_id{};              // of a tool's answer
};

struct TurnOptions {
  std::vector<Json> tools{};  // {"type": "function", "function": {"name", "description", "parameters"}}
  bool continues = false;     // the last turn, the assistant's, is left open; else the header of an answer stands at the end
};

// As Python's json.dumps has it by default: a space behind each comma and colon.
std::string spaced_json(const Json& value);

}  // namespace lathe::tokenizer
