// What a run says of its own speed.
#include "train/performance.h"

#include <gtest/gtest.h>

#include "tests/train/tiny_loop.h"

namespace lathe::testing {
namespace {

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const Json& last_performance(const TinyLoop& tiny) {
  const Json& values = tiny.measured.back().second;
  EXPECT_TRUE(values.contains("performance/tok_per_sec")) << values.dump();
  return values;
}

// L-13.12: trained tokens of the whole batch per second of the steps; validation, samples and saving stand apart.
TEST(Performance, EvaluationAndSavingAreInNoRate) {
  TemporaryFolder folder;
  TinyLoop tiny(folder.path() / "d2");
  tiny.options.accumulation = 2;
  tiny.settings.num_iterations = 6;
  tiny.settings.eval_every = tiny.settings.sample_every = 2;
  tiny.take_time_apart(1000, 500);
  const train::Performance performance = tiny.finish().performance;
  EXPECT_EQ(performance.steps, 6);
  EXPECT_EQ(performance.step_tokens, std::vector<double>(6, 2 * 2 * kTinyLength));
  EXPECT_DOUBLE_EQ(performance.training_seconds(), 12) << "two batches of a second in each step";
  EXPECT_DOUBLE_EQ(performance.tokens_per_second(), 32);
  EXPECT_DOUBLE_EQ(performance.split.data, 12);
  EXPECT_DOUBLE_EQ(performance.split.evaluation, 4000) << "at 0, 2, 4 and 6";
  EXPECT_DOUBLE_EQ(performance.split.sampling, 1500);
  EXPECT_DOUBLE_EQ(performance.split.forward, 0) << "the clock stands still but for data";
  EXPECT_EQ(last_performance(tiny).at("performance/evaluation_seconds").as_double(), 4000);
  EXPECT_EQ(tiny.measured.back().first, 6);
}

// L-13.11: median and spread over the steps, the split, and mfu against the rate measured in the process.
TEST(Performance, MedianAndSpreadOverTheSteps) {
  train::Performance p;
  p.step_tokens.assign(5, 100);
  p.steps = 5;
  p.step_seconds = {10, 1, 2, 4, 3};
  p.split = {.data = 1, .forward = 5, .head = 4, .backward = 8, .optimizer = 1, .evaluation = 7, .sampling = 0, .saving = 2};
  EXPECT_DOUBLE_EQ(p.tokens_per_second(), 25);
  EXPECT_DOUBLE_EQ(p.tokens_per_second_quantile(0.5), 100.0 / 3);
  EXPECT_DOUBLE_EQ(p.tokens_per_second_quantile(0), 10) << "the slowest step";
  EXPECT_DOUBLE_EQ(p.tokens_per_second_quantile(1), 100) << "the fastest";
  EXPECT_DOUBLE_EQ(p.tokens_per_second_quantile(0.9), 100 / 1.4);
  EXPECT_EQ(p.mfu(), 0) << "unknown";
  p.step_tokens[0] = 50;  // a curriculum's first step
  EXPECT_DOUBLE_EQ(p.trained_tokens(), 450);
  EXPECT_DOUBLE_EQ(p.tokens_per_second_quantile(0), 5);
  EXPECT_DOUBLE_EQ(p.step_seconds_median(), 3);
  p.step_tokens[0] = 100;
  p.flops_per_token = 6;
  p.product_flops = 1000;
  EXPECT_DOUBLE_EQ(p.mfu(), 0.2);
  const std::vector<std::string> lines = p.to_lines();
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_TRUE(says(lines[0], "median 33, 10 to 90 % of the steps 13 to 71, in all 25")) << lines[0];
  EXPECT_TRUE(says(lines[2], "data 5.0 %, forward 25.0 %, head 20.0 %, backward 40.0 %, optimizer 5.0 %, other 5.0 % of 20.0 s")) << lines[2];
  EXPECT_EQ(lines[3], "Apart from them: evaluation 7.0 s, sampling 0.0 s, saving 2.0 s");
  EXPECT_EQ(p.to_json().at("head_seconds").as_double(), 4);
  EXPECT_TRUE(train::Performance{}.to_lines().empty());
}

// L-13.13: time waiting for data is in the metrics, and above 5 % of the steps worth a warning; the first batch does not count.
TEST(Performance, WarnsWhenTheLoaderIsTheLimit) {
  const auto warnings = [](double seconds_per_batch, double seconds_elsewhere, train::Performance* out) {
    TemporaryFolder folder;
    TinyLoop tiny(folder.path() / "d2");
    tiny.settings.num_iterations = 25;
    tiny.settings.save = false;
    int64_t batches = 0;
    tiny.loader.valid_targets = [&](int64_t) {
      if (batches++ == 0) tiny.clock.advance(100);  // the loader starts
      return kTinyLength;
    };
    tiny.loader.seconds_per_batch = seconds_per_batch;
    tiny.hooks.schedule = [&](optim::Optimizer&, int64_t, double) {
      tiny.clock.advance(seconds_elsewhere);
      return 1.0;
    };
    ::testing::internal::CaptureStderr();
    *out = tiny.finish().performance;
    EXPECT_EQ(tiny.measured.front().second.at("train/waiting_share").as_double(), 0);
    EXPECT_NEAR(tiny.measured[20].second.at("train/waiting_share").as_double(), out->waiting_share(), 1e-9);
    const std::string text = ::testing::internal::GetCapturedStderr();
    int64_t count = 0;
    for (size_t at = text.find("waiting for data"); at != std::string::npos; at = text.find("waiting for data", at + 1)) ++count;
    return count;
  };
  train::Performance performance;
  EXPECT_EQ(warnings(0.06, 0.94, &performance), 1) << "once a run";
  EXPECT_NEAR(performance.waiting_share(), 0.06, 1e-9);
  EXPECT_EQ(warnings(0.04, 0.96, &performance), 0);
  EXPECT_NEAR(performance.waiting_share(), 0.04, 1e-9);
}

// L-14.10: no outside monitor is needed.
TEST(Performance, MemoryAndProcessorUseAreInTheMetrics) {
  TemporaryFolder folder;
  TinyLoop tiny(folder.path() / "d2");
  tiny.settings.num_iterations = 3;
  const train::LoopResult result = tiny.finish();
  for (size_t step = 0; step < 3; ++step) {
    const Json& values = tiny.measured.at(step).second;
    EXPECT_GT(values.at("system/rss_mb").as_double(), 1);
    EXPECT_GE(values.at("system/peak_rss_mb").as_double(), values.at("system/rss_mb").as_double());
    EXPECT_GT(values.at("system/arena_mb").as_double(), 0);
    EXPECT_GE(values.at("system/cpu_utilisation").as_double(), 0);
  }
  EXPECT_DOUBLE_EQ(tiny.measured[2].second.at("system/arena_mb").as_double(), static_cast<double>(result.arena_bytes) / 1048576);
}

}  // namespace
}  // namespace lathe::testing
