// What `lathe bench attention` reports.
#include "bench/attention_bench.h"

#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

bench::AttentionBenchOptions small() {
  bench::AttentionBenchOptions options;
  options.lengths = {64, 256, 1024};
  options.window = 16;
  options.heads = 2;
  options.kv_heads = 1;
  options.head_dim = 16;
  options.repeats = 1;
  return options;
}

// Memory O(T): the same a token at every length, with and without a window.
TEST(AttentionBench, EveryLengthWithAndWithoutTheWindow) {
  const Json figures = take(bench::bench_attention(small()));
  ASSERT_EQ(figures.at("rows").size(), 6u);
  const double bytes = figures.at("rows").as_array()[0].at("arena_bytes_per_token").as_double();
  EXPECT_GT(bytes, 0);
  for (size_t i = 0; i < 6; ++i) {
    const Json& row = figures.at("rows").as_array()[i];
    EXPECT_EQ(row.at("seq").as_int(), small().lengths[i % 3]);
    EXPECT_EQ(row.at("window").as_int(), i < 3 ? -1 : 16);
    EXPECT_NEAR(row.at("arena_bytes_per_token").as_double(), bytes, 2);
    for (const char* key : {"forward_ms", "backward_ms", "forward_gflops", "backward_gflops", "ns_per_token"})
      EXPECT_GT(row.at(key).as_double(), 0) << key;
    EXPECT_NEAR(row.at("forward_of_limit").as_double() * figures.at("gemm_gflops_fp32").as_double(),
                row.at("forward_gflops").as_double(), 1e-6);
  }
}

// The operations are those of pairs that are seen: without a window T (T + 1) / 2 of them.
TEST(AttentionBench, CountsThePairsThatAreSeen) {
  bench::AttentionBenchOptions options = small();
  options.lengths = {4};
  options.window = 1;
  const Json figures = take(bench::bench_attention(options));
  const auto operations = [&](size_t i) {
    const Json& row = figures.at("rows").as_array()[i];
    return row.at("forward_gflops").as_double() * row.at("forward_ms").as_double() * 1e6 / (4.0 * 2 * 16);
  };
  EXPECT_NEAR(operations(0), 10, 1e-6);  // 1 + 2 + 3 + 4
  EXPECT_NEAR(operations(1), 7, 1e-6);   // 1 + 2 + 2 + 2
}

TEST(AttentionBench, RefusesNonsense) {
  bench::AttentionBenchOptions options = small();
  options.lengths = {};
  EXPECT_FALSE(bench::bench_attention(options).ok());
  options = small();
  options.head_dim = 3;
  EXPECT_FALSE(bench::bench_attention(options).ok());
  options = small();
  options.kv_heads = 0;
  EXPECT_FALSE(bench::bench_attention(options).ok());
}

}  // namespace
}  // namespace lathe::testing
