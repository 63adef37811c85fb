#include "model/kv_cache.h"

#include "tests/infer/mock_model.h"

namespace lathe::infer {
namespace {

model::ModelConfig small_config() {
  model::ModelConfig config;
  config.n_layer = 3;
  config.n_head = config.n_kv_head = 4;
  config.n_embd = 32;
  return config;
}

// C-10.4, C-10.22
TEST(KvCache, HoldsKeysAndValuesOfEveryLayerAndRow) {
  const model::ModelConfig config = small_config();
  model::KvCache cache(config, 2, 64, DType::kFloat32);
  EXPECT_EQ(cache.batch(), 2);
  EXPECT_EQ(cache.capacity(), 64);
  EXPECT_EQ(cache.length(), 0);
  for (int64_t layer = 0; layer < 3; ++layer) {
    EXPECT_EQ(cache.keys(layer).elements(), 2 * 64 * 4 * 8);
    EXPECT_EQ(cache.values(layer).shape(), cache.keys(layer).shape());
    EXPECT_NE(cache.values(layer).raw(), cache.keys(layer).raw());
    EXPECT_EQ(cache.keys(layer).dtype(), DType::kFloat32);
  }
  cache.advance(10);
  cache.advance(1);
  EXPECT_EQ(cache.length(), 11);
  cache.reset();
  EXPECT_EQ(cache.length(), 0);
}

// C-10.2, C-10.29: prefill 16 of 32 into 64.
TEST(KvCache, PrefillCopiesItsPositionsToEveryRow) {
  const model::ModelConfig config = small_config();
  model::KvCache source(config, 1, 32, DType::kFloat32), target(config, 3, 64, DType::kFloat32);
  for (int64_t layer = 0; layer < 3; ++layer)
    for (size_t i = 0; i < source.keys(layer).span<float>().size(); ++i) {
      source.keys(layer).data<float>()[i] = static_cast<float>(i) + static_cast<float>(layer) * 0.25f;
      source.values(layer).data<float>()[i] = -source.keys(layer).data<float>()[i];
    }
  source.advance(16);
  target.copy_prefill(source);
  EXPECT_EQ(target.length(), 16);
  for (int64_t layer = 0; layer < 3; ++layer)
    for (int64_t row = 0; row < 3; ++row)
      for (int64_t head = 0; head < 4; ++head)
        for (int64_t i = 0; i < 16 * 8; ++i) {
          const int64_t at = (row * 4 + head) * 64 * 8 + i, from = head * 32 * 8 + i;
          ASSERT_EQ(target.keys(layer).data<float>()[at], source.keys(layer).data<float>()[from]);
          ASSERT_EQ(target.values(layer).data<float>()[at], source.values(layer).data<float>()[from]);
        }
}

// Rows of several lengths in one cache; those that are kept move to the front with all they hold.
TEST(KvCache, RowsComeAndGo) {
  const model::ModelConfig config = small_config();
  model::KvCache cache(config, 3, 20, DType::kFloat32);
  const auto value = [](int64_t layer, int64_t row, int64_t i) { return static_cast<float>(1000 * layer + 100 * row + i % 64); };
  for (int64_t row = 0; row < 3; ++row) {
    model::KvCache prompt(config, 2, 5 + row, DType::kFloat32);
    prompt.advance(5 + row);
    for (int64_t layer = 0; layer < 3; ++layer) {
      const int64_t half = prompt.keys(layer).elements() / 2;
      for (int64_t i = 0; i < half; ++i) prompt.keys(layer).data<float>()[half + i] = value(layer, row, i % (8 * (5 + row)));
    }
    cache.set_row(row, prompt, 1);
  }
  EXPECT_EQ(cache.length(0), 5);
  EXPECT_EQ(cache.length(), 7);
  cache.advance(2);
  cache.keep_rows({0, 2});
  EXPECT_EQ(cache.batch(), 2);
  EXPECT_EQ(cache.keys(0).dim(0), 2);
  EXPECT_EQ(cache.length(1), 9);
  for (int64_t layer = 0; layer < 3; ++layer)
    for (const auto& [row, was] : {std::pair<int64_t, int64_t>{0, 0}, {1, 2}})
      for (int64_t head = 0; head < 4; ++head)
        for (int64_t i = 0; i < 8 * (5 + was); ++i)
          ASSERT_EQ(cache.keys(layer).data<float>()[(row * 4 + head) * 20 * 8 + i], value(layer, was, i));
  EXPECT_THROW(cache.keep_rows({1, 0}), std::invalid_argument);
  EXPECT_THROW(cache.keep_rows({2}), std::invalid_argument);
  model::KvCache full(config, 1, 30, DType::kFloat32);
  full.advance(25);
  EXPECT_THROW(cache.set_row(0, full, 0), std::invalid_argument);
}

// C-10.5
TEST(KvCache, PrefillRefusesWhatDoesNotFit) {
  const model::ModelConfig config = small_config();
  model::KvCache source(config, 1, 32, DType::kFloat32);
  source.advance(16);
  model::KvCache filled(config, 1, 64, DType::kFloat32);
  filled.advance(1);
  EXPECT_THROW(filled.copy_prefill(source), std::invalid_argument);
  model::ModelConfig deeper = config, wider = config;
  deeper.n_layer = 4;
  wider.n_embd = 64;
  model::KvCache other_depth(deeper, 1, 64, DType::kFloat32), other_width(wider, 1, 64, DType::kFloat32),
      small(config, 1, 15, DType::kFloat32);
  EXPECT_THROW(other_depth.copy_prefill(source), std::invalid_argument);
  EXPECT_THROW(other_width.copy_prefill(source), std::invalid_argument);
  EXPECT_THROW(small.copy_prefill(source), std::invalid_argument);
  EXPECT_THROW(small.advance(16), std::invalid_argument);
}

}  // namespace
}  // namespace lathe::infer
