// Generation: one prefill, then one token per row and step from the key/value cache, the calculator always at hand
// (rows C-10.1 to C-10.13, C-10.24 to C-10.28). Chat, serving, evaluation and roll-outs all come through here.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/result.h"
#include "infer/answer_rules.h"
#include "infer/language_model.h"
#include "infer/sampler.h"
#include "tokenizer/tokenizer.h"

namespace lathe::infer {

// What happens when the model's positions are used up (row L-12.8).
enum class Overflow {
  kStop,   // generation ends with kContextFull
  kSlide,  // it goes on from the last LanguageModel::slide_length() tokens, whose keys and values are computed anew each step;
           // needs max_tokens
};

struct GenerateOptions {
  int64_t num_samples = 1;
  std::optional<int64_t> max_tokens;  // forced ones count; none: until the trained length is full (row C-10.24)
  SamplingOptions sampling;
  std::vector<int32_t> stop_ids;  // complete a row as assistant_end and BOS do
  // Numbers of the rows' draws under the seed, one a row; empty: 0, 1, ... So an answer can be drawn again in another company.
  std::vector<int64_t> row_numbers;
  bool log_probs = false;         // wanted in Column and Generated
  tasks::CalculatorMode calculator = tasks::CalculatorMode::kNative;
  Overflow overflow = Overflow::kStop;
};

// One step's token of every row; mask 1 = sampled, 0 = forced. Valid during the call.
// generate_each() drops rows that have ended: their token is kNoToken from then on.
inline constexpr int32_t kNoToken = -1;
struct Column {
  std::span<const int32_t> tokens;
  std::span<const uint8_t> mask;
  std::span<const float> log_probs;  // of the tokens by the model itself: temperature 1, the whole vocabulary
};
using OnColumn = std::function<bool(const Column&)>;  // false ends generation
using IsCancelled = std::function<bool()>;            // asked before every step and every piece of the prefill

enum class StopReason { kCompleted, kMaxTokens, kContextFull, kCancelled };

struct Generated {
  std::vector<std::vector<int32_t>> tokens;  // per row: the prompt and the answer, without its terminal token
  std::vector<std::vector<uint8_t>> mask;    // 0 for the prompt
  std::vector<uint8_t> completed;            // per row: 1 when it ended with a terminal token
  std::vector<int32_t> terminal;             // per row: that token, else kNoToken
  // With options.log_probs, per row: of every token of the answer and of its terminal token. They are the bits of the negative
  // losses that Transformer::loss gives for the same text (decision 17).
  std::vector<std::vector<float>> log_probs;
  StopReason reason = StopReason::kCompleted;
};

// Runs one generation at a time on the caller's thread. The model must outlive it.
class Engine {
 public:
  // Special tokens are taken by name; those that the tokenizer lacks never occur. Only ids that both the model and the
  // tokenizer know are sampled.
  Engine(LanguageModel& model, tokenizer::Tokenizer tokenizer);

  // Calls on_column at most max_tokens times. Errors: an empty prompt, ids outside the vocabulary, a prompt longer than
  // the model's positions (row C-10.25), options out of range, logits that are not finite.
  Result<StopReason> generate(std::span<const int32_t> prompt, const GenerateOptions& options,
                              const OnColumn& on_column, const IsCancelled& is_cancelled = {});
  Result<Generated> generate_batch(std::span<const int32_t> prompt, const GenerateOptions& options,
                                   const IsCancelled& is_cancelled = {});

  // Several prompts of any lengths at a time, num_samples rows each (row p * num_samples + s): every row gets what it
  // would get alone at temperature 0, else with the draws of its place. Rows that have ended are dropped from the batch,
  // so a few long answers cost little. Errors as above. reason: kMaxTokens or kContextFull if that ended any row.
  Result<Generated> generate_each(std::span<const std::vector<int32_t>> prompts, const GenerateOptions& options,
                                  const IsCancelled& is_cancelled = {});

  // Whether a token completes a row: assistant_end, BOS or one of the options' stop ids.
  bool is_terminal(int32_t token, const GenerateOptions& options) const;

  LanguageModel& model() { return model_; }
  const tokenizer::Tokenizer& tokenizer() const { return rules_.tokenizer(); }

 private:
  Status check(std::span<const int32_t> prompt, const GenerateOptions& options) const;
  int64_t capacity_for(size_t prompt_length, const GenerateOptions& options) const;
  using Prompts = std::vector<std::span<const int32_t>>;  // one per row
  Tensor prefill(const Prompts& prompts, model::KvCache& cache, const IsCancelled& is_cancelled);
  // Reads prompts of any lengths, those of one length together, and puts each into `samples` rows of the cache.
  Tensor prefill_rows(const Prompts& prompts, int64_t samples, model::KvCache& cache, const IsCancelled& is_cancelled);
  Result<Generated> slide_each(std::span<const std::vector<int32_t>> prompts, const GenerateOptions& options, const IsCancelled& is_cancelled);
  // What is read of the prompt: all of it, or its end when the text slides.
  std::span<const int32_t> visible(std::span<const int32_t> prompt, const GenerateOptions& options) const;
  Result<StopReason> decode(const Prompts& prompts, Tensor logits, model::KvCache& cache,
                            const GenerateOptions& options, bool drop_ended, const OnColumn& on_column,
                            const IsCancelled& is_cancelled);
  OnColumn collector(const Prompts& prompts, const GenerateOptions& options, Generated& result) const;

  LanguageModel& model_;
  AnswerRules rules_;
};

}  // namespace lathe::infer
