#include "train/tiny_settings.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dist/communicator.h"

namespace lathe::train {
namespace {

TinySettings read(const std::string& json) {
  TinySettings settings;
  SettingsTable table;
  describe(table, settings);
  const Status status = table.read_object(parse_json(json).value(), "x.json");
  EXPECT_TRUE(status.ok()) << status.error().to_string();
  return settings;
}

std::string error_of(const std::string& json) {
  const Status status = check(read(json));
  return status.ok() ? "" : status.error().to_string();
}

int64_t parameters(const std::string& json) {
  return model::Transformer(model_config(read(json), 65).value(), DType::kFloat32, Device::kMeta).counts().total;
}

// L-11.112, L-11.85
TEST(TinySettings, TheDefaultShapeHasTheKnownNumberOfParameters) {
  EXPECT_EQ(parameters("{}"), 826'368);
  EXPECT_EQ(parameters(R"({"bias": "false"})"), 820'608);
  EXPECT_EQ(parameters(R"({"weight_tying": true})"), 826'368 - 65 * 128);
  const model::ModelConfig swiglu = model_config(read(R"({"mlp": "swiglu", "norm": "rmsnorm", "pos_encoding": "rope"})"), 65).value();
  EXPECT_EQ(swiglu.hidden(), 344);  // 8/3 of 128, up to a multiple of 8
  EXPECT_FALSE(swiglu.attention_bias || swiglu.mlp_bias || swiglu.norm_bias);
  EXPECT_EQ(swiglu.norm, model::Norm::kRms);
  EXPECT_EQ(swiglu.positions, model::Positions::kRope);
}

// L-11.32, L-11.35
TEST(TinySettings, TheRateFollowsItsSchedule) {
  TinySettings s = read(R"({"learning_rate": 1e-3, "lr_min": 1e-4, "lr_warmup_steps": 10, "max_steps": 110})");
  EXPECT_DOUBLE_EQ(learning_rate(s, 0), 1e-4);
  EXPECT_DOUBLE_EQ(learning_rate(s, 9), 1e-3);
  EXPECT_DOUBLE_EQ(learning_rate(s, 10), 1e-3);
  EXPECT_NEAR(learning_rate(s, 60), 5.5e-4, 1e-12);  // half of the wave
  EXPECT_DOUBLE_EQ(learning_rate(s, 110), 1e-4);
  EXPECT_DOUBLE_EQ(learning_rate(s, 5000), 1e-4);
  s.lr_schedule = "constant";
  EXPECT_DOUBLE_EQ(learning_rate(s, 4), 5e-4);
  EXPECT_DOUBLE_EQ(learning_rate(s, 5000), 1e-3);
  s.lr_schedule = "wsd";
  s.lr_stable_steps = 50;
  EXPECT_DOUBLE_EQ(learning_rate(s, 59), 1e-3);
  EXPECT_NEAR(learning_rate(s, 85), 5.5e-4, 1e-12);
  EXPECT_DOUBLE_EQ(learning_rate(s, 110), 1e-4);
  s.wsd_decay = "sqrt";
  EXPECT_NEAR(learning_rate(s, 60 + 12), 1e-4 + 9e-4 * (1 - std::sqrt(12.0 / 50)), 1e-12);
}

// L-11.36
TEST(TinySettings, ARisingDecayIsRefusedAnOddOneIsWarnedOf) {
  EXPECT_NE(error_of(R"({"learning_rate": 1e-4, "lr_min": 1e-3})").find("the decay would rise"), std::string::npos);
  EXPECT_EQ(error_of(R"({"learning_rate": 1e-4, "lr_min": 1e-3, "lr_schedule": "constant"})"), "");
  EXPECT_EQ(error_of(R"({"max_steps": 100})"), "");
  ASSERT_EQ(schedule_warnings(read(R"({"max_steps": 100})")).size(), 1u);
  EXPECT_NE(schedule_warnings(read(R"({"max_steps": 100})"))[0].find("lr_warmup_steps 200"), std::string::npos);
  EXPECT_EQ(schedule_warnings(read(R"({"lr_schedule": "wsd", "lr_stable_steps": 1800})")).size(), 1u);
  EXPECT_TRUE(schedule_warnings(read("{}")).empty());
}

// L-11.6
TEST(TinySettings, RangesAreNamed) {
  EXPECT_NE(error_of(R"({"batch_size": 0})").find("batch_size: must be at least 1, is 0"), std::string::npos) << error_of(R"({"batch_size": 0})");
  EXPECT_NE(error_of(R"({"val_fraction": 1.0})").find("val_fraction"), std::string::npos);
  EXPECT_NE(error_of(R"({"curriculum": true, "curriculum_start_block_size": 256})").find("curriculum_start_block_size"), std::string::npos);
  for (const char* key : {"learning_rate", "adam_eps", "norm_eps", "qk_norm_eps", "rope_base", "repetition_penalty"})
    EXPECT_NE(error_of(std::string("{\"") + key + "\": 0}").find(std::string(key) + ": must be"), std::string::npos) << key;
  for (const char* key : {"lr_min", "weight_decay", "grad_clip", "temperature", "mlp_hidden", "adam_beta1", "adam_beta2", "lion_beta1", "lion_beta2", "label_smoothing",
                          "layerdrop", "sliding_window", "ema_start_step", "top_p"})
    EXPECT_NE(error_of(std::string("{\"") + key + "\": -1}").find(std::string(key) + ": must be"), std::string::npos) << key;
  EXPECT_NE(error_of(R"({"top_p": 1.5})").find("top_p: must be at least 0 and at most 1, is 1.5"), std::string::npos);
}

// L-11.39, L-11.43
TEST(TinySettings, OnlyMatricesDecay) {
  const TinySettings s = read(R"({"adam_beta2": 0.99, "weight_decay": 0.3})");
  const model::Transformer model(model_config(s, 65).value(), DType::kFloat32, Device::kMeta);
  const auto optimizer = make_optimizer(s, model, nullptr);
  double decayed = 0;
  for (const optim::ParamGroup& group : optimizer->groups()) {
    EXPECT_DOUBLE_EQ(group.beta1, 0.9);
    EXPECT_DOUBLE_EQ(group.beta2, 0.99);
    EXPECT_DOUBLE_EQ(group.eps, 1e-8);
    for (const autograd::Parameter* p : group.parameters) {
      EXPECT_DOUBLE_EQ(group.weight_decay, p->value.rank() >= 2 ? 0.3 : 0.0) << p->name;
      decayed += group.weight_decay;
    }
  }
  EXPECT_GT(decayed, 0);
}

// L-11.38, L-11.43: which tensors of the default model have moments of 8 bits.
TEST(TinySettings, EightBitMomentsAreThoseOfLargeMatrices) {
  const TinySettings s = read(R"({"optimizer": "adamw8bit"})");
  const model::Transformer model(model_config(s, 65).value(), DType::kFloat32, Device::kMeta);
  int64_t coded = 0, others = 0;
  const auto optimizer = make_optimizer(s, model, nullptr);
  for (const optim::ParamGroup& group : optimizer->groups())
    for (const autograd::Parameter* p : group.parameters) {
      const bool large = p->value.elements() >= 4096 && p->name.find(".wte.") == std::string::npos && p->name.find(".wpe.") == std::string::npos;
      EXPECT_EQ(group.kind, large ? optim::GroupKind::kAdamW8 : optim::GroupKind::kAdamW) << p->name;
      (large ? coded : others) += p->value.elements();
    }
  EXPECT_EQ(coded, 4 * 12 * 128 * 128 + 65 * 128);
  EXPECT_EQ(coded + others, 826'368);
}

}  // namespace
}  // namespace lathe::train
