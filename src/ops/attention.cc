#include "ops/attention.h"

#include <algorithm>

#include "ops/kernels.h"
#include "ops/profiler.h"

namespace lathe::ops {
namespace {

constexpr const char* kOp = "[attention]";

}  // namespace

void check_attention_shape(const AttentionShape& s) {
  require(s.batch >= 0 && s.queries >= 0, kOp, " batch ", s.batch, " and queries ", s.queries, " must not be negative");
  require(s.kv_heads > 0 && s.heads > 0 && s.heads % s.kv_heads == 0, kOp, " ", s.kv_heads,
          " key/value heads do not divide ", s.heads, " heads");
  require(s.head_dim > 0 && s.head_dim <= 256 && s.head_dim % 2 == 0, kOp, " head width ", s.head_dim,
          " is not an even number up to 256");
  require(s.scale > 0, kOp, " scale must be positive, got ", s.scale);
  require(s.softcap >= 0, kOp, " softcap must not be negative, got ", s.softcap);
  require(s.dropout >= 0 && s.dropout < 1, kOp, " dropout must be at least 0 and below 1, got ", s.dropout);
}

namespace {

Shape query_shape(const AttentionShape& s) { return {s.batch * s.queries, s.heads * s.head_dim}; }
Shape key_shape(const AttentionShape& s) { return {s.batch * s.queries, s.kv_heads * s.head_dim}; }
Shape row_shape(const AttentionShape& s) { return {s.batch, s.heads, s.queries}; }

void check_first_keys(const Context& ctx, const AttentionShape& s) {
  if (!s.first_keys) return;
  require_tensor(kOp, "first_keys", s.first_keys, {s.batch * s.queries}, DType::kInt32);
  if (ctx.meta() || ctx.device() != Device::kCpu) return;
  const auto first = s.first_keys.span<int32_t>();
  for (int64_t n = 0; n < s.batch * s.queries; ++n) {
    const int64_t query = n % s.queries, key = first[static_cast<size_t>(n)];
    require(key >= (query > 0 ? first[static_cast<size_t>(n - 1)] : 0) && key <= query, kOp, " first key ", key, " of query ",
            query, " of sequence ", n / s.queries, " is above the query or below the one before");
  }
}

void check_operands(const Context& ctx, const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape) {
  check_attention_shape(shape);
  require_activation(kOp, q);
  require_tensor(kOp, "q", q, query_shape(shape), q.dtype());
  require_tensor(kOp, "k", k, key_shape(shape), q.dtype());
  require_tensor(kOp, "v", v, key_shape(shape), q.dtype());
  check_first_keys(ctx, shape);
}

// Pairs of a query and a key it sees, times the head's width, over all heads. A product over them costs two FLOPs each.
double multiplications(const Context& ctx, const AttentionShape& s) {
  if (s.first_keys && ctx.profiler() && !ctx.meta() && ctx.device() == Device::kCpu) {
    int64_t pairs = 0;
    for (int64_t n = 0; n < s.batch * s.queries; ++n) {
      const int64_t seen = n % s.queries - s.first_keys.span<int32_t>()[static_cast<size_t>(n)] + 1;
      pairs += s.window < 0 ? seen : std::min(seen, s.window + 1);
    }
    return static_cast<double>(pairs) * static_cast<double>(s.heads * s.head_dim);
  }
  const double t = static_cast<double>(s.queries), span = s.window < 0 ? t : std::min(t, static_cast<double>(s.window + 1));
  const double pairs = span * (span + 1) / 2 + (t - span) * span;
  return pairs * static_cast<double>(s.batch * s.heads * s.head_dim);
}

uint64_t variant_of(const AttentionShape& s) {
  return shape_variant(s.head_dim, 0, 0, (s.window >= 0 && s.window < s.queries ? 1u : 0u) | (s.first_keys ? 2u : 0u));
}

}  // namespace

Tensor attention(Context& ctx, const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
                 AttentionSaved* saved) {
  check_operands(ctx, q, k, v, shape);
  Tensor y = ctx.empty_like(q);
  if (saved) saved->log_sum_exp = ctx.empty(row_shape(shape), DType::kFloat32);
  const Timed timed(ctx, "attention", 4 * multiplications(ctx, shape), bytes_of(q, k, v, y), variant_of(shape));
  if (!ctx.meta()) kernels_of(ctx.device()).attention(q, k, v, shape, y, saved ? saved->log_sum_exp : Tensor());
  return y;
}

void attention_backward(Context& ctx, const Tensor& dy, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Tensor& y, const AttentionShape& shape, const AttentionSaved& saved, const Tensor& dq,
                        const Tensor& dk, const Tensor& dv) {
  check_operands(ctx, q, k, v, shape);
  require_tensor(kOp, "dy", dy, q.shape(), q.dtype());
  require_tensor(kOp, "y", y, q.shape(), q.dtype());
  require_tensor(kOp, "log_sum_exp", saved.log_sum_exp, row_shape(shape), DType::kFloat32);
  require_tensor(kOp, "dq", dq, q.shape(), q.dtype());
  require_tensor(kOp, "dk", dk, k.shape(), q.dtype());
  require_tensor(kOp, "dv", dv, k.shape(), q.dtype());
  const Timed timed(ctx, "attention_backward", 10 * multiplications(ctx, shape), bytes_of(dy, q, k, v, y, dq, dk, dv), variant_of(shape));
  if (!ctx.meta()) kernels_of(ctx.device()).attention_backward(dy, q, k, v, y, shape, saved.log_sum_exp, dq, dk, dv);
}

Tensor attention_cached(Context& ctx, const Tensor& q, const Tensor& k_cache, const Tensor& v_cache,
                        const Tensor& lengths, const AttentionShape& shape) {
  check_attention_shape(shape);
  require(!shape.first_keys, kOp, " first_keys with a cache");
  require(shape.dropout == 0, kOp, " no dropout with a cache");
  require_activation(kOp, q);
  require_tensor(kOp, "q", q, query_shape(shape), q.dtype());
  require(k_cache.rank() == 4, kOp, " k_cache must be (B, G, capacity, D), got ", k_cache.shape());
  const int64_t capacity = k_cache.dim(2);
  const Shape cache{shape.batch, shape.kv_heads, capacity, shape.head_dim};
  require_tensor(kOp, "k_cache", k_cache, cache, q.dtype());
  require_tensor(kOp, "v_cache", v_cache, cache, q.dtype());
  require_tensor(kOp, "lengths", lengths, {shape.batch}, DType::kInt32);
  if (ctx.device() == Device::kCpu)
    for (const int32_t length : lengths.span<int32_t>())
      require(length >= shape.queries && length <= capacity, kOp, " length ", length, " is not between the ",
              shape.queries, " queries and the capacity ", capacity);
  Tensor y = ctx.empty_like(q);
  double pairs = 0, row = static_cast<double>(shape.kv_heads * shape.head_dim * dtype_size(q.dtype()));
  if (ctx.profiler() && ctx.device() == Device::kCpu)
    for (const int32_t length : lengths.span<int32_t>()) pairs += static_cast<double>(length);
  const Timed timed(ctx, "attention_cached", 4 * pairs * static_cast<double>(shape.queries * shape.heads * shape.head_dim), bytes_of(q, y) + 2 * pairs * row);
  if (!ctx.meta()) kernels_of(ctx.device()).attention_cached(q, k_cache, v_cache, lengths, shape, y);
  return y;
}

}  // namespace lathe::ops
