// Decoding asks the system for no memory once it is under way: the engine and the sampler for none at all, the model
// for nothing but the small handles of its tensors.
#include <malloc.h>

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

// Steps over pages come in all sizes: memory that grew with them is no multiple of what the largest alone takes.
TEST(Allocation, StepsOverPagesOfGrowingSizesSettle) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer's allocator does not tell what is held";
#endif
  model::ModelConfig config = lathe::testing::small_chat(model::ChatState::kNewest, 512);
  config.vocab_size = 400 * kMockVocab;
  const auto transformer = lathe::testing::random_model(config, DType::kFloat32);
  const std::vector<int32_t> pages = {0, 1, 2, 3, 4}, ids(120, 7);
  const auto held = [] {
    const struct mallinfo2 info = mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
  };
  const auto memory_of = [&](const std::vector<int64_t>& sizes) {
    TransformerModel model(*transformer);
    model::PagedCache cache = model.new_pages(5, model::KvFormat::kActivation);
    const double before = held();
    for (const int64_t tokens : sizes) {
      const model::PagedRow row{std::span(ids).first(static_cast<size_t>(tokens)), 0, -1, pages, std::min<int64_t>(tokens, 100)};
      model.step({&row, 1}, cache);
    }
    return held() - before;
  };
  std::vector<int64_t> growing;
  for (int64_t tokens = 1; tokens < 120; tokens += 3) growing.push_back(tokens);
  growing.push_back(120);
  memory_of(growing);  // what the kernels keep for each size
  const double once = memory_of({120});
  EXPECT_LT(memory_of(growing), 2.5 * once);
}

}  // namespace
}  // namespace lathe::infer
