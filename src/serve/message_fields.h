// Fields that hold conversations, tools and prompts: lists and unions of OpenAI's API.
#pragma once

#include <string>
#include <vector>

#include "infer/chat_format.h"
#include "serve/api_bodies.h"
#include "serve/body_table.h"

namespace lathe::serve {

// "content" is a text or a list of {"type": "text", "text": ...} parts, which are joined; null for an assistant that only calls tools.
Wrong read_turns(const Json& value, const std::string& place, std::vector<infer::ChatTurn>& turns);
Json turns_schema();

Wrong read_tools(const Json& value, const std::string& place, std::vector<infer::ToolDefinition>& tools);
Json tools_schema();

Wrong read_tool_choice(const Json& value, const std::string& place, ChatBody& body);
Json tool_choice_schema();

// A text, a list of texts, a list of ids, or a list of lists of ids.
Wrong read_prompts(const Json& value, const std::string& place, std::vector<PromptText>& prompts);
Json prompts_schema();

}  // namespace lathe::serve
