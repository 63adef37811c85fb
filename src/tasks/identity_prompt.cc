#include "tasks/identity_prompt.h"

#include "core/python_random.h"
#include "core/text.h"

namespace lathe::tasks {
namespace {

constexpr int64_t kOpenerGroups = 3;

std::string_view choose(PythonRandom& rng, const std::vector<std::string_view>& items) {
  return items[static_cast<size_t>(rng.below(static_cast<int64_t>(items.size())))];
}

Json object(Json::Object members) { return Json(std::move(members)); }

Json string_property(const char* description) { return object({{"type", "string"}, {"description", description}}); }

// What str.strip() of Python takes for white space, beyond ASCII's.
bool is_blank(std::string_view text) {
  static const std::vector<std::string_view> kWide = {"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82",
                                                      "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88",
                                                      "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f",
                                                      "\xe3\x80\x80"};
  while (!text.empty()) {
    size_t bytes = text[0] == ' ' || (text[0] >= '\t' && text[0] <= '\r') || (text[0] >= '\x1c' && text[0] <= '\x1f') ? 1 : 0;
    for (const std::string_view wide : kWide)
      if (text.starts_with(wide)) bytes = wide.size();
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

}  // namespace

IdentityChoice choose_identity(uint64_t index) {
  PythonRandom rng(index);
  IdentityChoice out;
  const auto& groups = identity_topics();
  out.topic = choose(rng, groups[static_cast<size_t>(rng.below(static_cast<int64_t>(groups.size())))].items);
  out.persona = choose(rng, identity_personas());
  out.dynamic = choose(rng, identity_dynamics());
  const auto& openers = identity_openers();
  for (const int64_t group : rng.sample(static_cast<int64_t>(openers.size()), kOpenerGroups))
    out.openers.emplace_back(choose(rng, openers[static_cast<size_t>(group)].items));
  return out;
}

std::string identity_prompt(const IdentityChoice& choice, std::string_view knowledge) {
  std::string openers;
  for (const std::string& opener : choice.openers) openers += "- " + opener + "\n";
  return join_text(
      "Write one training conversation for a chat assistant named \"lathe\". From many of these it learns to speak about itself: what it is, what it "
      "can do, and where its limits are.\n\n"
      "# Facts\n"
      "All that may be claimed about lathe stands between the two lines; nothing else is known.\n---\n",
      trim_text(knowledge),
      "\n---\n\n"
      "# This conversation\n"
      "Topic: ", choice.topic, "\nThe user: ", choice.persona, "\nHow it goes: ", choice.dynamic,
      "\n\n"
      "# Style\n"
      "1. Plain ASCII: no emoji, no typographic characters.\n"
      "2. People chatting, not an examination.\n"
      "3. No figure and no feature that the facts do not hold.\n"
      "4. As technical as this user would want it.\n"
      "5. What lathe cannot do is said plainly.\n"
      "6. The assistant is helpful and clear and likes being open source; it neither flatters nor rambles.\n\n"
      "# How users begin\n"
      "Take the tone of the first message from these:\n",
      openers,
      "\n"
      "# Special cases\n"
      "- A first message in another language: the assistant says in a few words that it understands it but is at its best in English, and helps.\n"
      "- A wrong belief, such as another company having made it: it is put right kindly.\n"
      "- A question that has nothing to do with lathe: a short answer or none, then back to the topic.\n\n"
      "# Output\n"
      "A JSON object with the one key \"messages\": a list of objects with \"role\" (\"user\" or \"assistant\", by turns, the user first) and \"content\".");
}

Json identity_request(const std::string& model, const std::string& prompt) {
  const Json message = object({{"type", "object"},
                               {"properties", object({{"role", string_property("\"user\" or \"assistant\"")}, {"content", string_property("the text of the message")}})},
                               {"required", Json(Json::Array{"role", "content"})},
                               {"additionalProperties", false}});
  const Json schema = object({{"type", "object"},
                              {"properties", object({{"messages", object({{"type", "array"},
                                                                          {"description", "user and assistant by turns, the user first"},
                                                                          {"items", message}})}})},
                              {"required", Json(Json::Array{"messages"})},
                              {"additionalProperties", false}});
  const Json format = object({{"type", "json_schema"}, {"json_schema", object({{"name", "conversation"}, {"strict", true}, {"schema", schema}})}});
  return object({{"model", model},
                 {"stream", false},
                 {"response_format", format},
                 {"temperature", 1.0},
                 {"messages", Json(Json::Array{object({{"role", "user"}, {"content", prompt}})})}});
}

Result<Json> identity_messages(std::string_view body) {
  LATHE_TRY(const Json answer, parse_json(body, "answer"));
  if (const Json* failure = answer.find("error"); failure != nullptr) return error("the endpoint says: ", failure->dump());
  const Json* choices = answer.find("choices");
  const Json* message = choices != nullptr && choices->is_array() && choices->size() > 0 ? choices->at(size_t{0}).find("message") : nullptr;
  const Json* content = message != nullptr ? message->find("content") : nullptr;
  if (content == nullptr || !content->is_string()) return error("the answer has no choices[0].message.content");
  LATHE_TRY(const Json conversation, parse_json(content->as_string(), "content of the answer"));
  const Json* messages = conversation.find("messages");
  if (messages == nullptr) return error("the content of the answer has no \"messages\"");
  LATHE_TRY_STATUS(check_identity_messages(*messages));
  return *messages;
}

Status check_identity_messages(const Json& messages) {
  if (!messages.is_array()) return error("\"messages\" is no list");
  if (messages.size() < 2) return error("the conversation is too short: ", messages.size(), " messages");
  for (size_t i = 0; i < messages.size(); ++i) {
    const Json* role = messages.at(i).find("role");
    const Json* content = messages.at(i).find("content");
    const char* due = i % 2 == 0 ? "user" : "assistant";
    if (role == nullptr || !role->is_string() || role->as_string() != due)
      return error("message ", i, " has role ", role == nullptr ? "none" : role->dump(), ", \"", due, "\" is due");
    if (content == nullptr || !content->is_string() || is_blank(content->as_string())) return error("message ", i, " is empty");
  }
  return {};
}

}  // namespace lathe::tasks
