// What stages may plug into the loop: objectives with several updates, an average of the weights, the hook after a save.
#include "train/objective.h"

#include <cmath>

#include "tests/train/tiny_loop.h"

namespace lathe::testing {
namespace {

// Counts its calls around next-token prediction; several updates on one step's data.
class Counted : public train::LanguageObjective {
 public:
  Counted(TinyLoop& tiny, int64_t updates) : LanguageObjective(tiny.model, tiny.loader, tiny.options), updates_(updates) {}
  Status prepare(train::StepScope& scope) override {
    events.push_back("prepare " + std::to_string(scope.step));
    return LanguageObjective::prepare(scope);
  }
  int64_t updates() const override { return updates_; }
  Result<train::StepOutcome> gradients(train::StepScope& scope, int64_t update) override {
    events.push_back("update " + std::to_string(update));
    LATHE_TRY(train::StepOutcome outcome, LanguageObjective::gradients(scope, update));
    losses.push_back(outcome.loss);
    outcome.figures.emplace_back("stage/figure", 0.5);
    outcome.line = " | figure: 0.5";
    return outcome;
  }
  std::vector<std::string> events;
  std::vector<double> losses;

 private:
  int64_t updates_;
};

class ObjectiveTest : public ::testing::Test {
 protected:
  const std::filesystem::path& folder() const { return folder_.path(); }
  TemporaryFolder folder_;
};

TEST_F(ObjectiveTest, MakesItsUpdatesOfOneStepsData) {
  TinyLoop tiny(folder() / "d2");
  Counted counted(tiny, 3);
  tiny.settings.num_iterations = 2;
  tiny.loop.emplace(tiny.settings, tiny.hooks, train::LoopParts{counted, *tiny.optimizer, tiny.weights, *tiny.world, tiny.meta, tiny.run}, tiny.clock);
  const train::LoopResult result = take(tiny.loop->run({}));
  EXPECT_EQ(counted.events, (std::vector<std::string>{"prepare 0", "update 0", "update 1", "update 2", "prepare 1", "update 0", "update 1", "update 2"}));
  EXPECT_LT(counted.losses[2], counted.losses[0]) << "each update was applied before the next";
  EXPECT_EQ(result.state.step, 2);
  EXPECT_EQ(result.state.tokens, 2 * 2 * kTinyLength) << "data count once";
  EXPECT_NE(tiny.lines.at(0).find(" | figure: 0.5"), std::string::npos) << tiny.lines.at(0);
  EXPECT_EQ(tiny.logged.at(0).second.at("stage/figure").as_double(), 0.5);
}

// Trap R10: whoever removes old checkpoints in the hook finds the new one whole, with its validation.
TEST_F(ObjectiveTest, TellsWhenACheckpointIsDurableAndWhetherItIsTheBest) {
  TinyLoop tiny(folder() / "d2");
  tiny.settings.save_every = 2;
  tiny.settings.eval_every = 4;
  tiny.hooks.validate = [](int64_t step) -> Result<double> { return step == 4 ? 1.0 : 2.0; };
  std::vector<std::string> saved;
  tiny.hooks.saved = [&](const train::Saved& s) -> Status {
    const train::CheckpointMeta meta = take(train::read_meta(tiny.run, s.step));
    if (s.step == 4) {
      EXPECT_EQ(meta.val_bpb, 1.0);
    }
    saved.push_back(std::to_string(s.step) + (s.best ? " best" : "") + (s.last ? " last" : ""));
    return {};
  };
  EXPECT_EQ(tiny.finish().state.best_step, 4);
  EXPECT_EQ(saved, (std::vector<std::string>{"2", "4 best", "6 last"}));
}

// L-5.56, L-11.73: the window's loss is weighted by targets, and a resume in the middle of a window changes nothing.
TEST_F(ObjectiveTest, WindowLossGoesOnAfterAResume) {
  const auto configure = [](TinyLoop& tiny) {
    tiny.settings.num_iterations = 7;
    tiny.settings.log_every = 3;
    tiny.settings.save_every = 5;
    tiny.loader.valid_targets = [](int64_t number) { return 1 + number % kTinyLength; };
  };
  TinyLoop whole(folder() / "d2"), rest(folder() / "d2");
  configure(whole);
  configure(rest);
  whole.finish();
  rest.settings.resume_from_step = 5;
  rest.finish();
  ASSERT_EQ(whole.logged.size(), 3u);
  EXPECT_EQ(rest.logged.at(0).second, whole.logged.at(2).second);

  TinyLoop twin(folder() / "twin");
  configure(twin);
  twin.start();
  double sum = 0, targets = 0;
  for (int step = 0; step < 4; ++step) {
    const auto outcome = take(twin.loop->train_step());
    if (step == 0) continue;  // logged alone
    sum += outcome.loss * static_cast<double>(outcome.valid_targets);
    targets += static_cast<double>(outcome.valid_targets);
  }
  EXPECT_DOUBLE_EQ(whole.logged.at(1).second.at("train/window_loss").as_double(), sum / targets);
}

// L-11.44: the norm is logged with and without clipping.
TEST_F(ObjectiveTest, LogsTheNormOfTheGradient) {
  for (const double clip : {0.0, 1e-3}) {
    TinyLoop tiny(folder() / (clip > 0 ? "clipped" : "free"));
    tiny.settings.num_iterations = 1;
    tiny.settings.grad_clip = clip;
    tiny.finish();
    EXPECT_GT(tiny.logged.at(0).second.at("train/grad_norm").as_double(), 1e-3);
  }
}

// L-11.50 to L-11.52: a copy at the first update, swapped in for validation, never trained, saved and brought back.
TEST_F(ObjectiveTest, TheAverageStandsInForTheWeights) {
  const auto run = [&](const char* name, int64_t from, std::vector<float>* seen) {
    TinyLoop tiny(folder() / name);
    tiny.settings.num_iterations = 8;
    tiny.settings.eval_every = 2;
    tiny.settings.save_every = 4;
    tiny.settings.ema_start_step = 3;
    tiny.settings.ema_update_every = 2;
    tiny.settings.resume_from_step = from;
    optim::Ema ema(tiny.model.parameters(), 0.5);
    const float* weight = tiny.model.find("lm_head.weight")->value.data<float>();
    tiny.hooks.validate = [&](int64_t) -> Result<double> {
      seen->push_back(weight[0]);
      return 1.0;
    };
    train::LanguageObjective objective(tiny.model, tiny.loader, tiny.options);
    train::Loop loop(tiny.settings, tiny.hooks, train::LoopParts{objective, *tiny.optimizer, tiny.weights, *tiny.world, tiny.meta, tiny.run, &ema}, tiny.clock);
    std::vector<float> live = {weight[0]};
    if (from >= 0) check(loop.resume());
    take(loop.run({}));
    return weight[0];
  };
  std::vector<float> averaged, again, plain;
  const float last = run("ema", -1, &averaged);
  ASSERT_EQ(averaged.size(), 5u);
  TinyLoop twin(folder() / "twin");
  twin.start();
  std::vector<float> live;
  for (int step = 0; step < 8; ++step) {
    take(twin.loop->train_step());
    live.push_back(twin.model.find("lm_head.weight")->value.data<float>()[0]);
  }
  EXPECT_EQ(last, live[7]) << "the live weights are not touched";
  EXPECT_EQ(averaged[1], live[1]) << "live before the start";
  EXPECT_EQ(averaged[2], live[3]) << "a copy at the first update, not zeros";
  EXPECT_FLOAT_EQ(averaged[3], 0.5f * live[3] + 0.5f * live[5]);
  EXPECT_EQ(run("ema", 4, &again), last);
  EXPECT_EQ(again.back(), averaged.back());
  EXPECT_TRUE(std::filesystem::exists(folder() / "ema" / "step_4" / "ema.safetensors"));
}

}  // namespace
}  // namespace lathe::testing
