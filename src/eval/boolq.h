// BoolQ (Clark et al. 2019, arXiv:1905.10044): yes-or-no questions about a passage, in the form of the public harness, so that
// figures compare: passage, "Question: ...?", "Answer:", then the summed log-probabilities of " yes" and " no" (row L-6.3). 62.2 %
// of the answers of the validation set are yes: the score stands beside that, with its interval, and says in words when the two
// cannot be told apart (row L-6.4).
#pragma once

#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "eval/likelihood.h"
#include "tasks/interval.h"
#include "tokenizer/tokenizer.h"

namespace lathe::eval {

inline constexpr int64_t kBoolqValidation = 3270;  // items of the full validation set

struct BoolqItem {
  std::string passage, question;  // the question without its question mark
  bool yes = false;
  std::string prompt() const;
};

// A line each, compressed or not: {"passage", "question", "answer" or "label": bool or 0/1}, or CORE's form {"query": "Passage: ...
// Question: ...?", "choices": [...], "gold"}. Errors name file and line.
Result<std::vector<BoolqItem>> read_boolq(const fs::path& file);

struct BoolqOptions {
  int64_t max_samples = -1;          // the first so many; -1: all
  std::optional<int32_t> start;      // stands before each text
  int64_t batch_tokens = 8192;
  std::function<void(int64_t done, int64_t items)> on_progress;
  std::function<bool()> is_cancelled;
};

struct BoolqAnswer {
  double yes = 0, no = 0;  // log-probabilities
  bool says_yes = false;   // on a tie it says no
  bool correct = false;
};

struct BoolqScore {
  int64_t n = 0, correct = 0, yes = 0;   // yes: items whose answer it is
  int64_t says_yes = 0, cut = 0;         // cut: passages that lost their beginning, to fit the model's context
  std::vector<BoolqAnswer> answers;      // in the order of the items
  double accuracy() const { return n == 0 ? 0 : static_cast<double>(correct) / static_cast<double>(n); }
  double majority() const;               // of the items scored
  tasks::Interval interval() const;      // Wilson, 95 %
  std::string verdict() const;           // chance_verdict against majority()
  std::vector<uint8_t> outcomes() const;
  Json to_json() const;                  // a figure of eval/results.h
};

Result<BoolqScore> score_boolq(model::Transformer& model, const tokenizer::Tokenizer& tokenizer, ops::Context& ctx,
                               std::span<const BoolqItem> items, const BoolqOptions& options = {});

// For write_answers().
std::vector<Json> boolq_answers(std::span<const BoolqItem> items, const BoolqScore& score);

}  // namespace lathe::eval
