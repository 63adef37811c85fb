// Backward attention. A task owns dk, dv of one key/value head of one sequence and dq of its query heads. It goes over
// blocks of 64 keys, and for each over the query heads and over the tiles of 64 queries that see the block:
//   P = exp(Q K^T - log_sum_exp)   dP = dY V^T   dS = P (dP - delta)   with delta = rowsum(dY Y), Q scaled
//   dV += P^T dY    dK += dS^T Q    dQ += dS K  (scaled at the end)
// dK and dV of a block are summed over heads, then queries upwards; dQ of a tile over blocks upwards; all in float32.
#include "ops/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/attention_backward.cc"
#include "ops/cpu/simd_targets.h"

#include <hwy/foreach_target.h>

#include "core/parallel.h"
#include "ops/cpu/attention-inl.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/thread_scratch.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {
namespace {

template <class E>
struct Operands {
  const E *dy, *q, *k, *v, *y;
  const float* log_sum_exp;
  E *dq, *dk, *dv;
  const AttentionShape& shape;
};

// The scratch of one task. Rows are `padded` floats long; *_t are transposes (column, key).
struct Buffers {
  float *k, *v, *k_t, *v_t, *dk, *dv, *q, *dy, *p, *ds;
  float *dq, *delta;  // of all heads of the group: (heads, T, padded) and (heads, T)

  static int64_t floats(int64_t padded, int64_t rows) {
    return 8 * kTile * padded + 2 * kTile * kTile + rows * (padded + 1) + 16;
  }
  Buffers(float* memory, int64_t padded, int64_t rows) {
    ScratchParts parts(memory);
    for (float** part : {&k, &v, &k_t, &v_t, &dk, &dv, &q, &dy}) *part = parts.take(kTile * padded);
    for (float** part : {&p, &ds}) *part = parts.take(kTile * kTile);
    dq = parts.take(rows * padded);
    delta = parts.take(rows);
  }
};

// p holds scores and ds dP, both (row, key); they become P and dS. Row r sees keys last_key + r - window .. last_key +
// r of the block's `keys` (a multiple of the vector length).
template <bool kMasked>
void gradient_of_scores(float* p, float* ds, int64_t rows, int64_t keys, int64_t last_key, int64_t window,
                        const float* log_sum_exp, const float* delta) {
  const Ints ints;
  for (int64_t r = 0; r < rows; ++r) {
    const Vec log_sum = splat(log_sum_exp[r]), shift = splat(delta[r]);
    const auto last = hn::Set(ints, static_cast<int32_t>(last_key + r)),
               first = hn::Set(ints, static_cast<int32_t>(last_key + r - window));
    for (int64_t j = 0; j < keys; j += kLanes) {
      float *to_p = p + r * kTile + j, *to_ds = ds + r * kTile + j;
      Vec probability = exp(hn::Sub(hn::Load(kFloats, to_p), log_sum));
      if constexpr (kMasked) {
        const auto key = hn::Iota(ints, static_cast<int32_t>(j));
        const auto hidden = hn::Or(hn::Gt(key, last), hn::Gt(first, key));
        probability = hn::IfThenZeroElse(hn::RebindMask(kFloats, hidden), probability);
      }
      hn::Store(probability, kFloats, to_p);
      hn::Store(hn::Mul(probability, hn::Sub(hn::Load(kFloats, to_ds), shift)), kFloats, to_ds);
    }
  }
}

template <class E>
void backward_of_head(const Operands<E>& x, int64_t sequence, int64_t kv_head, Buffers& buffers) {
  const AttentionShape& shape = x.shape;
  const int64_t length = shape.queries, width = shape.head_dim, padded = round_to_lanes(width);
  const int64_t group = shape.heads / shape.kv_heads,
                window = shape.window < 0 ? length : std::min(shape.window, length);
  const int64_t q_stride = shape.heads * width, kv_stride = shape.kv_heads * width;
  const int64_t q_start = sequence * length * q_stride + kv_head * group * width;  // of the group's first head
  const int64_t kv_start = sequence * length * kv_stride + kv_head * width;
  const float* log_sum_exp = x.log_sum_exp + (sequence * shape.heads + kv_head * group) * length;

  std::fill(buffers.dq, buffers.dq + group * length * padded, 0.0f);
  for (int64_t h = 0; h < group; ++h)
    for (int64_t t = 0; t < length; ++t) {
      const int64_t at = q_start + t * q_stride + h * width;
      buffers.delta[h * length + t] = sum(width, [&](Vec total, int64_t i, auto part) HWY_ATTR {
        return hn::MulAdd(load(x.dy + at + i, part), load(x.y + at + i, part), total);
      });
    }

  for (int64_t base = 0; base < length; base += kTile) {
    const int64_t keys = std::min(kTile, length - base), padded_keys = round_to_lanes(keys);
    for (int64_t j = 0; j < keys; ++j) {
      const int64_t at = kv_start + (base + j) * kv_stride;
      load_row(x.k + at, width, padded, 1, buffers.k + j * padded);
      load_row(x.v + at, width, padded, 1, buffers.v + j * padded);
    }
    transpose(buffers.k, padded, keys, padded, buffers.k_t);
    transpose(buffers.v, padded, keys, padded, buffers.v_t);
    std::fill(buffers.dk, buffers.dk + keys * padded, 0.0f);
    std::fill(buffers.dv, buffers.dv + keys * padded, 0.0f);
    const int64_t last_query = std::min(length - 1, base + keys - 1 + window);
    for (int64_t h = 0; h < group; ++h)
      for (int64_t query = base; query <= last_query; query += kTile) {
        const int64_t rows = std::min(kTile, last_query + 1 - query);
        for (int64_t r = 0; r < rows; ++r) {
          const int64_t at = q_start + (query + r) * q_stride + h * width;
          load_row(x.q + at, width, padded, shape.scale, buffers.q + r * padded);
          load_row(x.dy + at, width, padded, 1, buffers.dy + r * padded);
        }
        product<false>(buffers.q, padded, buffers.k_t, kTile, buffers.p, kTile, rows, padded_keys, width, false);
        product<false>(buffers.dy, padded, buffers.v_t, kTile, buffers.ds, kTile, rows, padded_keys, width, false);
        const bool masked = query == base || base < query + rows - 1 - window;
        (masked ? gradient_of_scores<true>
                : gradient_of_scores<false>)(buffers.p, buffers.ds, rows, padded_keys, query - base, window,
                                             log_sum_exp + h * length + query, buffers.delta + h * length + query);
        product<true>(buffers.p, kTile, buffers.dy, padded, buffers.dv, padded, keys, padded, rows, true);
        product<true>(buffers.ds, kTile, buffers.q, padded, buffers.dk, padded, keys, padded, rows, true);
        product<false>(buffers.ds, kTile, buffers.k, padded, buffers.dq + (h * length + query) * padded, padded, rows,
                       padded, keys, true);
      }
    for (int64_t j = 0; j < keys; ++j) {
      const int64_t at = kv_start + (base + j) * kv_stride;
      store_row(buffers.dk + j * padded, width, 1, x.dk + at);
      store_row(buffers.dv + j * padded, width, 1, x.dv + at);
    }
  }
  for (int64_t h = 0; h < group; ++h)
    for (int64_t t = 0; t < length; ++t)
      store_row(buffers.dq + (h * length + t) * padded, width, shape.scale, x.dq + q_start + t * q_stride + h * width);
}

void attention_backward_kernel(T dy, T q, T k, T v, T y, const AttentionShape& shape, T log_sum_exp, T dq, T dk, T dv) {
  with_activation_dtype(q.dtype(), [&](auto element) {
    using E = decltype(element);
    const Operands<E> operands{
        dy.data<E>(), q.data<E>(),  k.data<E>(),  v.data<E>(), y.data<E>(), log_sum_exp.data<float>(),
        dq.data<E>(), dk.data<E>(), dv.data<E>(), shape};
    const int64_t padded = round_to_lanes(shape.head_dim), rows = shape.heads / shape.kv_heads * shape.queries;
    parallel_for(shape.batch * shape.kv_heads, 1, [&](int64_t begin, int64_t end) {
      thread_local ThreadScratch scratch;
      Buffers buffers(scratch.floats(Buffers::floats(padded, rows)), padded, rows);
      for (int64_t task = begin; task < end; ++task)
        backward_of_head(operands, task / shape.kv_heads, task % shape.kv_heads, buffers);
    });
  });
}

}  // namespace
}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::ops::cpu {

HWY_EXPORT(attention_backward_kernel);

void attention_backward(T dy, T q, T k, T v, T y, const AttentionShape& shape, T log_sum_exp, T dq, T dk, T dv) {
  HWY_DYNAMIC_DISPATCH(attention_backward_kernel)(dy, q, k, v, y, shape, log_sum_exp, dq, dk, dv);
}

}  // namespace lathe::ops::cpu
#endif
