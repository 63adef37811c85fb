// Speculative decoding of real models: the same answers in fewer steps.
#include "infer/model_drafter.h"
#include "infer/transformer_model.h"
#include "tests/infer/recorder.h"
#include "tests/ref/small_models.h"

namespace lathe::infer {
namespace {

using namespace lathe::infer::testing;
using lathe::testing::random_model;
using lathe::testing::SmallModel;
using lathe::testing::take;

std::vector<SmallModel> models() {
  std::vector<SmallModel> all = lathe::testing::small_models(160);
  for (SmallModel& model : all) model.config.vocab_size = kMockVocab;
  return all;
}

Request request_of(double temperature, uint64_t seed) {
  Request request;
  request.prompt = text_of_seed(30, seed);
  request.max_tokens = 60;
  request.sampling.temperature = temperature;
  request.ignore_terminal = true;
  request.calculator.reset();
  return request;
}

// A smaller drafter's keys are read at other places than the model's; a model that drafts for itself is always right at temperature 0.
TEST(DraftedEngine, SaysTheSameWithADraftModelOfAnyQuality) {
  for (const SmallModel& small : {models()[1], models()[3], models()[5]})
    for (const double temperature : {0.0, 0.9})
      for (const bool itself : {true, false}) {
        SCOPED_TRACE(small.name);
        const auto transformer = random_model(small.config, DType::kBFloat16);
        model::ModelConfig little = small.config;
        little.n_layer = 1;
        const auto other = random_model(little, DType::kBFloat16);
        TransformerModel model(*transformer), draft(itself ? *transformer : *other);
        BatchEngineOptions options;
        BatchEngine plain(model, mock_tokenizer(), options);
        const auto expected = run_alone(plain, request_of(temperature, 4));
        options.draft_tokens = 3;
        BatchEngine drafted(model, mock_tokenizer(), options, take(ModelDrafter::create(draft, mock_tokenizer(), mock_tokenizer(), 8)));
        const auto heard = run_alone(drafted, request_of(temperature, 4));
        ASSERT_TRUE(expected->ok() && heard->ok());
        EXPECT_EQ(heard->answers.at(0).tokens, expected->answers.at(0).tokens);
        EXPECT_GT(heard->usage.drafted_tokens, 0);
        if (!itself || temperature > 0) continue;
        EXPECT_EQ(heard->usage.accepted_tokens, heard->usage.drafted_tokens);
        EXPECT_LT(drafted.figures().steps, plain.figures().steps / 2);
      }
}

// Without a drafter the text itself is looked up: a model that repeats itself is soon guessed right.
TEST(DraftedEngine, LooksUpTheTextWhereNoDrafterIsGiven) {
  MockModel model([](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) { logits[static_cast<size_t>('a' + (seen.size() % 5))] = 50; });
  BatchEngineOptions options;
  BatchEngine plain(model, mock_tokenizer(), options);
  const auto expected = run_alone(plain, request_of(0, 5));
  options.draft_tokens = 4;
  BatchEngine drafted(model, mock_tokenizer(), options);
  const auto heard = run_alone(drafted, request_of(0, 5));
  EXPECT_EQ(heard->answers.at(0).text, expected->answers.at(0).text);
  EXPECT_GT(heard->usage.accepted_tokens, 40);
  EXPECT_LT(drafted.figures().steps, 25);
}

}  // namespace
}  // namespace lathe::infer
