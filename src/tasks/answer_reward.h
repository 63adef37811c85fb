// What an answer to a question with a number is worth. Rows C-7.35, C-8.29.
#pragma once

#include <string>
#include <string_view>

#include "tokenizer/conversation.h"

namespace lathe::tasks {

// The first number behind "#### " in the last part of the conversation's own last answer, without commas; empty: there is none.
std::string reference_number(const tokenizer::Conversation& conversation);

// 1 when the first number behind "#### " in `answer` is, as text and without commas, the reference's; else 0,
// also where either of them has none.
double number_reward(const tokenizer::Conversation& conversation, std::string_view answer);

}  // namespace lathe::tasks
