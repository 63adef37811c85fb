// Decoding asks the system for no memory once it is under way: the engine and the sampler for none at all, the model
// for nothing but the small handles of its tensors.
#include "infer/engine.h"
#include "infer/transformer_model.h"
#include "tests/infer/mock_model.h"
#include "tests/ref/counting_new.h"
#include "tests/ref/small_models.h"

namespace lathe::infer {
namespace {

using namespace testing;

// Counts of each of 30 steps but the first few.
std::vector<int64_t> counts_by_step(LanguageModel& model, const std::atomic<int64_t>& counter) {
  Engine engine(model, mock_tokenizer());
  GenerateOptions options;
  options.num_samples = 2;
  options.max_tokens = 30;
  options.sampling.top_k = 20;
  options.sampling.top_p = 0.9;
  options.sampling.repetition_penalty = 1.1;
  std::vector<int64_t> at;
  at.reserve(64);
  const auto result = engine.generate(hello(), options, [&](const Column&) {
    at.push_back(counter);
    return true;
  });
  EXPECT_TRUE(result.ok());
  std::vector<int64_t> steps;
  for (size_t i = 6; i < at.size(); ++i) steps.push_back(at[i] - at[i - 1]);
  return steps;
}

// Always the same logits, in memory that is there already.
class FixedModel : public MockModel {
 public:
  Tensor forward(std::span<const int32_t> ids, model::KvCache& cache) override {
    cache.advance(static_cast<int64_t>(ids.size()) / cache.batch());
    return cache.batch() == 1 ? one_ : two_;
  }

 private:
  Tensor one_ = Tensor::zeros({1, kMockVocab}, DType::kFloat32), two_ = Tensor::zeros({2, kMockVocab}, DType::kFloat32);
};

TEST(Allocation, EngineAndSamplerTakeNone) {
  FixedModel model;
  const std::vector<int64_t> steps = counts_by_step(model, blocks);
  ASSERT_GT(steps.size(), 5u);
  EXPECT_EQ(steps, std::vector<int64_t>(steps.size(), 0));
}

TEST(Allocation, TheModelTakesHandlesOnly) {
  for (lathe::testing::SmallModel small : lathe::testing::small_models(64)) {
    SCOPED_TRACE(small.name);
    small.config.vocab_size = 4 * kMockVocab;  // a row of logits is a large block
    const auto transformer = lathe::testing::random_model(small.config, DType::kFloat32);
    TransformerModel model(*transformer);
    const std::vector<int64_t> steps = counts_by_step(model, large_blocks);
    ASSERT_GT(steps.size(), 5u);
    EXPECT_EQ(steps, std::vector<int64_t>(steps.size(), 0));
  }
}

}  // namespace
}  // namespace lathe::infer
