#include "optim/groups.h"

#include <gtest/gtest.h>

#include "tests/optim/optim_testing.h"

namespace lathe::optim {
namespace {

using Names = std::vector<std::string>;

// C-4.1, C-4.2, C-4.8
TEST(ChatGroups, OrderNamesAndShapesAreTheOrigins) {
  Model model = chat_model();
  const auto groups = chat_groups(model.parameters, 32, {}, ChatRules::kSeed);
  ASSERT_EQ(groups.size(), 9u);
  const Names single[] = {{"lm_head.weight"}, {"transformer.wte.weight"}, {"value_embeds.1.weight"}, {"resid_lambdas"}, {"x0_lambdas"},
                          {"transformer.h.1.attn.ve_gate.weight"}};
  for (size_t i = 0; i < std::size(single); ++i) EXPECT_EQ(names_of(groups[i]), single[i]) << i;
  const auto in_blocks = [](const Names& within) {
    Names names;
    for (const std::string block : {"transformer.h.0.", "transformer.h.1."})
      for (const std::string& name : within) names.push_back(block + name + ".weight");
    return names;
  };
  EXPECT_EQ(names_of(groups[6]), in_blocks({"attn.c_q", "attn.c_k", "attn.c_v", "attn.c_proj"}));
  EXPECT_EQ(names_of(groups[7]), in_blocks({"mlp.c_proj"}));  // (32, 128) before (128, 32)
  EXPECT_EQ(names_of(groups[8]), in_blocks({"mlp.c_fc"}));
  for (size_t i = 0; i < groups.size(); ++i) EXPECT_EQ(groups[i].kind, i < 5 ? GroupKind::kAdamW : GroupKind::kMuon);
}

// C-4.2, C-4.3, C-4.6
TEST(ChatGroups, RatesOfTheSeed) {
  Model model = chat_model();
  ChatRates rates;
  EXPECT_EQ(rates.unembedding, 0.004);
  EXPECT_EQ(rates.embedding, 0.2);
  EXPECT_EQ(rates.matrix, 0.02);
  EXPECT_EQ(rates.scalar, 0.5);
  EXPECT_EQ(rates.weight_decay, 0);
  rates.adam_beta1 = 0.7, rates.adam_beta2 = 0.9;
  const auto groups = chat_groups(model.parameters, 192, rates, ChatRules::kSeed);
  const double s = 2;  // (192 / 768)^-0.5
  EXPECT_DOUBLE_EQ(width_factor(192), s);
  const double expected[] = {0.004 * s, 0.2 * s, 0.2 * s, 0.005, 0.5};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_DOUBLE_EQ(groups[i].lr, expected[i]) << i;
    EXPECT_EQ(groups[i].initial_lr, groups[i].lr);
    EXPECT_EQ(groups[i].beta1, i == 4 ? 0.96 : 0.7);  // x0_lambdas keep theirs
    EXPECT_EQ(groups[i].beta2, i == 4 ? 0.95 : 0.9);
    EXPECT_EQ(groups[i].eps, 1e-10);
    EXPECT_EQ(groups[i].weight_decay, 0);
  }
}

// C-4.2, C-4.7
TEST(ChatGroups, MuonIsNotScaledByWidth) {
  Model model = chat_model();
  ChatRates rates;
  rates.weight_decay = 0.3;
  const auto groups = chat_groups(model.parameters, 192, rates, ChatRules::kSeed);
  for (size_t i = 5; i < groups.size(); ++i) {
    EXPECT_EQ(groups[i].lr, 0.02);
    EXPECT_EQ(groups[i].initial_lr, 0.02);
    EXPECT_EQ(groups[i].weight_decay, 0.3);
    EXPECT_EQ(groups[i].momentum, 0.95);
    EXPECT_EQ(groups[i].beta2, 0.95);
    EXPECT_EQ(groups[i].ns_steps, 5);
  }
}

// C-4.27
TEST(ChatGroups, RatesOfTheNewestState) {
  Model model = chat_model(true);
  const auto groups = chat_groups(model.parameters, 192, {}, ChatRules::kNewest);
  ASSERT_EQ(groups.size(), 10u);
  const struct {
    double lr, beta1, beta2, decay;
  } expected[] = {{0.008, 0.8, 0.96, 0.01},   {0.4, 0.8, 0.995, 0.001}, {0.2, 0.8, 0.995, 0.01},
                  {0.005, 0.8, 0.95, 0.05}, {0.5, 0.96, 0.95, 0},     {0.2, 0.8, 0.95, 0}};
  for (size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_DOUBLE_EQ(groups[i].lr, expected[i].lr) << i;
    EXPECT_EQ(groups[i].beta1, expected[i].beta1) << i;
    EXPECT_EQ(groups[i].beta2, expected[i].beta2) << i;
    EXPECT_EQ(groups[i].weight_decay, expected[i].decay) << i;
    EXPECT_EQ(groups[i].eps, 1e-10);
  }
  EXPECT_EQ(names_of(groups[5]), (Names{"smear_gate.weight", "smear_lambda", "backout_lambda"}));
  for (size_t i = 6; i < 10; ++i) EXPECT_EQ(groups[i].beta2, 0.9);
}

// C-4.27
TEST(ChatGroups, SmearNeedsTheRulesOfTheNewestState) {
  Model model = chat_model(true);
  EXPECT_THROW(chat_groups(model.parameters, 32, {}, ChatRules::kSeed), std::invalid_argument);
}

// C-3.35
TEST(ChatGroups, TheOlderStateHasNoGroupsForWhatItLacks) {
  Model model;
  model.add("transformer.wte.weight", {64, 32});
  model.add("lm_head.weight", {64, 32});
  model.add("transformer.h.0.attn.c_q.weight", {32, 32});
  const auto groups = chat_groups(model.parameters, 32, {}, ChatRules::kSeed);
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_EQ(names_of(groups[0]), Names{"lm_head.weight"});
}

// C-4.2
TEST(ChatGroups, LayersStandInNumericOrder) {
  Model model;
  for (const std::string layer : {"10", "9", "2"}) model.add("transformer.h." + layer + ".mlp.c_fc.weight", {4, 4});
  const auto groups = chat_groups(model.parameters, 32, {}, ChatRules::kSeed);
  EXPECT_EQ(names_of(groups[0]), (Names{"transformer.h.2.mlp.c_fc.weight", "transformer.h.9.mlp.c_fc.weight", "transformer.h.10.mlp.c_fc.weight"}));
}

// C-4.3
TEST(ChatGroups, AnUnknownNameIsRefused) {
  for (const std::string name : {"transformer.h.0.attn.c_z.weight", "transformer.h.x.attn.c_q.weight", "transformer.h.1", "value_embeds..weight", ""}) {
    Model model = chat_model();
    model.add(name, {4, 4});
    EXPECT_THROW(chat_groups(model.parameters, 32, {}, ChatRules::kSeed), std::invalid_argument) << name;
  }
}

// C-4.3
TEST(ChatGroups, EveryParameterIsInExactlyOneGroup) {
  Model model = chat_model();
  auto groups = chat_groups(model.parameters, 32, {}, ChatRules::kSeed);
  EXPECT_NO_THROW(check_groups(groups, model.parameters));
  auto twice = groups;
  twice[1].parameters.push_back(&model["lm_head.weight"]);
  EXPECT_THROW(check_groups(twice, model.parameters), std::invalid_argument);
  auto missing = groups;
  missing[0].parameters.clear();
  EXPECT_THROW(check_groups(missing, model.parameters), std::invalid_argument);
  auto foreign = groups;
  const auto stranger = make_parameter("stranger", {2});
  foreign[0].parameters.push_back(stranger.get());
  EXPECT_THROW(check_groups(foreign, model.parameters), std::invalid_argument);
}

// C-4.3, L-7.23
TEST(ChatGroups, FrozenParametersAreInNoGroup) {
  Model model = chat_model();
  auto groups = chat_groups(model.parameters, 32, {}, ChatRules::kSeed);
  model["lm_head.weight"].trainable = false;
  EXPECT_THROW(check_groups(groups, model.parameters), std::invalid_argument);
  groups = chat_groups(model.parameters, 32, {}, ChatRules::kSeed);
  EXPECT_EQ(names_of(groups[0]), Names{"transformer.wte.weight"});
}

TEST(AdamwGroups, VectorsAreNotDecayedUnlessAsked) {
  Model model;
  model.add("model.norm.weight", {8});
  model.add("model.embed_tokens.weight", {16, 8});
  model.add("lm_head.weight", {16, 8});
  auto groups = adamw_groups(model.parameters, {});
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(names_of(groups[0]), (Names{"model.embed_tokens.weight", "lm_head.weight"}));
  EXPECT_EQ(groups[0].weight_decay, 0.1);
  EXPECT_EQ(names_of(groups[1]), Names{"model.norm.weight"});
  EXPECT_EQ(groups[1].weight_decay, 0);
  EXPECT_EQ(groups[1].eps, groups[0].eps);
  AdamwRates rates;
  rates.decay_vectors = true;
  groups = adamw_groups(model.parameters, rates);
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].parameters, model.parameters);
}

}  // namespace
}  // namespace lathe::optim
