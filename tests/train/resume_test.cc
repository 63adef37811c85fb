// Going on from any step ends with the same bits as never having stopped.
#include <csignal>

#include "tests/train/tiny_loop.h"

namespace lathe::testing {
namespace {

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

double bpb_of(int64_t step) { return 1.0 / 3.0 + static_cast<double>((step * 7) % 5); }

void configure(TinyLoop& tiny) {
  tiny.options.accumulation = 2;
  tiny.settings.num_iterations = 12;  // beyond the ten steps whose time does not count
  tiny.settings.save_every = 1;
  tiny.settings.eval_every = 4;
  tiny.hooks.validate = [](int64_t step) -> Result<double> { return bpb_of(step); };
}

void expect_same_files(const std::filesystem::path& actual, const std::filesystem::path& expected) {
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "meta.json"})
    EXPECT_TRUE(take(read_file(actual / name)) == take(read_file(expected / name))) << actual / name << " differs from " << expected / name;
}

class Resume : public ::testing::TestWithParam<DType> {
 protected:
  const std::filesystem::path& folder() const { return folder_.path(); }
  TemporaryFolder folder_;
};

// C-6.6, C-6.7: weights, optimizer, loop state and metrics, from every step; the batch after the checkpoint's is the next one.
TEST_P(Resume, AtEveryStepEndsWithTheSameBits) {
  TinyLoop whole(folder() / "whole", GetParam());
  configure(whole);
  whole.finish();
  for (int64_t step = 0; step <= 12; ++step) {
    SCOPED_TRACE(step);
    const auto run = folder() / ("from" + std::to_string(step));
    if (step == 0) {  // the way a run stopped before its first step is saved
      TinyLoop first(run, GetParam());
      configure(first);
      EXPECT_TRUE(first.finish([] { return true; }).interrupted);
    } else {
      std::filesystem::create_directories(run);
      std::filesystem::copy(whole.step_folder(step), train::checkpoint_folder(run, step), std::filesystem::copy_options::recursive);
    }
    TinyLoop rest(run, GetParam());
    configure(rest);
    for (autograd::Parameter* p : rest.model.parameters()) fill(*p, 0.5f);  // whatever was there is replaced
    rest.settings.resume_from_step = step;
    rest.finish();
    expect_same_files(rest.step_folder(12), whole.step_folder(12));
    std::vector<std::pair<int64_t, Json>> expected;
    for (const auto& [at, values] : whole.logged)
      if (at >= step) expected.emplace_back(at, values);
    EXPECT_TRUE(rest.logged == expected) << "metrics from the resumed step on";
  }
}
INSTANTIATE_TEST_SUITE_P(All, Resume, ::testing::Values(DType::kFloat32, DType::kBFloat16),
                         [](const auto& info) { return std::string(dtype_name(info.param)); });

class Interrupted : public ::testing::Test {
 protected:
  const std::filesystem::path& folder() const { return folder_.path(); }
  TemporaryFolder folder_;
};

TEST_F(Interrupted, FinishesTheStepAndSaves) {
  TinyLoop whole(folder() / "whole"), cut(folder() / "cut"), rest(folder() / "cut");
  for (TinyLoop* tiny : {&whole, &cut, &rest}) {
    configure(*tiny);
    tiny->settings.save_every = -1;
  }
  whole.finish();
  int64_t asked = 0;
  const train::LoopResult result = cut.finish([&] { return ++asked > 5; });
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.state.step, 5);
  EXPECT_EQ(take(train::checkpoint_steps(cut.run)), (std::vector<int64_t>{5}));
  rest.settings.resume_from_step = 5;
  EXPECT_FALSE(rest.finish().interrupted);
  expect_same_files(rest.step_folder(12), whole.step_folder(12));
}

// C-5.38, C-6.5: it evaluates again at the resume step, and saves there only if it is the last.
TEST_F(Interrupted, ResumedRunValidatesAtItsFirstStepAndSavesOnlyAtTheLast) {
  TinyLoop whole(folder() / "whole");
  configure(whole);
  whole.finish();
  const auto resumed_at = [&](int64_t step) {
    const auto marker = whole.step_folder(step) / "marker";
    check(write_file_atomic(marker, "still the old folder"));
    TinyLoop rest(whole.run);
    configure(rest);
    rest.settings.resume_from_step = step;
    rest.finish();
    EXPECT_EQ(rest.logged.at(0).first, step);
    EXPECT_TRUE(rest.logged.at(0).second.contains("val/bpb"));
    return std::filesystem::exists(marker);
  };
  EXPECT_TRUE(resumed_at(8)) << "saved again at the resume step";
  EXPECT_FALSE(resumed_at(12)) << "the last step is saved again";
}

// C-6.7
TEST(TrapR7, OptimizerStateAndBestFigureSurviveAResume) {
  TemporaryFolder folder;
  TinyLoop first(folder.path() / "d2"), second(folder.path() / "d2");
  for (TinyLoop* tiny : {&first, &second}) {
    tiny->settings.eval_every = 1;
    tiny->hooks.validate = [](int64_t step) -> Result<double> { return step == 1 ? 1.25 : 3.0; };
  }
  first.settings.num_iterations = 3;
  first.finish();
  second.settings.resume_from_step = 3;
  // Rates given anew have no effect: those of the checkpoint stay.
  for (optim::ParamGroup& group : second.optimizer->groups()) group.initial_lr *= 100, group.beta2 = 0.5;
  second.start();
  check(second.loop->resume());
  EXPECT_EQ(second.loop->state().min_val_bpb, 1.25);
  EXPECT_EQ(second.loop->state().val_bpb, 3.0);
  EXPECT_EQ(second.optimizer->metadata(), first.optimizer->metadata());
  const auto before = first.optimizer->state_tensors(), after = second.optimizer->state_tensors();
  ASSERT_EQ(after.size(), before.size());
  bool moved = false;
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(after[i].first, before[i].first);
    const auto a = after[i].second.span<float>(), b = before[i].second.span<float>();
    EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << before[i].first;
    moved = moved || std::any_of(b.begin(), b.end(), [](float x) { return x != 0; });
  }
  EXPECT_TRUE(moved);
  EXPECT_EQ(take(second.loop->run({})).state.min_val_bpb, 1.25) << "3.0 is no new minimum";
}

TEST(TrapT1, ResumingWithAnotherTokenizerIsRefused) {
  TemporaryFolder folder;
  TinyLoop first(folder.path() / "d2"), second(folder.path() / "d2");
  first.finish();
  second.meta.tokenizer_hash = std::string(64, 'b');
  second.settings.resume_from_step = 6;
  second.start();
  const Status status = second.loop->resume();
  ASSERT_FALSE(status.ok());
  const std::string text = status.error().to_string();
  EXPECT_TRUE(says(text, "tokenizer") && says(text, "aaaaaaaaaaaa") && says(text, "bbbbbbbbbbbb") && says(text, "meta.json")) << text;
}

// C-6.8: a damaged file of weights stops the resume with its path, and leaves the model as it was.
TEST_F(Interrupted, DamagedCheckpointIsAnErrorWithItsPath) {
  TinyLoop first(folder() / "d2");
  first.finish();
  for (const char* name : {"model.safetensors", "optimizer.safetensors"}) {
    const auto file = first.step_folder(6) / name;
    const std::string bytes = take(read_file(file));
    for (const size_t size : {bytes.size() - 1, bytes.size() / 2, size_t{4}, size_t{0}}) {
      check(write_file_atomic(file, bytes.substr(0, size)));
      TinyLoop second(first.run);
      second.settings.resume_from_step = 6;
      second.start();
      const Status status = second.loop->resume();
      ASSERT_FALSE(status.ok()) << name << " of " << size << " bytes";
      EXPECT_TRUE(says(status.error().to_string(), file.string())) << status.error().to_string();
    }
    check(write_file_atomic(file, bytes));
  }
}

}  // namespace
}  // namespace lathe::testing
