// Conversations as every stage reads them (row C-2.22). Only `messages` is read: other keys of a record belong to its
// task (row C-2.35).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace lathe::tokenizer {

enum class Role { kSystem, kUser, kAssistant };
enum class PartType { kText, kPython, kPythonOutput };
const char* role_name(Role role);      // "system", "user", "assistant"
const char* part_name(PartType type);  // "text", "python", "python_output"

struct Part {
  PartType type = PartType::kText;
  std::string text;
  friend bool operator==(const Part&, const Part&) = default;
};

struct Message {
  Role role = Role::kUser;
  std::variant<std::string, std::vector<Part>> content;  // parts only for the assistant
  std::string input{};  // of the user: a text that the content speaks of (Alpaca's "input"); mostly empty
  friend bool operator==(const Message&, const Message&) = default;
};

struct Conversation {
  std::vector<Message> messages;
  friend bool operator==(const Conversation&, const Conversation&) = default;
};

// What the user says where a template has no place of its own for the input: content, blank line, input (row L-7.8).
// The content must be a string.
std::string user_text(const Message& message);

// At least one message; after an optional system message the user and the assistant take turns, the user first; user
// and system say strings. Errors name the message.
Status check_order(std::span<const Message> messages);

// {"messages": [{"role", "content"}, ...], ...}; a user's message may have "input". Errors name the message and the part; the order of roles is checked
// by rendering.
Result<Conversation> conversation_from_json(const Json& json);
Json conversation_to_json(const Conversation& conversation);

}  // namespace lathe::tokenizer
