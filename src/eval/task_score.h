// A model's answers to the items of a task, each judged, and what they add up to: the one scorer of chat models. Multiple choice is
// decided by the logits of the letters alone (row C-7.26), everything else by the text that the engine writes, the calculator at hand
// (rows C-7.28, C-10.12). No figure depends on the number of rows, threads or ranks, nor on the order.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dist/communicator.h"
#include "eval/answer.h"
#include "infer/engine.h"
#include "tasks/evaluation_task.h"
#include "tokenizer/chat_template.h"

namespace lathe::eval {

struct KindScore {
  std::string kind;
  int64_t n = 0, correct = 0;
};

struct TaskScore {
  std::string task, title;
  tasks::Scoring scoring = tasks::Scoring::kGenerative;
  int64_t n = 0, correct = 0;              // correct: one of its samples is (pass@n, row C-7.28)
  double accuracy = 0, low = 0, high = 1;  // Wilson's 95 % interval
  double majority = 0;                     // baselines over the same items
  double random = 0;
  double seconds = 0;
  int64_t cut = 0;                         // prompts that lost their end (row C-7.43)
  int64_t unfinished = 0;                  // samples cut off at max_new_tokens
  std::vector<KindScore> kinds;            // by name, of items that have a kind
  std::vector<Answer> answers;             // by index
  // With several samples of each item: pass_at_k[k - 1] is the mean of unbiased_pass_at_k over the items; the vote is over what was
  // judged, where equal answers are equal texts.
  std::vector<double> pass_at_k;
  std::optional<double> majority_vote;
  Json settings = Json::object();          // all that the answers depend on besides model and data
  Json data = Json::array();               // files with their SHA-256; the caller's to fill

  // "better than chance", "not distinguishable from chance" when the interval covers it, "worse than chance".
  std::string verdict() const;
  Json to_json() const;  // a figure of results.h, without the answers
};

inline constexpr int64_t kMostPromptTokens = 2048;  // row C-2.28

struct ScoreOptions {
  int64_t rows = 8;                       // answered together; memory and time depend on it
  int64_t samples = 1;                    // of each item that is answered in text
  std::optional<int64_t> max_new_tokens;  // none: the task's own
  // Every item draws the same numbers (row C-7.41). The default is greedy.
  infer::SamplingOptions sampling = {.temperature = 0, .top_k = 50};
  const tokenizer::ChatTemplate* form = nullptr;  // of prompts and their ends, where it is not the chat family's
  dist::Communicator* ranks = nullptr;    // batches r, r + W, ... are rank r's; every rank gets the score of all (rows C-7.27, C-7.29)
  std::function<void(int64_t done, int64_t correct)> on_batch;  // of this rank
  infer::IsCancelled is_cancelled;        // the score is then that of the items done so far
};

// A prompt longer than kMostPromptTokens or the model's positions loses its end (with options.form its beginning) and is counted. Errors: a prompt that the tokenizer
// cannot take, letters that are not one token each; they name the item. The engine's tokenizer must have the template's markers.
Result<TaskScore> score_task(infer::Engine& engine, const tasks::EvaluationTask& task, const ScoreOptions& options = {});

// <folder>/<task>.jsonl with an answer a line, and the figures in section "tasks" of its summary (results.h).
Status write_scores(const fs::path& folder, const Json& about, std::span<const TaskScore> scores);

}  // namespace lathe::eval
