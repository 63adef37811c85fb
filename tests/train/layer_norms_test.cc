// Norms of gradients, layer by layer.
#include "train/layer_norms.h"

#include <cmath>

#include "model/names.h"
#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

TEST(LayerNorms, NamesThePartOfEveryFamily) {
  for (const model::Family family : {model::Family::kChat, model::Family::kLlama}) {
    model::ModelConfig named;
    named.family = family;
    const model::Names names(named);
    EXPECT_EQ(train::layer_of(names.layer(3, model::Part::kQuery, model::Kind::kWeight)), "layer_03");
    EXPECT_EQ(train::layer_of(names.layer(12, model::Part::kMlpOut, model::Kind::kBias)), "layer_12");
    EXPECT_EQ(train::layer_of(names.head()), "lm_head");
    EXPECT_EQ(train::layer_of(names.value_embed(4)), "value_embeds");
  }
  EXPECT_EQ(train::layer_of("transformer.wte.weight"), "wte");
  EXPECT_EQ(train::layer_of("model.norm.weight"), "norm");
  EXPECT_EQ(train::layer_of("resid_lambdas"), "resid_lambdas");
  EXPECT_EQ(train::layer_of("base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight"), "layer_07");
  for (const char* odd : {"", ".", "weight", "7", "h.99999999999999999999.x"}) EXPECT_NO_THROW(train::layer_of(odd)) << odd;
}

TEST(LayerNorms, GroupsByLayerAndAddUpToTheGlobalNorm) {
  std::vector<autograd::Parameter> parameters(4);
  const char* names[] = {"transformer.wte.weight", "transformer.h.0.attn.c_q.weight", "transformer.h.0.mlp.c_fc.weight", "transformer.h.1.attn.c_q.weight"};
  std::vector<autograd::Parameter*> all;
  for (size_t i = 0; i < 4; ++i) {
    parameters[i].name = names[i];
    parameters[i].grad = Tensor::zeros({2, 2}, DType::kFloat32);
    parameters[i].grad.data<float>()[1] = static_cast<float>(i + 2);
    parameters[i].has_grad = i != 3;
    all.push_back(&parameters[i]);
  }
  ops::Context ctx;
  const train::GradientNorms found = train::gradient_norms(ctx, all);
  const auto& norms = found.layers;
  ASSERT_EQ(norms.size(), 2u) << "a parameter without a gradient adds no layer";
  EXPECT_EQ(norms[0], (std::pair<std::string, double>{"wte", 2.0}));
  EXPECT_EQ(norms[1].first, "layer_00");
  EXPECT_DOUBLE_EQ(norms[1].second, 5.0);
  EXPECT_DOUBLE_EQ(std::hypot(norms[0].second, norms[1].second), found.all);
  EXPECT_EQ(found.all, optim::gradient_norm(ctx, all)) << "clipping must not depend on which steps are logged";
}

}  // namespace
}  // namespace lathe::testing
