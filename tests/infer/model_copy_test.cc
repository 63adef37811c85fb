// The copy of a model in training that is generated from.
#include "infer/model_copy.h"

#include "infer/naive_generate.h"
#include "tests/ref/small_models.h"

namespace lathe::infer {
namespace {

std::vector<float> logits_of(LanguageModel& model) {
  const std::vector<int32_t> ids = {1, 5, 9, 2};
  const Tensor logits = model.forward_uncached(ids);
  return {logits.data<float>(), logits.data<float>() + logits.elements()};
}

// bf16 models give the same bits as their copy, which does not follow when they change; float32 ones those of a bf16 model of the same masters.
TEST(ModelCopy, SaysWhatTheModelWouldSay) {
  for (const auto& small : lathe::testing::small_models(16)) {
    for (const DType dtype : {DType::kBFloat16, DType::kFloat32}) {
      const auto trained = lathe::testing::random_model(small.config, dtype, true), plain = lathe::testing::random_model(small.config, DType::kBFloat16);
      TransformerModel expected(*plain);
      const auto copy = ModelCopy::of(*trained);
      copy->take(*trained);
      const std::vector<float> before = logits_of(copy->model());
      EXPECT_EQ(before, logits_of(expected)) << small.name << " " << dtype_name(dtype);
      trained->initialise(6);
      trained->refresh_compute();
      EXPECT_EQ(logits_of(copy->model()), before) << small.name << ": the copy shares memory with the model";
      copy->take(*trained);
      EXPECT_NE(logits_of(copy->model()), before) << small.name << ": a second copy is of the new weights";
    }
  }
}

TEST(ModelCopy, TakesTwoBytesAWeight) {
  const model::ModelConfig config = lathe::testing::small_chat(model::ChatState::kSeed, 16);
  const model::Transformer model(config, DType::kFloat32);
  const auto copy = ModelCopy::of(model);
  copy->take(model);
  int64_t weights = 0, scalars = 0;
  for (const autograd::Parameter* p : model.parameters()) (p->value.rank() > 1 ? weights : scalars) += p->value.elements();
  EXPECT_EQ(copy->bytes(), 2 * weights + 6 * scalars);
}

TEST(ModelCopy, AModelOfAnotherConfigIsRefused) {
  const auto models = lathe::testing::small_models(16);
  const model::Transformer one(models[0].config, DType::kFloat32), other(models[3].config, DType::kFloat32);
  EXPECT_THROW(ModelCopy::of(one)->take(other), std::invalid_argument);
}

}  // namespace
}  // namespace lathe::infer
