// Reinforcement learning in the loop: a narrow model of bytes that is rewarded for a letter.
#include "train/policy_objective.h"

#include <cmath>
#include <optional>
#include <set>

#include "dist/communicator.h"
#include "tests/ref/thread_ranks.h"
#include "tests/train/tiny_loop.h"

namespace lathe::testing {
namespace {

// "a", "bb", "ccc", ... in turn; right is an answer with an "e".
class Letters : public tasks::ProblemSet {
 public:
  explicit Letters(const tokenizer::Tokenizer& tokenizer, int64_t size = 6) {
    for (int64_t i = 0; i < size; ++i) {
      prompts_.push_back({tokenizer.bos_id()});
      for (int64_t n = 0; n <= i % 5; ++n) prompts_.back().push_back(static_cast<int32_t>('a' + i));
    }
  }
  int64_t size() const override { return static_cast<int64_t>(prompts_.size()); }
  const std::vector<int32_t>& prompt(int64_t i) const override { return prompts_[static_cast<size_t>(i)]; }
  double reward(int64_t, std::string_view answer) const override { return answer.find('e') != answer.npos ? 1 : 0; }
  std::string fingerprint() const override { return std::to_string(prompts_.size()); }

 private:
  std::vector<std::vector<int32_t>> prompts_;
};

// A model that is of two minds, so that answers differ and end.
std::unique_ptr<model::Transformer> byte_model(const tokenizer::Tokenizer& tokenizer, DType dtype) {
  auto model = std::make_unique<model::Transformer>(tiny_config(tokenizer.vocab_size()), dtype, Device::kCpu, true);
  model->initialise(3);
  for (autograd::Parameter* p : model->parameters()) {
    Rng rng(11, p->name);
    for (float& x : p->value.span<float>()) x += static_cast<float>(0.15 * rng.normal());
  }
  model->refresh_compute();
  return model;
}

train::PolicyOptions small_options() {
  train::PolicyOptions options;
  options.examples_per_step = 4;
  options.num_samples = 8;
  options.device_batch_size = 4;
  options.max_new_tokens = 12;
  return options;
}

struct Rig {
  explicit Rig(const train::PolicyOptions& options = small_options(), DType dtype = DType::kFloat32, train::ReferencePolicy reference = {})
      : tokenizer(tiny_tokenizer()), model(byte_model(tokenizer, dtype)), problems(tokenizer), objective(*model, tokenizer, problems, options, std::move(reference), [this](const std::string& line) { lines.push_back(line); }), tape(ctx, true), world(dist::single_process()) {
    set_num_threads(1);
  }
  train::StepScope scope(int64_t step = 0) { return {ctx, tape, Clock::real(), split, *world, step, 5}; }
  train::StepOutcome step(int64_t number = 0) {
    Json at = objective.state();
    at["steps_drawn"] = number;
    check(objective.restore(at));
    train::StepScope s = scope(number);
    check(objective.prepare(s));
    return take(objective.gradients(s, 0));
  }
  double figure(const train::StepOutcome& outcome, const std::string& name) const {
    for (const auto& [key, value] : outcome.figures)
      if (key == name) return value;
    ADD_FAILURE() << "no figure " << name;
    return -1;
  }
  std::vector<Tensor> gradients() const {
    std::vector<Tensor> out;
    for (autograd::Parameter* p : model->parameters()) out.push_back(p->grad.clone());
    return out;
  }
  void clear() {
    for (autograd::Parameter* p : model->parameters()) p->grad.fill_zero();
  }

  std::vector<std::string> lines;
  tokenizer::Tokenizer tokenizer;
  std::unique_ptr<model::Transformer> model;
  Letters problems;
  train::PolicyObjective objective;
  ops::Context ctx;
  autograd::Tape tape;
  train::TimeSplit split;
  std::unique_ptr<dist::Communicator> world;
};

class PolicyTest : public ::testing::Test {
 protected:
  const std::filesystem::path& folder() const { return folder_.path(); }
  TemporaryFolder folder_;
};

// C-9.5, C-9.12: what was drawn has, bit for bit, the probability that training sees; every step says so.
TEST_F(PolicyTest, RollOutAndTrainingAgreeToTheBit) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    Rig rig(small_options(), dtype);
    const train::StepOutcome outcome = rig.step();
    EXPECT_EQ(rig.figure(outcome, "rl/log_prob_difference"), 0);
    EXPECT_GT(rig.figure(outcome, "reward"), 0);
    EXPECT_LT(rig.figure(outcome, "reward"), 1);
    int64_t compared = 0;
    for (const train::PolicyPass& pass : rig.objective.passes()) compared += pass.has_signal() ? pass.valid : 0;
    EXPECT_GT(compared, 50) << "the figure is over so many tokens";
  }
}

// The figure is no constant: other weights under the same answers are noticed.
TEST_F(PolicyTest, ADifferenceWouldBeSeen) {
  Rig rig;
  train::StepScope scope = rig.scope();
  check(rig.objective.prepare(scope));
  rig.model->parameters()[0]->value.data<float>()[40] += 0.5f;
  for (float& w : rig.model->head_weight().value.span<float>()) w *= 1.25f;
  rig.model->refresh_compute();
  EXPECT_GT(rig.figure(take(rig.objective.gradients(scope, 0)), "rl/log_prob_difference"), 1e-4);
}

// C-9.3, C-9.15: the problems go round for ever; means and a line for every pass.
TEST_F(PolicyTest, CyclesThroughTheProblemsAndSaysHowItGoes) {
  Rig rig;
  const train::StepOutcome outcome = rig.step(1);  // examples 4 to 7 of 6 problems: 4, 5, 0, 1
  const auto& passes = rig.objective.passes();
  ASSERT_EQ(passes.size(), 8u);
  const std::vector<int64_t> problems = {4, 4, 5, 5, 0, 0, 1, 1};
  double reward = 0, length = 0;
  for (size_t i = 0; i < passes.size(); ++i) {
    const std::vector<int32_t>& prompt = rig.problems.prompt(problems[i]);
    EXPECT_TRUE(std::equal(prompt.begin(), prompt.end(), passes[i].inputs.begin())) << i;
    EXPECT_EQ(passes[i].index, static_cast<int64_t>(i % 2));
    reward += passes[i].mean_reward / 8;
    EXPECT_NE(rig.lines.at(i).find(format_text("Step 1 | example %zu | pass %zu | loss: ", i / 2, i % 2)), std::string::npos) << rig.lines[i];
    EXPECT_NE(rig.lines[i].find(format_text("average reward: %.4f", passes[i].mean_reward)), std::string::npos);
  }
  EXPECT_DOUBLE_EQ(rig.figure(outcome, "reward"), reward);
  const std::vector<infer::Rollout>& shown = rig.objective.shown();  // of problem 4
  ASSERT_GE(shown.size(), 1u);
  EXPECT_TRUE(std::equal(rig.problems.prompt(4).begin(), rig.problems.prompt(4).end(), shown[0].tokens.begin()));
  EXPECT_GE(shown[0].reward, (passes[0].mean_reward + passes[1].mean_reward) / 2);
  for (size_t i = 1; i < shown.size(); ++i) EXPECT_GT(shown[0].reward, shown[i].reward);
  length = rig.figure(outcome, "sequence_length");
  EXPECT_GT(length, 2);
  EXPECT_NE(outcome.line.find(format_text("reward: %.2f | sequence length: %.2f", reward, length)), std::string::npos) << outcome.line;
}

// C-9.10, C-9.21: the mean is over all samples of an example; its passes share one divisor rule.
TEST_F(PolicyTest, DivisorsAndAdvantagesAreThoseOfTheExample) {
  Rig rig;
  rig.step();
  const auto& passes = rig.objective.passes();
  for (size_t i = 0; i < passes.size(); i += 2) {
    const double mean = (passes[i].mean_reward + passes[i + 1].mean_reward) / 2;
    for (const size_t p : {i, i + 1}) {
      EXPECT_DOUBLE_EQ(passes[p].divisor, static_cast<double>(std::max<int64_t>(passes[p].valid, 1) * 2 * 4));
      for (size_t n = 0; n < passes[p].targets.size(); ++n) {
        if (passes[p].targets[n] < 0) continue;
        const float a = passes[p].advantage[n];
        EXPECT_TRUE(a == static_cast<float>(1 - mean) || a == static_cast<float>(-mean)) << a;
      }
    }
  }
}

// C-9.3: two ranks answer the same examples as one process, and average to the same gradients.
TEST_F(PolicyTest, RanksShareTheExamples) {
  Rig alone;
  alone.step();
  const std::vector<Tensor> whole = alone.gradients();
  std::vector<std::unique_ptr<Rig>> rigs(2);
  for (auto& rig : rigs) rig = std::make_unique<Rig>();
  std::vector<train::StepOutcome> outcomes(2);
  ThreadRanks::run(2, [&](dist::Communicator& world) {
    Rig& rig = *rigs[static_cast<size_t>(world.rank())];
    train::StepScope scope{rig.ctx, rig.tape, Clock::real(), rig.split, world, 0, 5};
    check(rig.objective.prepare(scope));
    outcomes[static_cast<size_t>(world.rank())] = take(rig.objective.gradients(scope, 0));
  });
  EXPECT_EQ(rigs[0]->objective.passes().size(), 4u);
  EXPECT_EQ(rigs[1]->objective.passes()[0].inputs, alone.objective.passes()[2].inputs);
  EXPECT_EQ(rigs[0]->figure(outcomes[0], "reward"), rigs[1]->figure(outcomes[1], "reward"));
  for (size_t p = 0; p < whole.size(); ++p)
    for (int64_t i = 0; i < whole[p].elements(); ++i) {
      const double mean = (static_cast<double>(rigs[0]->gradients()[p].data<float>()[i]) + static_cast<double>(rigs[1]->gradients()[p].data<float>()[i])) / 2;
      ASSERT_NEAR(mean, whole[p].data<float>()[i], 1e-5 + 1e-3 * std::abs(mean));
      if (i > 20) break;
    }
}

// Before the first update the ratio is 1 and the reference is the model: both change the loss, not the gradient.
TEST_F(PolicyTest, ClippedRatioAndDivergenceBeginAsReinforce) {
  Rig plain;
  plain.step();
  train::PolicyOptions options = small_options();
  options.clip = 0.2;
  options.inner_epochs = 2;
  options.kl = 0.5;
  Rig frozen;
  std::vector<bool> switched;
  Rig rig(options, DType::kFloat32, {frozen.model.get(), [&](bool on) { switched.push_back(on); }});
  const train::StepOutcome first = rig.step();
  EXPECT_EQ(rig.figure(first, "rl/kl"), 0);
  EXPECT_EQ(rig.figure(first, "rl/clipped"), 0);
  EXPECT_EQ(switched, (std::vector<bool>{false, true})) << "the adapters are off while the reference is asked";
  EXPECT_EQ(rig.objective.updates(), 2);
  const auto expected = plain.gradients(), actual = rig.gradients();
  for (size_t p = 0; p < expected.size(); ++p)
    EXPECT_TRUE(is_close(actual[p].span<float>(), expected[p].span<float>(), {1e-7, 1e-5})) << p;
  // A step along the gradient: the second update sees another model.
  for (autograd::Parameter* p : rig.model->parameters())
    for (int64_t i = 0; i < p->value.elements(); ++i) p->value.data<float>()[i] -= 0.1f * p->grad.data<float>()[i];
  rig.model->refresh_compute();
  rig.clear();
  train::StepScope scope = rig.scope();
  EXPECT_LT(take(rig.objective.gradients(scope, 1)).loss, first.loss) << "the better answers are likelier now";
}

TEST_F(PolicyTest, LongAnswersGiveUpReward) {
  train::PolicyOptions options = small_options();
  options.length_penalty = 1;
  Rig rig(options);
  std::vector<infer::Rollout> answers(8);  // of 0, 3, 6, 9 tokens, right and wrong
  for (size_t i = 0; i < answers.size(); ++i) {
    answers[i].prompt_length = 2;
    answers[i].tokens.assign(2 + 3 * (i / 2), 'x');
    answers[i].mask.assign(answers[i].tokens.size(), 1);
    answers[i].reward = static_cast<double>(i % 2);
  }
  rig.objective.use(answers);
  // Of 12 tokens an answer of 3 n gives up n / 4; the mean of what is left is 0.5 - 0.375.
  const auto& passes = rig.objective.passes();
  for (size_t i = 2; i < 8; ++i) {  // the empty ones have no target
    const train::PolicyPass& pass = passes[i / 4];
    const size_t at = i % 4 * static_cast<size_t>(pass.columns) + 1;
    EXPECT_FLOAT_EQ(pass.advantage[at], static_cast<float>(static_cast<double>(i % 2) - 0.25 * static_cast<double>(i / 2) - 0.125)) << i;
  }
  EXPECT_DOUBLE_EQ(passes[0].mean_reward, 0.5) << "what is reported is right or wrong";
}

// C-9.4, C-9.17: what cannot be shared out is refused before anything is sampled.
TEST_F(PolicyTest, RefusesWhatDoesNotDivide) {
  const auto refused = [](auto change, const std::string& part, int64_t world = 1) {
    train::PolicyOptions options = small_options();
    change(options);
    const Status status = options.validate(world);
    ASSERT_FALSE(status.ok()) << part;
    EXPECT_NE(status.error().to_string().find(part), std::string::npos) << status.error().to_string();
  };
  EXPECT_TRUE(small_options().validate(2).ok());
  refused([](auto& o) { o.num_samples = 2; }, "--device-batch-size 4");
  refused([](auto& o) { o.num_samples = 6; }, "multiple of --device-batch-size");
  refused([](auto&) {}, "--examples-per-step 4 must be a multiple of the 3 ranks", 3);
  refused([](auto& o) { o.num_samples = o.device_batch_size = 1; }, "nothing");
  refused([](auto& o) { o.inner_epochs = 2; }, "--clip");
  refused([](auto& o) { o.clip = 1; }, "--clip");
  refused([](auto& o) { o.kl = -1; }, "--kl");
  refused([](auto& o) { o.temperature = 0; }, "--temperature");
  refused([](auto& o) { o.examples_per_step = 0; }, "--examples-per-step");
  refused([](auto& o) { o.max_new_tokens = 0; }, "--max-new-tokens");
  refused([](auto& o) { o.examples_per_step = int64_t{1} << 61; }, "answers");
}

struct RlRun {
  RlRun(const std::filesystem::path& run, const train::PolicyOptions& options)
      : rig(options), optimizer(optim::chat_groups(rig.model->parameters(), rig.model->config().n_embd, rates(), optim::ChatRules::kSeed)), weights(*rig.model) {
    settings.stage = "rl";
    settings.num_iterations = 6;
    settings.save_every = 1;
    settings.seed = 5;
    hooks.log = [this](int64_t, const Json& values) {
      rewards.push_back(values.get_double("reward", -1));
      EXPECT_EQ(values.get_double("rl/log_prob_difference", 0), 0);
      return Status();
    };
    meta.tokenizer_hash = rig.tokenizer.hash();
    meta.model_config = rig.model->config().to_json();
    parts.emplace(train::LoopParts{rig.objective, optimizer, weights, *rig.world, meta, run});
  }
  static optim::ChatRates rates() {
    optim::ChatRates rates;
    rates.matrix = 0.01;
    rates.embedding = rates.scalar = 0.02;
    return rates;
  }
  Rig rig;
  optim::Optimizer optimizer;
  train::ModelWeights weights;
  train::LoopSettings settings;
  train::LoopHooks hooks;
  train::CheckpointMeta meta;
  std::optional<train::LoopParts> parts;
  std::vector<double> rewards;
};

// C-6.17: ours goes on exactly, from any step, with several updates a step too.
TEST_F(PolicyTest, ResumedRunsEndWithTheSameBits) {
  train::PolicyOptions options = small_options();
  options.inner_epochs = 2;
  options.clip = 0.2;
  RlRun whole(folder() / "whole", options);
  train::Loop loop(whole.settings, whole.hooks, *whole.parts);
  take(loop.run({}));
  for (const int64_t step : {1, 4}) {
    const auto run = folder() / ("from" + std::to_string(step));
    std::filesystem::create_directories(run);
    std::filesystem::copy(train::checkpoint_folder(folder() / "whole", step), train::checkpoint_folder(run, step), std::filesystem::copy_options::recursive);
    RlRun rest(run, options);
    rest.settings.resume_from_step = step;
    train::Loop again(rest.settings, rest.hooks, *rest.parts);
    check(again.resume());
    take(again.run({}));
    for (const char* name : {"model.safetensors", "optimizer.safetensors"})
      EXPECT_TRUE(take(read_file(train::checkpoint_folder(run, 6) / name)) == take(read_file(train::checkpoint_folder(folder() / "whole", 6) / name))) << name << " from " << step;
  }
}

// After a rewind the loop's step is an earlier one; the problems and draws are new all the same.
TEST_F(PolicyTest, ProblemsGoOnWhateverTheStep) {
  Rig rig;
  rig.step();
  EXPECT_EQ(rig.objective.state().get_int("steps_drawn", -1), 1);
  train::StepScope scope = rig.scope(0);
  check(rig.objective.prepare(scope));
  EXPECT_EQ(rig.objective.state().get_int("steps_drawn", -1), 2);
  EXPECT_EQ(rig.objective.passes().front().example, 0);
}

TEST_F(PolicyTest, OtherProblemsAreNoticedOnResume) {
  Rig rig;
  const Json state = rig.objective.state();
  EXPECT_TRUE(rig.objective.restore(state).ok());
  const Letters others(rig.tokenizer, 7);
  train::PolicyObjective objective(*rig.model, rig.tokenizer, others, small_options());
  const Status status = objective.restore(state);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().to_string().find("7 now, 6 then"), std::string::npos) << status.error().to_string();
}

// C-9.11: it learns: the letter is said more and more.
TEST_F(PolicyTest, RewardRises) {
  train::PolicyOptions options = small_options();
  options.num_samples = options.device_batch_size = 16;
  RlRun run(folder() / "run", options);
  run.settings.num_iterations = 30;
  run.settings.save = false;
  run.settings.save_every = -1;
  train::Loop loop(run.settings, run.hooks, *run.parts);
  take(loop.run({}));
  double first = 0, last = 0;
  for (size_t i = 0; i < 5; ++i) {
    first += run.rewards[i] / 5;
    last += run.rewards[25 + i] / 5;
  }
  EXPECT_GT(last, first + 0.2) << first << " to " << last;
}

}  // namespace
}  // namespace lathe::testing
