// What a caller asks of the batch engine and hears from it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "infer/grammar.h"
#include "infer/sampler.h"
#include "tasks/calculator.h"

namespace lathe::infer {

struct Request {
  std::vector<int32_t> prompt;        // at least one token
  SamplingOptions sampling;
  int64_t n = 1;                      // answers; answer i draws with row number i, so n = 1 gives the first of n
  std::optional<int64_t> max_tokens;  // of each answer, forced ones count; none: until the model's positions are used up
  int64_t min_tokens = 0;             // terminal tokens and stop ids are not drawn before so many
  std::vector<int32_t> stop_ids;      // end an answer as assistant_end and BOS do
  std::vector<std::string> stop_texts;  // the text ends before the first of them, wherever the borders of tokens lie
  bool ignore_terminal = false;       // answers end at max_tokens only (for measurements)
  int64_t top_log_probs = -1;         // -1: none wanted; 0 and more: of the token, and so many most likely ones beside it
  bool prompt_log_probs = false;      // those of the prompt, too (echo); then no prefix is taken from the cache
  std::shared_ptr<const Grammar> grammar;  // null: none
  std::optional<tasks::CalculatorMode> calculator = tasks::CalculatorMode::kNative;  // none: tool marks are tokens like any other
  int32_t adapter = -1;               // PagedRow::adapter
  bool use_prefix_cache = true;
  std::string client;                 // turns in the queue are taken by client
};

struct LogProb {
  int32_t token = 0;
  float log_prob = 0;  // by the model itself: temperature 1, the whole vocabulary, no penalty, bias or grammar; the evaluator's bits
  std::vector<std::pair<int32_t, float>> top;  // most likely first, the lower id first among equals
};

// What is new in one answer. Valid during the call.
struct Delta {
  int64_t index = 0;                    // of n
  std::string_view text;                // whole characters; may be empty while a character or a stop text may still come
  std::span<const int32_t> tokens;      // new tokens, in the order in which they came; the terminal one is not among them
  std::span<const uint8_t> sampled;     // 0: forced by the calculator
  std::span<const LogProb> log_probs;   // of the tokens, where wanted
};

enum class FinishReason { kStop, kLength, kCancelled };  // kLength: max_tokens or the model's positions

struct Finish {
  int64_t index = 0;
  FinishReason reason = FinishReason::kStop;
  int32_t terminal = -1;     // the token that ended it, or -1
  std::string stop_text;     // the stop text that ended it, or empty
};

struct Usage {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;      // of the prompt, taken from the prefix cache
  int64_t completion_tokens = 0;  // of all answers, with terminal tokens
  int64_t drafted_tokens = 0, accepted_tokens = 0;  // of speculative decoding
  double queue_seconds = 0, first_token_seconds = 0, total_seconds = 0;  // since submit()
};

// Called by the thread that runs the engine; must not block.
class RequestListener {
 public:
  virtual ~RequestListener() = default;
  virtual bool is_gone() const { return false; }  // asked before every step: nothing more is wanted
  // Instead of all others: there was no place in the queue after all (a worker hands requests over later than it takes them).
  virtual void refused() { done(error("too many requests are waiting"), {}); }
  // The prompt has been read. log_probs: of prompt[1] onwards, where wanted.
  virtual void started(std::span<const LogProb> prompt_log_probs) { (void)prompt_log_probs; }
  virtual void delta(const Delta& delta) = 0;
  virtual void finished(const Finish& finish) = 0;  // of one answer
  // The last call. Not ok: the request failed (others go on).
  virtual void done(const Status& status, const Usage& usage) = 0;
};

}  // namespace lathe::infer
