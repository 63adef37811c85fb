#include "infer/chat_format.h"

#include <utility>

#include "core/text.h"

namespace lathe::infer {
namespace {

using tokenizer::Speaker;

std::optional<Speaker> speaker_of(std::string_view role) {
  if (role == "system") return Speaker::kSystem;
  if (role == "user") return Speaker::kUser;
  if (role == "assistant") return Speaker::kAssistant;
  if (role == "tool") return Speaker::kTool;
  return std::nullopt;
}

Json no_parameters() { return Json(Json::Object{{"type", "object"}, {"properties", Json::object()}}); }

Json tool_json(const ToolDefinition& tool) {
  Json function = Json::object();
  function["name"] = tool.name;
  if (!tool.description.empty()) function["description"] = tool.description;
  function["parameters"] = tool.parameters.is_null() ? no_parameters() : tool.parameters;
  return Json(Json::Object{{"type", "function"}, {"function", std::move(function)}});
}

// References into a schema, when it stands at `place` of a larger one.
void move_references(Json& schema, const std::string& place) {
  if (schema.is_array())
    for (Json& element : schema.as_array()) move_references(element, place);
  if (!schema.is_object()) return;
  for (auto& [key, value] : schema.as_object()) {
    if (key == "$ref" && value.is_string() && value.as_string().starts_with('#')) value = "#" + place + value.as_string().substr(1);
    else if (key != "const" && key != "enum") move_references(value, place);
  }
}

Json schema_of(const ToolDefinition& tool, const std::string& place) {
  Json arguments = tool.parameters.is_null() ? no_parameters() : tool.parameters;
  move_references(arguments, place + "/properties/arguments");
  Json properties = Json::object();
  properties["name"] = Json(Json::Object{{"const", tool.name}});
  properties["arguments"] = std::move(arguments);
  Json out = Json::object();
  out["type"] = "object";
  out["properties"] = std::move(properties);
  out["required"] = Json(Json::Array{"name", "arguments"});
  out["additionalProperties"] = false;
  return out;
}

}  // namespace

Result<ChatFormat> ChatFormat::find(std::string_view name, const tokenizer::Tokenizer& tokenizer) {
  LATHE_TRY(tokenizer::ChatTemplate form, tokenizer::ChatTemplate::find(name));
  LATHE_TRY_STATUS(form.check(tokenizer));
  return ChatFormat(std::move(form), tokenizer);
}

Result<ChatPrompt> ChatFormat::prompt(std::span<const ChatTurn> turns, std::span<const ToolDefinition> tools, bool continues) const {
  std::vector<tokenizer::TemplateTurn> out;
  for (size_t i = 0; i < turns.size(); ++i) {
    const ChatTurn& turn = turns[i];
    const auto speaker = speaker_of(turn.role);
    if (!speaker) return error("messages[", i, "].role \"", turn.role, "\" is none of system, user, assistant, tool");
    if (!turn.tool_calls.empty() && *speaker != Speaker::kAssistant) return error("messages[", i, "]: only the assistant calls tools");
    tokenizer::TemplateTurn written{*speaker, turn.text, {}, turn.tool_call_id};
    for (size_t c = 0; c < turn.tool_calls.size(); ++c) {
      const ToolCall& call = turn.tool_calls[c];
      Result<Json> arguments = call.arguments.empty() ? Result<Json>(Json::object()) : parse_json(call.arguments, "", {64, false, false});
      if (!arguments.ok() || !arguments.value().is_object())
        return error("messages[", i, "].tool_calls[", c, "].function.arguments is not the JSON text of an object");
      written.calls.push_back({call.name, std::move(arguments).value(), call.id});
    }
    out.push_back(std::move(written));
  }
  tokenizer::TurnOptions options;
  options.continues = continues;
  for (const ToolDefinition& tool : tools) options.tools.push_back(tool_json(tool));
  LATHE_TRY(std::vector<int32_t> ids, template_.prompt(tokenizer_, out, options));
  return ChatPrompt{std::move(ids), stop_ids()};
}

Result<Json> ChatFormat::call_schema(std::span<const ToolDefinition> tools, std::string_view only) {
  std::vector<const ToolDefinition*> chosen;
  for (const ToolDefinition& tool : tools)
    if (only.empty() || tool.name == only) chosen.push_back(&tool);
  if (chosen.empty()) return only.empty() ? error("there is no tool to call") : error("there is no tool \"", only, "\" to call");
  if (chosen.size() == 1) return schema_of(*chosen.front(), "");
  Json any = Json::array();
  for (size_t i = 0; i < chosen.size(); ++i) any.push_back(schema_of(*chosen[i], join_text("/anyOf/", i)));
  return Json(Json::Object{{"anyOf", std::move(any)}});
}

}  // namespace lathe::infer
