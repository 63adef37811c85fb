// Continuous batching (Yu et al. 2022, Orca; Kwon et al. 2023, arXiv:2309.06180): every step runs one forward pass over new tokens of
// many requests, pieces of prompts beside single tokens of answers, within a budget. Keys and values lie in pages that requests with
// the same beginning share through a prefix tree, whose hits are compared token by token (trap S10). What a request gets never depends
// on its company, the cache, the pieces, preemption or drafts (decision 17, row L-12.10; trap S1).
#pragma once

#include <memory>
#include <string>

#include "infer/drafter.h"
#include "infer/language_model.h"
#include "infer/request.h"
#include "tokenizer/tokenizer.h"

namespace lathe::infer {

struct BatchEngineOptions {
  int64_t pages = 0;            // of the cache; 0: enough for max_rows rows of the trained length
  model::KvFormat kv_format = model::KvFormat::kActivation;
  int64_t max_rows = 32;        // answers that are generated at the same time
  int64_t token_budget = 512;   // tokens of one step; answers come first, the rest is for prompts
  int64_t prompt_budget = 128;  // of these for prompts while answers go on, so that a long prompt does not make them stall
  int64_t max_waiting = 64;     // requests in the queue; trap S3
  int64_t max_waiting_per_client = 64;
  bool prefix_cache = true;
  int64_t draft_tokens = 0;     // guesses a row and step; 0: no speculative decoding
};

struct EngineFigures {
  int64_t running = 0, waiting = 0;  // answers, requests
  int64_t pages = 0, pages_used = 0, pages_cached = 0;  // used: by running rows; cached: held by the prefix tree alone
  int64_t steps = 0, prompt_tokens = 0, cached_tokens = 0, generated_tokens = 0;
  int64_t drafted_tokens = 0, accepted_tokens = 0;
  int64_t preemptions = 0, finished = 0, cancelled = 0, failed = 0;
};

enum class Admission { kAccepted, kFull };

// One thread, but for check(). The model must outlive it.
class BatchEngine {
 public:
  // drafter may be null: then n-gram look-up is used where draft_tokens > 0.
  BatchEngine(LanguageModel& model, tokenizer::Tokenizer tokenizer, const BatchEngineOptions& options, std::unique_ptr<Drafter> drafter = {});
  ~BatchEngine();

  // Whether the request can be answered at all: lengths, ids, ranges (trap S4), pages. Any thread.
  Status check(const Request& request) const;
  // The listener hears of everything from step(). kFull: the queue, or this client's part of it, is full; nobody hears anything.
  // An invalid request is accepted and ends in done(error).
  Admission submit(Request request, std::shared_ptr<RequestListener> listener);
  // One forward pass at most. false: nothing to do. Throws when the model does; the engine must not be used then.
  bool step();
  // Ends everything with done(error); also after step() has thrown.
  void stop(const Status& why);
  EngineFigures figures() const;

  const BatchEngineOptions& options() const;
  LanguageModel& model() const;
  const tokenizer::Tokenizer& tokenizer() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lathe::infer
