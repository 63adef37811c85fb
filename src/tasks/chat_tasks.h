// The six public sets that a chat model is judged by, in the origin's order: ARC-Easy, ARC-Challenge, MMLU, GSM8K, HumanEval,
// SpellingBee. Rows C-7.25, C-7.30, C-7.32 to C-7.38, C-7.45.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tasks/evaluation_task.h"

namespace lathe::tasks {

struct ChatTask {
  std::string name;
  double baseline = 0;  // what ChatCORE counts as nothing (row C-7.30)
};
const std::vector<ChatTask>& chat_tasks();
const ChatTask* find_chat_task(std::string_view name);  // null when there is none

inline constexpr int64_t kChatSpellingSize = 256;

// A set's test split below <base>/hosted (SpellingBee: made from <base>/words_alpha.txt), at most `limit` of its items (below 0: all)
// in the order of data::HostedSet. Letters have one token each by the scorer's check. The judge of HumanEval is left empty: its programs
// run in a sandbox (eval/code_judge.h).
struct OpenedChatTask {
  std::optional<EvaluationTask> task;
  std::string absent;  // no task: which file is missing, and the command that fetches it
};
// Errors: files that are there and not of the set's form.
Result<OpenedChatTask> open_chat_task(const ChatTask& task, const fs::path& base, int64_t limit = -1);

}  // namespace lathe::tasks
