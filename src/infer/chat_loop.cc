#include "infer/chat_loop.h"

#include <algorithm>
#include <cctype>

namespace lathe::infer {
namespace {

// One answer, shown as it comes.
class Answer {
 public:
  Answer(ChatSession& session, const ChatConsole& console, const Clock& clock) : session_(session), console_(console), clock_(clock) {}

  Result<StopReason> to(std::string_view text) {
    return shown([&](const OnText& on_text) { return session_.say(text, on_text, console_.interrupted); });
  }
  Result<StopReason> again() {
    return shown([&](const OnText& on_text) { return session_.answer_again(on_text, console_.interrupted); });
  }
  const AnswerFigures& figures() const { return figures_; }

 private:
  template <class Ask>
  Result<StopReason> shown(const Ask& ask) {
    const double start = clock_.seconds();
    double first = 0;
    const auto show = [&](std::string_view piece) {
      if (first == 0) first = clock_.seconds() - start;
      const std::string text = printable_text(piece);
      console_.answer ? console_.answer(text) : console_.write(text);
      return true;
    };
    Result<StopReason> reason = ask(show);
    if (console_.answer) console_.answer(std::nullopt);
    console_.write("\n");
    if (reason.ok()) figures_ = {first, clock_.seconds() - start, session_.prompt_tokens(), session_.answer_tokens()};
    return reason;
  }

  ChatSession& session_;
  const ChatConsole& console_;
  const Clock& clock_;
  AnswerFigures figures_;
};

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

Status run_chat_loop(ChatSession& session, const ChatConsole& console, const ChatLoopOptions& options, const Clock& clock) {
  Answer answer(session, console, clock);
  if (!options.prompt.empty() && options.answer_only) {
    LATHE_TRY([[maybe_unused]] const StopReason reason, answer.to(options.prompt));
    return {};
  }
  const std::string line(50, '-');
  console.write(join_text("\n", options.title, "\n", line, "\nType \"quit\" or \"exit\" to leave\n",
                          "Type \"clear\" to start a new conversation\n", line, "\n"));
  if (!options.prompt.empty()) {
    console.write("\nAssistant: ");
    LATHE_TRY([[maybe_unused]] const StopReason reason, answer.to(options.prompt));
    return {};
  }
  const auto report = [&](const Result<StopReason>& reason) {
    if (!reason.ok())
      console.write(join_text("[", reason.error().to_string(), "; \"clear\" starts a new conversation]\n"));
    else if (reason.value() == StopReason::kContextFull)
      console.write("[the conversation has filled the model's memory; \"clear\" starts a new one]\n");
    if (reason.ok() && session.dropped_turns() > 0)
      console.write(join_text("[the model's ", session.trained_length(), " positions are full: the oldest ",
                              session.dropped_turns() == 1 ? "turn was" : join_text(session.dropped_turns(), " turns were"), " dropped]\n"));
  };
  while (!console.interrupted() || console.forgive()) {
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
    if (options.commands && read->starts_with('/')) {
      const CommandOutcome outcome = run_chat_command(*read, session, answer.figures());
      console.write(printable_text(outcome.text));
      if (outcome.then == CommandOutcome::Then::kLeave) break;
      if (outcome.then == CommandOutcome::Then::kNothing) continue;
      console.write("\nAssistant: ");
      report(answer.again());
      continue;
    }
    console.write("\nAssistant: ");
    report(answer.to(text));
  }
  console.write("Goodbye!\n");
  return {};
}

}  // namespace lathe::infer
