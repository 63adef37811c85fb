// Problems whose answers a program can judge: what reinforcement learning is rewarded on and what pass@k is measured on. The
// verdict is formed here, from the text of the answer alone (trap G2).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "tasks/conversation_set.h"
#include "tasks/synth_problem.h"
#include "tasks/task.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tasks {

// Read by one thread at a time; does not change.
class ProblemSet {
 public:
  virtual ~ProblemSet() = default;
  virtual int64_t size() const = 0;
  // The conversation up to the assistant's turn, rendered. 0 <= i < size().
  virtual const std::vector<int32_t>& prompt(int64_t i) const = 0;
  // 0 or 1 for the assistant's text, markers and tool results included (rows C-8.29, C-9.6).
  virtual double reward(int64_t i, std::string_view answer) const = 0;
  // Changes with every prompt and expected answer, so that a resumed run notices other problems.
  virtual std::string fingerprint() const = 0;
};

// Cases of the built-in tasks that are answered in free text. Errors: an empty list, a case that cannot be rendered, a prompt of
// max_prompt tokens or more, a task of letters.
Result<std::unique_ptr<ProblemSet>> case_problems(const std::vector<TaskCase>& cases, const tokenizer::Tokenizer& tokenizer,
                                                  int64_t max_prompt);

// Conversations whose last answer gives a number behind "#### " (GSM8K, SpellingBee): judged by that number. Errors as above.
Result<std::unique_ptr<ProblemSet>> number_problems(const ConversationSet& set, const tokenizer::Tokenizer& tokenizer, int64_t max_prompt);

// By name: gsm8k, as hosted below <base>/hosted or `folder` (split main/train or main/test); or built-in tasks joined by "|", which
// take turns, `count` problems of each, made from `seed`. The splits share no problem.
struct ProblemSource {
  std::string task = "gsm8k";
  fs::path base, folder;
  Split split = Split::kTrain;
  int64_t count = 4000;
  uint64_t seed = 1;
};
Result<std::unique_ptr<ProblemSet>> open_problems(const ProblemSource& source, const tokenizer::Tokenizer& tokenizer, int64_t max_prompt);

}  // namespace lathe::tasks
