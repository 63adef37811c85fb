#include "tokenizer/conversation.h"

#include <optional>

namespace lathe::tokenizer {
namespace {

constexpr const char* kRoleNames[] = {"system", "user", "assistant"};
constexpr const char* kPartNames[] = {"text", "python", "python_output"};

template <class Enum, size_t N>
std::optional<Enum> named(const char* const (&names)[N], std::string_view name) {
  for (size_t i = 0; i < N; ++i)
    if (name == names[i]) return static_cast<Enum>(i);
  return std::nullopt;
}

Result<Part> part_from_json(const Json& json, size_t message, size_t index) {
  const Json *type = json.find("type"), *text = json.find("text");
  if (!type || !type->is_string() || !text || !text->is_string())
    return error("message ", message, ", part ", index, ": expected an object with strings \"type\" and \"text\"");
  const auto known = named<PartType>(kPartNames, type->as_string());
  if (!known) return error("message ", message, ", part ", index, ": unknown part type \"", type->as_string(), "\"");
  return Part{*known, text->as_string()};
}

Result<Message> message_from_json(const Json& json, size_t index) {
  const Json *role = json.find("role"), *content = json.find("content");
  if (!role || !role->is_string()) return error("message ", index, ": \"role\" must be a string");
  const auto known = named<Role>(kRoleNames, role->as_string());
  if (!known) return error("message ", index, ": unknown role \"", role->as_string(), "\" (system, user or assistant)");
  if (!content) return error("message ", index, ": \"content\" is missing");
  if (content->is_string()) return Message{*known, content->as_string()};
  if (!content->is_array())
    return error("message ", index, ": content must be a string or a list of parts, not ", content->type_name());
  std::vector<Part> parts;
  if (*known != Role::kAssistant)
    return error("message ", index, ": the content of a ", role->as_string(), " message must be a string");
  for (const Json& item : content->as_array()) {
    LATHE_TRY(Part part, part_from_json(item, index, parts.size()));
    parts.push_back(std::move(part));
  }
  return Message{*known, std::move(parts)};
}

}  // namespace

const char* role_name(Role role) { return kRoleNames[static_cast<size_t>(role)]; }
const char* part_name(PartType type) { return kPartNames[static_cast<size_t>(type)]; }

Result<Conversation> conversation_from_json(const Json& json) {
  const Json* messages = json.find("messages");
  if (!messages || !messages->is_array()) return error("a conversation must have a list \"messages\"");
  Conversation conversation;
  for (const Json& item : messages->as_array()) {
    LATHE_TRY(Message message, message_from_json(item, conversation.messages.size()));
    conversation.messages.push_back(std::move(message));
  }
  return conversation;
}

Json conversation_to_json(const Conversation& conversation) {
  Json messages = Json::array();
  for (const Message& message : conversation.messages) {
    Json content;
    if (const auto* text = std::get_if<std::string>(&message.content)) {
      content = Json(*text);
    } else {
      content = Json::array();
      for (const Part& part : std::get<std::vector<Part>>(message.content))
        content.push_back(Json(Json::Object{{"type", part_name(part.type)}, {"text", part.text}}));
    }
    messages.push_back(Json(Json::Object{{"role", role_name(message.role)}, {"content", std::move(content)}}));
  }
  return Json(Json::Object{{"messages", std::move(messages)}});
}

}  // namespace lathe::tokenizer
