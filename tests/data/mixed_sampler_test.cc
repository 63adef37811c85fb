#include "data/mixed_sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "core/rng.h"

namespace lathe::data {
namespace {

MixedSampler sampler(std::vector<int64_t> sizes, const std::vector<double>& weights, uint64_t seed = 42,
                     uint64_t phase = 0) {
  std::vector<MixedSource> sources;
  for (size_t i = 0; i < sizes.size(); ++i) sources.push_back({join_text("set", i), sizes[i]});
  auto shares = mix_shares(sources, weights).value();
  return MixedSampler(std::move(sources), std::move(shares), seed, phase);
}

bool same(const MixedSample& a, const MixedSample& b) {
  return a.source == b.source && a.index == b.index && a.epoch == b.epoch;
}

// L-5.23
TEST(MixShares, AreNormalisedAndCheckedWeights) {
  const std::vector<MixedSource> two = {{"a", 300}, {"b", 100}};
  EXPECT_EQ(mix_shares(two, {}).value(), (std::vector<double>{0.75, 0.25}));
  EXPECT_EQ(mix_shares(two, {2, 6}).value(), (std::vector<double>{0.25, 0.75}));
  EXPECT_EQ(mix_shares(two, {0, 5}).value(), (std::vector<double>{0, 1}));
  EXPECT_EQ(mix_shares(two, {1e308, 1e308}).value(), (std::vector<double>{0.5, 0.5}));
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  for (const std::vector<double>& bad : {std::vector<double>{1}, {1, 2, 3}, {-1, 2}, {0, 0}, {inf, 1}, {nan, 1}}) {
    const auto result = mix_shares(two, bad);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().path, "data_weights");
  }
  EXPECT_EQ(mix_shares({{"empty", 0}, {"b", 1}}, {1, 1}).error().path, "empty");
  EXPECT_TRUE(mix_shares({{"empty", 0}, {"b", 1}}, {0, 1}).ok());
}

// L-5.25
TEST(MixedSampler, SampleKIsAPureFunctionOfSeedAndK) {
  MixedSampler forward = sampler({1000, 37, 500}, {0.5, 0.3, 0.2});
  std::vector<MixedSample> samples;
  for (int64_t k = 0; k < 5000; ++k) samples.push_back(forward.at(k));
  MixedSampler jumping = sampler({1000, 37, 500}, {0.5, 0.3, 0.2});
  Rng rng(1, "jumps");
  for (int i = 0; i < 3000; ++i) {
    const auto k = static_cast<int64_t>(rng.below(5000));
    ASSERT_TRUE(same(jumping.at(k), samples[static_cast<size_t>(k)])) << k;
  }
  int other_seed = 0, other_phase = 0;
  MixedSampler seed43 = sampler({1000, 37, 500}, {0.5, 0.3, 0.2}, 43),
               phase1 = sampler({1000, 37, 500}, {0.5, 0.3, 0.2}, 42, 1);
  for (int64_t k = 0; k < 5000; ++k) {
    other_seed += same(seed43.at(k), samples[static_cast<size_t>(k)]);
    other_phase += same(phase1.at(k), samples[static_cast<size_t>(k)]);
  }
  EXPECT_LT(other_seed, 200);
  EXPECT_LT(other_phase, 200);
}

// L-5.26
TEST(MixedSampler, EverySourceIsDrawnWithoutReplacementEpochByEpoch) {
  MixedSampler mixed = sampler({700, 30}, {0.6, 0.4});
  std::map<int64_t, std::vector<MixedSample>> drawn;
  for (int64_t k = 0; k < 4000; ++k) {
    const MixedSample sample = mixed.at(k);
    drawn[sample.source].push_back(sample);
  }
  for (const auto& [source, samples] : drawn) {
    const int64_t size = source == 0 ? 700 : 30;
    std::vector<std::vector<int64_t>> orders;
    for (size_t begin = 0; begin + static_cast<size_t>(size) <= samples.size(); begin += static_cast<size_t>(size)) {
      std::vector<int64_t> order;
      for (size_t i = begin; i < begin + static_cast<size_t>(size); ++i) {
        EXPECT_EQ(samples[i].epoch, static_cast<int64_t>(orders.size()));
        order.push_back(samples[i].index);
      }
      EXPECT_EQ(std::set<int64_t>(order.begin(), order.end()).size(), static_cast<size_t>(size));
      orders.push_back(std::move(order));
    }
    ASSERT_GE(orders.size(), 3u) << source;
    EXPECT_NE(orders[0], orders[1]) << "each epoch has its own order";
  }
}

// L-5.24
TEST(MixedSampler, SharesAreExactToOneSampleOverAnyLength) {
  for (const std::vector<double>& weights :
       {std::vector<double>{0.67, 0.33}, {0.5, 0.5}, {0.0001, 0.9999}, {1, 0, 1}, {0.1, 0.2, 0.3}, {1, 1e-7, 0}}) {
    const std::vector<int64_t> sizes(weights.size(), 1000);
    MixedSampler mixed = sampler(sizes, weights);
    for (const int64_t blocks : {1, 7, 1000, 1 << 20}) {
      const int64_t k = blocks * 1024;
      const std::vector<int64_t> counts = mixed.counts(k);
      int64_t sum = 0;
      for (size_t i = 0; i < counts.size(); ++i) {
        sum += counts[i];
        EXPECT_NEAR(static_cast<double>(counts[i]), mixed.shares()[i] * static_cast<double>(k),
                    2 + static_cast<double>(k) * 1e-9)
            << i << " of " << k;
      }
      EXPECT_EQ(sum, k);
    }
  }
}

TEST(MixedSampler, AWeightIsTheProbabilityOfTheNextSample) {
  // At the same place of many blocks, the source is drawn as often as its weight says.
  MixedSampler mixed = sampler({100, 100}, {0.67, 0.33});
  for (const int64_t place : {0, 511, 1023}) {
    int first = 0;
    for (int64_t block = 0; block < 4000; ++block) first += mixed.at(block * 1024 + place).source == 0;
    EXPECT_NEAR(first / 4000.0, 0.67, 4 * std::sqrt(0.67 * 0.33 / 4000)) << place;
  }
}

// L-5.27
TEST(MixedSampler, CountsAndLinesShowTheMixSoFar) {
  MixedSampler mixed = sampler({1000, 50}, {0.75, 0.25});
  std::vector<int64_t> counts(2);
  for (int64_t k = 0; k < 3000; ++k) {
    if (k % 501 == 0) {
      EXPECT_EQ(mixed.counts(k), counts) << k;
    }
    ++counts[static_cast<size_t>(mixed.at(k).source)];
  }
  const std::vector<std::string> lines = mixed.mix_lines(2048);
  EXPECT_EQ(lines.at(0), "set0: wanted 0.7500, had 0.7500, 1,536 sequences, 1.54 epochs");
  EXPECT_EQ(lines.at(1), "set1: wanted 0.2500, had 0.2500, 512 sequences, 10.24 epochs");
  EXPECT_EQ(mixed.mix(2048), (std::vector<std::pair<std::string, double>>{{"set0", 0.75}, {"set1", 0.25}}));
  EXPECT_EQ(mixed.mix(0).at(1).second, 0) << "before the first";
}

// L-5.28, trap R6
TEST(TrapR6, ASetSmallerThanAGlobalBatchRepeatsAndWarns) {
  MixedSampler mixed = sampler({3, 10000}, {0.5, 0.5});
  std::map<int64_t, int> uses;
  for (int64_t k = 0; k < 2048; ++k)
    if (const MixedSample sample = mixed.at(k); sample.source == 0) ++uses[sample.index];
  ASSERT_EQ(uses.size(), 3u);
  for (const auto& [index, count] : uses) EXPECT_NEAR(count, 1024 / 3, 1);
  const auto warnings = mixed.small_source_warnings(512);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("set0 has 3 sequences"), std::string::npos);
  EXPECT_TRUE(mixed.small_source_warnings(3).empty());
}

}  // namespace
}  // namespace lathe::data
