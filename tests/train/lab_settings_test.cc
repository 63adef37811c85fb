#include "train/lab_settings.h"

#include <gtest/gtest.h>

#include <cmath>

#include "model/transformer.h"
#include "tests/ref/testing.h"
#include "train/lab_architecture.h"

namespace lathe::train {
namespace {

using lathe::testing::take;

Json parse(const std::string& text) { return take(parse_json(text)); }

// As a verb reads a config file.
Result<LabSettings> read(const std::string& text) {
  LabSettings settings;
  SettingsTable table;
  describe(table, settings);
  int64_t seed = 0;
  table.add("seed", &seed, "");
  LATHE_TRY(const Json flat, flat_settings(parse(text), lab_keys(), "config.json"));
  LATHE_TRY_STATUS(table.read_object(flat, "config.json"));
  LATHE_TRY_STATUS(check(settings));
  return settings;
}

std::string refusal(const std::string& text) {
  const Result<LabSettings> settings = read(text);
  return settings.ok() ? "taken" : settings.error().to_string();
}

LabArchitecture shape(const std::string& more) {
  return take(LabArchitecture::from_json(parse(R"({"model_name": "m", "n_layer": 2, "d_model": 128, "n_head": 2)" + more + "}"), "a.json"));
}
std::string shape_refusal(const std::string& more) {
  const auto read = LabArchitecture::from_json(parse(R"({"model_name": "m", "n_layer": 2, "d_model": 128, "n_head": 2)" + more + "}"), "a.json");
  return read.ok() ? "taken" : read.error().to_string();
}

// L-5.1, L-5.2, L-5.7
TEST(LabArchitecture, IsALlamaWithAHiddenWidthOfFourTimesTheWidthAndNoBiases) {
  const model::ModelConfig config = take(shape("").model_config());
  EXPECT_EQ(config.hidden(), 512);
  EXPECT_EQ(config.head_width(), 64);
  EXPECT_EQ(config.mlp, model::Mlp::kSwiglu);
  EXPECT_EQ(config.norm, model::Norm::kRms);
  EXPECT_EQ(config.positions, model::Positions::kRope);
  EXPECT_EQ(config.norm_eps, 1e-5);
  EXPECT_EQ(config.rope_base, 10000);
  EXPECT_EQ(config.dropout, 0.1);
  model::Transformer model(config, DType::kFloat32);
  model.initialise(1);
  int64_t matrices = 0;
  for (const autograd::Parameter* p : model.parameters()) {
    EXPECT_EQ(p->name.find("bias"), std::string::npos) << p->name;
    if (p->name.find("mlp") == std::string::npos) continue;
    ++matrices;
    double squares = 0;
    for (const float x : p->value.span<float>()) squares += static_cast<double>(x) * static_cast<double>(x);
    const double deviation = std::sqrt(squares / static_cast<double>(p->value.elements()));
    const bool residual = p->name.find("down_proj") != std::string::npos;
    EXPECT_NEAR(deviation, residual ? 0.02 / std::sqrt(4.0) : 0.02, 0.0005) << p->name;
  }
  EXPECT_EQ(matrices, 3 * 2);  // gate, up and down of two blocks
}

// L-5.3
TEST(LabArchitecture, WidthsMayBeSaidTwiceAndMustAgree) {
  EXPECT_EQ(shape(R"(, "d_ff": 640)").d_ff, 640);
  EXPECT_EQ(shape(R"(, "ffn_ratio": 4.0, "d_ff": 512, "head_dim": 64)").d_ff, 512);
  EXPECT_NE(shape_refusal(R"(, "ffn_ratio": 4.0, "d_ff": 342)").find("d_ff 342 does not fit"), std::string::npos);
  EXPECT_NE(shape_refusal(R"(, "head_dim": 32)").find("head_dim 32 does not fit"), std::string::npos);
  EXPECT_NE(shape_refusal(R"(, "n_embd": 128)").find("n_embd"), std::string::npos);
  EXPECT_EQ(shape_refusal(R"(, "_n_embd": 128)"), "taken");
}

// L-5.6
TEST(LabArchitecture, EmbeddingsAreUntiedAndHeadsUngroupedUnlessTold) {
  const int64_t untied = parameter_count(shape(""));
  EXPECT_EQ(untied - parameter_count(shape(R"(, "tie_word_embeddings": true)")), 32768 * 128);
  // Keys and values of half the heads: two matrices of 128 x 64 less a block.
  EXPECT_EQ(untied - parameter_count(shape(R"(, "num_key_value_heads": 1)")), 2 * 2 * 128 * 64);
  EXPECT_NE(shape_refusal(R"(, "num_key_value_heads": 3)").find("num_key_value_heads"), std::string::npos);
}

// L-5.5
TEST(LabArchitecture, AnEstimateMoreThanFivePercentOffWarns) {
  const int64_t count = parameter_count(shape(""));
  const auto with = [&](double factor) {
    return parameter_lines(shape(", \"estimated_parameters\": " + std::to_string(std::llround(factor * static_cast<double>(count)))));
  };
  EXPECT_NE(with(1).count.find(with_thousands(count)), std::string::npos);
  EXPECT_EQ(with(1.04).warning, "");
  EXPECT_NE(with(1.06).warning.find("estimated_parameters"), std::string::npos);
  EXPECT_NE(with(0.5).warning.find(with_thousands(count)), std::string::npos);
}

// L-5.10
TEST(LabSettings, EveryDocumentedKeyChangesItsSetting) {
  LabSettings settings;
  for (const ConfigKey& key : lab_keys()) {
    SettingsTable table;
    describe(table, settings);
    int64_t seed = 42;
    table.add("seed", &seed, "");
    const Json before = table.to_json();
    const Json* old = before.find(key.setting);
    ASSERT_NE(old, nullptr) << key.name() << " is no setting";
    Json value;
    if (old->is_bool())
      value = !old->as_bool();
    else if (old->is_number())
      value = old->is_int() ? Json(old->as_int() + 3) : Json(old->as_double() + 0.25);
    else if (old->is_array())
      value = Json(key.setting == "data_dirs" ? Json::Array{"x"} : Json::Array{0.5, 0.25});
    else
      value = key.setting == "scheduler_type" ? "linear" : key.setting == "lr_schedule_origin" ? "phase" : key.setting == "optimizer_type" ? "adamw" : "x";
    Json config = Json::object();
    (key.section.empty() ? config : config[key.section] = Json::object())[key.key] = value;
    lathe::testing::check(table.read_object(take(flat_settings(config, lab_keys(), "c.json")), "c.json"));
    EXPECT_EQ(table.to_json().at(key.setting), value) << key.name();
    if (key.setting != "optimizer_type") {
      EXPECT_NE(table.to_json().at(key.setting), *old) << key.name();
    }
    settings = LabSettings();
  }
}

// L-5.10
TEST(LabSettings, TwoNamesOfOneSettingMustAgree) {
  EXPECT_EQ(take(read(R"({"training_params": {"batch_size": 3}})")).per_device_train_batch_size, 3);
  EXPECT_EQ(take(read(R"({"optimizer": {"weight_decay": 0.3}, "training_params": {"weight_decay": 0.30}})")).weight_decay, 0.3);
  EXPECT_NE(refusal(R"({"training_params": {"batch_size": 3, "per_device_train_batch_size": 4}})").find("they are one setting"), std::string::npos);
  const std::string decay = refusal(R"({"optimizer": {"weight_decay": 0.3}, "training_params": {"weight_decay": 0.1}})");
  EXPECT_NE(decay.find("optimizer.weight_decay"), std::string::npos);
  EXPECT_NE(decay.find("training_params.weight_decay"), std::string::npos);
}

// L-16.11
TEST(LabSettings, AnUnknownRenamedOrMisplacedKeyNamesTheRightOne) {
  EXPECT_NE(refusal(R"({"training_params": {"lr": 1}})").find("is called \"training_params.learning_rate\""), std::string::npos);
  EXPECT_NE(refusal(R"({"training_params": {"max_step": 1}})").find("did you mean \"max_steps\"?"), std::string::npos);
  EXPECT_NE(refusal(R"({"optimizer": {"max_steps": 1}})").find("it belongs to \"training_params.max_steps\""), std::string::npos);
  EXPECT_NE(refusal(R"({"trainng_params": {}})").find("did you mean \"training_params\"?"), std::string::npos);
  EXPECT_EQ(refusal(R"({"_note": 1, "training_params": {"_why": {"x": 2}, "max_steps": 10}})"), "taken");
}

// L-5.12
TEST(LabSettings, WarmupStepsAndRatioMustAgreeAfterRounding) {
  EXPECT_EQ(take(warmup_steps(take(read(R"({"training_params": {"max_steps": 1005, "warmup_steps": 101, "warmup_ratio": 0.1}})")))), 101);
  EXPECT_EQ(take(warmup_steps(take(read(R"({"training_params": {"max_steps": 1000, "warmup_ratio": 0.03}})")))), 30);
  EXPECT_EQ(take(warmup_steps(take(read(R"({"training_params": {"max_steps": 1000}})")))), 100);
  EXPECT_NE(refusal(R"({"training_params": {"max_steps": 1000, "warmup_steps": 99, "warmup_ratio": 0.1}})").find("warmup_ratio 0.1 of 1000 steps is 100"),
            std::string::npos);
}

// L-5.12, L-5.46, L-16.5
TEST(LabSettings, UnusualWarmupAndSavingWarn) {
  LabSettings s;
  EXPECT_TRUE(interval_warnings(s, take(warmup_steps(s))).empty());  // 3,000 of 30,000 both
  s.warmup_steps = 600;
  ASSERT_EQ(interval_warnings(s, 600).size(), 1u);
  EXPECT_NE(interval_warnings(s, 600)[0].find("10 % of max_steps, 3000"), std::string::npos);
  s.save_steps = 2000;  // 6.7 %
  ASSERT_EQ(interval_warnings(s, 3000).size(), 1u);
  EXPECT_NE(interval_warnings(s, 3000)[0].find("6.7 % of max_steps"), std::string::npos);
  s.save_steps = 4500;
  EXPECT_TRUE(interval_warnings(s, 3000).empty());
}

// L-5.11
TEST(LabSettings, DefaultsAreThoseOfTheTinyRun) {
  const LabSettings s;
  EXPECT_EQ(s.max_steps, 30000);
  EXPECT_EQ(s.learning_rate, 5e-4);
  EXPECT_EQ(s.global_batch(), 32);
  EXPECT_EQ(take(warmup_steps(s)), 3000);
  EXPECT_EQ(s.betas, (std::vector<double>{0.9, 0.95}));
  EXPECT_EQ(s.save_steps, 3000);
  EXPECT_EQ(15000 % s.save_steps, 0);  // the phase's border is among the saved steps
  EXPECT_EQ(s.save_total_limit, 3);
}

// L-5.18
TEST(LabSettings, MixedPrecisionAndTheConfigMustAgree) {
  LabSettings s;
  EXPECT_EQ(take(precision(s, "", true)), DType::kBFloat16);
  EXPECT_EQ(take(precision(s, "bf16", true)), DType::kBFloat16);
  EXPECT_EQ(take(precision(s, "no", false)), DType::kFloat32);  // the config says nothing
  EXPECT_NE(precision(s, "no", true).error().to_string().find("the config has bf16 true"), std::string::npos);
  s.bf16 = false;
  EXPECT_EQ(take(precision(s, "", true)), DType::kFloat32);  // an absent flag leaves it to the config
  EXPECT_FALSE(precision(s, "bf16", true).ok());
}

// L-5.17, L-16.7
TEST(LabSettings, Bf16IsTheDefault) {
  EXPECT_EQ(take(precision(LabSettings(), "", false)), DType::kBFloat16);
}

// L-5.19
TEST(LabSettings, Fp16IsRefusedByNameWithTheRemedy) {
  const std::string text = refusal(R"({"hardware_params": {"fp16": true}})");
  EXPECT_NE(text.find("fp16"), std::string::npos);
  EXPECT_NE(text.find("bf16"), std::string::npos);
  EXPECT_FALSE(precision(LabSettings(), "fp16", false).ok());
}

// L-5.16
TEST(LabSettings, TheRateRisesLinearlyAndFallsHalfACosineWaveToTheFloor) {
  LabSettings s;
  s.max_steps = 1000;
  s.min_lr_ratio = 0.1;
  EXPECT_DOUBLE_EQ(lr_multiplier(s, 100, 50, 0), 0.5);
  EXPECT_DOUBLE_EQ(lr_multiplier(s, 100, 100, 0), 1);
  EXPECT_NEAR(lr_multiplier(s, 100, 550, 0), 0.55, 1e-12);
  EXPECT_NEAR(lr_multiplier(s, 100, 1000, 0), 0.1, 1e-12);
  s.min_lr_ratio = 0;
  EXPECT_NEAR(lr_multiplier(s, 100, 1000, 0), 0, 1e-12);
}

// L-5.35
TEST(LabSettings, TheRateIsContinuousOverAPhaseBorderUnlessThePhaseRestartsIt) {
  LabSettings s;
  s.max_steps = 1000;
  const double before = lr_multiplier(s, 100, 500, 0);
  EXPECT_EQ(lr_multiplier(s, 100, 500, 500), before);  // global: no second warmup
  s.lr_schedule_origin = "phase";
  EXPECT_EQ(lr_multiplier(s, 100, 500, 500), 0);
  EXPECT_EQ(lr_multiplier(s, 100, 600, 500), 1);
  EXPECT_NEAR(lr_multiplier(s, 100, 1000, 500), 0, 1e-12);
}

// L-5.59
TEST(LabSettings, TheBudgetShowsTwentyTokensAParameterBesideThePlan) {
  const std::vector<std::string> lines = budget_lines(LabSettings(), 23072000, 1024, 570000000);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_NE(lines[0].find("461,440,000"), std::string::npos);
  EXPECT_NE(lines[1].find("= 983,040,000, 2.13 of the budget, 42.6 tokens per parameter"), std::string::npos) << lines[1];
  EXPECT_NE(lines[2].find("570,000,000, seen 1.72 times"), std::string::npos) << lines[2];
}

// L-5.15
TEST(LabSettings, MatricesDecayAndNormsDoNot) {
  const model::Transformer model(take(shape("").model_config()), DType::kFloat32);
  const LabSettings s;
  const auto optimizer = make_optimizer(s, model.parameters(), nullptr);
  int64_t decayed = 0;
  for (const optim::ParamGroup& group : optimizer->groups())
    for (const autograd::Parameter* p : group.parameters) {
      EXPECT_EQ(group.weight_decay, p->value.rank() >= 2 ? 0.1 : 0) << p->name;
      decayed += group.weight_decay > 0 ? 1 : 0;
    }
  EXPECT_GT(decayed, 0);
  ASSERT_EQ(group_lines(*optimizer).size(), 2u);
  EXPECT_NE(group_lines(*optimizer)[0].find("weight decay 0.1"), std::string::npos);
  EXPECT_NE(group_lines(*optimizer)[1].find("5 tensors, 640 numbers, weight decay 0,"), std::string::npos) << group_lines(*optimizer)[1];
}

// A later phase has its own rate, betas and decay, whatever the checkpoint brought back.
TEST(LabSettings, ThePresentSettingsReachTheOptimizer) {
  const model::Transformer model(take(shape("").model_config()), DType::kFloat32);
  LabSettings s;
  const auto optimizer = make_optimizer(s, model.parameters(), nullptr);
  s.learning_rate = 1e-4;
  s.weight_decay = 0.02;
  s.betas = {0.8, 0.99};
  apply_schedule(s, 3000, 0, *optimizer, 1500);
  EXPECT_DOUBLE_EQ(optimizer->groups()[0].lr, 0.5e-4);
  EXPECT_EQ(optimizer->groups()[0].weight_decay, 0.02);
  EXPECT_EQ(optimizer->groups()[1].weight_decay, 0);
  EXPECT_EQ(optimizer->groups()[1].beta2, 0.99);
}

TEST(LabSettings, ImpossibleValuesAreRefusedByName) {
  for (const auto& [text, key] : std::vector<std::pair<std::string, std::string>>{
           {R"({"training_params": {"max_steps": 0}})", "max_steps"},
           {R"({"training_params": {"save_steps": 0}})", "save_steps"},
           {R"({"training_params": {"stop_at_step": 31000}})", "stop_at_step"},
           {R"({"training_params": {"learning_rate": 0}})", "learning_rate"},
           {R"({"training_params": {"learning_rate": "5e-4"}})", "learning_rate"},
           {R"({"optimizer": {"betas": [0.9]}})", "betas"},
           {R"({"optimizer": {"betas": [0.9, 1.0]}})", "betas"},
           {R"({"optimizer": {"type": "sgd"}})", "optimizer_type"},
           {R"({"scheduler": {"min_lr_ratio": 2}})", "min_lr_ratio"},
           {R"({"training_params": []})", "training_params"}})
    EXPECT_NE(refusal(text).find(key), std::string::npos) << text << ": " << refusal(text);
}

}  // namespace
}  // namespace lathe::train
