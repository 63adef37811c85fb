// Batches of preference pairs, reference log-probabilities in a file, the watch over a run.
#include "train/preference_score.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "tests/train/preference_fixture.h"
#include "train/preference_watch.h"
#include "train/reference_cache.h"

namespace lathe::train {
namespace {

using lathe::testing::random_model;
using lathe::testing::random_set;
using lathe::testing::take;

// L-9.7, L-9.13
TEST(PairBatch, CountsAnswersWithTheirStopTokenAndSharesThePrompt) {
  const data::EncodedPair a{{1, 2, 3}, {4, 9}, {5, 6, 9}}, b{{7}, {8, 9}, {9}};
  const std::vector<const data::EncodedPair*> pairs = {&a, &b};
  PairBatch batch(pairs);
  EXPECT_EQ(batch.rows(), 4);
  EXPECT_EQ(batch.columns(), 5);
  const std::vector<int32_t> ids = {1, 2, 3, 4, 0, /**/ 7, 8, 0, 0, 0, /**/ 1, 2, 3, 5, 6, /**/ 7, 0, 0, 0, 0};
  const std::vector<int32_t> targets = {-1,      -1, 4, 9, -1, /**/ 8, 9,  -1, -1, -1,
                                        /**/ -1, -1, 5, 6, 9,  /**/ 9, -1, -1, -1, -1};
  const model::Batch inputs = batch.batch();
  EXPECT_EQ(std::vector<int32_t>(inputs.ids.span<int32_t>().begin(), inputs.ids.span<int32_t>().end()), ids);
  const Tensor out = batch.targets();
  EXPECT_EQ(std::vector<int32_t>(out.span<int32_t>().begin(), out.span<int32_t>().end()), targets);
  EXPECT_EQ(batch.answer_tokens(), 8);
  EXPECT_EQ(batch.padding(), 1 + 3 + 0 + 4);
  std::vector<float> nll;
  for (int i = 0; i < 20; ++i) nll.push_back(static_cast<float>(i));
  const std::vector<AnswerSums> sums = batch.sums(Tensor::of<float>(nll, {20}));
  EXPECT_EQ(sums[0].chosen, -5);
  EXPECT_EQ(sums[0].rejected, -(12 + 13 + 14));
  EXPECT_EQ(sums[1].chosen, -11);
  EXPECT_EQ(sums[1].rejected, -15);
  const std::vector<double> by_chosen = {-0.5, -0.25}, by_rejected = {0.5, 0.125};
  const Tensor factors = batch.factors(by_chosen, by_rejected);
  for (int64_t i = 0; i < 20; ++i) {
    const float expected = targets[static_cast<size_t>(i)] < 0 ? 0.0f
                           : i < 5                             ? 0.5f
                           : i < 10                            ? 0.25f
                           : i < 15                            ? -0.5f
                                                               : -0.125f;
    EXPECT_EQ(factors.data<float>()[i], expected) << i;
  }
}

TEST(ScorePairs, GivesEachAnswerTheSameBitsInAnyCompany) {
  auto model = random_model(lathe::testing::small_models(32)[0].config, DType::kBFloat16);
  const PreferenceSet set = random_set(9, 4);
  ops::Context ctx;
  const std::vector<AnswerSums> together = score_pairs(*model, ctx, set.pairs, 8);
  for (size_t i = 0; i < set.pairs.size(); ++i) {
    const std::vector<AnswerSums> alone = score_pairs(*model, ctx, std::span(set.pairs).subspan(i, 1), 2);
    EXPECT_EQ(alone[0].chosen, together[i].chosen);
    EXPECT_EQ(alone[0].rejected, together[i].rejected);
  }
}

class ReferenceFile : public ::testing::Test {
 protected:
  Json key(const std::string& model = "m") const {
    return Json(Json::Object{{"model", model}, {"data", "d"}, {"max_length", 64}});
  }
  TemporaryFolder folder_;
  fs::path file_ = folder_.path() / "reference" / "train.safetensors";
  std::vector<AnswerSums> sums_ = {{-1.5f, -2.25f}, {-3, -4}};
};

// L-9.8: keyed by hashes, verified before use.
TEST_F(ReferenceFile, IsUsedForTheSameKeyAloneAndComputedOnce) {
  int computed = 0;
  const auto compute = [&] {
    ++computed;
    return sums_;
  };
  EXPECT_EQ(take(reference_sums(file_, key(), 2, compute))[1].rejected, -4);
  EXPECT_EQ(take(reference_sums(file_, key(), 2, compute))[0].chosen, -1.5f);
  EXPECT_EQ(computed, 1);
  EXPECT_NE(read_reference_cache(file_, key("other"), 2).error().message.find("another model"), std::string::npos);
  take(reference_sums(file_, key("other"), 2, compute));
  EXPECT_EQ(computed, 2);
  take(reference_sums(file_, key(), 2, compute));  // the file is the other model's now
  EXPECT_EQ(computed, 3);
}

TEST_F(ReferenceFile, ThatIsDamagedOrOfOtherDataIsRefused) {
  lathe::testing::check(write_reference_cache(file_, {key(), sums_}));
  EXPECT_NE(read_reference_cache(file_, key(), 3).error().message.find("2 pairs"), std::string::npos);
  fs::resize_file(file_, fs::file_size(file_) - 4);
  EXPECT_FALSE(read_reference_cache(file_, key(), 2).ok());
  int computed = 0;
  take(reference_sums(file_, key(), 2, [&] { return ++computed, sums_; }));
  EXPECT_EQ(computed, 1);
  sums_[0].chosen = std::nanf("");
  lathe::testing::check(write_reference_cache(file_, {key(), sums_}));
  EXPECT_NE(read_reference_cache(file_, key(), 2).error().message.find("not finite"), std::string::npos);
  std::ofstream(file_) << "nothing of the kind";
  EXPECT_FALSE(read_reference_cache(file_, key(), 2).ok());
}

// The numbers took long to compute: a place that cannot be written to costs the file, not the run.
TEST_F(ReferenceFile, ThatCannotBeWrittenDoesNotEndTheRun) {
  std::ofstream(folder_.path() / "reference") << "a file where the folder should be";
  EXPECT_EQ(take(reference_sums(file_, key(), 2, [&] { return sums_; }))[1].rejected, -4);
}

TEST(WeightsSha256, ChangesWithAnyNumber) {
  auto model = random_model(lathe::testing::small_models(32)[3].config, DType::kFloat32);
  const std::string before = weights_sha256(model->parameters());
  EXPECT_EQ(weights_sha256(model->parameters()), before);
  model->parameters().back()->value.data<float>()[0] += 1e-3f;
  EXPECT_NE(weights_sha256(model->parameters()), before);
}

int count_warnings(PreferenceWatch& watch, int64_t steps, const std::function<double(int64_t)>& margin,
                   const std::function<double(int64_t)>& ratio) {
  int count = 0;
  for (int64_t step = 0; step < steps; ++step)
    count += static_cast<int>(watch.observe(step, margin(step), ratio(step)).size());
  return count;
}

// L-9.12
TEST(PreferenceWatch, WarnsOnceWhenTheMarginStaysAtZero) {
  const auto none = [](int64_t) { return 0.0; };
  PreferenceWatch still, moving, short_run;
  EXPECT_EQ(count_warnings(
                still, 300, [](int64_t) { return 1e-5; }, none),
            1);
  EXPECT_EQ(count_warnings(
                moving, 300, [](int64_t step) { return 1e-3 * static_cast<double>(step); }, none),
            0);
  EXPECT_EQ(count_warnings(short_run, 60, none, none), 0);
}

// L-9.14
TEST(PreferenceWatch, WarnsOnceWhenTheChosenAnswersFallSteadily) {
  const auto margin = [](int64_t) { return 1.0; };
  PreferenceWatch falling, wavering, rising;
  EXPECT_EQ(count_warnings(falling, 300, margin, [](int64_t step) { return -0.05 * static_cast<double>(step); }), 1);
  EXPECT_EQ(count_warnings(wavering, 300, margin, [](int64_t step) { return step / 25 % 2 == 0 ? -2.0 : -3.0; }), 0);
  EXPECT_EQ(count_warnings(rising, 300, margin, [](int64_t step) { return 0.05 * static_cast<double>(step); }), 0);
}

TEST(PreferenceWatch, GoesOnWhereItsStateStopped) {
  const auto fall = [](int64_t step) { return -0.05 * static_cast<double>(step); };
  PreferenceWatch whole, first, second;
  for (int64_t step = 0; step < 200; ++step) whole.observe(step, 1, fall(step));
  for (int64_t step = 0; step < 90; ++step) first.observe(step, 1, fall(step));
  lathe::testing::check(second.restore(take(parse_json(first.state().dump()))));
  for (int64_t step = 90; step < 200; ++step) second.observe(step, 1, fall(step));
  EXPECT_EQ(second.state(), whole.state());
  EXPECT_FALSE(second.restore(Json::object()).ok());
}

}  // namespace
}  // namespace lathe::train
