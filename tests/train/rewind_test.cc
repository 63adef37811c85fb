// What the loop does about a loss spike: a warning, or back to a checkpoint and on with other data.
#include <cmath>
#include <limits>

#include "tests/train/tiny_loop.h"

namespace lathe::testing {
namespace {

constexpr int64_t kOddFrom = 41, kOddTo = 46;  // batches whose targets cannot be guessed

// NumberedRows with a bad stretch; `skip` batches are passed over when it is restored.
class OddRows : public NumberedRows {
 public:
  using NumberedRows::NumberedRows;
  int64_t skip = 0;
  Status next(data::TokenBatch& batch) override {
    const int64_t position = state().at("position").as_int();
    LATHE_TRY_STATUS(NumberedRows::next(batch));
    if (position < kOddFrom || position >= kOddTo) return {};
    for (size_t i = 0; i < batch.targets().size(); ++i) batch.targets()[i] = static_cast<int32_t>((batch.targets()[i] + 31) % kTinyVocab);
    return {};
  }
  Status restore(const Json& state, data::ResumeMode mode) override {
    Json later = state;
    later["position"] = state.get_int("position", 0) + skip;
    return NumberedRows::restore(later, mode);
  }
};

struct SpikyLoop : TinyLoop {
  explicit SpikyLoop(const std::filesystem::path& folder) : TinyLoop(folder) {
    rows.clock = &clock;
    settings.num_iterations = 60;
    settings.save_every = 10;
    settings.on_spike = train::OnSpike::kRewind;
    settings.spike_rule = {30, 15, 4, 0.05, 3};
    hooks.schedule = [](optim::Optimizer& o, int64_t, double) {
      o.set_lr_multiplier(1);
      return 1.0;
    };
    hooks.rewound = [this](int64_t step) -> Status {
      rewound.push_back(step);
      return {};
    };
  }
  train::LoopResult finish(const std::function<bool()>& stop = {}) {
    start_on(rows);
    if (settings.resume_from_step >= 0) check(loop->resume());
    return take(loop->run(stop));
  }
  std::string weights() const {
    std::string bytes;
    for (const autograd::Parameter* p : model.parameters()) bytes.append(static_cast<const char*>(p->value.raw()), static_cast<size_t>(p->value.bytes()));
    return bytes;
  }
  OddRows rows{2};
  std::vector<int64_t> rewound;
};

class Rewind : public ::testing::Test {
 protected:
  std::filesystem::path folder(const std::string& name) const { return folder_.path() / name; }
  TemporaryFolder folder_;
};

TEST_F(Rewind, GoesBackToTheCheckpointBeforeAndOnWithLaterData) {
  SpikyLoop run(folder("run"));
  const train::LoopResult result = run.finish();
  EXPECT_EQ(run.rewound, (std::vector<int64_t>{40}));
  ASSERT_EQ(result.state.rewinds.size(), 1u);
  const Json& record = result.state.rewinds.at(size_t{0});
  EXPECT_EQ(record.at("first_step").as_int(), kOddFrom);
  EXPECT_EQ(record.at("from").as_int(), kOddFrom + 3);
  EXPECT_EQ(record.at("to").as_int(), 40);
  EXPECT_EQ(result.state.step, 60);
  EXPECT_EQ(run.rows.state().at("position").as_int(), 60 + 4) << "the batches of steps 40 to 43 were given up";
  EXPECT_EQ(take(train::read_meta(run.run, 60)).loop_state.at("rewinds"), result.state.rewinds) << "the checkpoint tells of it";

  // The same weights as a run that had the checkpoint of step 40 and never saw those batches.
  SpikyLoop before(folder("skipped"));
  before.settings.num_iterations = 40;
  before.finish();
  SpikyLoop after(folder("skipped"));
  after.settings.resume_from_step = 40;
  after.rows.skip = 4;
  const train::LoopResult skipped = after.finish();
  EXPECT_EQ(skipped.state.rewinds.size(), 0u);
  EXPECT_EQ(after.weights(), run.weights());
}

TEST_F(Rewind, AKilledRunEndsWithTheSameBits) {
  SpikyLoop whole(folder("whole"));
  whole.settings.save_every = 3;  // 42 is saved while the spike is under way
  const train::LoopResult expected = whole.finish();
  ASSERT_EQ(whole.rewound, (std::vector<int64_t>{39}));
  for (const int64_t kill_at : {20, 41, 43, 44, 50}) {  // steps made, those that were given up too
    const std::string name = "killed" + std::to_string(kill_at);
    int64_t steps = 0;
    SpikyLoop killed(folder(name));
    killed.settings.save_every = 3;
    killed.hooks.after_step = [&](const train::StepFigures&) {
      if (++steps == kill_at) throw std::runtime_error("killed");
    };
    EXPECT_THROW(killed.finish(), std::runtime_error);
    SpikyLoop resumed(folder(name));
    resumed.settings.save_every = 3;
    resumed.settings.resume_from_step = take(train::latest_step(folder(name)));
    const train::LoopResult result = resumed.finish();
    EXPECT_EQ(resumed.weights(), whole.weights()) << "killed after " << kill_at << " steps";
    EXPECT_EQ(result.state.rewinds, expected.state.rewinds) << "killed after " << kill_at << " steps";
    EXPECT_EQ(names_in(resumed.run), names_in(whole.run)) << "killed after " << kill_at << " steps";
  }
}

TEST_F(Rewind, WarnChangesNothing) {
  SpikyLoop off(folder("off")), warn(folder("warn"));
  off.settings.on_spike = train::OnSpike::kOff;
  warn.settings.on_spike = train::OnSpike::kWarn;
  off.finish();
  warn.finish();
  EXPECT_EQ(off.weights(), warn.weights());
  EXPECT_TRUE(warn.rewound.empty());
  const auto spikes = [](const SpikyLoop& run) {
    std::vector<int64_t> steps;
    for (const auto& [step, values] : run.logged)
      if (values.contains("spike/loss")) steps.push_back(step);
    return steps;
  };
  EXPECT_EQ(spikes(warn), (std::vector<int64_t>{kOddFrom + 2}));
  EXPECT_TRUE(spikes(off).empty());
}

TEST_F(Rewind, IsBoundedAndNeedsACheckpointOfThisRun) {
  SpikyLoop none(folder("none")), bounded(folder("bounded"));
  bounded.settings.max_rewinds = 0;
  EXPECT_EQ(bounded.finish().state.rewinds.size(), 0u);
  EXPECT_TRUE(bounded.rewound.empty());
  // Checkpoints of an earlier run in the same folder are neither used nor removed.
  SpikyLoop earlier(folder("none"));
  earlier.settings.num_iterations = 20;
  earlier.finish();
  none.settings.save_every = -1;
  EXPECT_EQ(none.finish().state.rewinds.size(), 0u);
  EXPECT_EQ(take(train::checkpoint_steps(none.run)), (std::vector<int64_t>{10, 20, 60}));
}

TEST_F(Rewind, ALossThatIsNotFiniteGoesBackToo) {
  SpikyLoop run(folder("run"));
  bool burst = false;
  run.hooks.before_step = [&](int64_t step) {
    if (step == 25 && !std::exchange(burst, true)) fill(*run.model.parameters().back(), std::numeric_limits<float>::quiet_NaN());
  };
  const train::LoopResult result = run.finish();
  EXPECT_TRUE(std::isfinite(result.last_loss));
  ASSERT_GE(run.rewound.size(), 1u);
  EXPECT_EQ(run.rewound[0], 20);
  EXPECT_TRUE(result.state.rewinds.at(size_t{0}).at("loss").is_null());

  SpikyLoop hopeless(folder("hopeless"));
  hopeless.hooks.before_step = [&](int64_t step) {
    if (step == 25) fill(*hopeless.model.parameters().back(), std::numeric_limits<float>::quiet_NaN());
  };
  hopeless.start_on(hopeless.rows);
  const auto failed = hopeless.loop->run({});
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(hopeless.rewound.size(), 3u) << "three times, then it ends";
  EXPECT_NE(failed.error().to_string().find("not finite at step 25"), std::string::npos) << failed.error().to_string();
}

}  // namespace
}  // namespace lathe::testing
