#include "tasks/conversation_form.h"

#include <array>

#include "core/text.h"
#include "tasks/conversation_tree.h"

namespace lathe::tasks {
namespace {

using tokenizer::Conversation;
using tokenizer::Message;
using tokenizer::Part;
using tokenizer::PartType;
using tokenizer::Role;

struct FormName {
  const char* name;
  ConversationForm form;
};
constexpr FormName kForms[] = {
    {"messages", ConversationForm::kMessages}, {"list", ConversationForm::kList},       {"sharegpt", ConversationForm::kShareGpt},
    {"alpaca", ConversationForm::kAlpaca},     {"tree", ConversationForm::kTree},       {"dolly", ConversationForm::kAlpaca},
    {"glaive", ConversationForm::kShareGpt},   {"tools", ConversationForm::kShareGpt},  {"oasst", ConversationForm::kTree},
    {"custom", ConversationForm::kList},
};

// A text field, null and absent alike.
Result<std::string> text_field(const Json& record, const std::string& key) {
  const Json* value = record.find(key);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string()) return error("\"", key, "\" must be a string, not ", value->type_name());
  return value->as_string();
}

// The first of the keys that the record has.
std::string present(const Json& record, const std::string& wanted, std::initializer_list<const char*> usual) {
  if (!wanted.empty()) return wanted;
  for (const char* key : usual)
    if (record.contains(key)) return key;
  return *usual.begin();
}

Result<Example> from_messages(const Json& record) {
  Example example;
  LATHE_TRY(example.conversation, tokenizer::conversation_from_json(record));
  return example;
}

Result<Example> from_list(const Json& record) {
  if (!record.is_array()) return error("must be a list of messages, not ", record.type_name());
  Json wrapped = Json::object();
  wrapped["messages"] = record;
  LATHE_TRY(Example example, from_messages(wrapped));
  for (size_t i = 0; i < example.conversation.messages.size(); ++i) {
    const Message& message = example.conversation.messages[i];
    if (message.role == Role::kSystem) return error("message ", i, " is the system's; user and assistant take turns");
    if (!std::holds_alternative<std::string>(message.content)) return error("message ", i, ": content must be a string");
  }
  return example;
}

enum class Speaker { kSystem, kUser, kAssistant, kCall, kResult };

std::optional<Speaker> speaker_of(std::string_view from) {
  static constexpr std::pair<std::string_view, Speaker> kSpeakers[] = {
      {"human", Speaker::kUser},         {"user", Speaker::kUser},           {"gpt", Speaker::kAssistant},   {"assistant", Speaker::kAssistant},
      {"chatgpt", Speaker::kAssistant},  {"model", Speaker::kAssistant},     {"system", Speaker::kSystem},   {"function_call", Speaker::kCall},
      {"tool_call", Speaker::kCall},     {"observation", Speaker::kResult},  {"tool", Speaker::kResult},     {"function_response", Speaker::kResult},
      {"tool_response", Speaker::kResult}};
  for (const auto& [name, speaker] : kSpeakers)
    if (from == name) return speaker;
  return std::nullopt;
}

// What the assistant says and calls between two messages of the user is one message of parts.
void add_part(Conversation& conversation, PartType type, const std::string& text) {
  auto& messages = conversation.messages;
  if (messages.empty() || messages.back().role != Role::kAssistant) messages.push_back({Role::kAssistant, std::vector<Part>{}});
  std::get<std::vector<Part>>(messages.back().content).push_back({type, text});
}

void add_system(Conversation& conversation, const std::string& text) {
  auto& messages = conversation.messages;
  if (text.empty()) return;
  if (messages.empty()) {
    messages.push_back({Role::kSystem, text});
  } else {
    std::get<std::string>(messages[0].content) += "\n\n" + text;
  }
}

Result<Example> from_sharegpt(const Json& record) {
  const Json* turns = record.find("conversations");
  if (turns == nullptr || !turns->is_array()) return error("must have a list \"conversations\"");
  Example example;
  Conversation& conversation = example.conversation;
  LATHE_TRY(const std::string system, text_field(record, "system"));
  add_system(conversation, system);
  size_t index = 0;
  std::string said;  // by a system turn at the start
  if (turns->size() > 0) {
    LATHE_TRY(const std::string from, text_field(turns->at(size_t{0}), "from"));
    if (from == "system") {
      LATHE_TRY(said, text_field(turns->at(size_t{0}), "value"));
      index = 1;
    }
  }
  add_system(conversation, said);
  // Calls can only be learned from what there is to call.
  LATHE_TRY(const std::string tools, text_field(record, "tools"));
  if (!trim_text(tools).empty() && trim_text(tools) != "[]") {
    example.about["tools"] = tools;
    add_system(conversation, "Functions you may call:\n" + tools);
  }
  for (; index < turns->size(); ++index) {
    const Json& turn = turns->at(index);
    const Json* value = turn.find("value");
    LATHE_TRY(const std::string from, text_field(turn, "from"));
    const auto speaker = speaker_of(from);
    if (!speaker) return error("turn ", index, ": unknown \"from\" \"", from, "\"");
    if (value == nullptr || !value->is_string()) return error("turn ", index, ": \"value\" must be a string");
    switch (*speaker) {
      case Speaker::kSystem: return error("turn ", index, " is the system's; it can only be the first");
      case Speaker::kUser: conversation.messages.push_back({Role::kUser, value->as_string()}); break;
      case Speaker::kAssistant: add_part(conversation, PartType::kText, value->as_string()); break;
      case Speaker::kCall: add_part(conversation, PartType::kPython, value->as_string()); break;
      case Speaker::kResult: add_part(conversation, PartType::kPythonOutput, value->as_string()); break;
    }
  }
  for (size_t i = 0; i < conversation.messages.size(); ++i) {
    auto* parts = std::get_if<std::vector<Part>>(&conversation.messages[i].content);
    if (parts == nullptr) continue;
    if (parts->front().type == PartType::kPythonOutput) return error("message ", i, " starts with the result of a call that was not made");
    if (parts->size() == 1 && parts->front().type == PartType::kText) conversation.messages[i].content = std::string(parts->front().text);
  }
  return example;
}

Result<Example> from_alpaca(const Json& record, const FormOptions& options) {
  const std::string prompt_key = present(record, options.prompt_field, {"instruction", "prompt"});
  const std::string response_key = present(record, options.response_field, {"output", "response", "completion"});
  const std::string input_key = present(record, options.input_field, {"input", "context"});
  for (const std::string& key : {prompt_key, response_key})
    if (!record.contains(key)) {
      const bool pair = record.contains("chosen") && record.contains("rejected");
      return error("\"", key, "\" is missing", pair ? "; this is a preference pair, as `lathe dpo` takes them" : "");
    }
  LATHE_TRY(std::string prompt, text_field(record, prompt_key));
  LATHE_TRY(const std::string input, text_field(record, input_key));
  LATHE_TRY(std::string response, text_field(record, response_key));
  LATHE_TRY(const std::string system, text_field(record, "system"));
  Example example;
  add_system(example.conversation, system);
  example.conversation.messages.push_back({Role::kUser, std::move(prompt), input});
  example.conversation.messages.push_back({Role::kAssistant, std::move(response)});
  return example;
}

void replace_all(std::string& text, std::string_view what, const std::string& with) {
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + with.size())) text.replace(at, what.size(), with);
}

void fill_in(Conversation& conversation, const FormOptions& options) {
  const std::array<std::pair<std::string_view, const std::string*>, 2> blanks = {{{"{{name}}", &options.name}, {"{{author}}", &options.author}}};
  for (const auto& blank : blanks) {
    if (blank.second->empty()) continue;
    for (Message& message : conversation.messages) {
      if (auto* text = std::get_if<std::string>(&message.content)) {
        replace_all(*text, blank.first, *blank.second);
      } else {
        for (Part& part : std::get<std::vector<Part>>(message.content)) replace_all(part.text, blank.first, *blank.second);
      }
    }
  }
}

Result<Example> one_example(const Json& record, ConversationForm form, const FormOptions& options) {
  if (form == ConversationForm::kList) return from_list(record);
  if (!record.is_object()) return error("must be an object, not ", record.type_name());
  if (form == ConversationForm::kShareGpt) return from_sharegpt(record);
  if (form == ConversationForm::kAlpaca) return from_alpaca(record, options);
  return from_messages(record);
}

}  // namespace

Result<ConversationForm> find_conversation_form(std::string_view name) {
  for (const FormName& form : kForms)
    if (name == form.name) return form.form;
  std::vector<std::string> names;
  for (const FormName& form : kForms) names.push_back(form.name);
  const std::string near = nearest_word(name, names);
  return error("\"", name, "\" is no form of conversations (messages, list, sharegpt, alpaca, tree)", near.empty() ? "" : "; did you mean \"" + near + "\"?");
}

const char* form_name(ConversationForm form) { return kForms[static_cast<size_t>(form)].name; }

std::optional<ConversationForm> guess_form(const Json& record) {
  if (record.is_array()) return ConversationForm::kList;
  if (record.contains("messages")) return ConversationForm::kMessages;
  if (record.contains("conversations")) return ConversationForm::kShareGpt;
  const Json* prompt = record.find("prompt");
  if (prompt != nullptr && prompt->is_object()) return ConversationForm::kTree;
  if (record.contains("instruction") || prompt != nullptr) return ConversationForm::kAlpaca;
  return std::nullopt;
}

Result<std::vector<Example>> examples_of(const Json& record, ConversationForm form, const FormOptions& options) {
  std::vector<Example> examples;
  if (form == ConversationForm::kTree) {
    LATHE_TRY(examples, tree_conversations(record, options));
  } else {
    LATHE_TRY(Example example, one_example(record, form, options));
    examples.push_back(std::move(example));
  }
  for (Example& example : examples) {
    LATHE_TRY_STATUS(check_turns(example.conversation));
    fill_in(example.conversation, options);
  }
  return examples;
}

}  // namespace lathe::tasks
