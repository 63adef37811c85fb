#include "corpus/preference_record.h"

#include <array>

#include "core/text.h"

namespace lathe::corpus {
namespace {

using tokenizer::Conversation;
using tokenizer::Message;
using tokenizer::Role;

constexpr std::string_view kHuman = "\n\nHuman:", kAssistant = "\n\nAssistant:";

std::string trimmed(std::string_view text) { return std::string(trim_text(text)); }

const Json* column(const Json& record, const std::string& name) {
  const Json* at = &record;
  for (const std::string& part : split_text(name, '.')) {
    at = at->find(part);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::optional<Role> role_of(const Json& message) {
  const std::string name = message.get_string("role", message.get_string("from", ""));
  if (name == "system") return Role::kSystem;
  if (name == "user" || name == "human" || name == "prompter") return Role::kUser;
  if (name == "assistant" || name == "gpt" || name == "chatgpt") return Role::kAssistant;
  return std::nullopt;
}

const std::string* text_of(const Json& value) {
  if (value.is_string()) return &value.as_string();
  if (value.is_object())
    for (const char* key : {"content", "value"})
      if (const Json* text = value.find(key); text != nullptr && text->is_string()) return &text->as_string();
  return nullptr;
}

// Messages in turn, the user first after an optional system message.
bool alternates(const Conversation& conversation) {
  size_t first = !conversation.messages.empty() && conversation.messages[0].role == Role::kSystem ? 1 : 0;
  for (size_t i = first; i < conversation.messages.size(); ++i)
    if (conversation.messages[i].role != ((i - first) % 2 == 0 ? Role::kUser : Role::kAssistant)) return false;
  return conversation.messages.size() > first && conversation.messages.back().role == Role::kUser;
}

PairFault read_prompt(const Json& value, Conversation& prompt) {
  if (const std::string* text = text_of(value)) {
    prompt.messages.push_back({Role::kUser, trimmed(*text)});
    return PairFault::kNone;
  }
  if (!value.is_array() || value.size() == 0) return PairFault::kNoField;
  for (const Json& message : value.as_array()) {
    const std::optional<Role> role = message.is_object() ? role_of(message) : std::nullopt;
    const std::string* text = text_of(message);
    if (!role || text == nullptr) return PairFault::kNoField;
    prompt.messages.push_back({*role, trimmed(*text)});
  }
  return PairFault::kNone;
}

PairFault read_answer(const Json* value, std::string& answer) {
  if (value != nullptr && value->is_array() && value->size() > 0) value = &value->as_array().back();
  const std::string* text = value == nullptr ? nullptr : text_of(*value);
  if (text == nullptr) return PairFault::kNoField;
  answer = trimmed(*text);
  return PairFault::kNone;
}

// The turns of "\n\nHuman: ...\n\nAssistant: ..." up to the last answer, which stands apart.
PairFault read_dialogue(std::string_view text, std::string_view& prefix, std::string& answer) {
  const size_t last = text.rfind(kAssistant), human = text.rfind(kHuman);
  if (last == std::string_view::npos || human == std::string_view::npos || human > last) return PairFault::kTurns;
  prefix = text.substr(0, last);
  answer = trimmed(text.substr(last + kAssistant.size()));
  return PairFault::kNone;
}

PairFault read_turns(std::string_view prefix, Conversation& prompt) {
  size_t at = 0;
  while (at < prefix.size()) {
    const bool human = prefix.substr(at).starts_with(kHuman);
    if (!human && !prefix.substr(at).starts_with(kAssistant)) return PairFault::kTurns;
    const size_t begin = at + (human ? kHuman : kAssistant).size();
    at = std::min({prefix.find(kHuman, begin), prefix.find(kAssistant, begin), prefix.size()});
    prompt.messages.push_back({human ? Role::kUser : Role::kAssistant, trimmed(prefix.substr(begin, at - begin))});
  }
  return PairFault::kNone;
}

PairFault parse_dialogues(const Json& record, const PreferenceSource& source, data::PreferencePair& pair) {
  const Json *chosen = column(record, source.chosen), *rejected = column(record, source.rejected);
  if (chosen == nullptr || rejected == nullptr || !chosen->is_string() || !rejected->is_string())
    return PairFault::kNoField;
  std::string_view prefix, other;
  if (const PairFault fault = read_dialogue(chosen->as_string(), prefix, pair.chosen); fault != PairFault::kNone)
    return fault;
  if (const PairFault fault = read_dialogue(rejected->as_string(), other, pair.rejected); fault != PairFault::kNone)
    return fault;
  if (prefix != other) return PairFault::kPrefixes;
  return read_turns(prefix, pair.prompt);
}

PairFault parse_columns(const Json& record, const PreferenceSource& source, data::PreferencePair& pair) {
  const Json* prompt = column(record, source.prompt);
  if (prompt == nullptr) return PairFault::kNoField;
  if (const PairFault fault = read_prompt(*prompt, pair.prompt); fault != PairFault::kNone) return fault;
  if (!source.system.empty()) {
    const Json* value = column(record, source.system);
    const std::string* text = value == nullptr ? nullptr : text_of(*value);
    if (value != nullptr && !value->is_null() && text == nullptr) return PairFault::kNoField;
    if (const std::string system = text == nullptr ? "" : trimmed(*text); !system.empty()) {
      if (source.combine_system_user) {
        auto& first = std::get<std::string>(pair.prompt.messages.front().content);
        first = system + "\n\n" + first;
      } else {
        pair.prompt.messages.insert(pair.prompt.messages.begin(), {Role::kSystem, system});
      }
    }
  }
  if (const PairFault fault = read_answer(column(record, source.chosen), pair.chosen); fault != PairFault::kNone)
    return fault;
  return read_answer(column(record, source.rejected), pair.rejected);
}

}  // namespace

const char* fault_name(PairFault fault) {
  static constexpr std::array<const char*, static_cast<size_t>(PairFault::kCount)> names = {
      "none",          "no_field",      "empty",           "turns",    "prefixes_differ",          "identical",
      "prompt_length", "chosen_length", "rejected_length", "language", "too_few_differing_tokens", "too_many_tokens",
      "duplicate"};
  return names[static_cast<size_t>(fault)];
}

int64_t prompt_characters(const data::PreferencePair& pair) {
  int64_t sum = 0;
  for (const Message& message : pair.prompt.messages) sum += count_code_points(std::get<std::string>(message.content));
  return sum;
}

ParsedPair pair_of_record(const Json& record, const PreferenceSource& source) {
  ParsedPair out;
  out.fault =
      source.parse_conversation ? parse_dialogues(record, source, out.pair) : parse_columns(record, source, out.pair);
  if (out.fault != PairFault::kNone) return out;
  const data::PreferencePair& pair = out.pair;
  bool empty = pair.chosen.empty() || pair.rejected.empty() || pair.prompt.messages.empty();
  for (const Message& message : pair.prompt.messages) empty |= std::get<std::string>(message.content).empty();
  if (empty)
    out.fault = PairFault::kEmpty;
  else if (!alternates(pair.prompt))
    out.fault = PairFault::kTurns;
  else if (pair.chosen == pair.rejected)
    out.fault = PairFault::kIdentical;
  return out;
}

}  // namespace lathe::corpus
