// Sampled answers to problems, judged: what reinforcement learning trains on (rows C-9.4 to C-9.6, C-9.9) and pass@k counts
// (rows C-9.13, C-9.14). All rows of a call go through the engine together.
#pragma once

#include <span>
#include <vector>

#include "infer/engine.h"
#include "tasks/problem_set.h"

namespace lathe::infer {

struct RolloutOptions {
  int64_t num_samples = 16;      // answers to each problem
  int64_t max_new_tokens = 256;  // forced ones count; the context may end an answer earlier
  SamplingOptions sampling;
  int64_t rows = 256;            // generated together at most; memory, not results, depends on it
  bool log_probs = false;
};

struct Rollout {
  std::vector<int32_t> tokens;   // prompt, answer and the terminal token that was sampled, if one was
  std::vector<uint8_t> mask;     // 1 = sampled; 0 = prompt, or forced by the calculator
  std::vector<float> log_probs;  // when asked for, of tokens[prompt_length] and on
  int64_t prompt_length = 0;
  bool completed = false;        // the last token is the terminal one
  double reward = 0;

  int64_t answer_length() const { return static_cast<int64_t>(tokens.size()) - prompt_length - completed; }
  int64_t length() const { return static_cast<int64_t>(tokens.size()) - completed; }  // without the terminal token
};

// A problem to be answered, and a number of its own: sample s draws as row (number * num_samples + s) of the seed. So an answer
// depends on seed and number, not on the company, the ranks or the order of the calls.
struct RolloutRequest {
  int64_t problem = 0;
  int64_t number = 0;
};

// num_samples roll-outs of each request in turn; fewer only when cancelled: then those of the requests before. Errors as the
// engine's.
Result<std::vector<Rollout>> roll_out(Engine& engine, const tasks::ProblemSet& problems, std::span<const RolloutRequest> requests,
                                      const RolloutOptions& options, const IsCancelled& is_cancelled = {});

}  // namespace lathe::infer
