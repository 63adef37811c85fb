#include "optim/ema.h"

#include <gtest/gtest.h>

#include "tests/optim/optim_testing.h"
#include "tests/ref/testing.h"

namespace lathe::optim {
namespace {

using lathe::testing::check;
using lathe::testing::is_close;

// L-11.52
TEST(Ema, StartsAsACopyThenAverages) {
  const auto p = make_parameter("w", {5}, 1);
  Ema ema({p.get()}, 0.75);
  EXPECT_FALSE(ema.started());
  EXPECT_TRUE(ema.state_tensors().empty());
  ema.update();
  EXPECT_TRUE(is_close(ema.state_tensors().at(0).second.span<float>(), p->value.span<float>(), {0, 0}));
  const float first = p->value.data<float>()[2];
  p->value.data<float>()[2] = first + 4;
  ema.update();
  EXPECT_NEAR(ema.state_tensors().at(0).second.data<float>()[2], first + 1, 1e-6);
  EXPECT_EQ(ema.updates(), 2);
}

// L-11.52
TEST(Ema, SwapShowsTheAverageAndBringsTheLiveWeightsBackUntouched) {
  const auto p = make_parameter("w", {40, 3}, 1);
  const Tensor first = p->value.clone();
  Ema ema({p.get()}, 0.9);
  ema.update();
  fill_normal(p->value, 2, 1.0f);
  const Tensor live = p->value.clone();
  ema.swap();
  EXPECT_TRUE(ema.swapped());
  EXPECT_TRUE(is_close(p->value.span<float>(), first.span<float>(), {0, 0}));
  for (int64_t i = 0; i < 120; ++i) EXPECT_EQ(p->compute.data<bf16>()[i].bits, bf16(first.data<float>()[i]).bits);
  EXPECT_THROW(ema.update(), std::invalid_argument);
  EXPECT_THROW(ema.state_tensors(), std::invalid_argument);
  ema.swap();
  EXPECT_TRUE(is_close(p->value.span<float>(), live.span<float>(), {0, 0}));
  for (int64_t i = 0; i < 120; ++i) EXPECT_EQ(p->compute.data<bf16>()[i].bits, bf16(live.data<float>()[i]).bits);
}

// L-11.52
TEST(Ema, IsSavedAndRestoredOrNothingChanges) {
  const auto p = make_parameter("w", {6}, 1);
  Ema ema({p.get()}, 0.5);
  ema.update();
  fill_normal(p->value, 9, 1.0f);
  ema.update();
  const auto saved = ema.state_tensors();
  EXPECT_EQ(saved.at(0).first, "ema.w");
  Ema other({p.get()}, 0.5);
  check(other.load(saved, ema.updates()));
  EXPECT_EQ(other.updates(), 2);
  EXPECT_TRUE(is_close(other.state_tensors().at(0).second.span<float>(), saved.at(0).second.span<float>(), {0, 0}));
  Ema third({p.get()}, 0.5);
  EXPECT_NE(third.load({}, 1).error().to_string().find("ema.w"), std::string::npos);
  EXPECT_FALSE(third.load({{"ema.w", Tensor::zeros({7}, DType::kFloat32)}}, 1).ok());
  EXPECT_FALSE(third.load({{"ema.w", Tensor::zeros({6}, DType::kBFloat16)}}, 1).ok());
  EXPECT_FALSE(third.load(saved, -1).ok());
  EXPECT_FALSE(third.started());
}

TEST(Ema, RefusesNonsense) {
  const auto p = make_parameter("w", {6}, 1);
  EXPECT_THROW(Ema({p.get()}, 1.0), std::invalid_argument);
  EXPECT_THROW(Ema({p.get()}, -0.1), std::invalid_argument);
  Ema ema({p.get()}, 0.5);
  EXPECT_THROW(ema.swap(), std::invalid_argument);
}

}  // namespace
}  // namespace lathe::optim
