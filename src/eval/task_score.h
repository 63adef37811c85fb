// A model's answers to the cases of a task, each judged, and what they add up to. Greedy, through the engine with the
// calculator at hand (row C-10.12); multiple choice is decided by the logits of the letters alone (row C-7.26).
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/json.h"
#include "infer/engine.h"
#include "tasks/task.h"

namespace lathe::eval {

struct CaseAnswer {
  std::string kind, prompt;  // the user's last message
  std::string output;        // all of the assistant's text, tool calls and their results by name; the letter of a choice
  std::string answer;        // what was judged: the number, the letters, ...
  std::string expected;
  bool correct = false;
  bool finished = true;      // false: cut off at the task's max_new_tokens
  int64_t tokens = 0;        // generated
  Json to_json() const;
};

struct KindScore {
  std::string kind;
  int64_t n = 0, correct = 0;
};

struct TaskScore {
  std::string task, title;
  tasks::Scoring scoring = tasks::Scoring::kGenerative;
  int64_t n = 0, correct = 0;
  double accuracy = 0, low = 0, high = 1;  // Wilson's 95 % interval
  double majority = 0;                     // baselines of tasks::Baselines, over the same cases
  double random = 0;
  double seconds = 0;
  std::vector<KindScore> kinds;            // by name
  std::vector<CaseAnswer> answers;         // in the order of the cases

  double chance() const { return majority > random ? majority : random; }
  // "better than chance", "not distinguishable from chance" when the interval covers it, "worse than chance".
  std::string verdict() const;
  Json to_json() const;  // without the answers
};

struct ScoreOptions {
  std::function<void(int64_t done, int64_t correct)> on_group;  // cases with prompts of one length go together
  infer::IsCancelled is_cancelled;  // the score is then that of the cases done so far
};

// Errors: a prompt that the tokenizer or the model cannot take, letters that are not one token each. The engine's
// tokenizer must have the chat markers.
Result<TaskScore> score_task(infer::Engine& engine, const tasks::BuiltinTask& task, std::span<const tasks::TaskCase> cases,
                             const ScoreOptions& options = {});

// The logits of the letters after the prompt, one forward pass (row C-7.26). Each letter must be one token.
Result<std::vector<float>> letter_logits(infer::Engine& engine, std::span<const int32_t> prompt, const std::vector<std::string>& letters);

// <folder>/<task>.jsonl with one answer a line, and <folder>/summary.json: `about` (model, step, ...) and the scores by
// task. Scores of other tasks in a summary with the same `about` are kept.
Status write_scores(const fs::path& folder, const Json& about, std::span<const TaskScore> scores);

}  // namespace lathe::eval
