#include "serve/message_fields.h"

#include <algorithm>

#include "core/text.h"

namespace lathe::serve {
namespace {

std::string member_of(const std::string& place, std::string_view name) { return join_text(place, ".", name); }
std::string entry_of(const std::string& place, size_t index) { return join_text(place, "[", index, "]"); }

const Json* present(const Json& object, std::string_view name) {
  const Json* value = object.find(name);
  return value && !value->is_null() ? value : nullptr;
}

// A member that must be there and a text.
Wrong read_member(const Json& object, const std::string& place, std::string_view name, int64_t shortest, int64_t longest, std::string& field) {
  const Json* value = present(object, name);
  if (!value) return wrong_at(member_of(place, name), "is required");
  return read_text(*value, member_of(place, name), shortest, longest, field);
}

Wrong read_list(const Json& value, const std::string& place, int64_t fewest, int64_t most, const std::function<Wrong(const Json&, const std::string&)>& read) {
  if (!value.is_array()) return wrong_at(place, "must be a list");
  const auto size = static_cast<int64_t>(value.size());
  if (size < fewest) return wrong_at(place, "must not be empty");
  if (size > most) return wrong_at(place, join_text("must have at most ", most, " entries, not ", size));
  for (size_t i = 0; i < value.size(); ++i)
    if (Wrong wrong = read(value.at(i), entry_of(place, i))) return wrong;
  return {};
}

Wrong read_content(const Json& value, const std::string& place, std::string& text) {
  if (value.is_string()) return read_text(value, place, 0, kMaxTextField, text);
  if (!value.is_array()) return wrong_at(place, "must be a text or a list of text parts");
  text.clear();
  return read_list(value, place, 0, kMaxTurns, [&](const Json& part, const std::string& at) -> Wrong {
    if (!part.is_object()) return wrong_at(at, "must be an object with type and text");
    std::string type, piece;
    if (Wrong wrong = read_member(part, at, "type", 1, 100, type)) return wrong;
    if (type != "text") return wrong_at(member_of(at, "type"), "only \"text\" parts can be read by this model");
    if (Wrong wrong = read_member(part, at, "text", 0, kMaxTextField, piece)) return wrong;
    text += piece;
    return {};
  });
}

bool is_function_name(const std::string& name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

Wrong read_function_name(const Json& function, const std::string& place, std::string& name) {
  if (Wrong wrong = read_member(function, place, "name", 1, 64, name)) return wrong;
  if (!is_function_name(name)) return wrong_at(member_of(place, "name"), "may hold letters, digits, _ and - only");
  return {};
}

// The member "function" of an object whose "type" is "function".
Wrong find_function(const Json& value, const std::string& place, const Json** function) {
  if (!value.is_object()) return wrong_at(place, "must be an object");
  std::string type = "function";
  if (const Json* given = value.find("type"))
    if (Wrong wrong = read_text(*given, member_of(place, "type"), 1, 100, type)) return wrong;
  if (type != "function") return wrong_at(member_of(place, "type"), "must be \"function\"");
  *function = present(value, "function");
  if (!*function || !(*function)->is_object()) return wrong_at(member_of(place, "function"), "must be an object");
  return {};
}

Wrong read_call(const Json& value, const std::string& place, infer::ToolCall& call) {
  const Json* function = nullptr;
  if (Wrong wrong = find_function(value, place, &function)) return wrong;
  if (Wrong wrong = read_member(value, place, "id", 0, 256, call.id)) return wrong;
  const std::string at = member_of(place, "function");
  if (Wrong wrong = read_function_name(*function, at, call.name)) return wrong;
  return read_member(*function, at, "arguments", 0, kMaxTextField, call.arguments);
}

Wrong read_turn(const Json& value, const std::string& place, infer::ChatTurn& turn) {
  if (!value.is_object()) return wrong_at(place, "must be an object with role and content");
  if (Wrong wrong = read_member(value, place, "role", 1, 100, turn.role)) return wrong;
  if (turn.role == "developer") turn.role = "system";  // OpenAI's later word for it
  if (turn.role != "system" && turn.role != "user" && turn.role != "assistant" && turn.role != "tool")
    return wrong_at(member_of(place, "role"), "must be system, user, assistant or tool");
  if (const Json* calls = present(value, "tool_calls")) {
    if (turn.role != "assistant") return wrong_at(member_of(place, "tool_calls"), "only the assistant calls tools");
    const auto read = [&](const Json& call, const std::string& at) { return read_call(call, at, turn.tool_calls.emplace_back()); };
    if (Wrong wrong = read_list(*calls, member_of(place, "tool_calls"), 0, kMaxTools, read)) return wrong;
  }
  if (const Json* id = present(value, "tool_call_id"))
    if (Wrong wrong = read_text(*id, member_of(place, "tool_call_id"), 0, 256, turn.tool_call_id)) return wrong;
  const Json* content = present(value, "content");
  if (content) return read_content(*content, member_of(place, "content"), turn.text);
  if (turn.tool_calls.empty()) return wrong_at(member_of(place, "content"), "is required");
  return {};
}

Wrong read_tool(const Json& value, const std::string& place, infer::ToolDefinition& tool) {
  const Json* function = nullptr;
  if (Wrong wrong = find_function(value, place, &function)) return wrong;
  const std::string at = member_of(place, "function");
  if (Wrong wrong = read_function_name(*function, at, tool.name)) return wrong;
  if (const Json* description = present(*function, "description"))
    if (Wrong wrong = read_text(*description, member_of(at, "description"), 0, 65536, tool.description)) return wrong;
  tool.parameters = Json::object();
  if (const Json* parameters = present(*function, "parameters")) {
    if (!parameters->is_object()) return wrong_at(member_of(at, "parameters"), "must be a JSON Schema, an object");
    tool.parameters = *parameters;
  }
  return {};
}

Wrong read_id(const Json& value, const std::string& place, std::vector<int32_t>& ids) {
  int64_t id = 0;
  if (Wrong wrong = read_integer(value, place, 0, kMaxTokenId, id)) return wrong;
  ids.push_back(static_cast<int32_t>(id));
  return {};
}

}  // namespace

Wrong read_turns(const Json& value, const std::string& place, std::vector<infer::ChatTurn>& turns) {
  turns.clear();
  return read_list(value, place, 1, kMaxTurns, [&](const Json& turn, const std::string& at) { return read_turn(turn, at, turns.emplace_back()); });
}

Json turns_schema() {
  return list_schema(schema_of(R"({"type": "object", "required": ["role"], "properties": {
    "role": {"enum": ["system", "developer", "user", "assistant", "tool"]},
    "content": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object", "required": ["type", "text"],
      "properties": {"type": {"const": "text"}, "text": {"type": "string"}}}}, {"type": "null"}]},
    "tool_calls": {"anyOf": [{"type": "array", "maxItems": 128, "items": {"type": "object", "required": ["id", "function"], "properties": {
      "id": {"type": "string", "maxLength": 256}, "type": {"const": "function"},
      "function": {"type": "object", "required": ["name", "arguments"], "properties": {
        "name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"}, "arguments": {"type": "string"}}}}}}, {"type": "null"}]},
    "tool_call_id": {"anyOf": [{"type": "string", "maxLength": 256}, {"type": "null"}]}},
    "anyOf": [{"required": ["content"], "properties": {"content": {"type": ["string", "array"]}}},
              {"required": ["tool_calls"], "properties": {"role": {"const": "assistant"}, "tool_calls": {"type": "array", "minItems": 1}}}]})"),
                     1, kMaxTurns);
}

Wrong read_tools(const Json& value, const std::string& place, std::vector<infer::ToolDefinition>& tools) {
  tools.clear();
  return read_list(value, place, 0, kMaxTools, [&](const Json& tool, const std::string& at) { return read_tool(tool, at, tools.emplace_back()); });
}

Json tools_schema() {
  return list_schema(schema_of(R"({"type": "object", "required": ["function"], "properties": {"type": {"const": "function"},
    "function": {"type": "object", "required": ["name"], "properties": {
      "name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"}, "description": {"type": ["string", "null"]},
      "parameters": {"type": ["object", "null"]}}}}})"),
                     0, kMaxTools);
}

Wrong read_tool_choice(const Json& value, const std::string& place, ChatBody& body) {
  if (value.is_string()) {
    const std::string& word = value.as_string();
    if (word == "auto") body.tool_choice = ChatBody::ToolChoice::kAuto;
    else if (word == "none") body.tool_choice = ChatBody::ToolChoice::kNone;
    else if (word == "required") body.tool_choice = ChatBody::ToolChoice::kRequired;
    else return wrong_at(place, "must be none, auto, required or an object that names a function");
    return {};
  }
  const Json* function = nullptr;
  if (Wrong wrong = find_function(value, place, &function)) return wrong;
  body.tool_choice = ChatBody::ToolChoice::kNamed;
  return read_function_name(*function, member_of(place, "function"), body.tool_name);
}

Json tool_choice_schema() {
  return schema_of(R"({"anyOf": [{"enum": ["none", "auto", "required"]}, {"type": "object", "required": ["function"], "properties": {
    "type": {"const": "function"}, "function": {"type": "object", "required": ["name"], "properties": {
      "name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"}}}}}]})");
}

Wrong read_prompts(const Json& value, const std::string& place, std::vector<PromptText>& prompts) {
  prompts.clear();
  if (value.is_string()) {
    std::string text;
    if (Wrong wrong = read_text(value, place, 0, kMaxTextField, text)) return wrong;
    prompts.emplace_back(std::move(text));
    return {};
  }
  if (!value.is_array()) return wrong_at(place, "must be a text, a list of texts, a list of ids, or a list of lists of ids");
  if (value.size() == 0) return wrong_at(place, "must not be empty");
  if (value.at(0).is_number()) {
    std::vector<int32_t> ids;
    if (Wrong wrong = read_list(value, place, 1, kMaxTextField, [&](const Json& id, const std::string& at) { return read_id(id, at, ids); })) return wrong;
    prompts.emplace_back(std::move(ids));
    return {};
  }
  const bool texts = value.at(0).is_string();
  return read_list(value, place, 1, kMaxPrompts, [&](const Json& prompt, const std::string& at) -> Wrong {
    if (texts) {
      std::string text;
      if (Wrong wrong = read_text(prompt, at, 0, kMaxTextField, text)) return wrong;
      prompts.emplace_back(std::move(text));
      return {};
    }
    std::vector<int32_t> ids;
    if (Wrong wrong = read_list(prompt, at, 1, kMaxTextField, [&](const Json& id, const std::string& where) { return read_id(id, where, ids); })) return wrong;
    prompts.emplace_back(std::move(ids));
    return {};
  });
}

Json prompts_schema() {
  const Json ids = list_schema(integer_schema(0, kMaxTokenId), 1, kMaxTextField);
  return either_schema({text_schema(0, kMaxTextField), list_schema(text_schema(0, kMaxTextField), 1, kMaxPrompts), ids, list_schema(ids, 1, kMaxPrompts)});
}

}  // namespace lathe::serve
