#include "infer/chat_commands.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "core/json.h"
#include "core/text.h"

namespace lathe::infer {
namespace {

constexpr int64_t kLargestFile = 64 << 20;

struct Call {
  std::string argument;  // all words behind the name
  ChatSession& session;
  const AnswerFigures& last;
};
using Run = CommandOutcome (*)(const Call& call);

struct Command {
  std::string name, form, help;
  Run run;
};

CommandOutcome say(const std::string& text) { return {text + "\n", CommandOutcome::Then::kNothing}; }

template <class T>
std::optional<T> number_of(const std::string& text) {
  T value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <class T>
std::string shown(T value) {
  if constexpr (std::is_same_v<T, double>) return shortest_double(value);
  else return std::to_string(value);
}

template <class T>
CommandOutcome set(const Call& call, const char* what, T* place, T least, T most) {
  if (call.argument.empty()) return say(join_text(what, " is ", shown(*place)));
  const std::optional<T> value = number_of<T>(call.argument.substr(0, call.argument.find_first_of(" \t")));
  if (!value || !(*value >= least && *value <= most)) return say(join_text(what, " must be between ", shown(least), " and ", shown(most)));
  *place = *value;
  return say(join_text(what, " set to ", shown(*value)));
}

CommandOutcome save(const Call& call) {
  if (call.argument.empty()) return say("/save needs the name of a file");
  if (call.session.turns() == 0) return say("There is nothing to save yet");
  Json messages = Json::array();
  for (const ChatMessage& message : call.session.messages()) {
    Json entry = Json::object();
    entry["role"] = tokenizer::role_name(message.role);
    entry["content"] = message.text;
    messages.push_back(std::move(entry));
  }
  Json file = Json::object();
  file["messages"] = std::move(messages);
  if (const Status status = write_json_atomic(call.argument, file); !status.ok()) return say(status.error().to_string());
  return say(join_text("Saved to ", call.argument));
}

Result<std::vector<ChatMessage>> messages_of(const std::string& path) {
  std::error_code code;
  if (!fs::is_regular_file(path, code)) return error_at(path, -1, "is not a file");
  if (static_cast<int64_t>(fs::file_size(path, code)) > kLargestFile) return error_at(path, -1, "is larger than ", kLargestFile >> 20, " MiB");
  LATHE_TRY(const Json json, read_json(path));
  Result<tokenizer::Conversation> conversation = tokenizer::conversation_from_json(json);
  if (!conversation.ok()) return error_at(path, -1, conversation.error().to_string());
  std::vector<ChatMessage> messages;
  for (const tokenizer::Message& message : conversation.value().messages) {
    const auto* text = std::get_if<std::string>(&message.content);
    if (text == nullptr) return error_at(path, -1, "message ", messages.size(), ": its content must be a string");
    messages.push_back({message.role, message.role == tokenizer::Role::kUser ? tokenizer::user_text(message) : *text});
  }
  return messages;
}

CommandOutcome load(const Call& call) {
  if (call.argument.empty()) return say("/load needs the name of a file");
  const Result<std::vector<ChatMessage>> messages = messages_of(call.argument);
  if (!messages.ok()) return say(messages.error().to_string());
  if (const Status status = call.session.restore(messages.value()); !status.ok()) return say(join_text(call.argument, ": ", status.error().message));
  return say(join_text("Loaded ", call.session.turns(), call.session.turns() == 1 ? " turn" : " turns"));
}

CommandOutcome help(const Call& call);

const std::vector<Command>& commands() {
  static const std::vector<Command> list = {
      {"help", "/help", "show this list", help},
      {"clear", "/clear", "start a new conversation",
       [](const Call& call) {
         call.session.clear();
         return say("Conversation cleared.");
       }},
      {"temperature", "/temperature [0-2]", "show or set it: 0 always takes the likeliest token",
       [](const Call& call) { return set(call, "Temperature", &call.session.options().sampling.temperature, 0.0, 2.0); }},
      {"topk", "/topk [0-200]", "how many of the likeliest tokens may be chosen; 0: all",
       [](const Call& call) { return set(call, "Top-k", &call.session.options().sampling.top_k, int64_t{0}, int64_t{200}); }},
      {"topp", "/topp [0-1]", "the likeliest tokens that together reach this share; 1: all",
       [](const Call& call) { return set(call, "Top-p", &call.session.options().sampling.top_p, 0.0, 1.0); }},
      {"seed", "/seed [N]", "of the draws: the same conversation gives the same answer",
       [](const Call& call) { return set(call, "Seed", &call.session.options().sampling.seed, uint64_t{0}, uint64_t{INT64_MAX}); }},
      {"max", "/max [1-4096]", "tokens of an answer",
       [](const Call& call) { return set(call, "Max", &call.session.options().max_tokens, int64_t{1}, int64_t{4096}); }},
      {"system", "/system [TEXT|off]", "show or set what stands before the conversation; starts a new one",
       [](const Call& call) {
         if (call.argument.empty()) return say(call.session.system().empty() ? "There is no system message" : call.session.system());
         call.session.set_system(call.argument == "off" ? "" : call.argument);
         return say(call.argument == "off" ? "System message removed; a new conversation begins" : "System message set; a new conversation begins");
       }},
      {"regenerate", "/regenerate", "another answer to the last text",
       [](const Call& call) {
         if (call.session.turns() == 0) return say("There is no answer yet");
         return CommandOutcome{"", CommandOutcome::Then::kAnswerAgain};
       }},
      {"undo", "/undo", "take back the last text and its answer",
       [](const Call& call) {
         const std::optional<std::string> text = call.session.undo();
         return say(text ? join_text("Taken back: ", text->substr(0, text->find('\n'))) : "There is nothing to take back");
       }},
      {"save", "/save FILE", "write the conversation as JSON", save},
      {"load", "/load FILE", "go on with a saved conversation", load},
      {"stats", "/stats", "tokens and speed of the last answer",
       [](const Call& call) { return say(call.last.tokens == 0 ? "There is no answer yet" : describe_answer(call.session, call.last)); }},
      {"quit", "/quit", "leave", [](const Call&) { return CommandOutcome{"", CommandOutcome::Then::kLeave}; }},
  };
  return list;
}

CommandOutcome help(const Call&) {
  std::string text;
  for (const Command& command : commands()) text += format_text("%-20s %s\n", command.form.c_str(), command.help.c_str());
  return {text + "A text that begins with a blank is sent even if it then begins with /\n", CommandOutcome::Then::kNothing};
}

}  // namespace

const std::vector<std::string>& chat_command_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Command& command : commands()) all.push_back("/" + command.name);
    return all;
  }();
  return names;
}

std::string describe_answer(const ChatSession& session, const AnswerFigures& figures) {
  const double decoding = figures.seconds - figures.first_seconds;
  const double rate = figures.tokens > 1 && decoding > 0 ? static_cast<double>(figures.tokens - 1) / decoding : 0;
  return format_text("%lld tokens in %.2f s, first after %.2f s, then %.1f tokens/s; prompt of %lld tokens; %lld of the %lld positions the model was trained on",
                     static_cast<long long>(figures.tokens), figures.seconds, figures.first_seconds, rate, static_cast<long long>(figures.prompt_tokens),
                     static_cast<long long>(session.history().size()), static_cast<long long>(session.trained_length()));
}

CommandOutcome run_chat_command(std::string_view line, ChatSession& session, const AnswerFigures& last) {
  const std::string_view words = trim_text(line.substr(1));
  const size_t end = std::min(words.find_first_of(" \t\n"), words.size());
  std::string name(words.substr(0, end));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const Command& command : commands())
    if (command.name == name) return command.run({std::string(trim_text(words.substr(end))), session, last});
  std::vector<std::string> names;
  for (const Command& command : commands()) names.push_back(command.name);
  const std::string near = nearest_word(name, names);
  return say(join_text("Unknown command: /", words.substr(0, end), near.empty() ? "" : "; did you mean /" + near + "?", "\nType /help for the list."));
}

}  // namespace lathe::infer
