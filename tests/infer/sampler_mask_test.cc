// Masks, frequency and presence penalties, biases: what they change, in which order, and what they refuse.
#include <cmath>
#include <limits>
#include <set>

#include "infer/sampler.h"
#include "tests/ref/testing.h"

namespace lathe::infer {
namespace {

using lathe::testing::is_close;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();

TokenMask mask_of(const std::set<size_t>& tokens, size_t vocab) {
  TokenMask mask((vocab + 63) / 64, 0);
  for (const size_t token : tokens) mask[token / 64] |= uint64_t{1} << (token % 64);
  return mask;
}

std::vector<float> wavy(size_t n) {
  std::vector<float> logits(n);
  for (size_t i = 0; i < n; ++i) logits[i] = static_cast<float>(std::sin(static_cast<double>(i) * 1.3) * 4);
  return logits;
}

std::vector<SamplingOptions> many_settings() {
  std::vector<SamplingOptions> all;
  for (const double temperature : {0.0, 0.6, 1.0, 3.0})
    for (const int64_t top_k : {0, 1, 3, 500})
      for (const double top_p : {0.0, 0.7, 1.0})
        for (const double min_p : {0.0, 0.3})
          for (const bool offsets : {false, true}) {
            SamplingOptions options;
            options.temperature = temperature, options.top_k = top_k, options.top_p = top_p, options.min_p = min_p;
            options.top_k_keeps_ties = offsets;
            if (offsets) {
              options.repetition_penalty = 1.7, options.no_repeat_ngram_size = 1, options.presence_penalty = -2, options.frequency_penalty = 2;
              options.logit_bias = {{0, 100}, {7, -100}, {130, 100}};
            }
            all.push_back(options);
          }
  return all;
}

// L-12.1: the best tokens are not allowed, some allowed ones are banned by the rest of the settings.
TEST(SamplerMask, MaskedTokensAreNeverDrawnWhateverTheSettings) {
  const size_t vocab = 131;
  const std::vector<float> logits = wavy(vocab);
  const std::set<size_t> allowed = {3, 7, 64, 100, 129};
  const TokenMask mask = mask_of(allowed, vocab);
  for (const SamplingOptions& options : many_settings()) {
    Sampler sampler(options, static_cast<int64_t>(vocab));
    for (int64_t step = 0; step < 40; ++step) {
      const int32_t token = sampler.draw(logits, 0, step, &mask);
      ASSERT_TRUE(allowed.contains(static_cast<size_t>(token))) << token;
      sampler.observe(0, token);
    }
  }
}

// Every setting works on the allowed tokens as on a smaller vocabulary, with and without the plain path.
TEST(SamplerMask, SettingsRunOverTheAllowedTokens) {
  const size_t vocab = 131;
  const std::vector<float> logits = wavy(vocab);
  const std::vector<size_t> allowed = {3, 7, 64, 100, 129};
  const TokenMask mask = mask_of({allowed.begin(), allowed.end()}, vocab);
  std::vector<float> small;
  for (const size_t token : allowed) small.push_back(logits[token]);
  for (SamplingOptions options : many_settings()) {
    options.logit_bias.clear();
    Sampler whole(options, static_cast<int64_t>(vocab)), part(options, static_cast<int64_t>(allowed.size()));
    for (const size_t seen : {1u, 4u, 1u}) {
      whole.observe(0, static_cast<int32_t>(allowed[seen]));
      part.observe(0, static_cast<int32_t>(seen));
    }
    for (int64_t step = 0; step < 20; ++step)
      ASSERT_EQ(whole.draw(logits, 0, step, &mask), static_cast<int32_t>(allowed[static_cast<size_t>(part.draw(small, 0, step))]));
    if (options.temperature == 0) continue;
    std::vector<float> expected(vocab, 0);
    const std::vector<float> p = part.probabilities(small);
    for (size_t i = 0; i < allowed.size(); ++i) expected[allowed[i]] = p[i];
    ASSERT_TRUE(is_close(whole.probabilities(logits, 0, &mask), expected, {1e-7, 1e-6}));
  }
}

TEST(SamplerMask, MaskOfEverythingChangesNothingAndTheNextDrawIsFree) {
  const std::vector<float> logits = wavy(70);
  const TokenMask all(2, ~uint64_t{0}), one = mask_of({69}, 70);
  for (const SamplingOptions& options : many_settings()) {
    if (!options.logit_bias.empty()) continue;
    Sampler sampler(options, 70), plain(options, 70);
    for (int64_t step = 0; step < 20; ++step) {
      const int32_t expected = plain.draw(logits, 0, step);
      ASSERT_EQ(sampler.draw(logits, 0, step, &all), expected);
      ASSERT_EQ(sampler.draw(logits, 0, step, &one), 69);
      ASSERT_EQ(sampler.draw(logits, 0, step), expected);
    }
  }
}

TEST(SamplerMask, DamagedLogitsAndNothingAllowedGiveNoToken) {
  const TokenMask two = mask_of({1, 2}, 4);
  for (const SamplingOptions& options : many_settings()) {
    if (!options.logit_bias.empty()) continue;
    Sampler sampler(options, 4);
    for (const float bad : {kNan, kInfinity})
      for (const size_t place : {0u, 1u}) {
        std::vector<float> logits = {0, 1, 2, 3};
        logits[place] = bad;
        EXPECT_EQ(sampler.draw(logits, 0, 0, &two), -1);
      }
    EXPECT_EQ(sampler.draw(std::vector<float>{1, -kInfinity, -kInfinity, 1}, 0, 0, &two), -1);
    const TokenMask none(1, 0), shorter;
    EXPECT_EQ(sampler.draw(std::vector<float>{1, 1, 1, 1}, 0, 0, &none), -1);
    EXPECT_EQ(sampler.draw(std::vector<float>{1, 1, 1, 1}, 0, 0, &shorter), -1);
  }
}

// L-12.1: logits minus frequency * count minus presence, on tokens generated so far; the prompt's do not count, other rows' neither.
TEST(SamplerPenalties, FrequencyAndPresenceCountGeneratedTokens) {
  const std::vector<float> logits = {1, 1, 1, -1};
  SamplingOptions options;
  options.frequency_penalty = 0.5, options.presence_penalty = 0.25;
  Sampler sampler(options, 4, 2);
  for (const int32_t token : {0, 0, 3}) sampler.observe(0, token, TokenOrigin::kPrompt);
  for (const int32_t token : {1, 1, 1, 3}) sampler.observe(0, token);
  const auto apart = [&](int64_t row, size_t token) {
    const std::vector<float> p = sampler.probabilities(logits, row);
    return std::log(p[token] / p[0]);
  };
  EXPECT_NEAR(apart(0, 1), -0.5 * 3 - 0.25, 1e-5);
  EXPECT_NEAR(apart(0, 2), 0, 1e-5);
  EXPECT_NEAR(apart(0, 3), -2 - 0.5 - 0.25, 1e-5);
  EXPECT_NEAR(apart(1, 1), 0, 1e-5);
  options.frequency_penalty = -2, options.presence_penalty = 0, options.temperature = 0;
  Sampler eager(options, 4);
  EXPECT_EQ(eager.draw(logits, 0, 0), 0);
  eager.observe(0, 2);
  EXPECT_EQ(eager.draw(logits, 0, 1), 2);
}

// L-12.1, L-12.5: first the factor of the repetition penalty, then what is subtracted and added, then the ban.
TEST(SamplerPenalties, OrderOfPenaltiesAndBias) {
  SamplingOptions options;
  options.repetition_penalty = 2, options.presence_penalty = 1, options.logit_bias = {{0, 0.5}, {1, -3}, {2, 100}};
  options.no_repeat_ngram_size = 2;
  Sampler sampler(options, 4);
  for (const int32_t token : {0, 2, 0}) sampler.observe(0, token);
  const std::vector<float> p = sampler.probabilities(std::vector<float>{4, 2, 1, -2});
  EXPECT_EQ(p[2], 0) << "the pair 0 2 comes again, whatever its bias";
  EXPECT_NEAR(std::log(p[0] / p[3]), (4.0 / 2 - 1 + 0.5) + 2, 1e-5);
  EXPECT_NEAR(std::log(p[1] / p[3]), (2 - 3) + 2, 1e-5);
}

// L-12.1: a bias makes or unmakes the choice at any temperature.
TEST(SamplerPenalties, BiasForcesAndForbids) {
  const std::vector<float> logits = wavy(50);
  for (const double temperature : {0.0, 1.0}) {
    SamplingOptions options;
    options.temperature = temperature;
    options.logit_bias = {{17, 100}};
    Sampler forced(options, 50);
    options.logit_bias = {{argmax(logits), -100}};
    Sampler forbidden(options, 50);
    for (int64_t step = 0; step < 200; ++step) {
      EXPECT_EQ(forced.draw(logits, 0, step), 17);
      EXPECT_NE(forbidden.draw(logits, 0, step), argmax(logits));
    }
  }
}

// L-12.2, L-12.5
TEST(TrapS4, SamplingSettingsAreBounded) {
  const double huge = std::numeric_limits<double>::max(), tiny = std::numeric_limits<double>::denorm_min();
  const auto refused = [](auto change) {
    SamplingOptions options;
    change(options);
    const Status status = options.validate(100);
    return status.ok() ? "" : status.error().to_string();
  };
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL, huge, -huge}) {
    EXPECT_NE(refused([&](SamplingOptions& o) { o.temperature = bad; }), "");
    EXPECT_NE(refused([&](SamplingOptions& o) { o.top_p = bad; }), "");
    EXPECT_NE(refused([&](SamplingOptions& o) { o.min_p = bad; }), "");
    EXPECT_NE(refused([&](SamplingOptions& o) { o.repetition_penalty = bad; }), "");
    EXPECT_NE(refused([&](SamplingOptions& o) { o.presence_penalty = bad; }), "");
    EXPECT_NE(refused([&](SamplingOptions& o) { o.frequency_penalty = bad; }), "");
    EXPECT_NE(refused([&](SamplingOptions& o) { o.logit_bias = {{5, bad}}; }), "");
  }
  EXPECT_NE(refused([&](SamplingOptions& o) { o.repetition_penalty = tiny; }), "");
  EXPECT_NE(refused([&](SamplingOptions& o) { o.presence_penalty = 2.01; }), "");
  EXPECT_NE(refused([&](SamplingOptions& o) { o.frequency_penalty = -2.01; }), "");
  EXPECT_NE(refused([&](SamplingOptions& o) { o.logit_bias = {{5, 100.5}}; }), "");
  EXPECT_NE(refused([&](SamplingOptions& o) { o.logit_bias = {{-1, 0}}; }), "");
  EXPECT_NE(refused([&](SamplingOptions& o) { o.logit_bias = {{100, 0}}; }).find("token 100"), std::string::npos);
  EXPECT_NE(refused([&](SamplingOptions& o) { o.logit_bias.assign(301, {1, 0}); }).find("301"), std::string::npos);
  EXPECT_EQ(refused([&](SamplingOptions& o) { o.logit_bias.assign(300, {99, -100}), o.presence_penalty = -2, o.frequency_penalty = 2; }), "");
  // What is allowed at the edges still draws.
  SamplingOptions edge;
  edge.temperature = tiny, edge.repetition_penalty = kMaxRepetitionPenalty, edge.top_k = INT64_MAX, edge.repetition_window = INT64_MAX;
  edge.no_repeat_ngram_size = INT64_MAX;
  Sampler sampler(edge, 3);
  sampler.observe(0, 1);
  EXPECT_EQ(sampler.draw(std::vector<float>{1, 5, 2}, 0, 0), 2);
}

}  // namespace
}  // namespace lathe::infer
