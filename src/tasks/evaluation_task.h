// What a model is asked and how its answers are judged: the one form that public sets (chat_tasks.h), built-in tasks (task.h) and
// any other set take before they are scored (eval/task_score.h). Row C-7.39.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "tasks/task.h"
#include "tokenizer/conversation.h"

namespace lathe::tasks {

struct EvaluationItem {
  int64_t index = 0;                     // in the set, so that two models' answers can be put side by side
  std::string kind;                      // for a table by kind; MMLU's subject
  tokenizer::Conversation conversation;  // up to the answer: ends with the user's turn
  std::string expected;
  std::vector<std::string> candidates;   // the letters of a categorical item
  double chance = 0;                     // of a right answer by a guess; 0 where the answer is free text
  std::string entry_point, test;         // of a program

  const std::string& question() const;   // the user's last message
};

struct Judged {
  std::string answer;    // the part of the output that was judged
  bool correct = false;
  std::string note;      // why not, where there is more to say: an exception's text
};

// outputs[i] answers *items[i]; one verdict each, in that order.
using Judge = std::function<std::vector<Judged>(std::span<const EvaluationItem* const> items, std::span<const std::string> outputs)>;
// A judge that looks at one answer at a time.
Judge each_judge(std::function<Judged(const EvaluationItem&, std::string_view)> judge);

struct EvaluationTask {
  std::string name;   // "ARC-Easy", "sums": also the stem of its answers' file
  std::string title;  // for people
  Scoring scoring = Scoring::kGenerative;
  int64_t max_new_tokens = 512;
  bool comparable_answers = true;  // equal answers are equal texts: there is a most common one, and samples can vote
  std::vector<EvaluationItem> items;
  std::vector<fs::path> files;     // that the items come from
  Judge judge;
};

// All cases of one built-in task, judged by tasks::check. Errors name the case.
Result<EvaluationTask> builtin_evaluation(const BuiltinTask& task, std::span<const TaskCase> cases);

}  // namespace lathe::tasks
