// Two models' answers to the same items, side by side: who is right where, and whether the difference is more than luck.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "eval/answer_file.h"
#include "eval/statistics.h"

namespace lathe::eval {

struct TaskComparison {
  std::string task;
  int64_t common = 0, without_b = 0, without_a = 0;  // items in both; answered by A only, by B only
  std::optional<PairedComparison> outcomes;          // where the answers are right or wrong
  std::optional<PairedComparison> scores;            // where they have a score, such as a log-probability
  std::vector<int64_t> only_a, only_b;               // items that one alone has right

  // "B is better", "A is better", "no difference shown".
  std::string verdict() const;
  Json to_json() const;
};

// Over the common items. Refused: sets of different files (by SHA-256, where both summaries say), an item whose question or expected
// answer differs, no common item, answers without verdict and score.
Result<TaskComparison> compare_answers(const AnswerFile& a, const AnswerFile& b);

std::vector<std::string> comparison_table(const std::vector<TaskComparison>& tasks);

}  // namespace lathe::eval
