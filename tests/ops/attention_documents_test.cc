// Documents packed into one sequence: every one gets what it gets alone.
#include <cmath>
#include <cstring>

#include "core/parallel.h"
#include "core/rng.h"
#include "ops/attention.h"
#include "tests/ref/attention_ref.h"
#include "tests/ref/testing.h"

namespace lathe::ops {
namespace {

using testing::is_close;
using testing::is_close_in_norm;
using testing::Tolerance;

Tensor random_tensor(Shape shape, DType dtype, uint64_t seed) {
  Tensor x = Tensor::empty(shape, DType::kFloat32);
  Rng rng(seed, "documents test");
  for (float& value : x.span<float>()) value = static_cast<float>(rng.normal());
  return dtype == DType::kFloat32 ? x : x.to(dtype);
}

using Lengths = std::vector<std::vector<int64_t>>;  // of the documents of each sequence; equal sums

struct Problem {
  AttentionShape shape;
  Lengths lengths;
  Tensor q, k, v, dy;
};

Problem make_problem(const Lengths& lengths, int64_t heads, int64_t kv_heads, int64_t width, int64_t window, DType dtype) {
  Problem p;
  p.lengths = lengths;
  std::vector<int32_t> first;
  for (const auto& sequence : lengths) {
    int32_t start = 0;
    for (const int64_t length : sequence) {
      first.insert(first.end(), static_cast<size_t>(length), start);
      start += static_cast<int32_t>(length);
    }
  }
  const auto rows = static_cast<int64_t>(first.size()), batch = static_cast<int64_t>(lengths.size());
  p.shape = {batch, rows / batch, heads, kv_heads, width, window, 1.0f / std::sqrt(static_cast<float>(width)), {}};
  p.shape.first_keys = Tensor::of<int32_t>(first, {rows});
  p.q = random_tensor({rows, heads * width}, dtype, 1);
  p.k = random_tensor({rows, kv_heads * width}, dtype, 2);
  p.v = random_tensor({rows, kv_heads * width}, dtype, 3);
  p.dy = random_tensor({rows, heads * width}, dtype, 4);
  return p;
}

struct Outcome {
  Tensor y, log_sum_exp, dq, dk, dv;
};

Outcome run(const Problem& p) {
  Context ctx;
  AttentionSaved saved;
  const Tensor y = attention(ctx, p.q, p.k, p.v, p.shape, &saved);
  const Tensor dq = ctx.empty_like(p.q), dk = ctx.empty_like(p.k), dv = ctx.empty_like(p.v);
  attention_backward(ctx, p.dy, p.q, p.k, p.v, y, p.shape, saved, dq, dk, dv);
  return {y.clone(), saved.log_sum_exp.clone(), dq.clone(), dk.clone(), dv.clone()};
}

std::vector<double> doubles(const Tensor& x) {
  const Tensor wide = (x.dtype() == DType::kFloat32 ? x : x.to(DType::kFloat32)).to(DType::kFloat64);
  return {wide.span<double>().begin(), wide.span<double>().end()};
}
std::vector<float> floats(const std::vector<double>& x) { return {x.begin(), x.end()}; }
std::vector<float> floats(const Tensor& x) { return floats(doubles(x)); }

struct Truth {
  std::vector<double> y, dq, dk, dv;
};

// Every document by itself, in float64.
Truth truth_of(const Problem& p) {
  Truth truth;
  int64_t row = 0;
  for (const auto& sequence : p.lengths)
    for (const int64_t length : sequence) {
      const auto part = [&](const Tensor& x) { return doubles(x.rows(row, row + length)); };
      const ref::AttentionCase alone{1, length, p.shape.heads, p.shape.kv_heads, p.shape.head_dim, p.shape.window, length, double{p.shape.scale}};
      const ref::AttentionResult result = ref::attention(part(p.q), part(p.k), part(p.v), alone);
      const ref::AttentionGradient gradient = ref::attention_gradient(part(p.dy), part(p.q), part(p.k), part(p.v), alone);
      const auto append = [](std::vector<double>& to, const std::vector<double>& from) { to.insert(to.end(), from.begin(), from.end()); };
      append(truth.y, result.y), append(truth.dq, gradient.dq), append(truth.dk, gradient.dk), append(truth.dv, gradient.dv);
      row += length;
    }
  return truth;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.bytes() == b.bytes() && a.bytes() > 0 && std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())) == 0;
}

struct Sizes {
  Lengths lengths;
  int64_t heads, kv_heads, width, window;
};
// Borders inside a block, at its edges, many in one tile; one token alone; few rows; several heads in a tile; windows.
const std::vector<Sizes>& sizes() {
  static const std::vector<Sizes> list = {
      {{{1, 1, 2}}, 2, 1, 8, -1},
      {{{3, 1}, {2, 2}}, 2, 2, 16, 1},
      {{{5, 20, 7}, {32}}, 4, 2, 16, -1},
      {{{64, 64, 2}}, 2, 1, 32, -1},
      {{{63, 2, 65, 70}}, 2, 2, 24, -1},
      {{{100, 100, 57}}, 3, 1, 40, 30},
      {{{300, 10, 7, 1, 1, 1, 64, 16}, {1, 399}}, 2, 1, 16, -1},
      {{{200, 130}, {7, 323}}, 2, 2, 64, 65},
      {{{130, 129}}, 1, 1, 128, 0},
  };
  return list;
}

class AttentionDocuments : public ::testing::TestWithParam<DType> {};

// L-7.15, L-4.8: no document sees another one, forwards or backwards, with windows, too.
TEST_P(AttentionDocuments, EachGetsWhatItGetsAlone) {
  for (const Sizes& s : sizes()) {
    const Problem p = make_problem(s.lengths, s.heads, s.kv_heads, s.width, s.window, GetParam());
    SCOPED_TRACE(join_text("T ", p.shape.queries, " D ", s.width, " window ", s.window));
    const Outcome result = run(p);
    const Truth truth = truth_of(p);
    if (GetParam() == DType::kFloat32) {
      EXPECT_TRUE(is_close(doubles(result.y), truth.y, {4e-6, 4e-6}));
      EXPECT_TRUE(is_close(doubles(result.dq), truth.dq, {2e-5, 2e-5}));
      EXPECT_TRUE(is_close(doubles(result.dk), truth.dk, {2e-5, 2e-5}));
      EXPECT_TRUE(is_close(doubles(result.dv), truth.dv, {2e-5, 2e-5}));
    } else {
      EXPECT_TRUE(is_close(doubles(result.y), truth.y, {1e-5, 0.0040}));
      if (s.window != 0) {
        EXPECT_TRUE(is_close_in_norm(floats(result.dq), floats(truth.dq), 0.01));
        EXPECT_TRUE(is_close_in_norm(floats(result.dk), floats(truth.dk), 0.01));
      }
      EXPECT_TRUE(is_close_in_norm(floats(result.dv), floats(truth.dv), 0.01));
    }
    // The comparison would notice one token that sees its neighbour.
    if (GetParam() == DType::kFloat32 && s.lengths[0].size() > 1 && s.window != 0) {
      Problem wrong = p;
      wrong.shape.first_keys = p.shape.first_keys.clone();
      const auto border = static_cast<size_t>(s.lengths[0][0]);
      for (size_t i = border; i < border + static_cast<size_t>(s.lengths[0][1]); ++i) --wrong.shape.first_keys.span<int32_t>()[i];
      const Outcome leaked = run(wrong);
      EXPECT_FALSE(is_close(doubles(leaked.y), truth.y, {4e-6, 4e-6}));
      EXPECT_FALSE(is_close(doubles(leaked.dk), truth.dk, {2e-5, 2e-5}));
      EXPECT_FALSE(is_close(doubles(leaked.dv), truth.dv, {2e-5, 2e-5}));
    }
  }
}

TEST_P(AttentionDocuments, OneDocumentHasTheBitsOfNone) {
  for (const Lengths& lengths : {Lengths{{200}, {200}}, Lengths{{3}}, Lengths{{333}}}) {
    Problem p = make_problem(lengths, 4, 2, 32, 90, GetParam());
    const Outcome with = run(p);
    p.shape.first_keys = Tensor();
    const Outcome without = run(p);
    EXPECT_TRUE(same_bits(with.y, without.y) && same_bits(with.log_sum_exp, without.log_sum_exp));
    EXPECT_TRUE(same_bits(with.dq, without.dq) && same_bits(with.dk, without.dk) && same_bits(with.dv, without.dv));
  }
}

// L-7.15: not one bit depends on the neighbours.
TEST_P(AttentionDocuments, NeighboursLeaveNoTrace) {
  const Problem p = make_problem({{70, 90, 40}}, 2, 1, 24, -1, GetParam());
  const Outcome before = run(p);
  Problem other = p;
  for (Tensor* x : {&other.q, &other.k, &other.v, &other.dy}) *x = x->clone();
  for (const Tensor& x : {other.q, other.k, other.v, other.dy})
    for (const int64_t row : {int64_t{3}, int64_t{69}, int64_t{160}, int64_t{199}})
      x.rows(row, row + 1).copy_from(random_tensor({1, x.dim(1)}, GetParam(), 99));
  const Outcome after = run(other);
  for (const auto& [a, b] : {std::pair(before.y, after.y), std::pair(before.dq, after.dq), std::pair(before.dk, after.dk), std::pair(before.dv, after.dv)}) {
    EXPECT_TRUE(same_bits(a.rows(70, 160), b.rows(70, 160)));
    EXPECT_FALSE(same_bits(a.rows(0, 70), b.rows(0, 70)));
  }
}

TEST_P(AttentionDocuments, SameBitsForAnyNumberOfThreads) {
  const int threads = num_threads();
  for (const Sizes& s : {Sizes{{{150, 33, 150}}, 1, 1, 24, -1}, Sizes{{{50, 150}, {199, 1}, {200}}, 4, 2, 32, 64}}) {
    const Problem p = make_problem(s.lengths, s.heads, s.kv_heads, s.width, s.window, GetParam());
    set_num_threads(1);
    const Outcome alone = run(p);
    for (const int n : {2, 3}) {
      set_num_threads(n);
      const Outcome shared = run(p);
      EXPECT_TRUE(same_bits(shared.y, alone.y) && same_bits(shared.dq, alone.dq) && same_bits(shared.dk, alone.dk) && same_bits(shared.dv, alone.dv));
    }
    set_num_threads(threads);
  }
}

TEST(AttentionDocumentsRefusals, FirstKeysThatFallOrLookAhead) {
  Context ctx;
  for (const auto& [place, value] : {std::pair<size_t, int32_t>{5, 6}, {5, -1}, {8, 0}}) {
    const Problem p = make_problem({{4, 6}}, 2, 1, 8, -1, DType::kFloat32);
    p.shape.first_keys.span<int32_t>()[place] = value;
    EXPECT_THROW(attention(ctx, p.q, p.k, p.v, p.shape, nullptr), std::invalid_argument) << place;
  }
  Problem p = make_problem({{4, 6}}, 2, 1, 8, -1, DType::kFloat32);
  p.shape.first_keys = Tensor::zeros({9}, DType::kInt32);
  EXPECT_THROW(attention(ctx, p.q, p.k, p.v, p.shape, nullptr), std::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(Dtypes, AttentionDocuments, ::testing::Values(DType::kFloat32, DType::kBFloat16),
                         [](const auto& info) { return std::string(dtype_name(info.param)); });

}  // namespace
}  // namespace lathe::ops
