// The training loop's order, lines and stops.
#include "train/loop.h"

#include <cmath>
#include <limits>
#include <regex>

#include "tests/ref/thread_ranks.h"
#include "tests/train/tiny_loop.h"

namespace lathe::testing {
namespace {

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class LoopTest : public ::testing::Test {
 protected:
  const std::filesystem::path& folder() const { return folder_.path(); }
  // bits per byte that fall, then rise again
  static double bpb_of(int64_t step) { return 2 + 0.125 * std::abs(static_cast<double>(step) - 2); }

  TemporaryFolder folder_;
};

// C-5.14, C-5.15: iteration N only evaluates, samples and saves; validation at step 0, every eval_every and at the end.
TEST_F(LoopTest, RunsOneIterationMoreThanItHasSteps) {
  TinyLoop tiny(folder() / "d2");
  tiny.settings.num_iterations = 5;
  tiny.settings.eval_every = tiny.settings.sample_every = tiny.settings.save_every = 2;
  std::vector<std::string> events;
  tiny.hooks.validate = [&](int64_t step) -> Result<double> {
    events.push_back("validate " + std::to_string(step));
    return bpb_of(step);
  };
  tiny.hooks.sample = [&](int64_t step) -> Status {
    events.push_back("sample " + std::to_string(step));
    return {};
  };
  const auto schedule = tiny.hooks.schedule;
  tiny.hooks.schedule = [&](optim::Optimizer& o, int64_t step, double progress) {
    events.push_back("step " + std::to_string(step));
    return schedule(o, step, progress);
  };
  const train::LoopResult result = tiny.finish();
  EXPECT_EQ(events, (std::vector<std::string>{"validate 0", "step 0", "step 1", "validate 2", "sample 2", "step 2", "step 3", "validate 4",
                                              "sample 4", "step 4", "validate 5", "sample 5"}));
  EXPECT_EQ(result.state.step, 5);
  EXPECT_FALSE(result.interrupted);
  EXPECT_EQ(result.state.val_bpb, bpb_of(5));
  EXPECT_EQ(result.state.min_val_bpb, bpb_of(2));
}

// C-5.16: at multiples of the interval but not at step 0, and at the end; -1: not even there; between validation and samples.
TEST_F(LoopTest, MeasuresAtItsIntervalAndAtTheEnd) {
  for (const auto& [every, expected] : std::vector<std::pair<int64_t, std::vector<std::string>>>{
           {2, {"measure 2", "sample 2", "measure 4", "sample 4", "measure 5", "sample 5"}},
           {1000, {"sample 2", "sample 4", "measure 5", "sample 5"}},
           {-1, {"sample 2", "sample 4", "sample 5"}}}) {
    SCOPED_TRACE(every);
    TinyLoop tiny(folder() / ("every " + std::to_string(every)));
    tiny.settings.num_iterations = 5;
    tiny.settings.sample_every = 2;
    tiny.settings.measure_every = every;
    std::vector<std::string> events;
    tiny.hooks.measure = [&](int64_t step) -> Result<Json> {
      events.push_back("measure " + std::to_string(step));
      if (step == 4) return Json();
      return Json(Json::Object{{"core_metric", 0.5}});
    };
    tiny.hooks.sample = [&](int64_t step) -> Status {
      events.push_back("sample " + std::to_string(step));
      return {};
    };
    std::vector<int64_t> logged;
    tiny.hooks.log = [&](int64_t step, const Json& values) -> Status {
      if (values.contains("core_metric")) logged.push_back(step);
      return {};
    };
    tiny.finish();
    EXPECT_EQ(events, expected);
    const std::vector<int64_t> lines = every == 2 ? std::vector<int64_t>{2, 5} : every > 0 ? std::vector<int64_t>{5} : std::vector<int64_t>();
    EXPECT_EQ(logged, lines) << "what gave no figures leaves no line";
  }
}

// C-5.14
TEST(TrapR9, WeightsAreDurableBeforeTheEvaluationThatFollowsThem) {
  TemporaryFolder folder;
  TinyLoop tiny(folder.path() / "d2");
  tiny.settings.eval_every = 3;
  tiny.settings.save_every = 3;
  int64_t checked = 0;
  tiny.hooks.validate = [&](int64_t step) -> Result<double> {
    if (step == 0) return 3.0;
    EXPECT_EQ(take(train::latest_step(tiny.run)), step);
    EXPECT_EQ(take(train::read_meta(tiny.run, step)).val_bpb, step == 3 ? 3.0 : 2.5) << "not known yet: the one before";
    ++checked;
    return step == 3 ? Result<double>(2.5) : Result<double>(error("the evaluation breaks"));
  };
  tiny.start();
  const auto result = tiny.loop->run({});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(checked, 2);
  EXPECT_EQ(take(train::latest_step(tiny.run)), 6);
  const train::CheckpointMeta completed = take(train::read_meta(tiny.run, 3));
  EXPECT_EQ(completed.val_bpb, 2.5);
  EXPECT_EQ(completed.loop_state.at("min_val_bpb").as_double(), 2.5);
  check(train::load_weights(tiny.step_folder(6) / "model.safetensors", tiny.model));
}

// C-6.5
TEST_F(LoopTest, SavesEverySaveEveryStepsAndAtTheEnd) {
  const auto saved = [&](int64_t save_every, bool save) {
    TinyLoop tiny(folder() / ("every" + std::to_string(save_every) + (save ? "" : "_dry")));
    tiny.settings.num_iterations = 7;
    tiny.settings.save_every = save_every;
    tiny.settings.save = save;
    tiny.finish();
    return take(train::checkpoint_steps(tiny.run));
  };
  EXPECT_EQ(saved(3, true), (std::vector<int64_t>{3, 6, 7}));
  EXPECT_EQ(saved(-1, true), (std::vector<int64_t>{7}));
  EXPECT_EQ(saved(3, false), (std::vector<int64_t>{}));
}

// C-5.30, C-6.19: without validation there is no figure anywhere.
TEST_F(LoopTest, WithoutValidationBitsPerByteAreNull) {
  TinyLoop tiny(folder() / "d2");
  tiny.settings.eval_every = -1;
  tiny.hooks.validate = [](int64_t) -> Result<double> { return error("not asked for"); };
  const train::LoopResult result = tiny.finish();
  EXPECT_FALSE(result.state.val_bpb.has_value());
  EXPECT_FALSE(result.state.min_val_bpb.has_value());
  for (const std::string& line : tiny.lines) EXPECT_FALSE(says(line, "bpb")) << line;
  const Json meta = read_json_or_fail(tiny.step_folder(6) / "meta.json");
  EXPECT_TRUE(meta.at("val_bpb").is_null());
  EXPECT_TRUE(meta.at("loop_state").at("min_val_bpb").is_null());
}

// C-5.35
TEST_F(LoopTest, ValidationLineCanBeGrepped) {
  TinyLoop tiny(folder() / "d2");
  tiny.settings.eval_every = 4;
  tiny.hooks.validate = [](int64_t step) -> Result<double> { return bpb_of(step); };
  tiny.finish();
  std::vector<std::string> found;
  for (const std::string& line : tiny.lines)
    if (line.starts_with("Step ")) found.push_back(line);
  EXPECT_EQ(found, (std::vector<std::string>{"Step 00000 | Validation bpb: 2.250000", "Step 00004 | Validation bpb: 2.250000",
                                             "Step 00006 | Validation bpb: 2.500000"}));
}

// C-8.15: SFT validates at the end even with --eval-every -1.
TEST_F(LoopTest, CanValidateAtTheEndOnly) {
  TinyLoop tiny(folder() / "d2");
  tiny.settings.eval_at_end = true;
  std::vector<int64_t> steps;
  tiny.hooks.validate = [&](int64_t step) -> Result<double> {
    steps.push_back(step);
    return 1.0;
  };
  tiny.finish();
  EXPECT_EQ(steps, (std::vector<int64_t>{6}));
}

// C-5.18, C-5.20: the logged loss is the last micro batch's, smoothed by 0.9 and debiased.
TEST_F(LoopTest, ShowsTheDebiasedMeanOfTheLastMicroBatchs) {
  TinyLoop tiny(folder() / "d2"), twin(folder() / "twin");
  tiny.options.accumulation = twin.options.accumulation = 2;
  tiny.finish();
  twin.start();
  double smooth = 0;
  std::vector<std::string> steps;
  for (const std::string& line : tiny.lines)
    if (line.starts_with("step ")) steps.push_back(line);
  ASSERT_EQ(steps.size(), 6u);
  for (int step = 0; step < 6; ++step) {
    const auto outcome = take(twin.loop->train_step());
    EXPECT_NE(outcome.loss, outcome.last_micro_loss);
    smooth = 0.9 * smooth + 0.1 * outcome.last_micro_loss;
    const double shown = smooth / (1 - std::pow(0.9, step + 1));
    EXPECT_DOUBLE_EQ(tiny.logged.at(static_cast<size_t>(step)).second.at("train/loss").as_double(), shown);
    EXPECT_TRUE(says(steps[static_cast<size_t>(step)], format_text(" | loss: %.6f | ", shown))) << steps[static_cast<size_t>(step)];
  }
  EXPECT_NEAR(tiny.loop->state().smooth_loss, smooth, 1e-12);
}

// C-5.21, C-5.22, C-5.23: ten steps of 2 s are not counted, the eta stands after step 10, a peak of 64 FLOPs/s is half used.
TEST_F(LoopTest, StepLineCountsTimeOfStepsAfterTheTenth) {
  TinyLoop tiny(folder() / "d2");
  tiny.settings.num_iterations = 14;
  tiny.settings.eval_every = tiny.settings.sample_every = 5;
  tiny.settings.flops_per_token = 2;
  tiny.settings.peak_flops = 64;  // 32 tokens of 2 FLOPs in 2 s = 32 FLOPs/s
  tiny.loader.seconds_per_batch = 2;
  tiny.take_time_apart(1000, 500);
  const train::LoopResult result = tiny.finish();
  std::vector<std::string> steps;
  for (const std::string& line : tiny.lines)
    if (line.starts_with("step ")) steps.push_back(std::regex_replace(line, std::regex("loss: [0-9.]+"), "loss: x"));
  ASSERT_EQ(steps.size(), 14u);
  EXPECT_EQ(steps[0], "step 00000/00014 (0.00%) | loss: x | lrm: 1.00 | dt: 2000.00ms | tok/sec: 16 | mfu: 50.00 | epoch: 1 | total time: 0.00m");
  EXPECT_EQ(steps[10], "step 00010/00014 (71.43%) | loss: x | lrm: 0.09 | dt: 2000.00ms | tok/sec: 16 | mfu: 50.00 | epoch: 1 | total time: 0.00m");
  // 4 s over 2 steps, 2 to go
  EXPECT_EQ(steps[12],
            "step 00012/00014 (85.71%) | loss: x | lrm: 0.08 | dt: 2000.00ms | tok/sec: 16 | mfu: 50.00 | epoch: 1 | total time: 0.07m | eta: 0.1m");
  EXPECT_DOUBLE_EQ(result.state.total_training_time, 6);
  EXPECT_DOUBLE_EQ(result.step_ms_p50, 2000);
}

// C-5.21: thousands are separated; C-8.32: a stage without a fixed end has no total and no eta.
TEST_F(LoopTest, StepLineOfAStageThatEndsWithItsData) {
  TinyLoop tiny(folder() / "d2");
  tiny.settings.num_iterations = -1;
  tiny.loader.seconds_per_batch = 1.0 / 1024;
  tiny.start_on(tiny.loader, [&] {
    const auto position = static_cast<double>(tiny.loader.state().at("position").as_int());
    return train::StageProgress{position / 16, 2, position >= 16};
  });
  const train::LoopResult result = take(tiny.loop->run({}));
  EXPECT_EQ(result.state.step, 16);
  ASSERT_EQ(tiny.lines.size(), 16u);
  EXPECT_TRUE(tiny.lines[11].starts_with("step 00011 (75.00%) | loss: ")) << tiny.lines[11];
  EXPECT_TRUE(says(tiny.lines[11], "| tok/sec: 32,768 | mfu: 0.00 | epoch: 2 | total time: ")) << tiny.lines[11];
  EXPECT_FALSE(says(tiny.lines[11], "eta"));

  // Going on from the end of the data trains no further.
  TinyLoop again(tiny.run);
  again.settings.num_iterations = -1;
  again.settings.resume_from_step = 16;
  const std::string before = take(read_file(tiny.step_folder(16) / "optimizer.safetensors"));
  again.start_on(again.loader, [&] { return train::StageProgress{1, 2, again.loader.state().at("position").as_int() >= 16}; });
  check(again.loop->resume());
  EXPECT_EQ(take(again.loop->run({})).state.step, 16);
  EXPECT_EQ(take(read_file(tiny.step_folder(16) / "optimizer.safetensors")), before);
}

// C-5.24
TEST_F(LoopTest, LogsTheKeysOfTheMetrics) {
  TinyLoop tiny(folder() / "d2");
  tiny.settings.num_iterations = 5;
  tiny.settings.log_every = 2;
  tiny.settings.eval_every = 4;
  tiny.hooks.validate = [](int64_t step) -> Result<double> { return bpb_of(step); };
  tiny.finish();
  const auto keys = [](const Json& values) {
    std::vector<std::string> out;
    for (const auto& [key, value] : values.as_object()) out.push_back(key);
    std::sort(out.begin(), out.end());
    return out;
  };
  std::vector<int64_t> train_steps, val_steps;
  for (const auto& [step, values] : tiny.logged) {
    if (values.contains("val/bpb")) {
      val_steps.push_back(step);
      EXPECT_EQ(keys(values), (std::vector<std::string>{"total_training_flops", "total_training_time", "total_training_tokens", "val/bpb"}));
    } else {
      train_steps.push_back(step);
      EXPECT_EQ(keys(values), (std::vector<std::string>{"grad_norm/layer_00", "grad_norm/layer_01", "grad_norm/lm_head", "grad_norm/resid_lambdas",
                                                        "grad_norm/value_embeds", "grad_norm/wte", "grad_norm/x0_lambdas", "total_training_flops",
                                                        "total_training_time", "total_training_tokens", "train/dt", "train/epoch", "train/grad_norm",
                                                        "train/loss", "train/lrm", "train/mfu", "train/tok_per_sec", "train/window_loss"}));
      EXPECT_EQ(values.at("total_training_flops").as_double(), 1000.0 * 32 * static_cast<double>(step));
      EXPECT_EQ(values.at("train/tok_per_sec").as_double(), 32);
    }
  }
  EXPECT_EQ(train_steps, (std::vector<int64_t>{0, 2, 4}));
  EXPECT_EQ(val_steps, (std::vector<int64_t>{0, 4, 5}));
}

// C-5.27
TEST_F(LoopTest, StopsAtALossThatIsNotFinite) {
  for (const float poison : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    TinyLoop tiny(folder() / ("d" + std::to_string(std::isnan(poison) ? 2 : 3)));
    tiny.settings.save_every = 2;
    const auto schedule = tiny.hooks.schedule;
    tiny.hooks.schedule = [&](optim::Optimizer& o, int64_t step, double progress) {
      if (step == 2) {  // after the loss of step 2: the next one sees it
        for (float& x : tiny.model.find("transformer.wte.weight")->value.span<float>()) x = poison;
        tiny.model.refresh_compute();
      }
      return schedule(o, step, progress);
    };
    tiny.start();
    const auto result = tiny.loop->run({});
    ASSERT_FALSE(result.ok());
    const std::string text = result.error().to_string();
    EXPECT_TRUE(says(text, "step 3") && says(text, "\"position\": 4")) << text;
    EXPECT_TRUE(says(text, tiny.step_folder(2).string())) << text;
    EXPECT_EQ(take(train::latest_step(tiny.run)), 2) << "nothing of the poisoned weights was saved";
  }
  TinyLoop none(folder() / "none");
  none.model.find("lm_head.weight")->value.span<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  none.model.refresh_compute();
  none.start();
  const auto result = none.loop->run({});
  ASSERT_FALSE(result.ok());
  EXPECT_TRUE(says(result.error().to_string(), "no checkpoint")) << result.error().to_string();
}

// Gradients of one step before the optimizer sees them.
std::vector<std::vector<float>> gradients(TinyLoop& tiny, double* loss) {
  std::vector<std::vector<float>> out;
  tiny.hooks.schedule = [&](optim::Optimizer&, int64_t, double) {
    for (const autograd::Parameter* p : tiny.model.parameters()) {
      const auto grad = p->grad.span<float>();
      out.emplace_back(grad.begin(), grad.end());
    }
    return 1.0;
  };
  // Zero projections would hide most of the gradient.
  for (autograd::Parameter* p : tiny.model.parameters())
    if (says(p->name, "c_proj") || says(p->name, "lm_head")) {
      std::mt19937 random(3);
      for (float& x : p->value.span<float>()) x = std::uniform_real_distribution<float>(-0.2f, 0.2f)(random);
    }
  tiny.model.refresh_compute();
  tiny.start();
  *loss = take(tiny.loop->train_step()).loss;
  return out;
}

double largest_difference(const std::vector<std::vector<float>>& a, const std::vector<std::vector<float>>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t j = 0; j < a[i].size(); ++j) largest = std::max(largest, std::abs(static_cast<double>(a[i][j]) - b[i][j]));
  return largest;
}

// C-8.30, L-5.14
TEST(TrapL2, AccumulationOverUnequalMasksEqualsOneBigBatch) {
  TemporaryFolder folder;
  const auto valid = [](int64_t row) { return row % 2 == 0 ? int64_t{1} : kTinyLength; };
  TinyLoop big(folder.path() / "big", DType::kFloat32, 2), parts(folder.path() / "parts", DType::kFloat32, 1),
      means(folder.path() / "means", DType::kFloat32, 1);
  big.loader.valid_targets = parts.loader.valid_targets = means.loader.valid_targets = valid;
  parts.options.accumulation = means.options.accumulation = 2;
  means.options.normalisation = train::LossNormalisation::kMicroBatch;
  double loss_big = 0, loss_parts = 0, loss_means = 0;
  const auto g_big = gradients(big, &loss_big), g_parts = gradients(parts, &loss_parts), g_means = gradients(means, &loss_means);
  EXPECT_NEAR(loss_big, loss_parts, 1e-5);
  EXPECT_LT(largest_difference(g_big, g_parts), 1e-5);
  EXPECT_GT(largest_difference(g_big, g_means), 1e-3) << "the mean of means weighs the one target as much as the sixteen";
}

// The rows of one rank among two: every second batch of the stream.
class EverySecondBatch : public data::TokenLoader {
 public:
  EverySecondBatch(NumberedRows& rows, int rank) : rows_(rows), rank_(rank) {}
  Status next(data::TokenBatch& batch) override {
    data::TokenBatch skipped;
    if (rank_ == 1) LATHE_TRY_STATUS(rows_.next(skipped));
    LATHE_TRY_STATUS(rows_.next(batch));
    return rank_ == 0 ? rows_.next(skipped) : Status();
  }
  Json state() const override { return rows_.state(); }
  Status restore(const Json& state, data::ResumeMode mode) override { return rows_.restore(state, mode); }

 private:
  NumberedRows& rows_;
  int rank_;
};

struct Trained {
  std::vector<std::vector<float>> gradients, weights;  // of the first step, averaged; after the third
};

std::vector<float> numbers_of(const Tensor& tensor) {
  const auto values = tensor.span<float>();
  return {values.begin(), values.end()};
}

// Steps of four micro batches, which `ranks` share.
Trained trained_by(int ranks, const std::filesystem::path& folder, train::LossNormalisation normalisation) {
  Trained out;
  ThreadRanks::run(ranks, [&](dist::Communicator& job) {
    TinyLoop tiny(folder / std::to_string(job.rank()));
    optim::OptimizerOptions exact;
    exact.muon_precision = DType::kFloat32;
    tiny.optimizer = std::make_unique<optim::Optimizer>(
        optim::chat_groups(tiny.model.parameters(), tiny.model.config().n_embd, optim::ChatRates(), optim::ChatRules::kSeed), exact, &job);
    tiny.options.accumulation = 4 / ranks;
    tiny.options.normalisation = normalisation;
    tiny.hooks.schedule = [&](optim::Optimizer& o, int64_t step, double) {
      if (step > 0) return 1.0;
      check(o.average_gradients());  // the loop's own, after this, changes nothing
      if (job.rank() == 0)
        for (const autograd::Parameter* p : tiny.model.parameters()) out.gradients.push_back(numbers_of(p->grad));
      return 1.0;
    };
    EverySecondBatch share(tiny.loader, job.rank());
    data::TokenLoader& batches = ranks == 1 ? static_cast<data::TokenLoader&>(tiny.loader) : share;
    tiny.objective.emplace(tiny.model, batches, tiny.options);
    tiny.loop.emplace(tiny.settings, tiny.hooks, train::LoopParts{*tiny.objective, *tiny.optimizer, tiny.weights, job, tiny.meta, tiny.run}, tiny.clock);
    for (int step = 0; step < 3; ++step) take(tiny.loop->train_step());
    if (job.rank() == 0)
      for (const autograd::Parameter* p : tiny.model.parameters()) out.weights.push_back(numbers_of(p->value));
  });
  return out;
}

// C-5.33
TEST(Ranks, FewerOfThemTrainTheSameModelWithMoreAccumulation) {
  TemporaryFolder folder;
  const TinyLoop untrained(folder.path() / "none");
  std::vector<std::vector<float>> initial;
  for (const autograd::Parameter* p : untrained.model.parameters()) initial.push_back(numbers_of(p->value));
  for (const auto normalisation : {train::LossNormalisation::kMicroBatch, train::LossNormalisation::kGlobal}) {
    const Trained one = trained_by(1, folder.path() / "one", normalisation), two = trained_by(2, folder.path() / "two", normalisation);
    ASSERT_EQ(one.gradients.size(), two.gradients.size());
    double largest = 0;
    for (const auto& gradient : one.gradients)
      for (const float g : gradient) largest = std::max(largest, std::abs(static_cast<double>(g)));
    EXPECT_LT(largest_difference(one.gradients, two.gradients), 1e-5 * largest) << "sums in another order, no more";
    // Updates are divided by the size of gradients, that of noise too.
    EXPECT_LT(largest_difference(one.weights, two.weights), 0.01 * largest_difference(one.weights, initial));
  }
}

// C-8.30
TEST(TrapL1, AFullyMaskedMicroBatchAddsNothing) {
  TemporaryFolder folder;
  for (const auto normalisation : {train::LossNormalisation::kGlobal, train::LossNormalisation::kMicroBatch}) {
    TinyLoop masked(folder.path() / "masked", DType::kFloat32, 1), alone(folder.path() / "alone", DType::kFloat32, 1);
    masked.loader.valid_targets = [](int64_t row) { return row == 1 ? int64_t{0} : kTinyLength; };
    masked.options.accumulation = 2;
    masked.options.normalisation = alone.options.normalisation = normalisation;
    double loss_masked = 0, loss_alone = 0;
    const auto g_masked = gradients(masked, &loss_masked), g_alone = gradients(alone, &loss_alone);
    EXPECT_NEAR(loss_masked, loss_alone, 1e-6);
    const double share = normalisation == train::LossNormalisation::kGlobal ? 1 : 0.5;
    double largest = 0;
    for (size_t i = 0; i < g_alone.size(); ++i)
      for (size_t j = 0; j < g_alone[i].size(); ++j) {
        const double difference = std::abs(static_cast<double>(g_masked[i][j]) - share * g_alone[i][j]);
        largest = std::max(largest, std::isfinite(difference) ? difference : 1e9);
      }
    EXPECT_LT(largest, 1e-6);
  }
  TinyLoop empty(folder.path() / "empty");
  empty.loader.valid_targets = [](int64_t) { return int64_t{0}; };
  empty.finish();
  for (const autograd::Parameter* p : empty.model.parameters())
    for (const float x : p->value.span<float>()) ASSERT_TRUE(std::isfinite(x)) << p->name;
}

// One batch again and again is learnt by heart.
TEST_F(LoopTest, OverfitsOneBatch) {
  TinyLoop tiny(folder() / "d2");
  tiny.settings.num_iterations = 150;
  tiny.settings.save = false;
  struct Same : data::TokenLoader {
    Status next(data::TokenBatch& batch) override {
      NumberedRows rows(2);
      return rows.next(batch);
    }
    Json state() const override { return Json::object(); }
    Status restore(const Json&, data::ResumeMode) override { return {}; }
  } same;
  tiny.hooks.schedule = [](optim::Optimizer& o, int64_t step, double) {
    const double multiplier = std::min(1.0, static_cast<double>(150 - step) / 75);
    o.set_lr_multiplier(multiplier);
    o.set_muon(0.95, 0);
    return multiplier;
  };
  tiny.start_on(same);
  EXPECT_LT(take(tiny.loop->run({})).last_loss, 0.05);
}

}  // namespace
}  // namespace lathe::testing
