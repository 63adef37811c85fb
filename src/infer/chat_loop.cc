#include "infer/chat_loop.h"

#include <algorithm>
#include <cctype>

namespace lathe::infer {
namespace {

Result<StopReason> answer(ChatSession& session, const ChatConsole& console, std::string_view text) {
  console.write("\nAssistant: ");
  const auto show = [&](std::string_view piece) {
    console.write(printable_text(piece));
    return true;
  };
  Result<StopReason> reason = session.say(text, show, console.interrupted);
  console.write("\n");
  return reason;
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

}  // namespace

std::string printable_text(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<uint8_t>(text[i]);
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F) continue;
    // U+0080 to U+009F, the second set of control characters.
    if (c == 0xC2 && i + 1 < text.size() && static_cast<uint8_t>(text[i + 1]) < 0xA0) {
      ++i;
      continue;
    }
    result += text[i];
  }
  return result;
}

Status run_chat_loop(ChatSession& session, const ChatConsole& console, const ChatLoopOptions& options) {
  const std::string line(50, '-');
  console.write(join_text("\n", options.title, "\n", line, "\nType \"quit\" or \"exit\" to leave\n",
                          "Type \"clear\" to start a new conversation\n", line, "\n"));
  if (!options.prompt.empty()) {
    LATHE_TRY([[maybe_unused]] const StopReason reason, answer(session, console, options.prompt));
    return {};
  }
  while (!console.interrupted()) {
    console.write("\nUser: ");
    const std::optional<std::string> read = console.read_line();
    if (!read) {
      console.write("\nGoodbye!\n");
      return {};
    }
    const std::string text(trim_text(*read));
    const std::string word = lower_case(text);
    if (text.empty()) continue;
    if (word == "quit" || word == "exit") break;
    if (word == "clear") {
      session.clear();
      console.write("Conversation cleared.\n");
      continue;
    }
    const Result<StopReason> reason = answer(session, console, text);
    if (!reason.ok())
      console.write(join_text("[", reason.error().to_string(), "; \"clear\" starts a new conversation]\n"));
    else if (reason.value() == StopReason::kContextFull)
      console.write("[the conversation has filled the model's memory; \"clear\" starts a new one]\n");
  }
  console.write("Goodbye!\n");
  return {};
}

}  // namespace lathe::infer
