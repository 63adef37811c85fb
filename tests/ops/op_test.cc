#include "tests/ops/op_test.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/parallel.h"

namespace lathe::ops::test {
namespace {

constexpr float kBefore = 0.25f;  // what an added-to gradient holds before

bool has_gradient(Role role) { return role != Role::kTable && role != Role::kIndex; }
bool is_added(Role role) { return role == Role::kRowsAdded || role == Role::kWeight || role == Role::kScalars; }
bool is_sliced(Role role) { return role == Role::kRows || role == Role::kRowsAdded || role == Role::kIndex; }

DType operand_dtype(Role role, DType dtype) {
  if (role == Role::kIndex) return DType::kInt32;
  return role == Role::kScalars || role == Role::kTable ? DType::kFloat32 : dtype;
}
DType gradient_dtype(Role role, DType dtype) { return role == Role::kWeight || role == Role::kScalars ? DType::kFloat32 : dtype; }

std::vector<Values> input_values(const OpCase& op, DType dtype) {
  std::vector<Values> all;
  for (const Operand& operand : op.operands) {
    const uint64_t seed = 100 + all.size();
    Values values = random_values(operand.shape.elements(), seed, operand_dtype(operand.role, dtype), operand.size);
    if (operand.role == Role::kIndex) {
      Rng rng(seed, "index");
      for (double& value : values) value = static_cast<double>(rng.below(static_cast<uint64_t>(operand.limit)));
    }
    all.push_back(std::move(values));
  }
  return all;
}

std::vector<Tensor> input_tensors(const OpCase& op, DType dtype) {
  const auto values = input_values(op, dtype);
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < values.size(); ++i)
    tensors.push_back(make_tensor(values[i], op.operands[i].shape, operand_dtype(op.operands[i].role, dtype)));
  return tensors;
}

void fill(const Tensor& x, float value) {
  if (x.dtype() == DType::kFloat32) std::fill_n(x.data<float>(), x.elements(), value);
  if (x.dtype() == DType::kBFloat16) std::fill_n(x.data<bf16>(), x.elements(), bf16(value));
}

std::vector<Tensor> gradient_tensors(const OpCase& op, const std::vector<Tensor>& in, DType dtype) {
  std::vector<Tensor> grads(op.operands.size());
  for (size_t i = 0; i < grads.size(); ++i) {
    const Role role = op.operands[i].role;
    if (!has_gradient(role)) continue;
    grads[i] = Tensor::empty(in[i].shape(), gradient_dtype(role, dtype));
    fill(grads[i], is_added(role) ? kBefore : std::numeric_limits<float>::quiet_NaN());
  }
  return grads;
}

// Result, then gradients.
std::vector<Tensor> run_all(const OpCase& op, const std::vector<Tensor>& in, DType dtype, const Tensor& dy_or_empty) {
  Context ctx;
  const Tensor result = op.forward(ctx, in);
  std::vector<Tensor> out = {result.clone()};
  if (!op.backward) return out;
  const Tensor dy = dy_or_empty ? dy_or_empty : make_tensor(random_values(result.elements(), 7, dtype), result.shape(), dtype);
  const std::vector<Tensor> grads = gradient_tensors(op, in, dtype);
  op.backward(ctx, in, dy, grads);
  for (const Tensor& grad : grads)
    if (grad) out.push_back(grad);
  return out;
}

std::string row_bytes(const Tensor& x, int64_t row) { return bytes_of({x.rows(row, row + 1)}); }

}  // namespace

testing::Tolerance tolerance(const Values& expected, DType dtype) {
  double largest = 0;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  return {3e-6 * largest + 1e-7, dtype == DType::kBFloat16 ? 0x1.01p-8 : 0.0};
}

std::string bytes_of(const std::vector<Tensor>& tensors) {
  std::string bytes;
  for (const Tensor& x : tensors) bytes.append(static_cast<const char*>(x.raw()), static_cast<size_t>(x.bytes()));
  return bytes;
}

::testing::AssertionResult check_forward(const OpCase& op, DType dtype) {
  Context ctx;
  const Tensor result = op.forward(ctx, input_tensors(op, dtype));
  const Values expected = op.reference(input_values(op, dtype));
  return testing::is_close(read_values(result), expected, tolerance(expected, result.dtype()));
}

std::vector<::testing::AssertionResult> check_gradients(const OpCase& op, DType dtype, float dy_factor) {
  Context ctx;
  const auto values = input_values(op, dtype);
  const auto in = input_tensors(op, dtype);
  const Tensor result = op.forward(ctx, in);
  const Values dy = random_values(result.elements(), 7, dtype);
  Values given = dy;
  for (double& value : given) value *= dy_factor;
  const auto grads = gradient_tensors(op, in, dtype);
  op.backward(ctx, in, make_tensor(given, result.shape(), dtype), grads);
  std::vector<::testing::AssertionResult> results;
  for (size_t i = 0; i < grads.size(); ++i) {
    if (!grads[i]) continue;
    const auto of_operand = [&](const Values& moved) {
      std::vector<Values> changed = values;
      changed[i] = moved;
      return op.reference(changed);
    };
    Values expected = ref::finite_difference(of_operand, values[i], dy);
    testing::Tolerance allowed = tolerance(expected, grads[i].dtype());
    if (is_added(op.operands[i].role))
      for (double& value : expected) value += kBefore;
    // Terms of size one may cancel; a float64 difference over 2e-5 carries a noise of about 1e-10 for each term of dy.
    allowed.absolute += 1e-6 + 1e-9 * static_cast<double>(result.elements());
    results.push_back(testing::is_close(read_values(grads[i]), expected, allowed));
  }
  return results;
}

void expect_right_values(const OpCase& op, DType dtype) { EXPECT_TRUE(check_forward(op, dtype)) << op.name; }

void expect_right_gradients(const OpCase& op, DType dtype) {
  const auto results = check_gradients(op, dtype);
  EXPECT_FALSE(results.empty()) << op.name;
  for (size_t i = 0; i < results.size(); ++i) EXPECT_TRUE(results[i]) << op.name << ", gradient " << i;
}

void expect_broken_gradients_are_caught(const OpCase& op, DType dtype) {
  const auto results = check_gradients(op, dtype, 1.5f);
  EXPECT_FALSE(results.empty()) << op.name;
  for (size_t i = 0; i < results.size(); ++i) EXPECT_FALSE(results[i]) << op.name << ", gradient " << i << " went unnoticed";
}

void expect_same_bits_for_any_threads(const OpCase& op, DType dtype) {
  const auto in = input_tensors(op, dtype);
  const int before = num_threads();
  set_num_threads(1);
  const std::string alone = bytes_of(run_all(op, in, dtype, Tensor()));
  EXPECT_FALSE(alone.empty());
  for (const int threads : {2, 3}) {
    set_num_threads(threads);
    EXPECT_TRUE(bytes_of(run_all(op, in, dtype, Tensor())) == alone) << op.name << " with " << threads << " threads";
  }
  set_num_threads(before);
}

namespace {

// Of the result's shape.
Tensor random_gradient(const OpCase& op, const std::vector<Tensor>& in, DType dtype) {
  Context ctx;
  const Tensor result = op.forward(ctx, in);
  return make_tensor(random_values(result.elements(), 7, dtype), result.shape(), dtype);
}

}  // namespace

void expect_rows_are_independent(const OpCase& op, DType dtype) {
  const auto in = input_tensors(op, dtype);
  const Tensor dy = random_gradient(op, in, dtype);
  const auto many = run_all(op, in, dtype, dy);
  const int64_t rows = dy.dim(0);
  ASSERT_GT(rows, 1) << op.name;
  for (const int64_t row : {int64_t{0}, rows / 2, rows - 1}) {
    std::vector<Tensor> in_row = in;
    for (size_t i = 0; i < in.size(); ++i)
      if (is_sliced(op.operands[i].role)) in_row[i] = in[i].rows(row, row + 1);
    const auto one = run_all(op, in_row, dtype, dy.rows(row, row + 1));
    ASSERT_EQ(one.size(), many.size());
    EXPECT_TRUE(row_bytes(one[0], 0) == row_bytes(many[0], row)) << op.name << " row " << row;
    size_t out = 1;
    for (size_t i = 0; i < op.operands.size() && op.backward; ++i) {
      if (!has_gradient(op.operands[i].role)) continue;
      if (is_sliced(op.operands[i].role)) {
        EXPECT_TRUE(row_bytes(one[out], 0) == row_bytes(many[out], row)) << op.name << " gradient " << i << " of row " << row;
      }
      ++out;
    }
  }
}

void expect_poison_stays_in_its_row(const OpCase& op, DType dtype) {
  const auto in = input_tensors(op, dtype);
  const Tensor dy = random_gradient(op, in, dtype);
  const auto clean = run_all(op, in, dtype, dy);
  const int64_t rows = dy.dim(0), bad = rows / 2;
  ASSERT_GT(rows, 2) << op.name;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float poison : {std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity, 1e-40f, -3e38f})
    for (size_t i = 0; i < in.size(); ++i) {
      if (op.operands[i].role != Role::kRows && op.operands[i].role != Role::kRowsAdded) continue;
      std::vector<Tensor> poisoned = in;
      poisoned[i] = in[i].clone();
      fill(poisoned[i].rows(bad, bad + 1), poison);
      const auto many = run_all(op, poisoned, dtype, dy);
      if (std::isnan(poison)) {
        const Values row = read_values(many[0].rows(bad, bad + 1));
        EXPECT_TRUE(std::any_of(row.begin(), row.end(), [](double x) { return std::isnan(x); })) << op.name << " operand " << i;
      }
      size_t out = 0;
      const auto expect_same = [&](const std::string& what) {
        for (int64_t row = 0; row < rows; ++row) {
          if (row != bad) {
            EXPECT_TRUE(row_bytes(many[out], row) == row_bytes(clean[out], row))
                << op.name << ": " << poison << " in operand " << i << " reaches row " << row << " of " << what;
          }
        }
      };
      expect_same("the result");
      for (size_t j = 0; j < in.size() && op.backward; ++j) {
        if (!has_gradient(op.operands[j].role)) continue;
        ++out;
        if (is_sliced(op.operands[j].role)) expect_same("gradient " + std::to_string(j));
      }
    }
}

void expect_same_bits_at_any_address(const OpCase& op, DType dtype) {
  const auto in = input_tensors(op, dtype);
  std::vector<Tensor> moved;
  for (const Tensor& x : in) {
    const Tensor wider = Tensor::empty({x.elements() + 1}, x.dtype());
    moved.push_back(wider.rows(1, x.elements() + 1).reshape(x.shape()));
    moved.back().copy_from(x);
  }
  EXPECT_TRUE(bytes_of(run_all(op, moved, dtype, Tensor())) == bytes_of(run_all(op, in, dtype, Tensor()))) << op.name;
}

std::string dtype_test_name(const ::testing::TestParamInfo<DType>& info) { return dtype_name(info.param); }

// The harness itself: a wrong value, a wrong gradient and an untouched result must not pass.
TEST(OpHarness, CatchesWrongValuesAndGradients) {
  OpCase op;
  op.name = "double";
  op.operands = {{Role::kRows, {3, 5}}};
  const auto times = [](const Tensor& x, float factor, const Tensor& y) {
    for (int64_t i = 0; i < x.elements(); ++i) y.data<float>()[i] = factor * x.data<float>()[i];
  };
  op.forward = [&](Context& ctx, const std::vector<Tensor>& in) {
    Tensor y = ctx.empty_like(in[0]);
    times(in[0], 2, y);
    return y;
  };
  op.backward = [&](Context&, const std::vector<Tensor>&, const Tensor& dy, const std::vector<Tensor>& grads) { times(dy, 2, grads[0]); };
  op.reference = [](const std::vector<Values>& in) { return ref::map(in[0], [](double x) { return 2 * x; }); };
  EXPECT_TRUE(check_forward(op, DType::kFloat32));
  EXPECT_TRUE(check_gradients(op, DType::kFloat32)[0]);

  OpCase wrong = op;
  wrong.reference = [](const std::vector<Values>& in) { return ref::map(in[0], [](double x) { return 2.00002 * x; }); };
  EXPECT_FALSE(check_forward(wrong, DType::kFloat32));
  EXPECT_FALSE(check_gradients(wrong, DType::kFloat32)[0]);
  wrong = op;
  wrong.backward = [](Context&, const std::vector<Tensor>&, const Tensor&, const std::vector<Tensor>&) {};
  EXPECT_FALSE(check_gradients(wrong, DType::kFloat32)[0]);
}

}  // namespace lathe::ops::test
