// Initial weights: the distributions of every tensor of every family.
#include <cmath>
#include <limits>

#include "core/parallel.h"
#include "tests/ref/small_models.h"

namespace lathe::testing {
namespace {

using model::ChatState;
using model::Transformer;

// Wide enough that moments are sharp.
model::ModelConfig wide_chat(ChatState state) {
  model::ModelConfig c = small_chat(state, 32);
  c.n_embd = 128;
  c.vocab_size = 1000;
  c.n_layer = 4;
  return c;
}

std::unique_ptr<Transformer> initialised(const model::ModelConfig& config, uint64_t seed = 42) {
  auto model = std::make_unique<Transformer>(config, DType::kFloat32);
  // What initialise() leaves alone stays visible.
  for (autograd::Parameter* p : model->parameters())
    for (float& x : p->value.span<float>()) x = std::numeric_limits<float>::quiet_NaN();
  model->initialise(seed);
  return model;
}

struct Moments {
  double mean = 0, deviation = 0, low = HUGE_VAL, high = -HUGE_VAL, kurtosis = 0;
};
Moments moments_of(const Tensor& x) {
  Moments m;
  const auto n = static_cast<double>(x.elements());
  for (const float v : x.span<float>())
    m.mean += double{v} / n, m.low = std::min(m.low, double{v}), m.high = std::max(m.high, double{v});
  double fourth = 0;
  for (const float v : x.span<float>()) {
    const double d = double{v} - m.mean;
    m.deviation += d * d / n, fourth += d * d * d * d / n;
  }
  m.kurtosis = m.deviation > 0 ? fourth / (m.deviation * m.deviation) : 0;
  m.deviation = std::sqrt(m.deviation);
  return m;
}

void expect_normal(const Transformer& model, const std::string& name, double deviation) {
  const Moments m = moments_of(model.find(name)->value);
  const double n = static_cast<double>(model.find(name)->value.elements());
  EXPECT_NEAR(m.mean, 0, 5 * deviation / std::sqrt(n)) << name;
  EXPECT_NEAR(m.deviation, deviation, 4 * deviation / std::sqrt(n)) << name;
  EXPECT_NEAR(m.kurtosis, 3, 25 / std::sqrt(n)) << name;
}
void expect_uniform(const Transformer& model, const std::string& name, double low, double high) {
  const Tensor& x = model.find(name)->value;
  const Moments m = moments_of(x);
  const double width = high - low, n = static_cast<double>(x.elements());
  EXPECT_GE(m.low, low - 1e-7) << name;  // rounded to float32
  EXPECT_LE(m.high, high + 1e-7) << name;
  EXPECT_NEAR(m.mean, (low + high) / 2, 1.5 * width / std::sqrt(n)) << name;
  if (n < 1000) return;
  EXPECT_LT(m.low, low + 0.02 * width) << name;
  EXPECT_GT(m.high, high - 0.02 * width) << name;
  EXPECT_NEAR(m.deviation, width / std::sqrt(12.0), 2 * width / std::sqrt(n)) << name;
}
void expect_constant(const Transformer& model, const std::string& name, float value) {
  for (const float x : model.find(name)->value.span<float>()) ASSERT_EQ(x, value) << name;
}
std::string block(int64_t i, const char* part) { return "transformer.h." + std::to_string(i) + "." + part + ".weight"; }

// Trap M3: every parameter is drawn; a tensor is constant only where a row says so.
TEST(TrapM3, NoParameterIsLeftUninitialised) {
  for (const SmallModel& small : small_models(16)) {
    const auto model = initialised(small.config), again = initialised(small.config),
               other = initialised(small.config, 43);
    for (const autograd::Parameter* p : model->parameters()) {
      SCOPED_TRACE(small.name + " " + p->name);
      bool constant = true, equal = true, differs = false;
      const std::span<const float> x = p->value.span<float>(), y = again->find(p->name)->value.span<float>(),
                                   z = other->find(p->name)->value.span<float>();
      for (size_t i = 0; i < x.size(); ++i) {
        ASSERT_TRUE(std::isfinite(x[i])) << "element " << i;
        constant = constant && x[i] == x[0], equal = equal && x[i] == y[i], differs = differs || x[i] != z[i];
      }
      EXPECT_TRUE(equal) << "another run draws other weights";
      const std::string_view name = p->name;
      const bool chat = small.config.family == model::Family::kChat, newest = small.name == "newest";
      const bool by_rule = chat ? name.ends_with("c_proj.weight") || name.find("lambda") != name.npos ||
                                      (!newest && name.ends_with("ve_gate.weight")) ||
                                      (small.name == "old" && name == "lm_head.weight")
                                : p->value.rank() == 1;
      EXPECT_EQ(differs, !by_rule);
      if (!by_rule) {
        EXPECT_FALSE(constant);
      }
    }
  }
}

// C-3.23, C-3.24
TEST(Initialise, SeedState) {
  const auto model = initialised(wide_chat(ChatState::kSeed));
  const double s = std::sqrt(3.0 / 128);
  expect_normal(*model, "transformer.wte.weight", 1);
  expect_normal(*model, "lm_head.weight", 0.001);
  for (int64_t i = 0; i < 4; ++i) {
    for (const char* part : {"attn.c_q", "attn.c_k", "attn.c_v", "mlp.c_fc"})
      expect_uniform(*model, block(i, part), -s, s);
    for (const char* part : {"attn.c_proj", "mlp.c_proj"}) expect_constant(*model, block(i, part), 0);
  }
  for (const int64_t i : {1, 3}) {
    expect_uniform(*model, "value_embeds." + std::to_string(i) + ".weight", -s, s);
    expect_constant(*model, block(i, "attn.ve_gate"), 0);
  }
  expect_constant(*model, "resid_lambdas", 1);
  expect_constant(*model, "x0_lambdas", 0.1f);
}

// C-3.45
TEST(Initialise, NewestState) {
  const auto model = initialised(wide_chat(ChatState::kNewest));
  const double s = std::sqrt(3.0 / 128);
  expect_normal(*model, "transformer.wte.weight", 0.8);
  expect_normal(*model, "lm_head.weight", 0.001);
  for (int64_t i = 0; i < 4; ++i) {
    for (const char* part : {"attn.c_q", "attn.c_k", "attn.c_v"}) expect_uniform(*model, block(i, part), -s, s);
    expect_uniform(*model, block(i, "mlp.c_fc"), -0.4 * s, 0.4 * s);
    for (const char* part : {"attn.c_proj", "mlp.c_proj"}) expect_constant(*model, block(i, part), 0);
    const auto at = static_cast<size_t>(i);
    EXPECT_NEAR(model->find("resid_lambdas")->value.span<float>()[at], 1.15 - 0.10 * static_cast<double>(i) / 3, 1e-6);
    EXPECT_NEAR(model->find("x0_lambdas")->value.span<float>()[at], 0.20 - 0.15 * static_cast<double>(i) / 3, 1e-6);
  }
  for (const int64_t i : {1, 3}) {
    expect_uniform(*model, "value_embeds." + std::to_string(i) + ".weight", -s, s);
    expect_uniform(*model, block(i, "attn.ve_gate"), 0, 0.02);
  }
  expect_uniform(*model, "smear_gate.weight", 0, 0.02);
  expect_constant(*model, "smear_lambda", 0);
  expect_constant(*model, "backout_lambda", 0.2f);
  model::ModelConfig one = wide_chat(ChatState::kNewest);
  one.n_layer = 1;
  expect_constant(*initialised(one), "resid_lambdas", 1.15f);
  expect_constant(*initialised(one), "x0_lambdas", 0.2f);
}

// C-3.35
TEST(Initialise, OldState) {
  const auto model = initialised(wide_chat(ChatState::kOld));
  expect_normal(*model, "transformer.wte.weight", 1);
  expect_constant(*model, "lm_head.weight", 0);
  for (int64_t i = 0; i < 4; ++i) {
    expect_normal(*model, block(i, "attn.c_q"), 1 / std::sqrt(128.0));
    expect_normal(*model, block(i, "attn.c_k"),
                  std::sqrt(0.5) / std::sqrt(128.0));  // 64 x 128: min(1, sqrt(out / in)) < 1
    expect_normal(*model, block(i, "mlp.c_fc"), 1 / std::sqrt(128.0));
    for (const char* part : {"attn.c_proj", "mlp.c_proj"}) expect_constant(*model, block(i, part), 0);
  }
}

// C-3.26: tensors draw from streams of their own, so nothing depends on the order of tensors or on threads.
TEST(Initialise, EveryTensorHasItsOwnStream) {
  const model::ModelConfig config = wide_chat(ChatState::kSeed);
  const auto model = initialised(config);
  set_num_threads(1);
  const auto serial = initialised(config);
  set_num_threads(2);
  model::ModelConfig deeper = config;
  deeper.n_layer = 6;
  const auto other = initialised(deeper);
  for (const std::string& name : {block(1, "attn.c_q"), block(2, "mlp.c_fc"), std::string("lm_head.weight")}) {
    const std::span<const float> x = model->find(name)->value.span<float>();
    for (const Transformer* same : {serial.get(), other.get()}) {
      const std::span<const float> y = same->find(name)->value.span<float>();
      EXPECT_TRUE(std::equal(x.begin(), x.end(), y.begin(), y.end())) << name;
    }
  }
  const std::span<const float> q0 = model->find(block(0, "attn.c_q"))->value.span<float>(),
                               q1 = model->find(block(1, "attn.c_q"))->value.span<float>();
  EXPECT_FALSE(std::equal(q0.begin(), q0.end(), q1.begin(), q1.end()));
}

// GPT-2's rule: 0.02, projections into the residual stream divided by the square root of their number.
TEST(Initialise, PlainFamilies) {
  model::PlainSize size = small_plain(64, false);
  size.n_embd = 128;
  const auto llama = initialised(model::llama_config(size));
  expect_normal(*llama, "model.embed_tokens.weight", 0.02);
  expect_normal(*llama, "model.layers.1.self_attn.k_proj.weight", 0.02);
  expect_normal(*llama, "model.layers.1.self_attn.o_proj.weight", 0.01);
  expect_normal(*llama, "model.layers.0.mlp.down_proj.weight", 0.01);
  expect_constant(*llama, "model.norm.weight", 1);
  size.n_kv_head = size.n_head;
  const auto gpt2 = initialised(model::gpt2_config(size));
  expect_normal(*gpt2, "transformer.wpe.weight", 0.02);
  expect_normal(*gpt2, "transformer.h.1.mlp.c_proj.weight", 0.01);
  expect_constant(*gpt2, "transformer.h.0.ln_1.weight", 1);
  expect_constant(*gpt2, "transformer.h.0.ln_1.bias", 0);
  expect_constant(*gpt2, "transformer.h.0.attn.c_q.bias", 0);
}

// The activation-dtype copies are the rounded masters.
TEST(Initialise, RefreshesTheComputeCopies) {
  Transformer model(small_chat(ChatState::kSeed, 16), DType::kBFloat16);
  model.initialise(1);
  for (const autograd::Parameter* p : model.parameters()) {
    const Tensor wide = p->compute.to(DType::kFloat32);
    for (size_t i = 0; i < wide.span<float>().size(); ++i)
      ASSERT_EQ(wide.span<float>()[i], round_to_bf16(p->value.span<float>()[i])) << p->name;
  }
}

}  // namespace
}  // namespace lathe::testing
