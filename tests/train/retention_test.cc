#include "train/retention.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/json.h"
#include "tensor/safetensors.h"
#include "tests/ref/testing.h"
#include "train/checkpoint.h"

namespace lathe::train {
namespace {

using lathe::testing::check;
using lathe::testing::take;

class RetentionTest : public ::testing::Test {
 protected:
  void save(int64_t step) {
    const fs::path folder = checkpoint_folder(run(), step);
    check(make_folders(folder));
    check(write_safetensors(folder / "model.safetensors", {{"w", Tensor::zeros({4}, DType::kFloat32)}}));
    check(write_json_atomic(folder / "meta.json", Json(Json::Object{{"step", step}})));
  }
  std::vector<int64_t> steps() { return take(checkpoint_steps(run())); }
  fs::path run() const { return base_.path() / "run"; }
  TemporaryFolder base_;
};

// L-5.46
TEST_F(RetentionTest, TheNewestAndTheBestStay) {
  for (const int64_t step : {100, 200, 300, 9000, 15000}) save(step);
  EXPECT_EQ(take(remove_surplus(run(), 15000, 2, 200)), (std::vector<int64_t>{100, 300}));
  EXPECT_EQ(steps(), (std::vector<int64_t>{200, 9000, 15000}));
}

TEST_F(RetentionTest, ALimitOfZeroKeepsAll) {
  for (const int64_t step : {1, 2, 3}) save(step);
  EXPECT_TRUE(take(remove_surplus(run(), 3, 0, -1)).empty());
  EXPECT_EQ(steps().size(), 3u);
}

// L-5.36
TEST_F(RetentionTest, PhaseBordersAndSourcesOfAResumeStay) {
  for (const int64_t step : {100, 200, 300, 400}) save(step);
  check(keep_checkpoint(checkpoint_folder(run(), 100), "the phase ended here"));
  check(keep_checkpoint(checkpoint_folder(run(), 100), "a phase began here"));
  check(keep_checkpoint(checkpoint_folder(run(), 100), "a phase began here"));
  EXPECT_EQ(take(remove_surplus(run(), 400, 1, -1)), (std::vector<int64_t>{200, 300}));
  EXPECT_EQ(steps(), (std::vector<int64_t>{100, 400}));
  EXPECT_EQ(take(read_json(checkpoint_folder(run(), 100) / kKeepFile)).at("reasons").size(), 2u);
}

// L-5.44
TEST(TrapR10, NothingIsRemovedBeforeTheNewCheckpointIsWhole) {
  TemporaryFolder base;
  const fs::path run = base.path();
  for (const int64_t step : {100, 200}) {
    check(make_folders(checkpoint_folder(run, step)));
    check(write_safetensors(checkpoint_folder(run, step) / "model.safetensors", {{"w", Tensor::zeros({64}, DType::kFloat32)}}));
    check(write_json_atomic(checkpoint_folder(run, step) / "meta.json", Json(Json::Object{{"step", step}})));
  }
  EXPECT_FALSE(remove_surplus(run, 300, 1, -1).ok());  // it is not there at all
  fs::resize_file(checkpoint_folder(run, 200) / "model.safetensors", 100);
  const auto cut = remove_surplus(run, 200, 1, -1);
  ASSERT_FALSE(cut.ok());
  EXPECT_NE(cut.error().to_string().find("model.safetensors"), std::string::npos);
  EXPECT_TRUE(fs::exists(checkpoint_folder(run, 100) / "model.safetensors"));
}

// A run that was interrupted while it removed leaves no half checkpoint, and the next removal cleans up.
TEST_F(RetentionTest, AnInterruptedRemovalIsCompletedLater) {
  for (const int64_t step : {100, 200}) save(step);
  check(make_folders(run() / ".removing_50"));
  std::ofstream(run() / ".removing_50" / "model.safetensors") << "half";
  EXPECT_EQ(steps(), (std::vector<int64_t>{100, 200}));
  EXPECT_TRUE(take(remove_surplus(run(), 200, 5, -1)).empty());
  EXPECT_FALSE(fs::exists(run() / ".removing_50"));
}

TEST(SurplusSteps, LaterStepsOfAnotherCourseAreNotCounted) {
  EXPECT_EQ(surplus_steps({1, 2, 3, 4}, 2, 1, {}), (std::vector<int64_t>{2}));
  EXPECT_EQ(surplus_steps({1, 2}, 2, -1, {}), std::vector<int64_t>{});
}

}  // namespace
}  // namespace lathe::train
