// Slash commands of a conversation, with the words and ranges of the page's (row C-11.29) and a few more.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "infer/chat_session.h"

namespace lathe::infer {

struct AnswerFigures {
  double first_seconds = 0, seconds = 0;  // to the first text, in all
  int64_t prompt_tokens = 0, tokens = 0;  // tokens 0: no answer yet
};

struct CommandOutcome {
  enum class Then { kNothing, kLeave, kAnswerAgain };
  std::string text;  // to show, with its line feed; may be empty
  Then then = Then::kNothing;
};

// `line` begins with '/'. Names in any case; numbers are read whole, and a bad value shows the allowed range. Never fails: what
// is wrong is in the text.
CommandOutcome run_chat_command(std::string_view line, ChatSession& session, const AnswerFigures& last);

const std::vector<std::string>& chat_command_names();  // with their '/', as /help lists them

// One line: tokens, seconds, tokens/s, how full the model's positions are.
std::string describe_answer(const ChatSession& session, const AnswerFigures& figures);

}  // namespace lathe::infer
