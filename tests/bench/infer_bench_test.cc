#include "bench/infer_bench.h"

#include "tests/ref/small_models.h"
#include "tests/ref/testing.h"

namespace lathe::bench {
namespace {

using lathe::testing::take;

model::ModelConfig small_config() {
  model::PlainSize size;
  size.n_layer = 2, size.n_embd = 64, size.n_head = 4, size.n_kv_head = 2, size.mlp_hidden = 128;
  size.vocab_size = 96, size.sequence_len = 64;
  return model::llama_config(size);
}

// The bytes that a step moves are those of the weights it reads and of the keys and values held on average.
TEST(BenchInfer, CountsBytesAndFlops) {
  const model::ModelConfig config = small_config();
  for (const auto& [weights, bytes_per_weight] : {std::pair("bf16", 2.0), std::pair("int8", 17.0 / 16), std::pair("int4", 9.0 / 16)}) {
    const auto model = lathe::testing::random_model(config, DType::kBFloat16);
    ops::Limits limits;
    limits.gemm_gflops = 100, limits.stream_gb_per_s = 10;
    const Json figures = take(bench_infer(*model, {weights, {3}, 20, 10}, limits));
    const double matrices = 2 * (64 * 64 + 2 * 64 * 32 + 64 * 64 + 3 * 64 * 128), head = 96 * 64;
    const double others = 2 * (5 * 64 + 64);  // five norms and a row of the embedding, bf16
    const double cache = 2.0 * 2 * 32 * 2 * 25 * 3;  // layers, keys and values, width, bytes, positions, streams
    EXPECT_DOUBLE_EQ(figures.at("bytes_per_token").as_double() * 3, bytes_per_weight * (matrices + head) + others + cache) << weights;
    const double step = figures.at("step_ms_p50").as_double() / 1000;
    EXPECT_NEAR(figures.at("decode_tok_per_s").as_double(), 3 / step, 1e-6 / step);
    EXPECT_NEAR(figures.at("bandwidth_utilisation").as_double(), figures.at("bytes_per_token").as_double() * 3 / step / 10e9, 1e-9);
    const double attention = 2 * 4.0 * 64 * (20 * 21 / 2);
    const double flops = 2 * matrices * 20 + 2 * head + attention;
    EXPECT_NEAR(figures.at("prefill_utilisation").as_double(), flops * figures.at("prefill_tok_per_s").as_double() / 20 / 100e9, 1e-9);
  }
}

// A line for each number of streams, with what a single one says; codes of keys and values are fewer bytes.
TEST(BenchInfer, MeasuresSeveralNumbersOfStreamsInOneRun) {
  const model::ModelConfig config = small_config();
  const auto model = lathe::testing::random_model(config, DType::kBFloat16);
  ops::Limits limits;
  limits.gemm_gflops = 100, limits.stream_gb_per_s = 10;
  const Json full = take(bench_infer(*model, {"bf16", {1, 2, 7}, 100, 4}, limits)), coded = take(bench_infer(*model, {"bf16", {1, 2, 7}, 100, 4, "int8"}, limits));
  const double weights = static_cast<double>(model->bytes_read_per_step());
  for (size_t i = 0; i < 3; ++i) {
    const Json &row = full.at("rows").as_array()[i], &code = coded.at("rows").as_array()[i];
    const double streams = static_cast<double>(std::vector<int>{1, 2, 7}[i]), step = row.at("step_ms_p50").as_double() / 1000;
    EXPECT_EQ(row.at("streams").as_int(), std::vector<int>({1, 2, 7})[i]);
    EXPECT_NEAR(row.at("decode_tok_per_s").as_double(), streams * row.at("per_stream_tok_per_s").as_double(), 1e-6 * streams / step);
    EXPECT_NEAR(row.at("ratio").as_double(), row.at("decode_tok_per_s").as_double() / row.at("lockstep_tok_per_s").as_double(), 1e-9);
    const double matrices = 2 * (64 * 64 + 2 * 64 * 32 + 64 * 64 + 3 * 64 * 128), attention = 2 * 4.0 * 64 * 103;
    EXPECT_NEAR(row.at("decode_utilisation").as_double(), streams * (2 * matrices + 2 * 96 * 64 + attention) / step / 100e9, 1e-9);
    const double position = 2 * 2 * 32 * 2;  // layers, keys and values, width, bytes
    EXPECT_NEAR(row.at("bytes_per_token").as_double(), weights / streams + position * 102, 1e-6);
    EXPECT_NEAR(code.at("bytes_per_token").as_double(), weights / streams + position * 102 * (16 + 4) / 32, 1e-6);
  }
  EXPECT_FALSE(full.contains("decode_tok_per_s")) << "figures of one number of streams only stand at the top";
  const std::string table = infer_table(full);
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 3);
  EXPECT_NE(infer_card(coded).find("keys and values int8"), std::string::npos);
}

TEST(BenchInfer, RefusesWhatDoesNotFit) {
  const auto model = lathe::testing::random_model(small_config(), DType::kBFloat16);
  EXPECT_FALSE(bench_infer(*model, {"bf16", {1}, 640, 10}, {}).ok());
  EXPECT_FALSE(bench_infer(*model, {"bf16", {4, 0}, 10, 10}, {}).ok());
  EXPECT_FALSE(bench_infer(*model, {"bf16", {}, 10, 10}, {}).ok());
  EXPECT_FALSE(find_infer_preset("gpt9").ok());
}

}  // namespace
}  // namespace lathe::bench
