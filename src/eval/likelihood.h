// Log-probabilities of texts under a model: what CORE, BoolQ, perplexity and preference scores are made of. Texts of a group
// share their longest common prefix, which is computed once; what is left, of all groups, goes through the model in batches of
// equal length, without padding. A token's loss has the same bits whatever else is scored with it, whatever the batch size,
// the number of threads and the order (decision 17, rows L-6.9, C-7.16, C-7.17).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/result.h"
#include "model/transformer.h"

namespace lathe::eval {

// Tokens [start, end) of ids are scored, each given all before it; 1 <= start <= end <= ids.size() (row C-7.18).
struct ScoredSpan {
  std::vector<int32_t> ids;
  int64_t start = 1, end = 1;
};

// Of the scored tokens, in their order. All empty for an empty span.
struct SpanLosses {
  std::vector<float> nll;           // nats
  std::vector<int32_t> predicted;   // the most likely token instead, lowest id on ties
  double sum() const;
  double mean() const;              // NaN for an empty span (row C-7.15)
  bool all_predicted = false;       // every token is the predicted one; true for an empty span
};

struct LikelihoodOptions {
  int64_t batch_tokens = 8192;  // memory: positions that go through the model together, at most (one text may be longer)
  bool share_prefix = true;     // false: every text by itself, to compare with; the results are the same bits
  std::function<void(int64_t texts_done)> on_progress;
  std::function<bool()> is_cancelled;  // then the error says "cancelled"
};

// groups[g] are the options of one question: result[g][o] belongs to groups[g][o]. Uses the caller's threads; one call at a time
// per model. Errors: an empty text, ids outside the vocabulary, spans out of order, more tokens than the model has positions,
// losses that are not finite (damaged weights).
Result<std::vector<std::vector<SpanLosses>>> score_spans(model::Transformer& model, ops::Context& ctx,
                                                         std::span<const std::vector<ScoredSpan>> groups,
                                                         const LikelihoodOptions& options = {});

}  // namespace lathe::eval
