// Dropout in the whole model: off outside training, the same for the same key, unbiased over many keys.
#include <cmath>

#include "core/parallel.h"
#include "tests/ref/small_models.h"

namespace lathe::testing {
namespace {

class ModelDropout : public ::testing::Test {
 protected:
  ModelDropout() {
    set_num_threads(1);
    config_ = model::gpt2_config(plain());
    config_.dropout = 0.2;
    model_ = random_model(config_, DType::kFloat32);
    model::ModelConfig none = config_;
    none.dropout = 0;
    without_ = random_model(none, DType::kFloat32);
    ids_ = random_ids(20, config_.vocab_size, 1);
  }
  ~ModelDropout() override { set_num_threads(2); }
  static model::PlainSize plain() {
    model::PlainSize size = small_plain(32, true);
    size.n_kv_head = size.n_head;
    return size;
  }
  std::vector<float> hidden(model::Transformer& model, bool training, uint64_t seed, uint64_t call) {
    ops::Context ctx;
    autograd::Tape tape(ctx, false);
    model::Batch batch;
    batch.ids = ids_;
    batch.training = training;
    batch.dropout_key = rng_key(seed, "dropout");
    batch.dropout_call = call;
    const Tensor x = model.forward(tape, batch).value;
    return {x.span<float>().begin(), x.span<float>().end()};
  }
  model::ModelConfig config_;
  std::unique_ptr<model::Transformer> model_, without_;
  Tensor ids_;
};

TEST_F(ModelDropout, EqualKeysGiveTheSameForwardPass) {
  const std::vector<float> first = hidden(*model_, true, 5, 3);
  EXPECT_EQ(hidden(*model_, true, 5, 3), first);
  EXPECT_NE(hidden(*model_, true, 5, 4), first);
  EXPECT_NE(hidden(*model_, true, 6, 3), first);
}

TEST_F(ModelDropout, IsOffOutsideTraining) {
  EXPECT_EQ(hidden(*model_, false, 5, 3), hidden(*without_, false, 5, 3));
  EXPECT_NE(hidden(*model_, true, 5, 3), hidden(*without_, true, 5, 3));
}

// Seen at the first block's input (embedding dropout): zeros at the rate, kept values divided by 1 - rate, no bias.
TEST_F(ModelDropout, MaskHasTheRateAndKeepsTheExpectation) {
  struct Seen {
    std::vector<float> x;
  } seen;
  const auto keep = [](void* context, const std::string& name, const Tensor& x) {
    if (name == "block.0.in") static_cast<Seen*>(context)->x.assign(x.span<float>().begin(), x.span<float>().end());
  };
  model_->set_probe_for_test(keep, &seen);
  without_->set_probe_for_test(keep, &seen);
  hidden(*without_, true, 0, 0);
  const std::vector<float> full = seen.x;
  std::vector<double> mean(full.size(), 0.0);
  constexpr int kRuns = 400;
  double dropped = 0;
  for (int run = 0; run < kRuns; ++run) {
    hidden(*model_, true, 9, static_cast<uint64_t>(run));
    ASSERT_EQ(seen.x.size(), full.size());
    for (size_t i = 0; i < full.size(); ++i) {
      mean[i] += double{seen.x[i]} / kRuns;
      if (seen.x[i] == 0)
        dropped += 1;
      else
        ASSERT_NEAR(seen.x[i], full[i] / 0.8f, 1e-5f);
    }
  }
  const double draws = kRuns * static_cast<double>(full.size());
  EXPECT_NEAR(dropped / draws, 0.2, 5 * std::sqrt(0.16 / draws));
  double chi = 0;  // of every element's mean: deviation |x| sqrt(p / (1 - p) / runs)
  for (size_t i = 0; i < full.size(); ++i) {
    const double z = (mean[i] - double{full[i]}) / (std::abs(double{full[i]}) * 0.5 / std::sqrt(double{kRuns}));
    EXPECT_LT(std::abs(z), 6) << i;
    chi += z * z / static_cast<double>(full.size());
  }
  EXPECT_NEAR(chi, 1, 0.3);
}

}  // namespace
}  // namespace lathe::testing
