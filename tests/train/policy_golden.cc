// The policy gradient against the reference: golden set rl.
#include "dist/communicator.h"
#include "infer/transformer_model.h"
#include "tests/ref/golden_model.h"
#include "train/policy_objective.h"

namespace lathe::testing {
namespace {

class NoProblems : public tasks::ProblemSet {
 public:
  int64_t size() const override { return 1; }
  const std::vector<int32_t>& prompt(int64_t) const override { return prompt_; }
  double reward(int64_t, std::string_view) const override { return 0; }
  std::string fingerprint() const override { return "none"; }

 private:
  std::vector<int32_t> prompt_ = {0};
};

std::vector<infer::Rollout> rollouts_of(const Json& examples) {
  std::vector<infer::Rollout> out;
  for (const Json& example : examples.as_array())
    for (size_t i = 0; i < example.at("sequences").size(); ++i) {
      infer::Rollout rollout;
      rollout.prompt_length = example.at("prompt_len").as_int();
      for (const Json& id : example.at("sequences").as_array()[i].as_array()) rollout.tokens.push_back(static_cast<int32_t>(id.as_int()));
      for (const Json& m : example.at("masks").as_array()[i].as_array()) rollout.mask.push_back(static_cast<uint8_t>(m.as_int()));
      rollout.reward = example.at("rewards").as_array()[i].as_double();
      out.push_back(std::move(rollout));
    }
  return out;
}

// C-9.7, C-9.8, C-9.10
TEST(PolicyGolden, PassesLossesAndGradientsAgree) {
  const std::filesystem::path folder = golden("rl");
  LATHE_NEEDS(folder / "expected.json");
  const Json expected = read_json_or_fail(folder / "expected.json");
  const Json tolerance = expected.at("tolerance").at("suggested");
  const SafetensorsFile batches = take(read_safetensors(folder / "batches.safetensors"));
  model::Transformer transformer(chat_config_of(read_json_or_fail(golden("eval") / "model_config.json"), model::ChatState::kSeed),
                                 DType::kFloat32, Device::kCpu, true);
  copy_weights(take(read_safetensors(golden("eval") / "model.safetensors")), transformer);
  const tokenizer::Tokenizer tokenizer = take(tokenizer::Tokenizer::load(golden("tok512") / "ranks.tiktoken"));

  train::PolicyOptions options;
  options.num_samples = expected.at("num_samples").as_int();
  options.device_batch_size = expected.at("device_batch_size").as_int();
  options.examples_per_step = expected.at("examples_per_rank").as_int();
  options.train_stop = false;  // the samples hold no terminal token
  std::vector<std::string> lines;
  const NoProblems problems;
  train::PolicyObjective objective(transformer, tokenizer, problems, options, {}, [&](const std::string& line) { lines.push_back(line); });
  objective.use(rollouts_of(read_json_or_fail(folder / "rollouts.json")));

  const auto& passes = objective.passes();
  ASSERT_EQ(passes.size(), expected.at("passes").size());
  const auto world = dist::single_process();
  ops::Context ctx;
  for (size_t i = 0; i < passes.size(); ++i) {
    SCOPED_TRACE("pass " + std::to_string(i));
    const train::PolicyPass& pass = passes[i];
    const Json& wanted = expected.at("passes").as_array()[i];
    EXPECT_EQ(pass.valid, wanted.at("num_valid").as_int());
    EXPECT_DOUBLE_EQ(pass.mean_reward, wanted.at("mean_reward").as_double());
    EXPECT_EQ(pass.example, wanted.at("example").as_int());
    const std::string prefix = "ex" + std::to_string(pass.example) + ".";
    const Tensor inputs = *batches.find(prefix + "inputs"), targets = *batches.find(prefix + "targets"), advantages = *batches.find(prefix + "advantages");
    autograd::Tape tape(ctx, false);
    model::Batch batch;
    std::vector<int32_t> ids = pass.inputs, wanted_targets = pass.targets;
    batch.ids = Tensor::borrow(ids.data(), {static_cast<int64_t>(ids.size())}, DType::kInt32);
    batch.batch = pass.rows;
    const Tensor nll = transformer.loss(tape, transformer.forward(tape, batch), Tensor::borrow(wanted_targets.data(), batch.ids.shape(), DType::kInt32), Tensor());
    const Tensor logp = *batches.find("pass" + std::to_string(i) + ".logp");
    std::vector<double> got, reference;
    for (int64_t row = 0; row < pass.rows; ++row) {
      const int64_t source = pass.index * pass.rows + row;
      for (int64_t t = 0; t < inputs.dim(1); ++t) {  // the set pads to the longest of the example
        const int32_t target = targets.data<int32_t>()[source * targets.dim(1) + t];
        if (t >= pass.columns) {
          ASSERT_EQ(target, -1);
          continue;
        }
        const auto at = static_cast<size_t>(row * pass.columns + t);
        ASSERT_EQ(pass.inputs[at], inputs.data<int32_t>()[source * inputs.dim(1) + t]);
        ASSERT_EQ(pass.targets[at], target);
        if (target < 0) continue;
        ASSERT_EQ(pass.advantage[at], advantages.data<float>()[source]);
        got.push_back(-static_cast<double>(nll.data<float>()[at]));
        reference.push_back(static_cast<double>(logp.data<float>()[row * logp.dim(1) + t]));
      }
    }
    EXPECT_TRUE(is_close(got, reference, {tolerance.at("logp_abs").as_double(), 0}));
  }

  autograd::Tape tape(ctx, true);
  train::TimeSplit split;
  train::StepScope scope{ctx, tape, Clock::real(), split, *world, 0, 1};
  const train::StepOutcome outcome = take(objective.gradients(scope, 0));
  double sum = 0, squares = 0;
  int64_t valid = 0;
  ASSERT_EQ(lines.size(), passes.size());
  for (size_t i = 0; i < passes.size(); ++i) {
    const Json& wanted = expected.at("passes").as_array()[i];
    sum += wanted.at("loss").as_double();
    valid += wanted.at("num_valid").as_int();
    const size_t at = lines[i].find("loss: ");
    EXPECT_NEAR(std::stod(lines[i].substr(at + 6)), wanted.at("loss_float64").as_double(), 1.5e-6);
  }
  EXPECT_EQ(outcome.valid_targets, valid);
  EXPECT_NEAR(outcome.loss, sum, 4 * tolerance.at("loss_abs").as_double());
  for (const autograd::Parameter* p : transformer.parameters()) {
    const double norm = norm_of(p->grad);
    squares += norm * norm;
    if (const Json* wanted = expected.at("param_grad_norms").find(p->name)) {
      EXPECT_NEAR(norm, wanted->as_double(), tolerance.at("param_grad_norm_rel").as_double() * wanted->as_double()) << p->name;
    }
  }
  EXPECT_NEAR(std::sqrt(squares), expected.at("grad_norm").as_double(), tolerance.at("grad_norm_rel").as_double() * expected.at("grad_norm").as_double());
}

}  // namespace
}  // namespace lathe::testing
