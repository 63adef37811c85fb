// Scores in words: the lines of the origin's evaluation of chat models (row C-7.42), and a table for people.
#pragma once

#include <string>
#include <vector>

#include "eval/task_score.h"

namespace lathe::eval {

// "Rank 0 | 3/8 (37.50%)", while a task is under way; no item yet: 0.00%.
std::string live_line(int rank, int64_t passed, int64_t total);

// After a task: a rule of 50 "=" before the final line of generative ones, "Final: 3/8 (37.50%)", "GSM8K accuracy: 37.50%" (rows C-7.29,
// C-7.42), and where there are any: prompts that were cut, answers that were, pass@k and the majority vote.
std::vector<std::string> final_lines(const TaskScore& score);

std::string table_head();
std::string table_line(const TaskScore& score);
std::string table_line(const std::string& title, const std::string& not_run);

}  // namespace lathe::eval
