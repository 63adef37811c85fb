// Generation over the real transformer: what the cache gives is what the model says, bit for bit.
#include "infer/transformer_model.h"

#include <cmath>

#include "infer/naive_generate.h"
#include "tests/infer/mock_model.h"
#include "tests/ref/small_models.h"

namespace lathe::infer {
namespace {

using namespace testing;
using lathe::testing::random_model;
using lathe::testing::SmallModel;
using lathe::testing::take;

std::vector<int32_t> some_ids(int64_t count) {
  Rng rng(3, "ids");
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back(static_cast<int32_t>(rng.below(256)));
  return ids;
}

std::vector<float> floats(const Tensor& logits) { return {logits.span<float>().begin(), logits.span<float>().end()}; }

// Every small model with the mock's vocabulary and room for 160 positions.
std::vector<SmallModel> models() {
  std::vector<SmallModel> all = lathe::testing::small_models(160);
  for (SmallModel& model : all) model.config.vocab_size = kMockVocab;
  return all;
}

class TransformerModelOf : public ::testing::TestWithParam<DType> {};

TEST_P(TransformerModelOf, CachedLogitsAreTheBitsOfTheFullForwardPass) {
  for (const SmallModel& small : models()) {
    SCOPED_TRACE(small.name);
    const auto transformer = random_model(small.config, GetParam());
    TransformerModel model(*transformer);
    const std::vector<int32_t> ids = some_ids(40);
    const std::span<const int32_t> all(ids);
    model::KvCache cache = model.new_cache(1, 40);
    EXPECT_EQ(floats(model.forward(all.first(29), cache)), floats(model.forward_uncached(all.first(29))));
    for (size_t t = 29; t < 40; ++t)
      ASSERT_EQ(floats(model.forward(all.subspan(t, 1), cache)), floats(model.forward_uncached(all.first(t + 1)))) << t;
  }
}

// C-10.2
TEST_P(TransformerModelOf, EverySampleContinuesFromTheSamePrefill) {
  for (const SmallModel& small : models()) {
    SCOPED_TRACE(small.name);
    const auto transformer = random_model(small.config, GetParam());
    TransformerModel model(*transformer);
    const std::vector<int32_t> ids = some_ids(20), column = {1, 2, 3, 4, 1};
    model::KvCache once = model.new_cache(1, 20), rows = model.new_cache(5, 24);
    model.forward(ids, once);
    rows.copy_prefill(once);
    const Tensor logits = model.forward(column, rows);
    ASSERT_EQ(logits.dim(0), 5);
    for (int64_t row = 0; row < 5; ++row) {
      std::vector<int32_t> alone = ids;
      alone.push_back(column[static_cast<size_t>(row)]);
      EXPECT_EQ(floats(logits.rows(row, row + 1)), floats(model.forward_uncached(alone))) << "row " << row;
    }
  }
}

TEST_P(TransformerModelOf, RowsOfSeveralIdsGiveTheLogitsAfterEachRowsLast) {
  for (const SmallModel& small : models()) {
    SCOPED_TRACE(small.name);
    const auto transformer = random_model(small.config, GetParam());
    TransformerModel model(*transformer);
    const std::vector<int32_t> ids = some_ids(21);
    model::KvCache cache = model.new_cache(3, 7);
    const Tensor logits = model.forward(ids, cache);
    for (int64_t row = 0; row < 3; ++row)
      EXPECT_EQ(floats(logits.rows(row, row + 1)),
                floats(model.forward_uncached(std::span(ids).subspan(static_cast<size_t>(7 * row), 7))))
          << "row " << row;
    EXPECT_EQ(cache.length(), 7);
    EXPECT_THROW(model.forward(some_ids(4), cache), std::invalid_argument);
  }
}

// C-10.21
TEST_P(TransformerModelOf, PassesTheSelfTest) {
  for (const SmallModel& small : models()) {
    SCOPED_TRACE(small.name);
    const auto transformer = random_model(small.config, GetParam());
    TransformerModel model(*transformer);
    Engine engine(model, mock_tokenizer());
    const SelfTest test = take(run_self_test(engine, hello(), 64));
    EXPECT_TRUE(test.ok()) << test.to_string();
    EXPECT_GT(test.engine.size(), 0u);
  }
}

// C-10.4, C-16.11
TEST_P(TransformerModelOf, TheCacheHasTheModelsShapeAndDtype) {
  const auto transformer = random_model(models()[0].config, GetParam());
  const model::ModelConfig& config = transformer->config();
  TransformerModel model(*transformer);
  model::KvCache cache = model.new_cache(3, 10);
  for (int64_t layer = 0; layer < config.n_layer; ++layer) {
    EXPECT_EQ(cache.keys(layer).dtype(), GetParam());
    EXPECT_EQ(cache.keys(layer).elements(), 3 * 10 * config.n_kv_head * config.head_width());
  }
  model.forward(some_ids(6), cache);
  EXPECT_EQ(cache.length(), 2) << "one advance for all layers";
}

// Codes for weights change what the model says a little, and nothing of what holds between its ways of saying it.
TEST(QuantizedModel, CachedLogitsAreTheBitsOfTheFullForwardPassAndNearThoseOfFullWeights) {
  for (SmallModel small : models()) {
    SCOPED_TRACE(small.name);
    small.config.n_embd = 128;
    small.config.head_dim = 0;  // all layers have whole blocks of 32 inputs
    for (const auto& [bits, near] : {std::pair(ops::WeightBits::kEight, 0.02), std::pair(ops::WeightBits::kFour, 0.3)}) {
      const auto transformer = random_model(small.config, DType::kBFloat16);
      TransformerModel model(*transformer);
      const std::vector<int32_t> ids = some_ids(40);
      const std::span<const int32_t> all(ids);
      const std::vector<float> full = floats(model.forward_uncached(all));
      const int64_t full_bytes = transformer->bytes_read_per_step();
      transformer->quantize(bits);
      EXPECT_LT(transformer->bytes_read_per_step() * 100, full_bytes * (bits == ops::WeightBits::kEight ? 65 : 45));
      model::KvCache cache = model.new_cache(1, 40);
      EXPECT_EQ(floats(model.forward(all.first(29), cache)), floats(model.forward_uncached(all.first(29))));
      for (size_t t = 29; t < 40; ++t)
        ASSERT_EQ(floats(model.forward(all.subspan(t, 1), cache)), floats(model.forward_uncached(all.first(t + 1)))) << t;
      const std::vector<float> coded = floats(model.forward_uncached(all));
      double difference = 0, size = 0;
      for (size_t i = 0; i < full.size(); ++i) {
        difference += std::pow(static_cast<double>(coded[i] - full[i]), 2);
        size += std::pow(static_cast<double>(full[i]), 2);
      }
      EXPECT_GT(difference, 0);
      // Norms behind the products hand on the codes' error undamped, and layers differ in what they see.
      const bool plain = small.config.family == model::Family::kChat || (!small.config.qk_norm && small.config.layer_kinds.empty());
      EXPECT_LT(std::sqrt(difference / size), plain ? near : 1.6 * near) << static_cast<int>(bits) << " bits";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Dtypes, TransformerModelOf, ::testing::Values(DType::kFloat32, DType::kBFloat16),
                         [](const auto& info) { return std::string(dtype_name(info.param)); });

// C-10.26
TEST(TrapM5, CachedDecodingHonoursTheSlidingWindow) {
  model::ModelConfig config = models()[0].config;
  config.sequence_len = 20;  // windows of 10 and 20
  config.rope_length = 200;
  const auto windowed = random_model(config, DType::kFloat32);
  config.sequence_len = 200;
  const auto wide = random_model(config, DType::kFloat32);
  TransformerModel with(*windowed), without(*wide);
  const auto last_logits = [](TransformerModel& model) {
    const std::vector<int32_t> ids = some_ids(60);
    model::KvCache cache = model.new_cache(1, 60);
    Tensor logits;
    for (size_t t = 0; t < 60; ++t) logits = model.forward(std::span(ids).subspan(t, 1), cache);
    return floats(logits);
  };
  EXPECT_NE(last_logits(with), last_logits(without)) << "the window changes nothing here: the test would prove nothing";
  EXPECT_EQ(last_logits(with), floats(with.forward_uncached(some_ids(60))));
}

// C-10.25
TEST(TransformerModel, KnowsHowFarItsPositionsReach) {
  for (const SmallModel& small : models()) {
    SCOPED_TRACE(small.name);
    const auto transformer = random_model(small.config, DType::kFloat32);
    TransformerModel model(*transformer);
    const int64_t limit = small.name == "gpt2" ? 160 : 1600;
    EXPECT_EQ(model.sequence_len(), 160);
    EXPECT_EQ(model.context_limit(), limit);
    Engine engine(model, mock_tokenizer());
    const auto refused = engine.generate(some_ids(limit + 1), {}, [](const Column&) { return true; });
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find(join_text("more than the ", limit, " positions")), std::string::npos);
  }
}

}  // namespace
}  // namespace lathe::infer
