// Perplexity on a running text by one fixed protocol (row L-6.2): the text as it stands in its file is encoded once, the model
// sees windows of its context that begin a stride apart, each token is scored once, by the first window that holds it, and the
// score is exp of the mean loss of all tokens. Because that depends on the tokenizer, bits per byte by the file's own bytes (never
// of decoded text, trap L6) and perplexity per whitespace-separated word stand beside it: those compare models of any tokenizer.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "model/transformer.h"
#include "tasks/interval.h"
#include "tokenizer/tokenizer.h"

namespace lathe::eval {

// WikiText-2's test split has two published forms, the raw one and an older one with rare words replaced by <unk>. Their scores are
// not comparable, so a text is told by its hash.
struct TextForm {
  std::string name;         // "WikiText-2 test, raw", ..., "another text"
  bool known = false;
};
TextForm form_of_text(const std::string& sha256);

struct PerplexityOptions {
  int64_t context = 0;        // positions of a window; 0: the model's trained length
  int64_t stride = 0;         // 0: context / 2
  int64_t max_windows = -1;   // the first so many; -1: all
  int64_t batch_tokens = 8192;  // positions that go through the model together, at most (one window may be longer)
  // Stands before the text, is not scored. Without it the text's first token cannot be scored and counts nowhere.
  std::optional<int32_t> start;
  std::function<void(int64_t done, int64_t windows)> on_progress;
  std::function<bool()> is_cancelled;  // then the error says "cancelled"
};

struct PerplexityScore {
  int64_t context = 0, stride = 0, windows = 0, windows_of_text = 0;
  int64_t tokens = 0, bytes = 0, words = 0;  // scored
  double nats = 0;
  std::vector<double> blocks;  // mean loss of consecutive runs of about `stride` tokens: what intervals are drawn from

  double loss() const;             // nats a token
  double perplexity() const;       // of a token; this and the next two are infinite where nothing was scored
  double bits_per_byte() const;
  double word_perplexity() const;
  tasks::Interval interval() const;  // of the perplexity, 95 %, bootstrap over blocks
  Json to_json() const;              // a figure of eval/results.h
};

// `text` as it is in the file. Errors: options out of range, a text of no token to score, losses that are not finite.
Result<PerplexityScore> measure_perplexity(model::Transformer& model, const tokenizer::Tokenizer& tokenizer, std::string_view text,
                                           const PerplexityOptions& options = {});

// Runs of characters that are not white space (space, \t, \n, \v, \f, \r).
int64_t count_words(std::string_view text);

}  // namespace lathe::eval
