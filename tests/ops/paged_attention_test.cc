#include "ops/paged_attention.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "core/rng.h"
#include "tests/ref/attention_ref.h"
#include "tests/ref/testing.h"

namespace lathe::ops {
namespace {

using testing::is_close;
using testing::Tolerance;

Tensor random_tensor(Shape shape, DType dtype, uint64_t seed) {
  Tensor x = Tensor::empty(shape, DType::kFloat32);
  Rng rng(seed, "paged attention test");
  for (float& value : x.span<float>()) value = static_cast<float>(rng.normal());
  return dtype == DType::kFloat32 ? x : x.to(dtype);
}

std::vector<double> doubles(const Tensor& x) {
  const Tensor wide = (x.dtype() == DType::kFloat32 ? x : x.to(DType::kFloat32)).to(DType::kFloat64);
  return {wide.span<double>().begin(), wide.span<double>().end()};
}

Tensor numbers(const std::vector<int32_t>& values) { return Tensor::of<int32_t>(values, {static_cast<int64_t>(values.size())}); }

// Three sequences of 70, 1 and 200 keys, whose last 5, 1 and 130 are queried, in pages out of order.
struct Problem {
  explicit Problem(DType dtype, bool coded) {
    const auto part = [&](int64_t rows, int64_t width, uint64_t seed) { return random_tensor({rows, width}, dtype, seed); };
    shape = {1, 0, 6, 2, 24, 50, 0.3f};
    shape.softcap = 2;
    q = part(136, 6 * 24, 1), k = part(271, 2 * 24, 2), v = part(271, 2 * 24, 3);
    for (PagedTensor* pages : {&keys, &values}) {
      pages->data = Tensor::zeros({7, 2, kPagePositions, 24}, coded ? DType::kUInt8 : dtype);
      if (coded) pages->scales = Tensor::zeros({7, 2, kPagePositions}, DType::kFloat32);
    }
    sequences = {numbers({0, 5, 6, 136}), numbers({70, 1, 200}), numbers({0, 2, 3, 7}), numbers(pages)};
    std::vector<int32_t> places;
    for (size_t s = 0; s < 3; ++s)
      for (int32_t t = 0; t < lengths[s]; ++t) places.push_back(pages[static_cast<size_t>(first_pages[s] + t / 64)] * 64 + t % 64);
    slots = numbers(places);
  }
  Tensor run(Context& ctx) const {
    append_to_pages(ctx, k, keys, slots);
    append_to_pages(ctx, v, values, slots);
    return attention_paged(ctx, q, keys, values, sequences, shape);
  }
  // Of one sequence, by the definition.
  std::vector<double> truth(size_t s) const {
    int64_t query = 0, key = 0;
    for (size_t i = 0; i < s; ++i) query += queries[i], key += lengths[i];
    const ref::AttentionCase one{1, queries[s], 6, 2, 24, 50, lengths[s], double{shape.scale}, 2};
    return ref::attention(doubles(q.rows(query, query + queries[s])), doubles(k.rows(key, key + lengths[s])), doubles(v.rows(key, key + lengths[s])), one).y;
  }

  const std::vector<int32_t> pages = {4, 1, 6, 0, 5, 2, 3}, lengths = {70, 1, 200}, queries = {5, 1, 130}, first_pages = {0, 2, 3};
  AttentionShape shape;
  Tensor q, k, v, slots;
  PagedTensor keys, values;
  PagedSequences sequences;
};

class PagedAttention : public ::testing::TestWithParam<DType> {};

// C-3.18, C-3.19
TEST_P(PagedAttention, OfRaggedSequencesMatchesFloat64Reference) {
  Context ctx;
  const Problem p(GetParam(), false);
  const Tensor y = p.run(ctx);
  const Tolerance tolerance = GetParam() == DType::kFloat32 ? Tolerance{4e-6, 4e-6} : Tolerance{1e-5, 0.0040};
  int64_t at = 0;
  for (size_t s = 0; s < 3; at += p.queries[s++]) EXPECT_TRUE(is_close(doubles(y.rows(at, at + p.queries[s])), p.truth(s), tolerance)) << "sequence " << s;
}

// A code is off by half a step, 1/254 of its head's largest number.
TEST_P(PagedAttention, OfCodesIsNearAndReadsItsOwnTokensAsCodes) {
  Context ctx;
  const Problem p(GetParam(), true);
  const Tensor y = p.run(ctx);
  int64_t at = 0;
  for (size_t s = 0; s < 3; at += p.queries[s++]) {
    const std::vector<double> truth = p.truth(s), got = doubles(y.rows(at, at + p.queries[s]));
    double difference = 0, size = 0;
    for (size_t i = 0; i < truth.size(); ++i) difference += std::pow(got[i] - truth[i], 2), size += std::pow(truth[i], 2);
    EXPECT_LT(std::sqrt(difference / size), 0.02) << "sequence " << s;
  }
  const int8_t* codes = static_cast<const int8_t*>(p.values.data.raw());
  const int64_t place = 6 * 2 * 64;  // the sequence of one key: page 6, head 0, position 0
  for (int64_t c = 0; c < 24; ++c) {
    const float value = p.values.scales.data<float>()[place] * static_cast<float>(codes[place * 24 + c]);
    EXPECT_NEAR(static_cast<double>(value), doubles(p.v.rows(70, 71))[static_cast<size_t>(c)], static_cast<double>(p.values.scales.data<float>()[place]) * 0.501);
    EXPECT_NEAR(doubles(y.rows(5, 6))[static_cast<size_t>(c)], static_cast<double>(value), GetParam() == DType::kFloat32 ? 0 : 0.004 * std::abs(static_cast<double>(value)));
  }
}

INSTANTIATE_TEST_SUITE_P(Dtypes, PagedAttention, ::testing::Values(DType::kFloat32, DType::kBFloat16),
                         [](const auto& info) { return std::string(dtype_name(info.param)); });

TEST(AppendToPages, EncodesZerosExtremesAndWhatIsNotFinite) {
  Context ctx;
  constexpr float kInfinity = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::vector<float>> heads = {{0, -0.0f, 0, 0}, {127, -127, 0.5f, -0.4f}, {3e38f, -3e38f, 1, 0}, {1e-45f, 0, 0, -1e-45f}, {1, kNan, 2, 3}, {kInfinity, 1, 2, 3}};
  const PagedTensor pages{Tensor::zeros({1, 1, kPagePositions, 4}, DType::kUInt8), Tensor::zeros({1, 1, kPagePositions}, DType::kFloat32)};
  std::vector<float> flat;
  for (const auto& head : heads) flat.insert(flat.end(), head.begin(), head.end());
  append_to_pages(ctx, Tensor::of<float>(flat, {6, 4}), pages, numbers({0, 1, 2, 3, 4, 5}));
  const auto* codes = static_cast<const int8_t*>(pages.data.raw());
  const float* scales = pages.scales.data<float>();
  for (int64_t row = 0; row < 4; ++row)
    for (int64_t c = 0; c < 4; ++c)
      EXPECT_NEAR(static_cast<double>(scales[row]) * codes[row * 4 + c], static_cast<double>(heads[static_cast<size_t>(row)][static_cast<size_t>(c)]), static_cast<double>(scales[row]) * 0.501 + 2e-45) << row;
  EXPECT_EQ(std::vector<int>(codes + 4, codes + 8), (std::vector<int>{127, -127, 1, 0}));
  for (int64_t row : {4, 5}) EXPECT_TRUE(std::isnan(scales[row] * static_cast<float>(codes[row * 4]))) << "what is not finite stays visible";
}

TEST(PagedAttentionErrors, RefuseWhatDoesNotFit) {
  Context ctx;
  const auto refused = [&](const std::function<void(Problem&)>& change) {
    Problem p(DType::kFloat32, false);
    change(p);
    EXPECT_THROW(p.run(ctx), std::invalid_argument);
  };
  refused([](Problem& p) { p.sequences.pages = numbers({4, 1, 6, 0, 5, 2, 7}); });
  refused([](Problem& p) { p.sequences.lengths = numbers({129, 1, 200}); });
  refused([](Problem& p) { p.sequences.lengths = numbers({4, 1, 200}); });
  refused([](Problem& p) { p.sequences.first_queries = numbers({0, 5, 5, 136}); });
  refused([](Problem& p) { p.sequences.first_queries = numbers({0, 5, 6, 135}); });
  refused([](Problem& p) { p.sequences.first_pages = numbers({0, 2, 3, 6}); });
  refused([](Problem& p) { p.slots.data<int32_t>()[3] = 7 * 64; });
  refused([](Problem& p) { p.values.data = Tensor::zeros({6, 2, kPagePositions, 24}, DType::kFloat32); });
  refused([](Problem& p) { p.keys.scales = Tensor::zeros({7, 2, kPagePositions}, DType::kFloat32); });
  refused([](Problem& p) { p.shape.dropout = 0.5f; });
  refused([](Problem& p) { p.q = p.q.to(DType::kBFloat16); });
}

}  // namespace
}  // namespace lathe::ops
