#include "tensor/tensor.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <numeric>
#include <thread>
#include <vector>

namespace lathe {
namespace {

Tensor counting(Shape shape) {
  std::vector<float> values(static_cast<size_t>(shape.elements()));
  std::iota(values.begin(), values.end(), 0.0f);
  return Tensor::of<float>(std::span<const float>(values), shape);
}

TEST(Tensor, HandlesShareMemoryUntilTheLastOneGoes) {
  Arena arena;
  {
    Tensor a = Tensor::from_arena(arena, {4, 5}, DType::kFloat32);
    EXPECT_EQ(arena.bytes_in_use(), 128);
    const Tensor b = a, c = b.rows(1, 2);
    a = Tensor();
    EXPECT_EQ(arena.bytes_in_use(), 128);
    EXPECT_FALSE(a);
    c.data<float>()[0] = 7;
    EXPECT_EQ(b.data<float>()[5], 7);
  }
  EXPECT_EQ(arena.bytes_in_use(), 0);
}

// A server's engine threads come and go with its models.
TEST(Tensor, AThreadThatEndsLeavesNothingBehind) {
  const auto held = [] {
    const struct mallinfo2 heap = mallinfo2();  // zeros under a sanitizer, of which that of addresses finds leaks itself
    return static_cast<int64_t>(heap.uordblks + heap.hblkhd);
  };
  const auto go = [] {
    std::thread([] {
      thread_local Tensor later;  // goes after the thread's list: it was there first
      later = Tensor::zeros({1}, DType::kFloat32);
      std::vector<Tensor> many;
      for (int i = 0; i < 1000; ++i) many.push_back(Tensor::zeros({1}, DType::kFloat32));
    }).join();
  };
  go();
  const int64_t before = held();
  for (int i = 0; i < 50; ++i) go();
  EXPECT_LT(held() - before, 1'000'000) << "a thousand control blocks of 72 bytes each";
}

TEST(Tensor, ViewsSeeTheRightPlaces) {
  const Tensor x = counting({3, 2, 4});
  const Tensor flat = x.reshape({6, 4}), middle = x.rows(1, 3);
  EXPECT_EQ(flat.rows(5, 6).data<float>()[0], 20);
  EXPECT_EQ(middle.shape(), (Shape{2, 2, 4}));
  EXPECT_EQ(middle.data<float>()[0], 8);
  EXPECT_EQ(x.rows(3, 3).elements(), 0);
  EXPECT_THROW(x.reshape({5, 5}), std::invalid_argument);
  EXPECT_THROW(x.rows(2, 4), std::invalid_argument);
  EXPECT_THROW(x.rows(-1, 2), std::invalid_argument);
  EXPECT_THROW(x.rows(2, 1), std::invalid_argument);
}

TEST(Tensor, CloneIsIndependentAndCopyChecks) {
  const Tensor x = counting({2, 3}), y = x.clone();
  y.data<float>()[0] = 100;
  EXPECT_EQ(x.data<float>()[0], 0);
  x.copy_from(y);
  EXPECT_EQ(x.data<float>()[0], 100);
  EXPECT_THROW(x.copy_from(counting({3, 2})), std::invalid_argument);
  EXPECT_THROW(x.copy_from(Tensor::zeros({2, 3}, DType::kBFloat16)), std::invalid_argument);
}

TEST(Tensor, ConvertsBetweenFloats) {
  const float values[] = {1.0f, 1.00390625f, -3.0e38f, 0.1f};
  const Tensor x = Tensor::of<float>(std::span<const float>(values), {4});
  const Tensor back = x.to(DType::kBFloat16).to(DType::kFloat32);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(back.data<float>()[i], round_to_bf16(values[i]));
  EXPECT_EQ(x.to(DType::kFloat64).data<double>()[3], double{0.1f});
  EXPECT_THROW(x.to(DType::kInt32), std::invalid_argument);
}

TEST(Tensor, RefusesAnotherTypeOfElement) {
  const Tensor x = Tensor::zeros({2}, DType::kBFloat16);
  EXPECT_THROW(x.data<float>(), std::invalid_argument);
  EXPECT_NO_THROW(x.data<bf16>());
}

TEST(Tensor, MetaHasAShapeAndNoMemory) {
  const Tensor x = Tensor::zeros({1 << 20, 1 << 20}, DType::kFloat32, Device::kMeta);
  EXPECT_TRUE(x);
  EXPECT_EQ(x.raw(), nullptr);
  EXPECT_EQ(x.bytes(), int64_t{4} << 40);
  EXPECT_EQ(x.rows(5, 10).raw(), nullptr);
  EXPECT_EQ(x.rows(5, 10).clone().device(), Device::kMeta);
}

TEST(Tensor, EmptySizesAreFine) {
  const Tensor x = Tensor::zeros({0, 7}, DType::kFloat32);
  EXPECT_TRUE(x);
  EXPECT_EQ(x.bytes(), 0);
  EXPECT_EQ(x.clone().shape(), (Shape{0, 7}));
}

// Trap M4: sizes are 64 bits wide, and what exceeds even those is refused, not wrapped.
TEST(TrapM4, SizesDoNotWrap) {
  EXPECT_EQ((Shape{70'000, 70'000}.elements()), int64_t{4'900'000'000});
  EXPECT_THROW(Shape({int64_t{1} << 40, int64_t{1} << 40}).elements(), std::invalid_argument);
  const Shape large{int64_t{1} << 61, 2};  // fits in elements, not in bytes
  EXPECT_THROW(Tensor::empty(large, DType::kFloat32), std::invalid_argument);
  EXPECT_THROW(Tensor::empty(large, DType::kFloat32, Device::kMeta), std::invalid_argument);
  Arena arena;
  EXPECT_THROW(Tensor::from_arena(arena, large, DType::kFloat32), std::invalid_argument);
  EXPECT_THROW(Shape({-1}), std::invalid_argument);
  EXPECT_THROW(Shape({1, 1, 1, 1, 1}), std::invalid_argument);
}

}  // namespace
}  // namespace lathe
