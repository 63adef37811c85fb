#include "autograd/tape.h"

#include "autograd/functions.h"
#include "tests/ref/testing.h"

namespace lathe::autograd {
namespace {

Tensor values(std::vector<float> x) {
  const auto n = static_cast<int64_t>(x.size());
  return Tensor::of<float>(x, {1, n});
}
std::vector<float> list(const Tensor& x) { return {x.span<float>().begin(), x.span<float>().end()}; }

// The first gradient of a value is shared, not copied: a second one must not change what others hold.
TEST(Tape, GradientsOfAValueUsedSeveralTimesAddUp) {
  ops::Context ctx;
  Tape tape(ctx, true);
  const Var a = tape.variable(values({1, 2})), b = tape.variable(values({3, 4}));
  const Var sum = add(tape, a, b);                  // a + b
  const Var y = add(tape, add(tape, sum, sum), a);  // 3 a + 2 b
  EXPECT_EQ(list(y.value), (std::vector<float>{9, 14}));
  const Tensor dy = values({1, 10});
  tape.backward(y, dy);
  EXPECT_EQ(list(tape.grad(a)), (std::vector<float>{3, 30}));
  EXPECT_EQ(list(tape.grad(b)), (std::vector<float>{2, 20}));
  EXPECT_EQ(list(dy), (std::vector<float>{1, 10}));
}

TEST(Tape, AValueThatReachesNoResultGetsNoGradient) {
  ops::Context ctx;
  Tape tape(ctx, true);
  const Var a = tape.variable(values({1, 2})), unused = tape.variable(values({1, 2})),
            fixed = tape.constant(values({5, 5}));
  add(tape, unused, fixed);
  tape.backward(add(tape, a, fixed), values({1, 1}));
  EXPECT_EQ(list(tape.grad(a)), (std::vector<float>{1, 1}));
  EXPECT_FALSE(tape.grad(unused));
  EXPECT_FALSE(fixed.wants_grad());
}

TEST(Tape, WithoutRecordingNothingIsKept) {
  ops::Context ctx;
  Tape tape(ctx, false);
  const Var a = tape.variable(values({1, 2}));
  EXPECT_FALSE(a.wants_grad());
  {
    const Var y = add(tape, a, a);
    EXPECT_GT(ctx.arena().bytes_in_use(), 0);
    EXPECT_THROW(tape.backward(y, values({1, 1})), std::invalid_argument);
  }
  EXPECT_EQ(ctx.arena().bytes_in_use(), 0);
}

// x is used outside of the recomputed part too, before and after it; y = 8 x.
TEST(Tape, ARecomputedPartIsRunAgainAndItsGradientsAddUp) {
  ops::Context ctx;
  Tape tape(ctx, true);
  int runs = 0, replays = 0;
  for (int pass = 0; pass < 2; ++pass) {
    runs = replays = 0;
    const Var x = tape.variable(values({1, 2}));
    const Var double_x = add(tape, x, x);
    const Var part = tape.recompute([&runs, &replays, x, double_x](Tape& t) {
      ++runs, replays += t.replaying();
      return add(t, add(t, double_x, x), add(t, double_x, x));  // 6 x
    });
    EXPECT_EQ(list(part.value), (std::vector<float>{6, 12}));
    const Var y = add(tape, part, double_x);
    EXPECT_EQ(runs, 1);
    tape.backward(y, values({1, 10}));
    EXPECT_EQ(runs, 2);
    EXPECT_EQ(replays, 1);
    EXPECT_FALSE(tape.replaying());
    EXPECT_EQ(list(tape.grad(x)), (std::vector<float>{8, 80}));
    tape.clear();
  }
}

TEST(Tape, OneRecomputedPartInsideAnother) {
  ops::Context ctx;
  Tape tape(ctx, true);
  const Var x = tape.variable(values({1}));
  const Var y = tape.recompute([x](Tape& outer) {
    const Var inner = outer.recompute([x](Tape& t) { return add(t, x, x); });
    return add(outer, inner, x);
  });
  EXPECT_EQ(list(y.value), (std::vector<float>{3}));
  tape.backward(y, values({2}));
  EXPECT_EQ(list(tape.grad(x)), (std::vector<float>{6}));
}

TEST(Tape, RecordsOnAfterARecomputedPartThatFailed) {
  ops::Context ctx;
  Tape tape(ctx, true);
  EXPECT_THROW(tape.recompute([](Tape&) -> Var { throw std::invalid_argument("no"); }), std::invalid_argument);
  EXPECT_TRUE(tape.recording());
}

// What a node saved goes back to the arena when the node has run, or when the tape is cleared without a backward pass.
TEST(Tape, GivesItsMemoryBack) {
  ops::Context ctx;
  Tape tape(ctx, true);
  for (const bool with_backward : {true, false}) {
    {
      const Var a = tape.variable(values({1, -2, 3, 4}));
      const Var y = activation(tape, activation(tape, a, ops::Activation::kReluSquared), ops::Activation::kSilu);
      if (with_backward) tape.backward(y, values({1, 1, 1, 1}));
    }
    tape.clear();
    EXPECT_EQ(ctx.arena().bytes_in_use(), 0);
  }
}

TEST(Tape, IsUsableAgainAfterClear) {
  ops::Context ctx;
  Tape tape(ctx, true);
  for (int round = 0; round < 3; ++round) {
    const Var a = tape.variable(values({2, 3}));
    Var y = a;
    for (int i = 0; i < 2000; ++i) y = add(tape, y, a);  // more nodes than one buffer holds
    tape.backward(y, values({1, 1}));
    EXPECT_EQ(list(tape.grad(a)), (std::vector<float>{2001, 2001}));
    tape.clear();
  }
}

TEST(Tape, ParametersCollectGradientsOverPasses) {
  ops::Context ctx;
  Parameter w;
  w.name = "w";
  w.value = w.compute = Tensor::of<float>(std::vector<float>{2, 0, 0, 2}, {2, 2});
  w.grad = Tensor::zeros({2, 2}, DType::kFloat32);
  for (int pass = 0; pass < 2; ++pass) {
    Tape tape(ctx, true);
    const Var x = tape.variable(values({1, 3}));
    tape.backward(linear(tape, x, w), values({1, 1}));
    EXPECT_EQ(list(tape.grad(x)), (std::vector<float>{2, 2}));
  }
  EXPECT_TRUE(w.has_grad);
  EXPECT_EQ(list(w.grad), (std::vector<float>{2, 6, 2, 6}));
}

TEST(Tape, TheTestScaleReachesEveryRule) {
  ops::Context ctx;
  Tape tape(ctx, true);
  tape.set_backward_scale_for_test(2);
  const Var a = tape.variable(values({1}));
  tape.backward(add(tape, add(tape, a, tape.constant(values({1}))), tape.constant(values({1}))), values({1}));
  EXPECT_EQ(list(tape.grad(a)), (std::vector<float>{4}));
}

}  // namespace
}  // namespace lathe::autograd
