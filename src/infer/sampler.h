// From logits to a token (rows C-10.6, C-10.7, L-12.1). In this order: the mask of allowed tokens (all that follows sees no others),
// repetition penalty (Keskar et al. 2019, arXiv:1909.05858: scores of tokens already in the row are divided by it when positive,
// multiplied when negative), frequency and presence penalty, logit bias, ban of repeated n-grams (Paulus et al. 2017,
// arXiv:1705.04304), top-k (exactly min(k, V), the lower id first among equals), temperature, softmax, top-p (Holtzman et al. 2020,
// arXiv:1904.09751: the fewest most likely tokens that reach p), min-p (tokens at least p times as likely as the best).
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/result.h"
#include "infer/grammar.h"

namespace lathe::infer {

inline constexpr double kMaxTemperature = 1000, kMaxRepetitionPenalty = 1000;
inline constexpr size_t kMaxLogitBias = 300;  // entries

struct SamplingOptions {
  double temperature = 1;         // at most 1000; 0 = always the most likely token, the seed then changes nothing
  int64_t top_k = 0;              // 0 = the whole vocabulary
  double top_p = 1;               // [0, 1]; 1 = off, 0 = one token
  double min_p = 0;               // [0, 1]
  double repetition_penalty = 1;  // [0.001, 1000]; 1 = none
  int64_t repetition_window = 0;  // the penalty is on the last so many tokens of the row; 0 = on all (row L-12.5)
  // No run of so many tokens comes twice in a row; 0 = off. Where every token is banned, none is.
  int64_t no_repeat_ngram_size = 0;
  // OpenAI's: a token that was generated c > 0 times loses frequency_penalty * c + presence_penalty. Tokens of the prompt do not count.
  double presence_penalty = 0;    // [-2, 2]
  double frequency_penalty = 0;   // [-2, 2]
  std::vector<std::pair<int32_t, double>> logit_bias{};  // added to the token's logit, [-100, 100]; at most kMaxLogitBias
  uint64_t seed = 42;
  bool top_k_keeps_ties = false;  // keeps all tokens as likely as the k-th (row C-3.32)

  // vocab_size: bound of the tokens in logit_bias.
  Status validate(int64_t vocab_size = std::numeric_limits<int32_t>::max()) const;
  // do_sample off (row L-12.7): always the most likely token of the plain logits. ignored: names of the other settings that were
  // on.
  SamplingOptions greedy(std::vector<std::string>* ignored = nullptr) const;
};

// Index of the first of the largest scores; -1 when a score is NaN or +infinity, or none is finite.
int32_t argmax(std::span<const float> scores);

enum class TokenOrigin { kPrompt, kGenerated };

// One object per generation, one thread. Row r's draw at step s is a pure function of (seed, number of the row, s) and its
// logits, so rows never influence each other. Allocates only when made, or (with a window, an n-gram ban, a frequency or presence
// penalty) to keep the rows' tokens.
class Sampler {
 public:
  Sampler(const SamplingOptions& options, int64_t vocab_size, int64_t rows = 1, std::vector<int64_t> numbers = {});  // empty: 0, 1, ...

  // Whether rows may be drawn at the same time by several threads: with a plain temperature draws keep no scratch.
  bool concurrent() const { return plain_; }

  // logits (V). -1 when a logit is NaN or +infinity, or none (of those allowed) is finite. With a mask only tokens whose bit is set
  // can be drawn; tokens beyond its end are not allowed.
  int32_t draw(std::span<const float> logits, int64_t row, int64_t step, const TokenMask* mask = nullptr);

  // Tells that the row holds this token (for penalties and ban): those of the prompt and every one taken, in order.
  void observe(int64_t row, int32_t token, TokenOrigin origin = TokenOrigin::kGenerated);

  // What draw() draws from at a temperature above 0: probability of every token, (V).
  std::vector<float> probabilities(std::span<const float> logits, int64_t row = 0, const TokenMask* mask = nullptr);

 private:
  struct Candidate {
    float score;
    int32_t token;
    double weight;
  };
  std::span<const float> penalised(std::span<const float> logits, int64_t row, const TokenMask* mask);
  double uniform(int64_t row, int64_t step) const;
  int32_t draw_plain(std::span<const float> logits, double uniform) const;
  int32_t draw_plain_allowed(std::span<const float> logits, double uniform, const TokenMask& mask) const;
  void penalise(int64_t token);
  void add_offsets(int64_t row);
  void ban_repeats(std::span<const int32_t> row);
  bool collect(std::span<const float> logits, int64_t row, const TokenMask* mask);  // fills candidates_ with positive weights
  void keep_top_k(std::span<const float> scores);

  SamplingOptions options_;
  int64_t vocab_size_;
  std::vector<int64_t> numbers_;
  bool plain_;  // the whole vocabulary (or what a mask allows of it) as it is, at a temperature above 0
  bool changes_scores_;  // a penalty, a bias or a ban
  std::array<uint32_t, 2> key_;
  std::vector<Candidate> candidates_;
  std::vector<float> scores_;  // with a penalty, a bias, a ban or (from the first one on) a mask: the row's scores
  std::vector<uint8_t> seen_;  // with a penalty on all tokens: (rows, V); on a window: (V), clear between draws
  std::vector<std::vector<int32_t>> tokens_;  // with a window or a ban: of each row
  std::vector<std::unordered_map<int32_t, int32_t>> counts_;  // with a frequency or presence penalty: of each row's generated tokens
};

}  // namespace lathe::infer
