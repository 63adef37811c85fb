// The built-in tasks: cases of a held-out set, exact checkers, baselines.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "core/result.h"

namespace lathe::tasks {

// One case of an evaluation set. File form, one JSON object a line:
//   {"task": "reading", "kind": "pets", "messages": [{"role": "user", "content": ...}], "expected": ...,
//    "candidates": [...]}
struct TaskCase {
  std::string task;
  std::string kind;  // sub-kind, for a table by kind
  Json messages;     // the conversation up to the answer, a list that ends with the user's turn
  std::string expected;
  std::vector<std::string> candidates;  // reading: wrong answers of the passage; choices: the letters
};

enum class Scoring {
  kGenerative,   // the model writes an answer, `check` judges its text
  kCategorical,  // one forward pass, the most likely of the candidate letters (row C-7.26)
};

struct BuiltinTask {
  std::string name;   // "sums": also the stem of its file
  std::string title;  // "sums through the calculator"
  Scoring scoring;
  int64_t max_new_tokens;
};

const std::vector<BuiltinTask>& builtin_tasks();
const BuiltinTask* find_task(std::string_view name);  // null when there is none

// Is `answer` (the assistant's text, tool calls and results included or not) right?
//   sums, counting  the first "#### n", as in row C-7.35
//   spelling        the letters behind the last colon, separated by commas
//   reading         the expected words, and no candidate, as whole words, whatever the case
//   choices         the letter alone
bool check(const TaskCase& task_case, std::string_view answer);

// The part of an answer that `check` looks at, for people: the number, the letters, the trimmed text.
std::string extracted_answer(const TaskCase& task_case, std::string_view answer);

// The number behind the first "#### ", commas removed (row C-7.35); empty when there is none.
std::string final_number(std::string_view answer);

Result<std::vector<TaskCase>> read_task_cases(const fs::path& path);
Json task_case_to_json(const TaskCase& task_case);

// What a model without any understanding reaches: always the most common answer, or a random candidate.
struct Baselines {
  double majority = 0;  // share of the most common expected answer
  double random = 0;    // mean of one over the number of possible answers; 0 where the answer is free text
};
struct Reference {
  std::string_view answer;
  double chance = 0;  // of a guess
};
Baselines reference_baselines(std::span<const Reference> references);
double guess_chance(const TaskCase& task_case);
Baselines baselines(const std::vector<TaskCase>& cases);

}  // namespace lathe::tasks
