#include "ops/dropout.h"
#include "core/parallel.h"

#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

constexpr DropoutKey kKey{{0x1234u, 0xABCDu}, 5};

LATHE_OP_SUITE(Dropout);

TEST_P(Dropout, DropsTheGivenShareAndScalesTheRest) {
  Context ctx;
  constexpr int64_t kCount = 200'000;
  const Tensor ones = make_tensor(Values(kCount, 1.0), {kCount}, GetParam());
  for (const float rate : {0.1f, 0.5f, 0.9f}) {
    const Values y = read_values(dropout(ctx, ones, rate, kKey));
    const double scaled = GetParam() == DType::kBFloat16 ? double{round_to_bf16(1.0f / (1.0f - rate))} : double{1.0f / (1.0f - rate)};
    int64_t dropped = 0;
    for (const double value : y) {
      ASSERT_TRUE(value == 0 || value == scaled) << value;
      dropped += value == 0;
    }
    const double expected = double{rate} * kCount, deviation = std::sqrt(expected * (1 - double{rate}));
    EXPECT_NEAR(static_cast<double>(dropped), expected, 5 * deviation) << rate;
  }
}

// The mask is a function of (key, call, element) alone: that of core's generator, whatever the length.
TEST_P(Dropout, MaskIsThatOfTheGenerator) {
  Context ctx;
  const float rate = 0.37f;
  for (const int64_t n : {1, 3, 4, 63, 64, 65, 9000}) {
    const Values y = read_values(dropout(ctx, make_tensor(Values(static_cast<size_t>(n), 1.0), {n}, GetParam()), rate, kKey));
    for (int64_t i = 0; i < n; ++i) {
      const uint32_t word = philox(static_cast<uint64_t>(i / 4), kKey.call, kKey.key)[static_cast<size_t>(i % 4)];
      ASSERT_EQ(y[static_cast<size_t>(i)] == 0, static_cast<double>(word) < double{rate} * 0x1p32) << i;
    }
  }
}

TEST_P(Dropout, CallsAndKeysGiveOtherMasks) {
  Context ctx;
  const Tensor ones = make_tensor(Values(256, 1.0), {256}, GetParam());
  const std::string mask = bytes_of({dropout(ctx, ones, 0.5f, kKey)});
  EXPECT_EQ(mask, bytes_of({dropout(ctx, ones, 0.5f, kKey)}));
  EXPECT_NE(mask, bytes_of({dropout(ctx, ones, 0.5f, {kKey.key, 6})}));
  EXPECT_NE(mask, bytes_of({dropout(ctx, ones, 0.5f, {kKey.key, kKey.call + (uint64_t{1} << 32)})}));
  EXPECT_NE(mask, bytes_of({dropout(ctx, ones, 0.5f, {{1u, 2u}, 5})}));
}

OpCase dropout_case(int64_t n) {
  OpCase op;
  op.name = join_text("dropout ", n);
  op.operands = {{Role::kRows, {n}}};
  op.forward = [](Context& ctx, const std::vector<Tensor>& in) { return dropout(ctx, in[0], 0.3f, kKey); };
  op.backward = [](Context& ctx, const std::vector<Tensor>&, const Tensor& dy, const std::vector<Tensor>& grads) {
    dropout_backward(ctx, dy, 0.3f, kKey, grads[0]);
  };
  op.reference = [](const std::vector<Values>& in) {
    Values y = in[0];
    for (size_t i = 0; i < y.size(); ++i) {
      const uint32_t word = philox(i / 4, kKey.call, kKey.key)[i % 4];
      y[i] = static_cast<double>(word) < double{0.3f} * 0x1p32 ? 0 : y[i] / (1 - double{0.3f});
    }
    return y;
  };
  return op;
}
TEST_P(Dropout, MatchesFloat64Reference) { expect_right_values(dropout_case(1001), GetParam()); }
TEST_P(Dropout, BackwardDrawsTheSameMask) { expect_right_gradients(dropout_case(131), GetParam()); }
TEST_P(Dropout, BrokenGradientIsCaught) { expect_broken_gradients_are_caught(dropout_case(131), GetParam()); }
TEST_P(Dropout, SameBitsForAnyThreadCount) { expect_same_bits_for_any_threads(dropout_case(50'001), GetParam()); }

TEST_P(Dropout, RateZeroIsTheIdentity) {
  Context ctx;
  const Tensor x = Tensor::zeros({5}, GetParam());
  EXPECT_EQ(dropout(ctx, x, 0, kKey).raw(), x.raw());
}
TEST_P(Dropout, RefusesWrongOperands) {
  Context ctx;
  const Tensor x = Tensor::zeros({5}, GetParam());
  EXPECT_REFUSAL("[dropout]", dropout(ctx, x, 1, kKey));
  EXPECT_REFUSAL("[dropout]", dropout(ctx, x, -0.1f, kKey));
  EXPECT_REFUSAL("[dropout]", dropout(ctx, x, std::nanf(""), kKey));
  EXPECT_REFUSAL("[dropout]", dropout_backward(ctx, x, 0.5f, kKey, Tensor::zeros({6}, GetParam())));
}

}  // namespace
}  // namespace lathe::ops::test
