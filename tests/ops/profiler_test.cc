// What operations state of themselves, and what a profiler makes of it.
#include "ops/profiler.h"

#include <cmath>
#include <cstring>

#include "ops/activation.h"
#include "ops/attention.h"
#include "ops/elementwise.h"
#include "ops/linear.h"
#include "ops/rms_norm.h"
#include "ops/update.h"
#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

const Profiler::Total* find(const Profiler& profiler, std::string_view op, std::string_view phase = "") {
  for (const Profiler::Total& total : profiler.totals())
    if (total.op == op && total.phase == phase) return &total;
  return nullptr;
}

class ProfilerTest : public ::testing::TestWithParam<DType> {};

// L-13.11: the figures of a rate are the operation's own, not the shape's rounded up to tiles.
TEST_P(ProfilerTest, CostsAreThoseOfTheFormulas) {
  const DType dtype = GetParam();
  const double size = dtype == DType::kFloat32 ? 4 : 2;
  Profiler profiler(0);
  Context ctx(Device::kMeta);
  ctx.set_profiler(&profiler);
  const auto tensor = [dtype](Shape shape) { return Tensor::empty(shape, dtype, Device::kMeta); };
  const Tensor x = tensor({17, 33}), w = tensor({9, 33}), dw = Tensor::empty({9, 33}, DType::kFloat32, Device::kMeta);
  const Tensor y = linear(ctx, x, w, Tensor());
  const char* product = dtype == DType::kFloat32 ? "matmul_fp32" : "matmul_bf16";
  ASSERT_NE(find(profiler, product), nullptr);
  EXPECT_EQ(find(profiler, product)->cost.flops, 2 * 17 * 33 * 9);
  EXPECT_EQ(find(profiler, product)->cost.bytes, size * (17 * 33 + 9 * 33 + 17 * 9));
  profiler.set_phase("backward");
  linear_backward(ctx, y, x, w, Tensor(), dw, Tensor());
  ASSERT_NE(find(profiler, product, "backward"), nullptr);
  EXPECT_EQ(find(profiler, product, "backward")->cost.bytes, size * (17 * 9 + 17 * 33) + 2 * 4 * 9 * 33) << "the sum is read and written";

  rms_norm(ctx, x, Tensor(), 1e-5f, 1, nullptr);
  EXPECT_EQ(find(profiler, "rms_norm", "backward")->cost.bytes, size * 2 * 17 * 33);

  AttentionShape shape;
  shape.batch = 2, shape.queries = 5, shape.heads = 3, shape.kv_heads = 1, shape.head_dim = 4, shape.scale = 0.5f;
  const Tensor q = tensor({10, 12}), k = tensor({10, 4});
  attention(ctx, q, k, k, shape, nullptr);
  EXPECT_EQ(find(profiler, "attention", "backward")->cost.flops, 4.0 * 15 * 4 * 6) << "1 + 2 + 3 + 4 + 5 pairs, 6 heads of width 4";
  shape.window = 1;
  profiler.set_phase("windowed");
  attention(ctx, q, k, k, shape, nullptr);
  EXPECT_EQ(find(profiler, "attention", "windowed")->cost.flops, 4.0 * 9 * 4 * 6) << "1 + 2 + 2 + 2 + 2 pairs";

  // 30 bytes a parameter in bf16: value, both moments read and written, gradient read, copy written.
  const Tensor p = Tensor::empty({100}, DType::kFloat32, Device::kMeta);
  AdamwStep step{};
  step.step = 1;
  adamw_update(ctx, p, p, p, p, step, 1, dtype == DType::kFloat32 ? Tensor() : tensor({100}));
  EXPECT_EQ(find(profiler, "adamw", "windowed")->cost.bytes, dtype == DType::kFloat32 ? 2800 : 3000);
  for (const Profiler::Total& total : profiler.totals()) EXPECT_EQ(total.seconds, 0) << total.op << ": nothing runs on the meta device";
  EXPECT_TRUE(profiler.spans().empty());
}

// L-13.6: measuring changes no result.
TEST_P(ProfilerTest, ResultsAreTheSameBitsWithAndWithout) {
  const auto run = [&](Profiler* profiler) {
    Context ctx;
    ctx.set_profiler(profiler);
    Tensor x = Tensor::empty({13, 70}, DType::kFloat32);
    for (int64_t i = 0; i < x.elements(); ++i) x.data<float>()[i] = std::sin(static_cast<float>(i));
    x = x.to(GetParam());
    const Tensor y = linear(ctx, rms_norm(ctx, x, Tensor(), 1e-5f, 1, nullptr), x, Tensor());
    return activation(ctx, add(ctx, y, y), Activation::kGelu).clone();
  };
  Profiler profiler;
  const Tensor with = run(&profiler), without = run(nullptr);
  EXPECT_EQ(std::memcmp(with.raw(), without.raw(), static_cast<size_t>(with.bytes())), 0);
  EXPECT_EQ(profiler.spans().size(), 4u);
  for (const char* op : {"rms_norm", "add", "activation"}) {
    ASSERT_NE(find(profiler, op), nullptr) << op;
    EXPECT_GT(find(profiler, op)->seconds, 0) << op;
    EXPECT_EQ(find(profiler, op)->calls, 1) << op;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ProfilerTest, ::testing::Values(DType::kFloat32, DType::kBFloat16),
                         [](const auto& info) { return info.param == DType::kFloat32 ? "fp32" : "bf16"; });

TEST(Profiler, PhasesGroupOperationsAndSpansEndWhereTheRoomDoes) {
  FakeClock clock;
  Profiler profiler(3, clock);
  Context ctx;
  ctx.set_profiler(&profiler);
  for (int i = 0; i < 2; ++i) {
    const TimedPhase phase(ctx, i == 0 ? "forward" : "backward");
    clock.advance(1);
    const Timed timed(ctx, "op", 10, 20, 7);
    clock.advance(2);
  }
  ASSERT_EQ(profiler.phases().size(), 2u);
  EXPECT_EQ(profiler.phases()[0].seconds, 3);
  ASSERT_NE(find(profiler, "op", "forward"), nullptr);
  EXPECT_EQ(find(profiler, "op", "forward")->seconds, 2);
  EXPECT_EQ(find(profiler, "op", "backward")->cost.bytes, 20);
  EXPECT_EQ(find(profiler, "op"), nullptr) << "every call was in a phase";
  ASSERT_EQ(profiler.spans().size(), 3u);
  EXPECT_EQ(profiler.dropped_spans(), 1);
  EXPECT_EQ(profiler.spans()[0].start, 1);
  EXPECT_TRUE(profiler.spans()[1].is_phase);
}

TEST(Profiler, HoldsManyKindsApart) {
  FakeClock clock;
  Profiler profiler(0, clock);
  for (uint64_t round = 0; round < 2; ++round)
    for (uint64_t variant = 0; variant < 1500; ++variant) profiler.add_op("op", variant, {1, double(variant)}, 0, 1);
  ASSERT_EQ(profiler.totals().size(), 1500u);
  for (const Profiler::Total& total : profiler.totals()) {
    EXPECT_EQ(total.calls, 2);
    EXPECT_EQ(total.cost.bytes, 2.0 * static_cast<double>(total.variant));
  }
}

TEST(Profiler, LimitsGiveTheLeastTime) {
  const Limits limits{100, 10};
  EXPECT_DOUBLE_EQ(limits.seconds({1e11, 1e9}), 1);
  EXPECT_DOUBLE_EQ(limits.seconds({1e10, 2e10}), 2);
  EXPECT_EQ(Limits{}.seconds({1, 1}), 0);
}

TEST(Profiler, VariantsOfLikeShapesAreNear) {
  const uint64_t square = shape_variant(512, 512, 512, 2), saturated = shape_variant(4096, 50000, 2048, 2);
  EXPECT_EQ(variant_distance(square, square), 0);
  EXPECT_EQ(saturated, shape_variant(1024, 1024, 1024, 2));
  EXPECT_NEAR(variant_distance(square, saturated), 3, 0.01) << "an octave on each side";
  EXPECT_GE(variant_distance(square, shape_variant(512, 512, 512, 4)), 8);
  EXPECT_LT(variant_distance(square, shape_variant(384, 512, 512, 2)), variant_distance(square, shape_variant(32, 512, 512, 2)));
}

}  // namespace
}  // namespace lathe::ops::test
