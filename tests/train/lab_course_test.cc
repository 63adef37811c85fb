#include "train/lab_course.h"

#include <gtest/gtest.h>

#include "tensor/safetensors.h"
#include "tests/ref/testing.h"
#include "train/retention.h"

namespace lathe::train {
namespace {

using lathe::testing::check;
using lathe::testing::take;

// Runs that only leave what a run leaves: checkpoints with their record.
class LabCourse : public ::testing::Test {
 protected:
  CourseRequest request(double rate = 5e-4, const std::string& data = "c4", double share = 0.67) const {
    CourseRequest r;
    r.run = run();
    r.fixed = Json(Json::Object{{"architecture", "tiny"}, {"sequence_length", 1024}});
    r.settings = Json(Json::Object{{"learning_rate", rate}, {"data_seed", 42}});
    r.sources = {{"data/" + data, "id-of-" + data, share, 1000}, {"data/books", "id-of-books", 1 - share, 500}};
    r.max_steps = r.last_step = 300;
    return r;
  }
  // The checkpoint of a step, as the loop leaves it; its loader drew `drawn` tokens from each source.
  void save(const Course& course, const CourseRequest& r, int64_t step, const std::vector<int64_t>& drawn = {10, 20}) {
    CheckpointMeta meta;
    meta.step = step;
    meta.model_config = Json::object();
    meta.user_config = Json(Json::Object{{"max_steps", r.max_steps}, {kLabRecordKey, course.record.to_json()}});
    Json list = Json::array();
    for (const int64_t tokens : drawn) list.push_back(tokens);
    meta.loader_state = Json(Json::Object{{kConsumedKey, list}});
    const fs::path folder = checkpoint_folder(r.run, step);
    check(make_folders(folder));
    check(write_safetensors(folder / "model.safetensors", {{"w", Tensor::zeros({4}, DType::kFloat32)}}));
    check(write_safetensors(folder / "optimizer.safetensors", {{"m", Tensor::zeros({4}, DType::kFloat32)}}));
    check(write_json_atomic(folder / "meta.json", meta.to_json()));
  }
  // Trains from the request's start to these steps.
  Course train(const CourseRequest& r, const std::vector<int64_t>& steps, bool finish = false) {
    Course course = take(plan_course(r));
    check(prepare_course(course, r.run));
    for (const int64_t step : steps) save(course, r, step);
    if (finish) check(write_final(r.run, steps.back()));
    return course;
  }
  std::string refusal(const CourseRequest& r) {
    const Result<Course> course = plan_course(r);
    return course.ok() ? "taken" : course.error().to_string();
  }
  std::string step(int64_t n) const { return checkpoint_folder(run(), n).string(); }
  fs::path run() const { return base_.path() / "tiny"; }
  TemporaryFolder base_;
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// L-5.40
TEST_F(LabCourse, GoesOnFromTheLatestByNumberAndSkipsWhatIsNotWhole) {
  EXPECT_EQ(take(plan_course(request())).start, CourseStart::kFresh);
  CourseRequest r = request();
  r.max_steps = r.last_step = 30000;
  train(r, {9000, 15000, 18000, 21000});
  fs::remove(fs::path(step(21000)) / "meta.json");                       // never completed
  fs::resize_file(fs::path(step(18000)) / "optimizer.safetensors", 30);  // corrupt
  const Course course = take(plan_course(r));
  EXPECT_EQ(course.start, CourseStart::kExact);
  EXPECT_EQ(course.step, 15000);
  ASSERT_EQ(course.warnings.size(), 2u);
  EXPECT_TRUE(has(course.warnings[0] + course.warnings[1], step(18000)));
  EXPECT_TRUE(has(course.warnings[0] + course.warnings[1], step(21000)));
}

// L-5.41
TEST_F(LabCourse, AFinishedRunIsDoneAndALargerHorizonGoesOn) {
  CourseRequest r = request();
  train(r, {100, 300});
  EXPECT_EQ(take(plan_course(r)).start, CourseStart::kExact) << "stopped before `final` was written";
  check(write_final(r.run, 300));
  const Course done = take(plan_course(r));
  EXPECT_EQ(done.start, CourseStart::kFinished);
  EXPECT_TRUE(has(done.lines.at(0), "Already done"));
  r.max_steps = r.last_step = 400;
  const Course longer = take(plan_course(r));
  EXPECT_EQ(longer.start, CourseStart::kExact);
  EXPECT_EQ(longer.step, 300);
  ASSERT_EQ(longer.lines.size(), 2u);
  EXPECT_TRUE(has(longer.lines[1], "max_steps is now 400, was 300"));
  // `final` is enough where the step's own folder is gone.
  fs::remove_all(step(300));
  EXPECT_EQ(take(plan_course(r)).from, run() / "final");
  check(prepare_course(take(plan_course(r)), run()));
  EXPECT_EQ(take(read_lab_checkpoint(step(300))).meta.step, 300);
}

// L-5.41, L-5.35
TEST_F(LabCourse, APhaseThatReachedItsStopIsDoneWithoutAFinalFolder) {
  CourseRequest r = request();
  r.last_step = 150;
  train(r, {100, 150});
  EXPECT_EQ(take(plan_course(r)).start, CourseStart::kFinished);
  EXPECT_FALSE(fs::exists(run() / "final"));
}

// L-5.42
TEST_F(LabCourse, ANamedCheckpointMustExist) {
  CourseRequest r = request();
  r.resume_from = step(150);
  EXPECT_TRUE(has(refusal(r), "no such checkpoint"));
  train(request(), {100, 200});
  r.resume_from = step(100);
  r.force = true;
  EXPECT_EQ(take(plan_course(r)).step, 100);
}

// L-5.62
TEST_F(LabCourse, AChangedSettingStopsWithKeyValuesAndTheTwoWaysOut) {
  train(request(), {100});
  const std::string text = refusal(request(1e-4));
  for (const char* part : {"learning_rate", "1e-04", "5e-04", "--resume_from_checkpoint", "another --output_dir"}) EXPECT_TRUE(has(text, part)) << part << ": " << text;
  EXPECT_TRUE(has(refusal(request(5e-4, "fineweb")), "data_dirs"));
  EXPECT_TRUE(has(refusal(request(5e-4, "c4", 0.5)), "data_weights"));
  CourseRequest shorter = request();
  shorter.max_steps = shorter.last_step = 200;
  EXPECT_TRUE(has(refusal(shorter), "max_steps"));
}

// L-5.45
TEST_F(LabCourse, AnotherSplitOfTheBatchIsRefusedNotReordered) {
  CourseRequest r = request();
  r.settings["per_device_train_batch_size"] = 8;
  train(r, {100});
  r.settings["per_device_train_batch_size"] = 4;
  EXPECT_TRUE(has(refusal(r), "per_device_train_batch_size"));
}

// L-5.34
TEST_F(LabCourse, OtherDataAreAPhaseChangeThatMustBeNamed) {
  CourseRequest a = request();
  a.last_step = 150;
  train(a, {50, 150});
  CourseRequest b = request(3e-4, "fineweb", 0.5);
  EXPECT_TRUE(has(refusal(b), "--resume_from_checkpoint " + step(150)));
  b.resume_from = step(150);
  const Course course = take(plan_course(b));
  EXPECT_EQ(course.start, CourseStart::kPhase);
  EXPECT_EQ(course.step, 150);
  EXPECT_EQ(course.phase(), 1);  // keys the order of the data
  EXPECT_TRUE(has(course.lines.at(0), "Phase 2 begins"));
  // The history of the checkpoints has both phases.
  check(prepare_course(course, run()));
  save(course, b, 200);
  const LabCheckpoint later = take(read_lab_checkpoint(step(200)));
  ASSERT_EQ(later.record.phases.size(), 2u);
  EXPECT_EQ(later.record.phases[0].sources[0].path, "data/c4");
  EXPECT_EQ(later.record.phases[1].from_step, 150);
  EXPECT_EQ(later.record.phases[1].from, fs::weakly_canonical(step(150)).string());
  EXPECT_EQ(later.record.phases[1].settings.at("learning_rate"), Json(3e-4));
  // Without the flag the second phase goes on exactly.
  b.resume_from = "";
  EXPECT_EQ(take(plan_course(b)).start, CourseStart::kExact);
  EXPECT_EQ(take(plan_course(b)).step, 200);
}

// L-5.34
TEST_F(LabCourse, ArchitectureTokenizerAndLengthStayOverPhases) {
  train(request(), {100});
  CourseRequest r = request(3e-4, "fineweb");
  r.resume_from = step(100);
  r.fixed["sequence_length"] = 2048;
  EXPECT_TRUE(has(refusal(r), "sequence_length"));
}

// L-5.36
TEST_F(LabCourse, TheSourceOfAPhaseIsMarkedAsOneThatStays) {
  CourseRequest a = request();
  a.last_step = 150;
  train(a, {50, 150});
  CourseRequest b = request(3e-4, "fineweb");
  b.resume_from = step(50);
  b.force = true;  // 150 makes way
  train(b, {100, 200, 250});
  take(remove_surplus(run(), 250, 1, -1));
  EXPECT_EQ(take(checkpoint_steps(run())), (std::vector<int64_t>{50, 250}));
  EXPECT_TRUE(fs::exists(run() / "aside_1" / checkpoint_folder(run(), 150).filename() / "model.safetensors"));
}

// L-5.61
TEST_F(LabCourse, APhaseTypedAgainAfterACrashNamesBothCheckpointsAndTheWayOn) {
  CourseRequest a = request();
  a.last_step = 150;
  train(a, {150});
  CourseRequest b = request(3e-4, "fineweb");
  b.resume_from = step(150);
  train(b, {200, 250});
  const std::string text = refusal(b);
  for (const std::string& part : {step(150), step(250), std::string("drop --resume_from_checkpoint"), std::string("--force")}) EXPECT_TRUE(has(text, part)) << text;
  b.force = true;
  const Course again = take(plan_course(b));
  EXPECT_EQ(again.start, CourseStart::kPhase);
  check(prepare_course(again, run()));
  EXPECT_EQ(take(checkpoint_steps(run())), (std::vector<int64_t>{150}));
  EXPECT_TRUE(fs::exists(run() / "aside_1" / fs::path(step(250)).filename() / "model.safetensors"));
  // An exact resume from an earlier step is the same case.
  CourseRequest exact = request();
  exact.last_step = 160;
  exact.resume_from = step(150);
  EXPECT_EQ(take(plan_course(exact)).start, CourseStart::kExact);
}

// L-5.61
TEST_F(LabCourse, LaterCheckpointsOfAnotherCourseAreNotMixedIn) {
  train(request(), {100, 200});
  CourseRequest b = request(3e-4, "fineweb");
  b.resume_from = step(100);
  EXPECT_TRUE(has(refusal(b), "another course"));
}

TEST_F(LabCourse, ACheckpointOfAnotherFolderIsTakenOver) {
  train(request(), {100, 200});
  CourseRequest b = request(3e-4, "fineweb");
  b.resume_from = step(200);
  b.run = base_.path() / "other";
  const Course course = take(plan_course(b));
  EXPECT_EQ(course.start, CourseStart::kPhase);
  check(prepare_course(course, b.run));
  EXPECT_EQ(take(read_lab_checkpoint(checkpoint_folder(b.run, 200))).meta.step, 200);
  EXPECT_TRUE(fs::exists(fs::path(step(200)) / kKeepFile));
  EXPECT_TRUE(fs::exists(checkpoint_folder(b.run, 200) / kKeepFile));
  EXPECT_EQ(take(checkpoint_steps(run())).size(), 2u);
}

TEST_F(LabCourse, ForceAloneStartsOverAndMovesAllAside) {
  train(request(), {100, 300}, true);
  CourseRequest r = request(1e-4);
  r.force = true;
  const Course course = take(plan_course(r));
  EXPECT_EQ(course.start, CourseStart::kFresh);
  check(prepare_course(course, run()));
  EXPECT_TRUE(take(checkpoint_steps(run())).empty());
  EXPECT_FALSE(fs::exists(run() / "final"));
  EXPECT_TRUE(fs::exists(run() / "aside_1" / "final" / "meta.json"));
}

// C32: `final` is the complete state, marked finished; the step it was made from is not.
TEST_F(LabCourse, FinalIsWholeAndMarked) {
  train(request(), {300}, true);
  const LabCheckpoint final = take(read_lab_checkpoint(run() / "final"));
  EXPECT_TRUE(final.finished);
  EXPECT_EQ(final.meta.step, 300);
  EXPECT_TRUE(fs::exists(run() / "final" / "optimizer.safetensors"));
  EXPECT_FALSE(take(read_lab_checkpoint(step(300))).finished);
}

// L-5.53, L-5.55
TEST_F(LabCourse, EquivalentEpochsGoOnOverPhasesFromWhatWasDrawn) {
  CourseRequest a = request();
  a.last_step = 150;
  const Course first = train(a, {});
  save(first, a, 150, {2000, 250});  // c4 twice, half of the books
  CourseRequest b = request(3e-4, "fineweb");
  b.resume_from = step(150);
  const Course second = take(plan_course(b));
  const auto epochs = equivalent_epochs(second.record, total_consumed(second.record.phases.back(), {500, 250}));
  ASSERT_EQ(epochs.sources.size(), 2u);
  EXPECT_DOUBLE_EQ(epochs.sources[0].second, 0.5);  // fineweb, 500 of 1,000
  EXPECT_DOUBLE_EQ(epochs.sources[1].second, 1.0);  // books, 250 + 250 of 500
  EXPECT_DOUBLE_EQ(epochs.total, 3000.0 / 2500);
  EXPECT_EQ(epochs.line(), "equivalent epochs: 1.2000, data/fineweb 0.5000, data/books 1.0000");
}

// L-5.57
TEST(PerplexityWatch, WarnsAfterThreeRisesOnceTheDataWereSeenWhole) {
  PerplexityWatch watch(3);
  for (const double perplexity : {10.0, 9.0, 9.1, 9.2}) EXPECT_EQ(watch.add(perplexity, 1.5), "");
  EXPECT_TRUE(has(watch.add(9.3, 1.5), "3 evaluations in a row"));
  EXPECT_EQ(watch.add(9.2, 1.6), "");  // it fell: counting starts anew
  PerplexityWatch early(3);
  for (const double perplexity : {1.0, 2.0, 3.0, 4.0}) EXPECT_EQ(early.add(perplexity, 1.0), "");
}

}  // namespace
}  // namespace lathe::train
