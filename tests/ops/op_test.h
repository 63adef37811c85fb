// One description of an op (operands, how to call it, its float64 truth) and the properties that every op must have:
// right values, right gradients, a gradient check that can fail, the same bits for any number of threads, rows that do
// not know of each other.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "ops/context.h"
#include "tests/ops/tensors.h"
#include "tests/ref/testing.h"

namespace lathe::ops::test {

enum class Role {
  kRows,       // (N, ...) of the activation dtype; its gradient is overwritten
  kRowsAdded,  // the same, but its gradient is added to
  kWeight,     // activation dtype, gradient float32 and added to
  kScalars,    // float32, gradient float32 and added to
  kTable,      // float32, no gradient
  kIndex,      // int32 (N), no gradient
};

struct Operand {
  Role role;
  Shape shape;
  double size = 1;      // values are normal with this deviation
  int64_t limit = 0;    // kIndex: values are in [0, limit)
};

struct OpCase {
  std::string name;
  std::vector<Operand> operands;
  std::function<Tensor(Context&, const std::vector<Tensor>& in)> forward;
  // Runs forward (for what it saves) and backward; grads[i] is empty where no gradient exists.
  std::function<void(Context&, const std::vector<Tensor>& in, const Tensor& dy, const std::vector<Tensor>& grads)> backward;
  std::function<Values(const std::vector<Values>& in)> reference;
};

// Rounding of one store of `dtype` plus float32 arithmetic, against the largest expected value.
testing::Tolerance tolerance(const Values& expected, DType dtype);
// Several tensors as one string of bytes.
std::string bytes_of(const std::vector<Tensor>& tensors);

::testing::AssertionResult check_forward(const OpCase& op, DType dtype);
// One result for each operand with a gradient. dy_factor != 1 spoils the backward.
std::vector<::testing::AssertionResult> check_gradients(const OpCase& op, DType dtype, float dy_factor = 1);

void expect_right_values(const OpCase& op, DType dtype);
void expect_right_gradients(const OpCase& op, DType dtype);
void expect_broken_gradients_are_caught(const OpCase& op, DType dtype);
// Result and gradients for 1, 2 and 3 threads.
void expect_same_bits_for_any_threads(const OpCase& op, DType dtype);
// Row n of the result and of the rows' gradients, computed alone and among all.
void expect_rows_are_independent(const OpCase& op, DType dtype);
// NaN, infinities, denormals and huge numbers in one row change no bit of another, and NaN is not swallowed.
void expect_poison_stays_in_its_row(const OpCase& op, DType dtype);
// Operands that begin one element behind a vector's boundary.
void expect_same_bits_at_any_address(const OpCase& op, DType dtype);

class OpTest : public ::testing::TestWithParam<DType> {};
std::string dtype_test_name(const ::testing::TestParamInfo<DType>& info);

}  // namespace lathe::ops::test

#define LATHE_OP_SUITE(suite)                                                                                             \
  class suite : public ::lathe::ops::test::OpTest {};                                                                     \
  INSTANTIATE_TEST_SUITE_P(Cpu, suite, ::testing::Values(::lathe::DType::kFloat32, ::lathe::DType::kBFloat16), \
                           ::lathe::ops::test::dtype_test_name)

// The statement throws std::invalid_argument whose text starts with `start`.
#define EXPECT_REFUSAL(start, statement)                                                     \
  try {                                                                                      \
    statement;                                                                               \
    ADD_FAILURE() << #statement << " was accepted";                                          \
  } catch (const std::invalid_argument& error) {                                             \
    EXPECT_EQ(std::string(error.what()).rfind(start, 0), 0u) << error.what();                \
  }
