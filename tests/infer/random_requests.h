// Requests of every kind, with beginnings that many have in common.
#pragma once

#include <memory>
#include <vector>

#include "core/rng.h"
#include "tests/infer/recorder.h"
#include "tests/infer/scripted_grammar.h"

namespace lathe::infer::testing {

class RandomRequests {
 public:
  // Prompts have at most `longest` tokens, answers at most `most`.
  RandomRequests(uint64_t seed, int64_t longest, int64_t most) : rng_(seed, "requests"), longest_(longest), most_(most) {
    for (uint64_t i = 0; i < 5; ++i) beginnings_.push_back(text_of_seed(longest, i));
  }

  Request next() {
    Request r;
    const std::vector<int32_t>& beginning = beginnings_[below(beginnings_.size())];
    const size_t length = 1 + below(static_cast<size_t>(longest_)), common = rng_.chance(0.8) ? below(length + 1) : 0;
    r.prompt.assign(beginning.begin(), beginning.begin() + static_cast<std::ptrdiff_t>(common));
    while (r.prompt.size() < length) r.prompt.push_back(static_cast<int32_t>(below(256)));
    if (rng_.chance(0.3)) r.prompt.resize(std::max<size_t>(length / 64 * 64, 1), 'x');  // whole pages
    SamplingOptions& s = r.sampling;
    s.seed = below(1000);
    s.temperature = of({0, 0.5, 1, 1.3});
    if (rng_.chance(0.4)) s.top_k = static_cast<int64_t>(1 + below(50));
    if (rng_.chance(0.4)) s.top_p = of({0, 0.5, 0.9});
    if (rng_.chance(0.2)) s.min_p = of({0.05, 0.2});
    if (rng_.chance(0.2)) s.repetition_penalty = of({0.9, 1.3});
    if (rng_.chance(0.1)) s.repetition_window = 20;
    if (rng_.chance(0.1)) s.no_repeat_ngram_size = 2;
    if (rng_.chance(0.2)) s.presence_penalty = of({-1, 0.7});
    if (rng_.chance(0.2)) s.frequency_penalty = of({-0.3, 0.4});
    if (rng_.chance(0.2)) s.logit_bias = {{'e', 4.0}, {kAssistantEnd, -3.0}, {static_cast<int32_t>(below(256)), -100.0}};
    if (rng_.chance(0.3)) r.n = static_cast<int64_t>(1 + below(4));
    if (rng_.chance(0.9)) r.max_tokens = static_cast<int64_t>(below(static_cast<size_t>(most_) + 1));
    if (rng_.chance(0.2)) r.min_tokens = r.max_tokens ? std::min<int64_t>(*r.max_tokens, 10) : 10;
    if (rng_.chance(0.3)) r.stop_ids = {static_cast<int32_t>(below(256)), static_cast<int32_t>(below(256))};
    if (rng_.chance(0.3)) r.stop_texts = {std::string(1, static_cast<char>(32 + below(90))), "ab", "+1"};
    if (rng_.chance(0.1)) r.ignore_terminal = true;
    if (rng_.chance(0.4)) r.top_log_probs = static_cast<int64_t>(below(6));
    if (rng_.chance(0.15)) r.prompt_log_probs = true;
    if (rng_.chance(0.15) && !r.ignore_terminal) r.grammar = std::make_shared<Digits>(static_cast<int64_t>(3 + below(20)));
    if (rng_.chance(0.2)) r.calculator.reset();
    if (rng_.chance(0.2)) r.adapter = static_cast<int32_t>(below(2));
    if (rng_.chance(0.1)) r.use_prefix_cache = false;
    r.client = std::to_string(below(3));
    return r;
  }
  size_t below(size_t n) { return static_cast<size_t>(rng_.below(n)); }
  bool chance(double p) { return rng_.chance(p); }

 private:
  double of(std::initializer_list<double> values) { return *(values.begin() + below(values.size())); }
  Rng rng_;
  int64_t longest_, most_;
  std::vector<std::vector<int32_t>> beginnings_;
};

inline bool same(const LogProb& a, const LogProb& b) { return a.token == b.token && a.log_prob == b.log_prob && a.top == b.top; }

// The same bytes, the same bits; of a request that was given up: as far as it went.
inline void expect_same(const Recorder& heard, const Recorder& alone, const Request& request) {
  const auto is_same = [&](const std::vector<LogProb>& a, const std::vector<LogProb>& b) {
    return a.size() <= b.size() && std::equal(a.begin(), a.end(), b.begin(), same);
  };
  ASSERT_TRUE(heard.status && alone.status);
  ASSERT_EQ(heard.status->ok(), alone.status->ok()) << (heard.status->ok() ? alone.status : heard.status)->error().to_string();
  if (!heard.status->ok()) return;
  EXPECT_TRUE(is_same(heard.prompt_log_probs, alone.prompt_log_probs));
  if (!heard.gone) {
    EXPECT_EQ(heard.prompt_log_probs.size(), alone.prompt_log_probs.size());
  }
  for (size_t i = 0; i < static_cast<size_t>(request.n); ++i) {
    const Heard& a = heard.answers.at(i);
    const Heard& b = alone.answers.at(i);
    ASSERT_TRUE(a.finish && b.finish);
    EXPECT_TRUE(b.text.starts_with(a.text)) << a.text << "\n" << b.text;
    EXPECT_TRUE(a.tokens.size() <= b.tokens.size() && std::equal(a.tokens.begin(), a.tokens.end(), b.tokens.begin()));
    EXPECT_TRUE(std::equal(a.sampled.begin(), a.sampled.end(), b.sampled.begin()));
    EXPECT_TRUE(is_same(a.log_probs, b.log_probs));
    if (a.finish->reason == FinishReason::kCancelled) continue;
    EXPECT_EQ(a.text, b.text);
    EXPECT_EQ(a.tokens.size(), b.tokens.size());
    EXPECT_EQ(a.log_probs.size(), b.log_probs.size());
    EXPECT_EQ(a.finish->reason, b.finish->reason);
    EXPECT_EQ(a.finish->terminal, b.finish->terminal);
    EXPECT_EQ(a.finish->stop_text, b.finish->stop_text);
  }
  if (heard.gone) return;
  EXPECT_EQ(heard.usage.prompt_tokens, alone.usage.prompt_tokens);
  EXPECT_EQ(heard.usage.completion_tokens, alone.usage.completion_tokens);
}

}  // namespace lathe::infer::testing
