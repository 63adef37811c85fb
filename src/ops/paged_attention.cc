#include "ops/paged_attention.h"

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {
namespace {

void check_pages(const char* op, const PagedTensor& pages, int64_t heads, int64_t width, DType activation) {
  require(pages.data.rank() == 4, op, " pages must be (pages, G, 64, D), got ", pages.data.shape());
  const int64_t count = pages.data.dim(0);
  require_tensor(op, "pages", pages.data, {count, heads, kPagePositions, width}, pages.scales ? DType::kUInt8 : activation);
  if (pages.scales) require_tensor(op, "scales", pages.scales, {count, heads, kPagePositions}, DType::kFloat32);
}

void check_sequences(const char* op, const PagedSequences& s, int64_t queries, int64_t count) {
  const int64_t rows = s.lengths ? s.lengths.dim(0) : 0;
  require(rows > 0, op, " no sequences");
  require_tensor(op, "lengths", s.lengths, {rows}, DType::kInt32);
  require_tensor(op, "first_queries", s.first_queries, {rows + 1}, DType::kInt32);
  require_tensor(op, "first_pages", s.first_pages, {rows + 1}, DType::kInt32);
  require_indices(op, "pages", s.pages, s.pages.shape(), count);
  const int32_t *first = s.first_queries.data<int32_t>(), *pages = s.first_pages.data<int32_t>(), *lengths = s.lengths.data<int32_t>();
  require(first[0] == 0 && first[rows] == queries && pages[0] == 0 && pages[rows] == s.pages.elements(), op, " ", queries, " queries and ",
          s.pages.elements(), " pages are not those of the sequences");
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t own = first[r + 1] - first[r], held = (pages[r + 1] - pages[r]) * kPagePositions;
    require(own >= 1 && lengths[r] >= own && lengths[r] <= held, op, " length ", lengths[r], " of sequence ", r, " is not between its ", own,
            " queries and the ", held, " positions of its pages");
  }
}

}  // namespace

void append_to_pages(Context& ctx, const Tensor& x, const PagedTensor& pages, const Tensor& slots) {
  constexpr const char* kOp = "[append_to_pages]";
  require_activation(kOp, x);
  require(x.rank() == 2 && pages.data.rank() == 4 && x.dim(1) == pages.data.dim(1) * pages.data.dim(3), kOp, " x ", x.shape(),
          " does not fit pages of ", pages.data.shape());
  check_pages(kOp, pages, pages.data.dim(1), pages.data.dim(3), x.dtype());
  require_indices(kOp, "slots", slots, {x.dim(0)}, pages.data.dim(0) * kPagePositions);
  const Timed timed(ctx, "append_to_pages", 0, 2 * bytes_of(x));
  if (!ctx.meta()) kernels_of(ctx.device()).append_to_pages(x, pages, slots);
}

Tensor attention_paged(Context& ctx, const Tensor& q, const PagedTensor& keys, const PagedTensor& values, const PagedSequences& sequences,
                       const AttentionShape& shape) {
  constexpr const char* kOp = "[attention_paged]";
  check_attention_shape(shape);
  require(!shape.first_keys && shape.dropout == 0, kOp, " neither documents nor dropout with pages");
  require_activation(kOp, q);
  require(q.rank() == 2, kOp, " q must be (N, H*D), got ", q.shape());
  require_tensor(kOp, "q", q, {q.dim(0), shape.heads * shape.head_dim}, q.dtype());
  for (const PagedTensor* pages : {&keys, &values}) check_pages(kOp, *pages, shape.kv_heads, shape.head_dim, q.dtype());
  require(keys.data.dim(0) == values.data.dim(0) && bool(keys.scales) == bool(values.scales), kOp, " keys ", keys.data.shape(), " and values ",
          values.data.shape(), " differ in form");
  if (!ctx.meta()) check_sequences(kOp, sequences, q.dim(0), keys.data.dim(0));
  Tensor y = ctx.empty_like(q);
  double pairs = 0, positions = 0;
  if (ctx.profiler() && ctx.device() == Device::kCpu)
    for (int64_t r = 0; r < sequences.lengths.dim(0); ++r) {
      const int32_t* first = sequences.first_queries.data<int32_t>() + r;
      const double length = sequences.lengths.data<int32_t>()[r];
      positions += length, pairs += length * static_cast<double>(first[1] - first[0]);
    }
  const double element = static_cast<double>(dtype_size(keys.data.dtype())), width = static_cast<double>(shape.kv_heads * shape.head_dim);
  const Timed timed(ctx, "attention_paged", 4 * pairs * static_cast<double>(shape.heads * shape.head_dim), bytes_of(q, y) + 2 * positions * width * element);
  if (!ctx.meta()) kernels_of(ctx.device()).attention_paged(q, keys, values, sequences, shape, y);
  return y;
}

}  // namespace lathe::ops
