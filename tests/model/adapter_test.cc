// Adapters on frozen models.
#include "model/adapter.h"

#include <cstring>
#include <functional>
#include <map>

#include "autograd/low_rank.h"
#include "tests/model/small_adapters.h"

namespace lathe::testing {
namespace {

using model::Adapter;
using model::AdapterConfig;

constexpr int64_t kRows = 2, kLength = 40;

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return !a.empty() && a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

model::ModelConfig llama() { return model::llama_config(small_plain(kLength, false)); }

struct Data {
  Tensor ids = random_ids(kRows * kLength, 27, 1), targets = random_ids(kRows * kLength, 27, 2);
};

void forget_gradients(const std::vector<autograd::Parameter*>& parameters) {
  for (autograd::Parameter* p : parameters) p->has_grad = false;
}

// L-7.20
TEST(Adapter, StartsAsTheBaseExactly) {
  const Data data;
  for (const SmallModel& small : small_models(kLength))
    for (const DType dtype : {DType::kFloat32, DType::kBFloat16})
      for (const bool dora : {false, true}) {
        SCOPED_TRACE(small.name);
        const auto model = random_model(small.config, dtype);
        const std::vector<float> base = loss_of(*model, data.ids, data.targets, kRows, false).nll;
        model->freeze();
        AdapterConfig config = small_adapter_config(32);
        config.alpha = 64;
        config.dora = dora;
        const auto adapter = take(Adapter::create(*model, config, 1));
        EXPECT_EQ(config.scale(), 2);
        EXPECT_EQ(loss_of(*model, data.ids, data.targets, kRows, false).nll, base);  // -0 and 0 are equal
        for (const autograd::Parameter* p : adapter->parameters()) {
          const std::vector<float> values = copy_of(p->value);
          const bool zero = std::all_of(values.begin(), values.end(), [](float x) { return x == 0; });
          EXPECT_EQ(zero, p->name.ends_with("lora_B.weight")) << p->name;
        }
        disturb(*adapter);
        EXPECT_NE(loss_of(*model, data.ids, data.targets, kRows, false).nll, base);
      }
}

// L-7.21
TEST(Adapter, SevenLayersOfABlockAreTheDefault) {
  model::PlainSize tiny;
  tiny.n_layer = 6, tiny.n_embd = 256, tiny.n_head = tiny.n_kv_head = 4, tiny.mlp_hidden = 1024;
  tiny.vocab_size = 32768, tiny.sequence_len = 1024;
  model::Transformer model(model::llama_config(tiny), DType::kBFloat16, Device::kMeta);
  model.freeze();
  AdapterConfig config;
  EXPECT_EQ(take(Adapter::create(model, config, 1))->count(), 1130496);
  config.targets = {"q_proj", "k_proj", "v_proj", "o_proj"};
  EXPECT_EQ(take(Adapter::create(model, config, 1))->count(), 6 * 4 * 32 * 512);
  EXPECT_TRUE(model.find("model.layers.0.self_attn.q_proj.weight")->adapters.empty()) << "both are gone";
}

// L-7.22, L-1.48
TEST(Adapter, WrongSettingsAreNamed) {
  const auto model = random_model(llama(), DType::kFloat32);
  model->freeze();
  const auto message = [&](const std::function<void(AdapterConfig&)>& change) {
    AdapterConfig config = small_adapter_config();
    change(config);
    const auto made = Adapter::create(*model, config, 1);
    return made.ok() ? std::string() : made.error().to_string();
  };
  EXPECT_NE(message([](AdapterConfig& c) { c.targets = {"q_proj", "qkv_proj"}; }).find("\"qkv_proj\" matches no layer"), std::string::npos);
  EXPECT_NE(message([](AdapterConfig& c) { c.targets = {"nothing"}; }).find("gate_proj"), std::string::npos) << "the known ones are listed";
  EXPECT_NE(message([](AdapterConfig& c) { c.r = 0; }).find("lora_r"), std::string::npos);
  EXPECT_NE(message([](AdapterConfig& c) { c.alpha = 0; }).find("lora_alpha"), std::string::npos);
  EXPECT_NE(message([](AdapterConfig& c) { c.dropout = 1; }).find("lora_dropout"), std::string::npos);
  EXPECT_NE(message([](AdapterConfig& c) { c.token_rows = {27}; }).find("vocabulary of 27"), std::string::npos);
  EXPECT_NE(message([](AdapterConfig& c) { c.modules_to_save = {"score"}; }).find("\"score\""), std::string::npos);
  EXPECT_EQ(message([](AdapterConfig& c) { c.targets = {"c_nothing", "model.layers.0.mlp.up_proj"}; c.targets.erase(c.targets.begin()); }), "");
  for (const autograd::Parameter* p : model->parameters()) EXPECT_TRUE(p->adapters.empty()) << "a refused adapter leaves nothing: " << p->name;
}

// L-7.23: float32 values, gradients for the adapter alone, no gradient buffer nor float32 master of the frozen matrices.
TEST(Adapter, TrapM8_FloatMastersUnderBf16AndNothingForTheFrozenBase) {
  const Data data;
  const auto model = random_model(llama(), DType::kBFloat16, true);
  model->freeze();
  const auto adapter = random_adapter(*model, small_adapter_config());
  loss_of(*model, data.ids, data.targets, kRows, true, true);
  for (const autograd::Parameter* p : model->parameters()) {
    EXPECT_FALSE(p->grad) << p->name;
    EXPECT_FALSE(p->has_grad || p->trainable) << p->name;
    EXPECT_EQ(bool(p->value), p->shape().rank() < 2) << p->name;
  }
  for (autograd::Parameter* p : adapter->parameters()) {
    EXPECT_EQ(p->value.dtype(), DType::kFloat32);
    EXPECT_EQ(p->grad.dtype(), DType::kFloat32);
    EXPECT_TRUE(p->has_grad);
    const std::vector<float> gradient = copy_of(p->grad);
    EXPECT_TRUE(std::any_of(gradient.begin(), gradient.end(), [](float x) { return x != 0; })) << p->name;
    const float before = p->value.data<float>()[0];
    p->value.data<float>()[0] += 1e-4f * before;  // lost where the parameter is bf16
    EXPECT_NE(p->value.data<float>()[0], before);
  }
  EXPECT_EQ(model->counts().total, random_model(llama(), DType::kBFloat16)->counts().total);
}

// A directional derivative of the loss along a random direction of each tensor. DoRA's norms are constants of the backward
// pass: they are held still. Dropout draws the same mask at each call.
class AdapterGradients : public ::testing::TestWithParam<std::tuple<std::string, bool>> {};

TEST_P(AdapterGradients, AreThoseOfTheLoss) {
  const Data data;
  for (const SmallModel& small : small_models(kLength)) {
    SCOPED_TRACE(small.name);
    const auto model = random_model(small.config, DType::kFloat32);
    model->freeze();
    AdapterConfig config = small_adapter_config();
    config.alpha = 2;  // nearer to linear
    const std::string form = std::get<0>(GetParam());
    config.dora = form == "dora";
    config.rslora = form == "rslora";
    config.dropout = std::get<1>(GetParam()) ? 0.2 : 0;
    const auto adapter = random_adapter(*model, config);
    loss_of(*model, data.ids, data.targets, kRows, true, true);
    std::map<std::string, double> slopes;
    const auto hold_norms = [&] {
      for (const autograd::Parameter* p : model->parameters())
        for (autograd::LowRank* low_rank : p->adapters) low_rank->norms_stale = false;
    };
    for (autograd::Parameter* p : adapter->parameters()) {
      const std::vector<float> start = copy_of(p->value), gradient = copy_of(p->grad);
      std::vector<double> direction;
      double slope = 0, scale = 0;
      Rng rng(9, p->name);
      for (const float g : gradient) {
        direction.push_back(rng.normal() * 0.2 + (g > 0 ? 1 : -1));
        slope += direction.back() * double{g};
        scale += std::abs(direction.back() * double{g});
      }
      double losses[2];
      constexpr double kStep = 2e-3;
      for (const int side : {0, 1}) {
        for (size_t i = 0; i < start.size(); ++i)
          p->value.data<float>()[i] = static_cast<float>(double{start[i]} + (side ? kStep : -kStep) * direction[i] / std::sqrt(static_cast<double>(start.size())));
        adapter->refresh();
        hold_norms();
        losses[side] = loss_of(*model, data.ids, data.targets, kRows, false, true).loss;
      }
      std::copy(start.begin(), start.end(), p->value.data<float>());
      const double measured = (losses[1] - losses[0]) / (2 * kStep) * std::sqrt(static_cast<double>(start.size()));
      EXPECT_NEAR(measured, slope, 0.02 * scale + 2e-4 * std::sqrt(static_cast<double>(start.size()))) << p->name;
      EXPECT_GT(scale, 0) << p->name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, AdapterGradients, ::testing::Combine(::testing::Values("lora", "rslora", "dora"), ::testing::Bool()),
                         [](const auto& info) { return std::get<0>(info.param) + (std::get<1>(info.param) ? "_dropout" : ""); });

TEST(Adapter, RecomputedActivationsHaveTheSameBits) {
  const Data data;
  for (const SmallModel& small : small_models(kLength))
    for (const DType dtype : {DType::kFloat32, DType::kBFloat16})
      for (const bool dora : {false, true}) {
        SCOPED_TRACE(small.name);
        const auto model = random_model(small.config, dtype);
        model->freeze();
        AdapterConfig config = small_adapter_config();
        config.dropout = 0.1;
        config.dora = dora;
        config.token_rows = {3, 5};
        const auto adapter = random_adapter(*model, config);
        std::vector<std::vector<float>> kept;
        for (const model::Recompute recompute : {model::Recompute::kNone, model::Recompute::kAttention, model::Recompute::kBlock}) {
          model->set_recompute(recompute);
          forget_gradients(adapter->parameters());
          std::vector<std::vector<float>> now = {loss_of(*model, data.ids, data.targets, kRows, true, true).nll};
          for (const autograd::Parameter* p : adapter->parameters()) now.push_back(copy_of(p->grad));
          if (kept.empty()) kept = now;
          for (size_t i = 0; i < now.size(); ++i) EXPECT_TRUE(same_bits(now[i], kept[i])) << model::recompute_name(recompute) << " " << i;
        }
      }
}

// L-7.24: the rows' gradients are those rows of the whole tables' gradients; other rows stay as they are.
TEST(Adapter, TrainedTokenRowsGetTheirRowsOfTheGradient) {
  const Data data;
  const std::vector<int32_t> rows = {2, 7, 26};
  for (const bool tied : {false, true})
    for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
      const model::ModelConfig config = model::llama_config(small_plain(kLength, tied));
      const auto whole = random_model(config, dtype, true);
      const Step expected = loss_of(*whole, data.ids, data.targets, kRows, true);
      const auto model = random_model(config, dtype);
      model->freeze();
      AdapterConfig adapter_config = small_adapter_config();
      adapter_config.token_rows = {26, 2, 7, 2};  // put in order, once each
      const auto adapter = take(Adapter::create(*model, adapter_config, 1));
      const Step step = loss_of(*model, data.ids, data.targets, kRows, true);
      EXPECT_TRUE(same_bits(step.nll, expected.nll));
      EXPECT_EQ(adapter->row_count(), tied ? 1 : 2);
      for (const autograd::Parameter* p : adapter->parameters()) {
        if (!p->name.ends_with(".token_rows")) continue;
        const autograd::Parameter* table = whole->find(p->name.substr(0, p->name.rfind('.')) + ".weight");
        ASSERT_NE(table, nullptr) << p->name;
        std::vector<float> wanted;
        for (const int32_t row : rows) {
          const std::vector<float> part = copy_of(table->grad.rows(row, row + 1));
          wanted.insert(wanted.end(), part.begin(), part.end());
        }
        EXPECT_TRUE(is_close(std::span<const float>(copy_of(p->grad)), std::span<const float>(wanted), {1e-6, 1e-4})) << p->name;
      }
    }
}

// L-7.24
TEST(Adapter, TrainedTokenRowsStandInTheTablesWhileTheAdapterIsOn) {
  const Data data;
  const auto model = random_model(llama(), DType::kBFloat16);
  model->freeze();
  const std::vector<float> before = copy_of(model->find("lm_head.weight")->compute);
  const std::vector<float> base = loss_of(*model, data.ids, data.targets, kRows, false).nll;
  AdapterConfig config = small_adapter_config();
  config.token_rows = {4, 9};
  {
    const auto adapter = random_adapter(*model, config);
    loss_of(*model, data.ids, data.targets, kRows, false);
    const std::vector<float> on = copy_of(model->find("lm_head.weight")->compute);
    for (int64_t row = 0; row < 27; ++row) {
      const bool same = std::equal(on.begin() + row * 24, on.begin() + (row + 1) * 24, before.begin() + row * 24);
      EXPECT_EQ(same, row != 4 && row != 9) << row;
    }
    adapter->set_enabled(false);
    EXPECT_EQ(loss_of(*model, data.ids, data.targets, kRows, false).nll, base);
    adapter->set_enabled(true);
    EXPECT_NE(loss_of(*model, data.ids, data.targets, kRows, false).nll, base);
  }
  EXPECT_EQ(loss_of(*model, data.ids, data.targets, kRows, false).nll, base);
}

// L-9.8: the reference is the same model with the upper adapter off, the policy has both; only the upper one is trained.
TEST(Adapter, SeveralOnOneBase) {
  const Data data;
  for (const bool dora : {false, true}) {
    const auto model = random_model(llama(), DType::kFloat32);
    model->freeze();
    AdapterConfig lower_config = small_adapter_config();
    lower_config.dora = dora;
    lower_config.token_rows = {1, 2};
    const auto lower = take(Adapter::create(*model, lower_config, 5, false));
    disturb(*lower);
    const std::vector<float> reference = loss_of(*model, data.ids, data.targets, kRows, false).nll;
    AdapterConfig upper_config = small_adapter_config(2);
    upper_config.token_rows = {2, 3};
    const auto upper = take(Adapter::create(*model, upper_config, 6));
    EXPECT_EQ(loss_of(*model, data.ids, data.targets, kRows, false).nll, reference);
    disturb(*upper, 6);
    const std::vector<float> policy = loss_of(*model, data.ids, data.targets, kRows, true).nll;
    EXPECT_NE(policy, reference);
    for (const autograd::Parameter* p : lower->parameters()) EXPECT_FALSE(p->has_grad || p->grad) << p->name;
    for (const autograd::Parameter* p : upper->parameters()) EXPECT_TRUE(p->has_grad) << p->name;
    upper->set_enabled(false);
    EXPECT_EQ(loss_of(*model, data.ids, data.targets, kRows, false).nll, reference);
    upper->set_enabled(true);
    EXPECT_EQ(loss_of(*model, data.ids, data.targets, kRows, false).nll, policy);
  }
  const auto model = random_model(llama(), DType::kFloat32);
  model->freeze();
  AdapterConfig config = small_adapter_config();
  config.dora = true;
  const auto first = take(Adapter::create(*model, config, 1));
  EXPECT_FALSE(Adapter::create(*model, config, 2).ok()) << "two with magnitudes on a layer";
}

// L-7.26
TEST(Adapter, MergeAndUnmerge) {
  const Data data;
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16})
    for (const bool dora : {false, true}) {
      const auto model = random_model(llama(), dtype);  // not frozen: masters are wanted
      std::vector<std::vector<float>> masters;
      for (const autograd::Parameter* p : model->parameters()) masters.push_back(copy_of(p->value));
      AdapterConfig config = small_adapter_config();
      config.dora = dora;
      config.token_rows = {4, 9};
      const auto adapter = random_adapter(*model, config);
      const std::vector<float> unmerged = loss_of(*model, data.ids, data.targets, kRows, false).nll;
      const double tolerance = dtype == DType::kFloat32 ? 3e-5 : 0.15;
      ASSERT_TRUE(adapter->merge().ok());
      EXPECT_FALSE(adapter->merge().ok());
      const std::vector<float> merged = loss_of(*model, data.ids, data.targets, kRows, false).nll;
      EXPECT_TRUE(is_close(std::span<const float>(merged), std::span<const float>(unmerged), {tolerance, 0}));
      EXPECT_THROW(adapter->set_enabled(false), std::invalid_argument);
      ASSERT_TRUE(adapter->unmerge().ok());
      EXPECT_FALSE(adapter->unmerge().ok());
      EXPECT_TRUE(is_close(std::span<const float>(loss_of(*model, data.ids, data.targets, kRows, false).nll), std::span<const float>(unmerged), {tolerance, 0}));
      adapter->set_enabled(false);
      loss_of(*model, data.ids, data.targets, kRows, false);
      for (size_t i = 0; i < masters.size(); ++i)
        EXPECT_TRUE(is_close(std::span<const float>(copy_of(model->parameters()[i]->value)), std::span<const float>(masters[i]), {1e-6, 1e-5})) << i;
    }
  const auto frozen = random_model(llama(), DType::kBFloat16);
  frozen->freeze();
  EXPECT_NE(random_adapter(*frozen, small_adapter_config())->merge().error().to_string().find("float32 master"), std::string::npos);
}

TEST(Adapter, WholeModulesAreTrainedBesideAndSwitchedWithIt) {
  const Data data;
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    const auto model = random_model(llama(), dtype);
    const std::vector<float> base = loss_of(*model, data.ids, data.targets, kRows, false).nll;
    model->freeze();
    AdapterConfig config = small_adapter_config();
    config.modules_to_save = {"lm_head", "norm"};
    {
      const auto adapter = take(Adapter::create(*model, config, 1));
      EXPECT_EQ(loss_of(*model, data.ids, data.targets, kRows, true).nll, base);
      EXPECT_TRUE(model->find("lm_head.weight")->has_grad);
      EXPECT_TRUE(model->find("model.norm.weight")->has_grad);
      EXPECT_FALSE(model->find("model.embed_tokens.weight")->has_grad);
      disturb(*adapter);
      EXPECT_NE(loss_of(*model, data.ids, data.targets, kRows, false).nll, base);
      adapter->set_enabled(false);
      EXPECT_EQ(loss_of(*model, data.ids, data.targets, kRows, false).nll, base);
    }
    EXPECT_EQ(loss_of(*model, data.ids, data.targets, kRows, false).nll, base);
    EXPECT_FALSE(model->find("lm_head.weight")->trainable);
  }
}

// The base's linear layers by codes: the same model as one that holds the numbers which the codes stand for, up to the rounding
// of the products.
TEST(Adapter, QuantizedBaseIsTrained) {
  const Data data;
  model::PlainSize size = small_plain(kLength, false);
  size.n_embd = 32, size.mlp_hidden = 64;
  for (const ops::WeightBits bits : {ops::WeightBits::kEight, ops::WeightBits::kFour})
    for (const bool dora : {false, true}) {
      const auto quantized = random_model(model::llama_config(size), DType::kBFloat16), numbers = random_model(model::llama_config(size), DType::kBFloat16);
      quantized->freeze();
      quantized->quantize(bits, false);
      AdapterConfig config = small_adapter_config();
      config.dora = dora;
      config.token_rows = {3};
      int replaced = 0;
      for (const autograd::Parameter* p : quantized->parameters()) {
        if (!p->quantized) continue;
        EXPECT_FALSE(p->value || p->compute) << p->name;
        numbers->find(p->name)->value.copy_from(ops::dequantize(*p->quantized));
        ++replaced;
      }
      EXPECT_EQ(replaced, 14);
      numbers->refresh_compute();
      numbers->freeze();
      const auto left = random_adapter(*quantized, config), right = random_adapter(*numbers, config);
      const Step by_codes = loss_of(*quantized, data.ids, data.targets, kRows, true), by_numbers = loss_of(*numbers, data.ids, data.targets, kRows, true);
      EXPECT_NEAR(by_codes.loss, by_numbers.loss, 0.01);
      for (size_t i = 0; i < left->parameters().size(); ++i) {
        const autograd::Parameter& p = *left->parameters()[i];
        EXPECT_TRUE(is_close_in_norm(std::span<const float>(copy_of(p.grad)), std::span<const float>(copy_of(right->parameters()[i]->grad)), 0.1)) << p.name;
      }
    }
}

}  // namespace
}  // namespace lathe::testing
