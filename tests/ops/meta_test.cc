// On the meta device ops check and shape, and touch no memory.
#include "ops/activation.h"
#include "ops/dropout.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "ops/smear.h"
#include "ops/update.h"
#include "ops/value_gate.h"
#include "tests/ops/op_test.h"

namespace lathe::ops::test {
namespace {

Tensor meta(Shape shape, DType dtype = DType::kBFloat16) { return Tensor::empty(shape, dtype, Device::kMeta); }

// Trap M4: every size here is beyond 32 bits, in elements and in bytes.
TEST(TrapM4, ShapesBeyond32BitsKeepTheirSizes) {
  Context ctx(Device::kMeta);
  const int64_t rows = int64_t{3} << 20, columns = 8192;
  const Shape wide{rows, columns};
  const Tensor x = meta(wide), weight = meta({columns}), gradient = meta({columns}, DType::kFloat32);
  EXPECT_EQ(x.elements(), rows * columns);
  EXPECT_EQ(x.bytes(), 2 * rows * columns);
  const auto keeps_shape = [&](const Tensor& y) { return y.shape() == wide && y.raw() == nullptr && y.dtype() == DType::kBFloat16; };

  RmsNormSaved rms;
  EXPECT_TRUE(keeps_shape(rms_norm(ctx, x, weight, 1e-5f, 1, &rms)));
  rms_norm_backward(ctx, x, x, weight, 1, rms, x, gradient);
  LayerNormSaved norm;
  EXPECT_TRUE(keeps_shape(layer_norm(ctx, x, weight, weight, 1e-5f, &norm)));
  layer_norm_backward(ctx, x, x, weight, norm, x, gradient, gradient);
  EXPECT_TRUE(keeps_shape(activation(ctx, x, Activation::kReluSquared)));
  EXPECT_TRUE(keeps_shape(gated(ctx, x, x, Activation::kSilu)));
  EXPECT_TRUE(keeps_shape(add(ctx, x, x)));
  EXPECT_TRUE(keeps_shape(dropout(ctx, x, 0.5f, {})));
  EXPECT_TRUE(keeps_shape(value_gate(ctx, x, x, meta({rows, 8}), 2)));
  EXPECT_TRUE(keeps_shape(mix(ctx, x, {}, x, {})));
  const Tensor lambda = meta({1}, DType::kFloat32), tap = meta({1, 24});
  SmearSaved gate;
  EXPECT_TRUE(keeps_shape(smear(ctx, x, tap, lambda, Tensor(), 4, &gate)));
  smear_backward(ctx, x, x, tap, lambda, 4, gate, x, meta({1, 24}, DType::kFloat32), lambda);
  const Tensor table = meta({columns, 32}, DType::kFloat32), positions = meta({rows}, DType::kInt32);
  EXPECT_TRUE(keeps_shape(rope(ctx, x, table, table, positions, 128, 1, Tensor())));
  EXPECT_TRUE(keeps_shape(embedding(ctx, meta({65536, columns}), positions)));
  EXPECT_EQ(linear(ctx, x, meta({65536, columns}), Tensor()).shape(), (Shape{rows, 65536}));
  EXPECT_EQ(first_columns(ctx, x, 32).shape(), (Shape{rows, 32}));
  EXPECT_EQ(ctx.arena().growths(), 0);
  EXPECT_REFUSAL("[add]", add(ctx, x, meta({rows, columns + 1})));
}

// A rehearsal on the meta device measures the slab that the real run needs.
TEST(MetaDevice, PeakIsThatOfTheRealRun) {
  const auto run = [](Context& ctx) {
    const Device device = ctx.device();
    const Tensor x = Tensor::zeros({33, 70}, DType::kFloat32, device), w = Tensor::zeros({50, 70}, DType::kFloat32, device);
    Tensor y = linear(ctx, rms_norm(ctx, x, Tensor(), 1e-5f, 1, nullptr), w, Tensor());
    y = activation(ctx, y, Activation::kSilu);
    y = gated(ctx, y, y, Activation::kSilu);
  };
  Context rehearsal(Device::kMeta), real;
  run(rehearsal);
  real.arena().reserve(rehearsal.arena().peak_bytes());
  run(real);
  EXPECT_GT(rehearsal.arena().peak_bytes(), 0);
  EXPECT_EQ(real.arena().peak_bytes(), rehearsal.arena().peak_bytes());
  EXPECT_EQ(real.arena().growths(), 0);
}

}  // namespace
}  // namespace lathe::ops::test
