// What the batch engine keeps of a request and of each of its answers.
#pragma once

#include <memory>
#include <vector>

#include "infer/answer.h"
#include "infer/request.h"
#include "infer/row_pages.h"

namespace lathe::infer {

struct Job;

// An answer under way.
struct Row {
  Row(Job& owner, int64_t number, int64_t index, const AnswerRules& rules, const Request& request, PagePool& pool, PrefixTree& tree)
      : job(owner), id(number), tokens(request.prompt), pages(pool, tree, request.adapter, request.use_prefix_cache), answer(rules, request, index) {}

  Job& job;
  const int64_t id;             // later ones are younger
  std::vector<int32_t> tokens;  // the prompt, and the answer so far
  RowPages pages;
  Answer answer;
  bool follows = false;  // waits until the first answer's row has read the prompt for all

  // Its part of the step under way.
  std::vector<int32_t> fed;  // from pages.held() on: known tokens, then forced ones or guesses
  int64_t guessed = 0;       // of these
  int64_t wanted = 0;        // logits of the last so many
  int64_t logits_row = 0;    // of the first of these
  std::vector<int64_t> drawn_from;  // of each new token, where log-probabilities are wanted: its row of the logits
  int64_t kept = 0;          // positions that hold what the row says
  bool is_decoding() const;
};

struct Job {
  Request request;
  std::shared_ptr<RequestListener> listener;
  double submitted = 0;  // seconds
  std::vector<std::unique_ptr<Row>> rows;  // those that have not ended; none before it is admitted
  bool is_admitted = false, was_read = false, has_to_start = false, has_spoken = false, was_cancelled = false;
  std::vector<LogProb> prompt_log_probs;
  Usage usage;
  Status failure;  // ends it
};

// All but its last token have been read.
inline bool Row::is_decoding() const { return job.was_read && static_cast<int64_t>(tokens.size()) == pages.held() + 1; }

}  // namespace lathe::infer
