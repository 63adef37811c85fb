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
  if (content->is_string()) {
    Message message{*known, content->as_string()};
    if (const Json* input = json.find("input")) {
      if (*known != Role::kUser || !input->is_string())
        return error("message ", index, ": \"input\" must be a string of a user message");
      message.input = input->as_string();
    }
    return message;
  }
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

std::string user_text(const Message& message) {
  const std::string& content = std::get<std::string>(message.content);
  return message.input.empty() ? content : content + "\n\n" + message.input;
}

Status check_order(std::span<const Message> messages) {
  if (messages.empty()) return error("a conversation needs at least one message");
  const auto is_text = [](const Message& message) { return std::holds_alternative<std::string>(message.content); };
  size_t first = 0;
  if (messages[0].role == Role::kSystem) {
    if (!is_text(messages[0])) return error("message 0: the content of a system message must be a string");
    if (messages.size() < 2 || messages[1].role != Role::kUser)
      return error("message 1: a system message must be followed by a user message");
    first = 1;
  }
  for (size_t i = first; i < messages.size(); ++i) {
    const Role expected = (i - first) % 2 == 0 ? Role::kUser : Role::kAssistant;
    if (messages[i].role != expected)
      return error("message ", i, " is from ", role_name(messages[i].role), ", expected ", role_name(expected));
    if (expected == Role::kUser && !is_text(messages[i]))
      return error("message ", i, ": the content of a user message must be a string");
  }
  return {};
}

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
    Json::Object entry{{"role", role_name(message.role)}, {"content", std::move(content)}};
    if (!message.input.empty()) entry.emplace_back("input", message.input);
    messages.push_back(Json(std::move(entry)));
  }
  return Json(Json::Object{{"messages", std::move(messages)}});
}

}  // namespace lathe::tokenizer
