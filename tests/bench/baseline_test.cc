#include "bench/baseline.h"

#include <gtest/gtest.h>

namespace lathe::bench {
namespace {

constexpr const char* kText = R"({"schema": 1, "machines": [
  {"cpu_model": "A", "isa": "avx2", "threads": 4, "figures": {"gemm fp32": {"gemm_gflops": 300}}},
  {"cpu_model": "A", "isa": "avx512_bf16", "threads": 4, "figures": {"gemm bf16": {"gemm_gflops": 1000, "stream_gb_per_s": 50}}}]})";

TEST(Baseline, IsFoundByProcessorInstructionSetThreadsAndDtype) {
  const Result<Json> baseline = parse_baseline(kText);
  ASSERT_TRUE(baseline.ok());
  const auto found = find_baseline(baseline.value(), {"A", "avx512_bf16", 4}, DType::kBFloat16);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->gemm_gflops, 1000);
  EXPECT_EQ(found->stream_gb_per_s, 50);
  EXPECT_EQ(find_baseline(baseline.value(), {"A", "avx2", 4}, DType::kFloat32)->gemm_gflops, 300);
  EXPECT_FALSE(find_baseline(baseline.value(), {"A", "avx512_bf16", 4}, DType::kFloat32).has_value());
  EXPECT_FALSE(find_baseline(baseline.value(), {"A", "avx512_bf16", 2}, DType::kBFloat16).has_value());
  EXPECT_FALSE(find_baseline(baseline.value(), {"A", "scalar", 4}, DType::kBFloat16).has_value());
  EXPECT_FALSE(find_baseline(baseline.value(), {"B", "avx512_bf16", 4}, DType::kBFloat16).has_value());
}

TEST(Baseline, LessThanNineTenthsIsADisturbedRun) {
  const ops::Limits held{1000, 50};
  EXPECT_TRUE(disturbances({900, 45}, held).empty());
  EXPECT_TRUE(disturbances({2000, 80}, held).empty());
  const auto slow_product = disturbances({899, 45}, held);
  ASSERT_EQ(slow_product.size(), 1u);
  EXPECT_EQ(slow_product[0], "products reach 0.90 of the 1000 GFLOP/s that bench/baseline.json holds for this CPU");
  const auto slow_memory = disturbances({900, 25}, held);
  ASSERT_EQ(slow_memory.size(), 1u);
  EXPECT_EQ(slow_memory[0], "memory reads reach 0.50 of the 50 GB/s that bench/baseline.json holds for this CPU");
  EXPECT_TRUE(disturbances({1, 1}, {}).empty());
}

TEST(Baseline, BuiltInOneIsWellFormed) {
  for (const Json& entry : built_in_baseline().at("machines").as_array()) {
    EXPECT_FALSE(entry.at("commit").as_string().empty());
    EXPECT_EQ(entry.at("measured").as_string().size(), 10u);
    const MachineKind machine{entry.at("cpu_model").as_string(), entry.at("isa").as_string(), static_cast<int>(entry.at("threads").as_int())};
    const auto held = find_baseline(built_in_baseline(), machine, DType::kFloat32);
    ASSERT_TRUE(held.has_value()) << machine.cpu_model;
    EXPECT_GT(held->gemm_gflops, 0);
    EXPECT_GT(held->stream_gb_per_s, 0);
  }
  EXPECT_FALSE(parse_baseline("[]").ok());
  EXPECT_FALSE(parse_baseline(R"({"schema": 2, "machines": []})").ok());
}

}  // namespace
}  // namespace lathe::bench
