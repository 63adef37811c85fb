#include "optim/scaling.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/ref/testing.h"

namespace lathe::optim {
namespace {

using lathe::testing::take;

ScalingRequest request_of(int64_t depth, double ratio = 10.5) {
  const ChatCounts counts = chat_parameter_counts(chat_shape(depth, 32768, 2048));
  ScalingRequest request;
  request.scaling_parameters = counts.scaling();
  request.reference_scaling_parameters = chat_parameter_counts(chat_shape(kReferenceDepth, 32768, 2048)).scaling();
  request.flops_per_token = counts.flops_per_token;
  request.param_data_ratio = ratio;
  return request;
}

std::string message_of(const Result<ScalingPlan>& result) { return result.ok() ? "" : result.error().to_string(); }

// C-5.34
TEST(Scaling, EffectiveDefaults) {
  const struct {
    int64_t depth, parameters, batch, steps;
    double decay;
  } expected[] = {{12, 110101632, 1 << 19, 2205, 0.2},
                  {20, 435162240, 1 << 20, 4357, 0.0716},
                  {24, 729813504, 1 << 20, 7308, 0.0427},
                  {26, 918426912, 1 << 20, 9196, 0.0339},
                  {32, 1677729792, 1 << 21, 8400, 0.0263}};
  for (const auto& row : expected) {
    SCOPED_TRACE(row.depth);
    const ScalingRequest request = request_of(row.depth);
    EXPECT_EQ(request.scaling_parameters, row.parameters);
    const ScalingPlan plan = take(plan_scaling(request));
    EXPECT_EQ(plan.total_batch_size, row.batch);
    EXPECT_EQ(plan.num_iterations, row.steps);
    EXPECT_NEAR(plan.weight_decay, row.decay, 5e-5);
  }
  EXPECT_EQ(take(plan_scaling(request_of(26, 8.25))).num_iterations, 7226);
}

// C-5.6
TEST(Scaling, CountsMatricesAndHeadOnly) {
  const ChatCounts counts = chat_parameter_counts(chat_shape(12, 32768, 2048));
  EXPECT_EQ(counts.scaling(), counts.total - counts.wte - counts.value_embeds - counts.scalars);
}

// C-3.30, C-3.31
TEST(Scaling, WidthIsRoundedUpToAWholeHead) {
  EXPECT_EQ(chat_shape(25, 32768, 2048).n_embd, 1664);
  EXPECT_EQ(chat_shape(25, 32768, 2048).n_head, 13);
  EXPECT_EQ(chat_shape(26, 32768, 2048).n_embd, 1664);
  EXPECT_EQ(chat_shape(1, 32768, 2048).n_embd, 128);
}

// C-3.35
TEST(Scaling, OlderStateHasUnpaddedTablesAndNoValueEmbeddings) {
  ChatShape shape = chat_shape(2, 300, 32);
  shape.architecture = ChatArchitecture::kOld;
  const ChatCounts counts = chat_parameter_counts(shape);
  EXPECT_EQ(counts.wte, 300 * 128);
  EXPECT_EQ(counts.value_embeds, 0);
  EXPECT_EQ(counts.scalars, 0);
  EXPECT_EQ(counts.transformer_matrices, 2 * 12 * 128 * 128);
  EXPECT_DOUBLE_EQ(counts.flops_per_token, 6.0 * static_cast<double>(counts.total - counts.wte) + 12.0 * 2 * 128 * 32);
}

// C-5.7
TEST(Scaling, TargetTokensAreTruncated) {
  ScalingRequest request;
  request.scaling_parameters = 1000003, request.reference_scaling_parameters = 1000003;
  request.param_data_ratio = 10.5;  // 10500031.5
  EXPECT_EQ(take(plan_scaling(request)).target_tokens, 10500031);
}

// C-5.8
TEST(Scaling, BatchIsTheNearestPowerOfTwoEvenWhenIterationsAreGiven) {
  ScalingRequest request = request_of(20);
  request.num_iterations = 10;
  EXPECT_EQ(take(plan_scaling(request)).total_batch_size, 1 << 20);
  request = request_of(4);
  EXPECT_EQ(take(plan_scaling(request)).total_batch_size, 1 << 18);
}

// C-5.9
TEST(Scaling, LearningRatesGrowWithTheRootOfTheBatch) {
  ScalingRequest request = request_of(12);
  request.total_batch_size = 1 << 21;
  EXPECT_DOUBLE_EQ(take(plan_scaling(request)).batch_lr_scale, 2.0);
  request.total_batch_size = -1;
  EXPECT_EQ(take(plan_scaling(request)).batch_lr_scale, 1.0);
}

// C-5.10
TEST(Scaling, WeightDecayFollowsBatchAndHorizon) {
  ScalingRequest request;
  request.scaling_parameters = 2000, request.reference_scaling_parameters = 1000;
  request.total_batch_size = 1 << 21, request.num_iterations = 1;
  request.weight_decay = 0.4;
  EXPECT_DOUBLE_EQ(take(plan_scaling(request)).weight_decay, 0.4 * 2 * 0.5);
}

// C-5.11
TEST(Scaling, RatioMinusOneKeepsTheRules) {
  ScalingRequest request = request_of(20, -1);
  request.num_iterations = 100;
  const ScalingPlan plan = take(plan_scaling(request)), usual = take(plan_scaling(request_of(20)));
  EXPECT_EQ(plan.target_tokens, -435162240);
  EXPECT_EQ(plan.total_batch_size, usual.total_batch_size);
  EXPECT_NEAR(plan.weight_decay, usual.weight_decay, 1e-15);
}

// C-5.12
TEST(Scaling, IterationsWinOverFlopsOverRatio) {
  ScalingRequest request = request_of(12);
  request.num_iterations = 7, request.target_flops = 1e18;
  ScalingPlan plan = take(plan_scaling(request));
  EXPECT_EQ(plan.num_iterations, 7);
  EXPECT_EQ(plan.source, HorizonSource::kIterations);
  request.num_iterations = -1;
  plan = take(plan_scaling(request));
  EXPECT_EQ(plan.source, HorizonSource::kFlops);
  EXPECT_EQ(plan.num_iterations, 2378);  // 1e18 / (802167552 * 2^19) = 2377.7
  request.target_flops = -1;
  plan = take(plan_scaling(request));
  EXPECT_EQ(plan.source, HorizonSource::kRatio);
  EXPECT_EQ(plan.num_iterations, 2205);
  request.param_data_ratio = -1;
  EXPECT_NE(message_of(plan_scaling(request)).find("num_iterations, target_flops or target_param_data_ratio"),
            std::string::npos);
}

// C-5.36
TEST(Scaling, AHorizonOfNoStepsIsRefusedWithTheNumbers) {
  ScalingRequest request = request_of(12);
  request.total_batch_size = int64_t{1} << 31;
  EXPECT_NE(message_of(plan_scaling(request)).find("1,156,067,136"), std::string::npos);
  EXPECT_NE(message_of(plan_scaling(request)).find("2,147,483,648"), std::string::npos);
  request = request_of(12);
  request.target_flops = 1e9;
  EXPECT_NE(message_of(plan_scaling(request)).find("1e+09"), std::string::npos);
}

TEST(Scaling, NonsenseIsAnError) {
  ScalingRequest request = request_of(12, 0);
  EXPECT_FALSE(plan_scaling(request).ok());
  for (const double ratio : {std::nan(""), HUGE_VAL, 1e300, 1e-300})
    EXPECT_FALSE(plan_scaling(request_of(12, ratio)).ok()) << ratio;
  request = request_of(12);
  request.total_batch_size = 0;
  EXPECT_FALSE(plan_scaling(request).ok());
  request = request_of(12);
  request.target_flops = HUGE_VAL;
  EXPECT_FALSE(plan_scaling(request).ok());
  request = ScalingRequest();
  EXPECT_FALSE(plan_scaling(request).ok());
}

// C-5.13
TEST(Accumulation, DividesTheBatchOverMicroBatchesAndRanks) {
  EXPECT_EQ(take(accumulation_steps(1 << 19, 32, 2048, 8)), 1);
  EXPECT_EQ(take(accumulation_steps(1 << 19, 32, 2048, 1)), 8);
}

// C-5.37
TEST(Accumulation, AMisfitNamesTheFactorsAndTheNearestDeviceBatch) {
  const auto message = [](const Result<int64_t>& result) { return result.ok() ? "" : result.error().to_string(); };
  EXPECT_NE(message(accumulation_steps(int64_t{1} << 40, 4, 32, 1)).find("micro batches"), std::string::npos);
  const std::string text = message(accumulation_steps(1 << 19, 20, 2048, 2));
  for (const std::string part : {"524,288", "20 (device_batch_size)", "2048 (max_seq_len)", "2 (ranks)", "fits is 16"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  EXPECT_NE(message(accumulation_steps(1 << 19, 30, 2048, 2)).find("fits is 32"), std::string::npos);
  EXPECT_NE(message(accumulation_steps(1 << 19, 500, 2048, 2)).find("fits is 128"), std::string::npos);
  EXPECT_NE(message(accumulation_steps(1 << 19, 8, 2000, 1)).find("a multiple of 2,000"), std::string::npos);
  for (const int64_t bad : {int64_t{0}, int64_t{-1}, INT64_MAX}) {
    EXPECT_FALSE(accumulation_steps(bad, 1, 1, 1).ok());
    EXPECT_FALSE(accumulation_steps(1, bad, 1, 1).ok());
    EXPECT_FALSE(accumulation_steps(1, 1, bad, 1).ok());
    EXPECT_FALSE(accumulation_steps(1, 1, 1, bad).ok());
  }
}

}  // namespace
}  // namespace lathe::optim
