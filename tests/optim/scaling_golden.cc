// Golden set train_seed/hparams.jsonl (the origin's derivation for many settings) and the counts and parameter groups in
// every run's config.json of train_seed/ and train_head/.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

#include "optim/groups.h"
#include "optim/scaling.h"
#include "tensor/safetensors.h"
#include "tests/ref/testing.h"

namespace lathe::optim {
namespace {

using lathe::testing::golden;
using lathe::testing::read_json_or_fail;
using lathe::testing::read_jsonl;
using lathe::testing::take;
namespace fs = std::filesystem;

void expect_relative(double actual, double expected, const std::string& what) {
  EXPECT_NEAR(actual, expected, 1e-12 * std::abs(expected)) << what;
}

void expect_counts(const ChatCounts& counts, const Json& expected) {
  EXPECT_EQ(counts.wte, expected.at("wte").as_int());
  EXPECT_EQ(counts.value_embeds, expected.at("value_embeds").as_int());
  EXPECT_EQ(counts.lm_head, expected.at("lm_head").as_int());
  EXPECT_EQ(counts.transformer_matrices, expected.at("transformer_matrices").as_int());
  EXPECT_EQ(counts.scalars, expected.at("scalars").as_int());
  EXPECT_EQ(counts.total, expected.at("total").as_int());
}

// C-5.7, C-5.8, C-5.10
TEST(ScalingGolden, DerivesWhatTheOriginDerives) {
  const fs::path path = golden("train_seed/hparams.jsonl");
  LATHE_NEEDS(path);
  const std::vector<Json> rows = read_jsonl(path);
  ASSERT_FALSE(rows.empty());
  for (const Json& row : rows) {
    SCOPED_TRACE(row.dump());
    const int64_t vocab = row.at("vocab_size").as_int();
    const ChatShape shape = chat_shape(row.at("depth").as_int(), vocab, 2048);
    EXPECT_EQ(shape.n_embd, row.at("n_embd").as_int());
    EXPECT_EQ(shape.n_head, row.at("n_head").as_int());
    const ChatCounts counts = chat_parameter_counts(shape);
    expect_counts(counts, row.at("param_counts"));
    expect_relative(counts.flops_per_token, row.at("flops_per_token").as_double(), "flops_per_token");
    ScalingRequest request;
    request.scaling_parameters = counts.scaling();
    request.reference_scaling_parameters = chat_parameter_counts(chat_shape(kReferenceDepth, vocab, 2048)).scaling();
    request.flops_per_token = counts.flops_per_token;
    request.param_data_ratio = row.at("target_param_data_ratio").as_double();
    request.num_iterations = row.get_int("num_iterations_arg", -1);
    request.total_batch_size = row.get_int("total_batch_size_arg", -1);
    request.target_flops = row.get_double("target_flops_arg", -1);
    const ScalingPlan plan = take(plan_scaling(request));
    EXPECT_EQ(plan.target_tokens, row.at("target_tokens").as_int());
    EXPECT_EQ(plan.total_batch_size, row.at("total_batch_size").as_int());
    EXPECT_EQ(plan.num_iterations, row.at("num_iterations").as_int());
    expect_relative(plan.batch_lr_scale, row.at("batch_lr_scale").as_double(), "batch_lr_scale");
    expect_relative(plan.weight_decay, row.at("weight_decay_scaled").as_double(), "weight_decay_scaled");
  }
}

struct Run {
  std::string name;
  Json config;
  std::vector<std::unique_ptr<Parameter>> owned;
  std::vector<Parameter*> parameters;
};

std::vector<Run> runs_of(const fs::path& set) {
  std::vector<Run> runs;
  for (const auto& folder : fs::directory_iterator(set)) {
    if (!fs::exists(folder.path() / "config.json")) continue;
    Run& run = runs.emplace_back();
    run.name = folder.path().filename().string();
    run.config = read_json_or_fail(folder.path() / "config.json");
    const SafetensorsFile file = take(read_safetensors(folder.path() / "init.safetensors"));
    for (const auto& [name, tensor] : file.tensors) {
      auto p = std::make_unique<Parameter>();
      p->name = name;
      p->value = tensor.clone();
      run.parameters.push_back(p.get());
      run.owned.push_back(std::move(p));
    }
  }
  return runs;
}

void expect_counts_and_groups(const fs::path& set, ChatArchitecture architecture, ChatRules rules) {
  const std::vector<Run> runs = runs_of(set);
  ASSERT_FALSE(runs.empty());
  for (const Run& run : runs) {
    SCOPED_TRACE(run.name);
    const Json& model = run.config.at("config");
    ChatShape shape;
    shape.n_layer = model.at("n_layer").as_int(), shape.n_embd = model.at("n_embd").as_int();
    shape.n_head = model.at("n_head").as_int(), shape.n_kv_head = model.at("n_kv_head").as_int();
    shape.vocab_size = model.at("vocab_size").as_int(), shape.sequence_len = model.at("sequence_len").as_int();
    shape.window_pattern = model.at("window_pattern").as_string();
    shape.architecture = architecture;
    const ChatCounts counts = chat_parameter_counts(shape);
    expect_counts(counts, run.config.at("num_scaling_params"));
    expect_relative(counts.flops_per_token, run.config.at("flops_per_token").as_double(), "flops_per_token");

    const Json& args = run.config.at("base_train_args");
    const double scale = run.config.at("batch_lr_scale").as_double();
    ChatRates rates;
    rates.unembedding = args.at("unembedding_lr").as_double() * scale, rates.embedding = args.at("embedding_lr").as_double() * scale;
    rates.matrix = args.at("matrix_lr").as_double() * scale, rates.scalar = args.at("scalar_lr").as_double() * scale;
    rates.weight_decay = run.config.at("weight_decay_scaled").as_double();
    rates.adam_beta1 = args.get_double("adam_beta1", 0.8), rates.adam_beta2 = args.get_double("adam_beta2", 0.95);
    const std::vector<ParamGroup> groups = chat_groups(run.parameters, shape.n_embd, rates, rules);
    const Json::Array& expected = run.config.at("optimizer_groups_initial").as_array();
    ASSERT_EQ(groups.size(), expected.size());
    for (size_t g = 0; g < groups.size(); ++g) {
      SCOPED_TRACE(g);
      EXPECT_EQ(group_kind_name(groups[g].kind), expected[g].at("kind").as_string());
      expect_relative(groups[g].lr, expected[g].at("lr").as_double(), "lr");
      expect_relative(groups[g].initial_lr, expected[g].at("initial_lr").as_double(), "initial_lr");
      EXPECT_EQ(groups[g].weight_decay, expected[g].at("weight_decay").as_double());
      if (groups[g].kind == GroupKind::kAdamW) {
        EXPECT_EQ(groups[g].beta1, expected[g].at("betas").at(size_t{0}).as_double());
        EXPECT_EQ(groups[g].beta2, expected[g].at("betas").at(1).as_double());
        EXPECT_EQ(groups[g].eps, expected[g].at("eps").as_double());
      } else {
        EXPECT_EQ(groups[g].momentum, expected[g].at("momentum").as_double());
        EXPECT_EQ(groups[g].beta2, expected[g].at("beta2").as_double());
        EXPECT_EQ(groups[g].ns_steps, expected[g].at("ns_steps").as_int());
      }
      std::vector<std::string> names, expected_names;
      for (const Parameter* p : groups[g].parameters) names.push_back(p->name);
      for (const Json& name : expected[g].at("params").as_array()) expected_names.push_back(name.as_string());
      EXPECT_EQ(names, expected_names);
    }
  }
}

// C-3.28, C-3.29, C-4.2
TEST(ScalingGolden, CountsAndGroupsOfTheSeed) {
  LATHE_NEEDS(golden("train_seed"));
  expect_counts_and_groups(golden("train_seed"), ChatArchitecture::kSeed, ChatRules::kSeed);
}

// C-3.46, C-4.27, C-4.30
TEST(ScalingGolden, CountsAndGroupsOfTheNewestState) {
  LATHE_NEEDS(golden("train_head"));
  expect_counts_and_groups(golden("train_head"), ChatArchitecture::kNewest, ChatRules::kNewest);
}

}  // namespace
}  // namespace lathe::optim
