#include "infer/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "core/check.h"
#include "core/rng.h"

namespace lathe::infer {
namespace {

constexpr float kLargest = std::numeric_limits<float>::max();
constexpr std::ptrdiff_t kFirstSorted = 1024;
constexpr float kNever = -std::numeric_limits<float>::infinity();

// f(token) for the allowed ones among [0, vocab_size), lowest first, until f returns false.
template <class F>
void for_allowed(const TokenMask& mask, size_t vocab_size, F f) {
  for (size_t word = 0; word * 64 < vocab_size && word < mask.size(); ++word)
    for (uint64_t bits = mask[word]; bits != 0; bits &= bits - 1) {
      const size_t token = word * 64 + static_cast<size_t>(std::countr_zero(bits));
      if (token >= vocab_size || !f(token)) return;
    }
}

}  // namespace

int32_t argmax(std::span<const float> scores) {
  constexpr size_t kBlock = 64;
  float best = -std::numeric_limits<float>::infinity();
  int32_t index = -1;
  for (size_t begin = 0; begin < scores.size(); begin += kBlock) {
    const size_t count = std::min(kBlock, scores.size() - begin);
    const float* block = scores.data() + begin;
    if (count == kBlock) {  // nearly every block holds nothing new, which a loop without branches finds eight times as fast
      int is_new = 0;
      for (size_t i = 0; i < kBlock; ++i) is_new |= !(block[i] <= best);
      if (!is_new) continue;
    }
    for (size_t i = 0; i < count; ++i) {
      if (!(block[i] <= kLargest)) return -1;
      if (block[i] > best) {
        best = block[i];
        index = static_cast<int32_t>(begin + i);
      }
    }
  }
  return index;
}

Status SamplingOptions::validate(int64_t vocab_size) const {
  if (!(temperature >= 0 && temperature <= kMaxTemperature))
    return error("temperature must be 0 or more (at most ", kMaxTemperature, "), not ", temperature);
  if (top_k < 0) return error("top_k must be 0 (off) or more, not ", top_k);
  if (!(top_p >= 0 && top_p <= 1)) return error("top_p must lie in [0, 1], not ", top_p);
  if (!(min_p >= 0 && min_p <= 1)) return error("min_p must lie in [0, 1], not ", min_p);
  if (!(repetition_penalty >= 1 / kMaxRepetitionPenalty && repetition_penalty <= kMaxRepetitionPenalty))
    return error("repetition_penalty must be above 0 (", 1 / kMaxRepetitionPenalty, " to ", kMaxRepetitionPenalty, "), not ", repetition_penalty);
  for (const auto& [name, value] : {std::pair{"presence_penalty", presence_penalty}, {"frequency_penalty", frequency_penalty}})
    if (!(value >= -2 && value <= 2)) return error(name, " must lie in [-2, 2], not ", value);
  if (logit_bias.size() > kMaxLogitBias) return error("logit_bias has ", logit_bias.size(), " entries, more than ", kMaxLogitBias);
  for (const auto& [token, bias] : logit_bias) {
    if (token < 0 || token >= vocab_size) return error("logit_bias names token ", token, ", the vocabulary has ", vocab_size);
    if (!(bias >= -100 && bias <= 100)) return error("logit_bias of token ", token, " must lie in [-100, 100], not ", bias);
  }
  if (repetition_window < 0) return error("repetition_window must be 0 (all tokens) or more, not ", repetition_window);
  if (no_repeat_ngram_size < 0) return error("no_repeat_ngram_size must be 0 (off) or more, not ", no_repeat_ngram_size);
  return {};
}

SamplingOptions SamplingOptions::greedy(std::vector<std::string>* ignored) const {
  const SamplingOptions off;
  if (ignored != nullptr)
    for (const auto& [name, on] : {std::pair{"temperature", temperature != off.temperature && temperature != 0}, {"top_k", top_k != off.top_k},
                                   {"top_p", top_p != off.top_p}, {"min_p", min_p != off.min_p},
                                   {"repetition_penalty", repetition_penalty != off.repetition_penalty},
                                   {"no_repeat_ngram_size", no_repeat_ngram_size != off.no_repeat_ngram_size},
                                   {"presence_penalty", presence_penalty != off.presence_penalty},
                                   {"frequency_penalty", frequency_penalty != off.frequency_penalty}, {"logit_bias", !logit_bias.empty()}})
      if (on) ignored->push_back(name);
  SamplingOptions plain;
  plain.seed = seed;
  plain.temperature = 0;
  return plain;
}

Sampler::Sampler(const SamplingOptions& options, int64_t vocab_size, int64_t rows, std::vector<int64_t> numbers)
    : options_(options), vocab_size_(vocab_size), numbers_(std::move(numbers)),
      plain_(false), changes_scores_(false), key_(rng_key(options.seed, "sample")) {
  require(options.validate(vocab_size).ok(), "[sampler] options out of range");
  require(vocab_size >= 1 && rows >= 1, "[sampler] vocabulary of ", vocab_size, ", ", rows, " rows");
  require(numbers_.empty() || static_cast<int64_t>(numbers_.size()) == rows, "[sampler] ", numbers_.size(), " numbers for ", rows, " rows");
  if (options_.temperature > 0) candidates_.reserve(static_cast<size_t>(vocab_size) + 1);
  const bool penalty = options_.repetition_penalty != 1, window = penalty && options_.repetition_window > 0;
  const bool counted = options_.presence_penalty != 0 || options_.frequency_penalty != 0;
  changes_scores_ = penalty || counted || options_.no_repeat_ngram_size > 0 || !options_.logit_bias.empty();
  plain_ = options_.temperature > 0 && options_.top_k == 0 && options_.top_p == 1 && options_.min_p == 0 && !changes_scores_;
  if (changes_scores_) scores_.resize(static_cast<size_t>(vocab_size));
  if (counted) counts_.resize(static_cast<size_t>(rows));
  if (penalty) seen_.resize(static_cast<size_t>(window ? vocab_size : vocab_size * rows));
  if (window || options_.no_repeat_ngram_size > 0) tokens_.resize(static_cast<size_t>(rows));
}

void Sampler::observe(int64_t row, int32_t token, TokenOrigin origin) {
  if (!counts_.empty() && origin == TokenOrigin::kGenerated) ++counts_[static_cast<size_t>(row)][token];
  if (!tokens_.empty()) tokens_[static_cast<size_t>(row)].push_back(token);
  if (seen_.empty() || options_.repetition_window > 0 || token < 0 || token >= vocab_size_) return;
  seen_[static_cast<size_t>(row * vocab_size_ + token)] = 1;
}

void Sampler::penalise(int64_t token) {
  float& score = scores_[static_cast<size_t>(token)];
  const float penalty = static_cast<float>(options_.repetition_penalty);
  score = score > 0 ? score / penalty : score * penalty;
}

void Sampler::add_offsets(int64_t row) {
  if (!counts_.empty())
    for (const auto& [token, count] : counts_[static_cast<size_t>(row)])
      if (token >= 0 && token < vocab_size_)
        scores_[static_cast<size_t>(token)] -= static_cast<float>(options_.frequency_penalty * count + options_.presence_penalty);
  for (const auto& [token, bias] : options_.logit_bias) scores_[static_cast<size_t>(token)] += static_cast<float>(bias);
}

// The tokens that followed the row's last n - 1 tokens wherever these stood before.
void Sampler::ban_repeats(std::span<const int32_t> row) {
  const auto n = static_cast<size_t>(options_.no_repeat_ngram_size);
  if (row.size() < n) return;
  const std::span<const int32_t> end = row.last(n - 1);
  std::vector<std::pair<size_t, float>> banned;
  for (size_t begin = 0; begin + n <= row.size(); ++begin) {
    if (!std::equal(end.begin(), end.end(), row.begin() + static_cast<std::ptrdiff_t>(begin))) continue;
    const int32_t token = row[begin + n - 1];
    if (token < 0 || token >= vocab_size_) continue;
    banned.emplace_back(static_cast<size_t>(token), scores_[static_cast<size_t>(token)]);
    scores_[static_cast<size_t>(token)] = kNever;
  }
  if (argmax(scores_) >= 0) return;
  for (auto it = banned.rbegin(); it != banned.rend(); ++it) scores_[it->first] = it->second;  // the first score of each last
}

std::span<const float> Sampler::penalised(std::span<const float> logits, int64_t row, const TokenMask* mask) {
  require(static_cast<int64_t>(logits.size()) == vocab_size_, "[sampler] ", logits.size(), " logits for ", vocab_size_,
          " tokens");
  if (!changes_scores_ && mask == nullptr) return logits;
  if (mask == nullptr) {
    std::copy(logits.begin(), logits.end(), scores_.begin());
  } else {
    scores_.assign(logits.size(), kNever);
    if (argmax(logits) < 0) return scores_;  // a damaged model is told even where its damage is not allowed
    for_allowed(*mask, logits.size(), [&](size_t token) { return scores_[token] = logits[token], true; });
    if (!changes_scores_) return scores_;
  }
  const std::span<const int32_t> tokens = tokens_.empty() ? std::span<const int32_t>() : tokens_[static_cast<size_t>(row)];
  if (options_.repetition_window > 0 && !seen_.empty()) {
    const std::span<const int32_t> recent = tokens.last(std::min(tokens.size(), static_cast<size_t>(options_.repetition_window)));
    const auto known = [&](int32_t token) { return token >= 0 && token < vocab_size_; };
    for (const int32_t token : recent)
      if (known(token) && !std::exchange(seen_[static_cast<size_t>(token)], uint8_t{1})) penalise(token);
    for (const int32_t token : recent)
      if (known(token)) seen_[static_cast<size_t>(token)] = 0;
  } else if (!seen_.empty()) {
    for (int64_t i = 0; i < vocab_size_; ++i)
      if (seen_[static_cast<size_t>(row * vocab_size_ + i)]) penalise(i);
  }
  add_offsets(row);
  if (options_.no_repeat_ngram_size > 0) ban_repeats(tokens);
  return scores_;
}

void Sampler::keep_top_k(std::span<const float> scores) {
  const size_t k = static_cast<size_t>(options_.top_k);
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.score > b.score || (a.score == b.score && a.token < b.token);
  };
  // A heap of the k best so far with the worst in front: one comparison for nearly every token.
  for (size_t i = 0; i < scores.size(); ++i) {
    const Candidate candidate{scores[i], static_cast<int32_t>(i), 0};
    if (candidates_.size() == k) {
      if (!better(candidate, candidates_.front())) continue;
      std::pop_heap(candidates_.begin(), candidates_.end(), better);
      candidates_.pop_back();
    }
    candidates_.push_back(candidate);
    std::push_heap(candidates_.begin(), candidates_.end(), better);
  }
  if (options_.top_k_keeps_ties) {
    const float kth = candidates_.front().score;
    candidates_.clear();
    for (size_t i = 0; i < scores.size(); ++i)
      if (scores[i] >= kth) candidates_.push_back({scores[i], static_cast<int32_t>(i), 0});
  }
}

bool Sampler::collect(std::span<const float> logits, int64_t row, const TokenMask* mask) {
  const std::span<const float> scores = penalised(logits, row, mask);
  const int32_t best = argmax(scores);
  if (best < 0) return false;
  candidates_.clear();
  if (options_.top_k > 0 && options_.top_k < vocab_size_)
    keep_top_k(scores);
  else
    for (size_t i = 0; i < scores.size(); ++i) candidates_.push_back({scores[i], static_cast<int32_t>(i), 0});

  const double largest = scores[static_cast<size_t>(best)];
  double total = 0;
  for (Candidate& c : candidates_) total += c.weight = std::exp((c.score - largest) / options_.temperature);
  // Most likely first, so that top-p takes a prefix and a draw of a short list ends early. Where p is reached early, which is nearly
  // always, the rest of a large vocabulary need not be in order.
  const auto better = [](const Candidate& a, const Candidate& b) { return a.score > b.score || (a.score == b.score && a.token < b.token); };
  const auto begin = candidates_.begin();
  size_t sorted = candidates_.size();
  if (options_.top_p < 1 && sorted > size_t{kFirstSorted}) {
    sorted = kFirstSorted;
    std::partial_sort(begin, begin + kFirstSorted, candidates_.end(), better);
  } else if (options_.top_p < 1 || options_.top_k > 0) {
    std::sort(begin, candidates_.end(), better);
  }
  if (options_.top_p < 1) {
    size_t kept = 0;
    for (double sum = 0; kept < candidates_.size() && sum < options_.top_p * total; ++kept) {
      if (kept == sorted) std::sort(begin + kFirstSorted, candidates_.end(), better);
      sum += candidates_[kept].weight;
    }
    candidates_.resize(std::max<size_t>(kept, 1));
  }
  if (options_.min_p > 0) std::erase_if(candidates_, [&](const Candidate& c) { return c.weight < options_.min_p; });
  return true;
}

double Sampler::uniform(int64_t row, int64_t step) const {
  const auto words = philox(static_cast<uint64_t>(numbers_.empty() ? row : numbers_[static_cast<size_t>(row)]), static_cast<uint64_t>(step), key_);
  return static_cast<double>((uint64_t{words[0]} << 32 | words[1]) >> 11) * 0x1p-53;
}

// The same draw as through candidates: the weights are summed in the same order, and computed again instead of kept.
int32_t Sampler::draw_plain(std::span<const float> logits, double uniform) const {
  require(static_cast<int64_t>(logits.size()) == vocab_size_, "[sampler] ", logits.size(), " logits for ", vocab_size_, " tokens");
  const int32_t best = argmax(logits);
  if (best < 0) return -1;
  const double largest = logits[static_cast<size_t>(best)];
  const auto weight = [&](float score) { return std::exp((score - largest) / options_.temperature); };
  double total = 0, sum = 0;
  for (const float score : logits) total += weight(score);
  const double target = uniform * total;
  int32_t token = -1;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double w = weight(logits[i]);
    if (w <= 0) continue;
    token = static_cast<int32_t>(i);
    sum += w;
    if (sum > target) break;
  }
  return token;
}

// draw_plain() on the allowed tokens alone, at the cost of these; a mask that allows all gives the same token.
int32_t Sampler::draw_plain_allowed(std::span<const float> logits, double uniform, const TokenMask& mask) const {
  require(static_cast<int64_t>(logits.size()) == vocab_size_, "[sampler] ", logits.size(), " logits for ", vocab_size_, " tokens");
  if (argmax(logits) < 0) return -1;
  float best = kNever;
  for_allowed(mask, logits.size(), [&](size_t token) { return best = std::max(best, logits[token]), true; });
  if (best == kNever) return -1;
  const double largest = best;
  const auto weight = [&](size_t token) { return std::exp((logits[token] - largest) / options_.temperature); };
  double total = 0, sum = 0;
  for_allowed(mask, logits.size(), [&](size_t token) { return total += weight(token), true; });
  const double target = uniform * total;
  int32_t drawn = -1;
  for_allowed(mask, logits.size(), [&](size_t token) {
    const double w = weight(token);
    if (w <= 0) return true;
    drawn = static_cast<int32_t>(token);
    sum += w;
    return sum <= target;
  });
  return drawn;
}

int32_t Sampler::draw(std::span<const float> logits, int64_t row, int64_t step, const TokenMask* mask) {
  if (options_.temperature == 0) return argmax(penalised(logits, row, mask));
  if (plain_) return mask == nullptr ? draw_plain(logits, uniform(row, step)) : draw_plain_allowed(logits, uniform(row, step), *mask);
  if (!collect(logits, row, mask)) return -1;
  double total = 0;
  for (const Candidate& c : candidates_) total += c.weight;
  const double target = uniform(row, step) * total;
  int32_t token = -1;
  double sum = 0;
  for (const Candidate& c : candidates_) {
    if (c.weight <= 0) continue;
    token = c.token;
    sum += c.weight;
    if (sum > target) break;
  }
  return token;
}

std::vector<float> Sampler::probabilities(std::span<const float> logits, int64_t row, const TokenMask* mask) {
  require(options_.temperature > 0, "[sampler] temperature 0 draws from no distribution");
  std::vector<float> result(static_cast<size_t>(vocab_size_), 0.0f);
  if (!collect(logits, row, mask)) return result;
  double total = 0;
  for (const Candidate& c : candidates_) total += c.weight;
  for (const Candidate& c : candidates_) result[static_cast<size_t>(c.token)] = static_cast<float>(c.weight / total);
  return result;
}

}  // namespace lathe::infer
