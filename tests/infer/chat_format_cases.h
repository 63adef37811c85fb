// A tokenizer with the marks of all templates, and a conversation with a tool.
#pragma once

#include <string>
#include <vector>

#include "infer/chat_format.h"
#include "tests/infer/mock_model.h"

namespace lathe::infer::testing {

inline const tokenizer::Tokenizer& foreign_tokenizer() {
  static const tokenizer::Tokenizer tokenizer = [] {
    std::vector<std::string> special = tokenizer::chat_special_tokens();
    for (const char* name : {"<|im_start|>", "<|im_end|>", "<s>", "</s>", "<bos>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
                             "[INST]", "[/INST]", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]",
                             "<start_of_turn>", "<end_of_turn>", "<tool_call>"})
      special.emplace_back(name);
    return lathe::testing::take(tokenizer::Tokenizer::from_tokens(byte_tokens(), special));
  }();
  return tokenizer;
}

inline ToolDefinition lookup() {
  return {"lookup", "Look up one integer.",
          lathe::testing::take(parse_json(R"({"type": "object", "properties": {"value": {"type": "integer"}}, "required": ["value"]})"))};
}

inline const std::vector<ChatTurn>& tool_talk() {
  static const std::vector<ChatTurn> turns = {{"system", "Be brief."},
                                              {"user", "first"},
                                              {"assistant", "", {{"abc123456", "lookup", R"({"value":1})"}}},
                                              {"tool", R"({"result":1})", {}, "abc123456"},
                                              {"assistant", "done"},
                                              {"user", "again"}};
  return turns;
}

}  // namespace lathe::infer::testing
