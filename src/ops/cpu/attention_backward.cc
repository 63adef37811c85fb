// Backward attention over blocks of 64 keys and tiles of 64 queries:
//   P = exp(Q K^T - log_sum_exp)   dP = dY V^T   dS = P (dP - delta)   with delta = rowsum(dY Y), Q scaled
//   dV += P^T dY    dK += dS^T Q    dQ += dS K  (scaled at the end)
// With capped scores C = cap tanh(S / cap) in the place of S, dS gets the factor 1 - (C / cap)^2.
// With dropout and D = 0 or 1 / (1 - rate) for each weight: dV += (D P)^T dY and dS = P (D dP - delta).
// dK and dV of a block are summed over heads, then queries upwards; dQ of a tile over blocks upwards; all in float32.
// Two forms take the same steps for every element. In one pass a task owns a key/value head of a sequence. With fewer
// such heads than threads need, a task owns a block of keys in a first pass and a tile of queries in a second, and P
// and dS are computed in both: 7 products for 5, but as many tasks as there are tiles.
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
  const float *log_sum_exp, *delta;
  E *dq, *dk, *dv;
  const int32_t* first_keys;  // of each query, null: 0
  const AttentionShape& shape;
};

// The scratch of one task. Rows are `padded` floats long; *_t are transposes (column, key).
struct Buffers {
  float *k, *v, *k_t, *v_t, *dk, *dv, *q, *dy, *p, *ds;
  float* dq;  // of all heads of the group (heads, T, padded), or of one tile
  alignas(64) int32_t first[kTile];  // of each row: the first key it sees, counted from the block's
  WeightDropout dropout;

  static int64_t floats(int64_t padded, int64_t dq_rows) { return (8 * kTile + dq_rows) * padded + 2 * kTile * kTile; }
  Buffers(float* memory, int64_t padded, int64_t dq_rows) {
    ScratchParts parts(memory);
    for (float** part : {&k, &v, &k_t, &v_t, &dk, &dv, &q, &dy}) *part = parts.take(kTile * padded);
    for (float** part : {&p, &ds}) *part = parts.take(kTile * kTile);
    dq = parts.take(dq_rows * padded);
  }
};

// p holds scores and ds dP, both (row, key); they become P and dS (softcap 0: scores as they are). Row r sees keys first_keys[r] .. last_key + r of the
// block's `keys` (a multiple of the vector length).
template <bool kMasked, bool kCapped>
void gradient_of_scores(float* p, float* ds, int64_t rows, int64_t keys, int64_t last_key, const int32_t* first_keys,
                        const float* log_sum_exp, const float* delta, float softcap) {
  const Ints ints;
  const Vec cap = splat(softcap), one = splat(1.0f);
  for (int64_t r = 0; r < rows; ++r) {
    const Vec log_sum = splat(log_sum_exp[r]), shift = splat(delta[r]);
    const auto last = hn::Set(ints, static_cast<int32_t>(last_key + r)), first = hn::Set(ints, first_keys[r]);
    for (int64_t j = 0; j < keys; j += kLanes) {
      float *to_p = p + r * kTile + j, *to_ds = ds + r * kTile + j;
      Vec score = hn::Load(kFloats, to_p), gradient = hn::Sub(hn::Load(kFloats, to_ds), shift);
      if constexpr (kCapped) {
        const Vec part = capped_part(score, cap);
        score = hn::Mul(cap, part);
        gradient = hn::Mul(gradient, hn::NegMulAdd(part, part, one));
      }
      Vec probability = exp(hn::Sub(score, log_sum));
      if constexpr (kMasked) {  // what is hidden may not have been computed at all
        const auto key = hn::Iota(ints, static_cast<int32_t>(j));
        const auto hidden = hn::Or(hn::Gt(key, last), hn::Gt(first, key));
        probability = hn::IfThenZeroElse(hn::RebindMask(kFloats, hidden), probability);
        gradient = hn::IfThenZeroElse(hn::RebindMask(kFloats, hidden), gradient);
      }
      hn::Store(probability, kFloats, to_p);
      hn::Store(hn::Mul(probability, gradient), kFloats, to_ds);
    }
  }
}

// dP becomes D dP, before gradient_of_scores, and P becomes D P after it. Keys are counted from `base`.
void drop_gradients(const WeightDropout& dropout, const AttentionShape& shape, int64_t rows, int64_t base, int64_t keys, float* dp) {
  const uint32_t threshold = WeightDropout::threshold(shape);
  const Vec factor = splat(WeightDropout::factor(shape));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < keys; j += kLanes) {
      float* at = dp + r * kTile + j;
      const auto kept = dropout.kept_keys(r, base + j, threshold);
      hn::Store(hn::IfThenElseZero(kept, hn::Mul(factor, hn::Load(kFloats, at))), kFloats, at);
    }
}

// One key/value head of a sequence, and the steps that both forms are made of.
template <class E>
class Head {
 public:
  Head(const Operands<E>& x, int64_t sequence, int64_t kv_head, Buffers& buffers)
      : x_(x),
        buffers_(buffers),
        length_(x.shape.queries),
        width_(x.shape.head_dim),
        padded_(round_to_lanes(width_)),
        group_(x.shape.heads / x.shape.kv_heads),
        window_(x.shape.window < 0 ? length_ : std::min(x.shape.window, length_)),
        q_stride_(x.shape.heads * width_),
        kv_stride_(x.shape.kv_heads * width_),
        q_start_(sequence * length_ * q_stride_ + kv_head * group_ * width_),
        kv_start_(sequence * length_ * kv_stride_ + kv_head * width_),
        row_start_((sequence * x.shape.heads + kv_head * group_) * length_),
        first_keys_(x.first_keys ? x.first_keys + sequence * length_ : nullptr) {}

  void one_pass() {
    std::fill(buffers_.dq, buffers_.dq + group_ * length_ * padded_, 0.0f);
    for (int64_t base = 0; base < length_; base += kTile)
      gradient_of_keys(base, [this](int64_t h, int64_t query, const Sight& sight) HWY_ATTR {
        add_product_of_rows<false>(sight, buffers_.ds, buffers_.k, buffers_.dq + (h * length_ + query) * padded_,
                                   padded_);
      });
    for (int64_t h = 0; h < group_; ++h) store_queries(h, 0, length_, buffers_.dq + h * length_ * padded_);
  }

  // dK and dV of the block at `base`; also(head, query, sight) after the part of each tile.
  template <class Also>
  void gradient_of_keys(int64_t base, const Also& also) {
    const int64_t keys = load_keys(base);
    std::fill(buffers_.dk, buffers_.dk + keys * padded_, 0.0f);
    std::fill(buffers_.dv, buffers_.dv + keys * padded_, 0.0f);
    const int64_t last_query = std::min(length_ - 1, base + keys - 1 + window_);
    for (int64_t h = 0; h < group_; ++h)
      for (int64_t query = base; query <= last_query; query += kTile) {
        if (first_keys_ && first_keys_[query] >= base + keys) break;  // nor do later ones see the block
        const int64_t rows = load_queries(h, query);
        const Sight sight = sight_of(query, rows, base, keys);
        scores(h, query, base, sight);
        if (x_.shape.dropout > 0) drop_gradients(buffers_.dropout, x_.shape, rows, base, round_to_lanes(keys), buffers_.p);
        add_product_of_keys(sight, buffers_.p, buffers_.dy, buffers_.dv, padded_);
        add_product_of_keys(sight, buffers_.ds, buffers_.q, buffers_.dk, padded_);
        also(h, query, sight);
      }
    for (int64_t j = 0; j < keys; ++j) {
      const int64_t at = kv_start_ + (base + j) * kv_stride_;
      store_row(buffers_.dk + j * padded_, width_, 1, x_.dk + at);
      store_row(buffers_.dv + j * padded_, width_, 1, x_.dv + at);
    }
  }

  // dQ of the tile at `query` of the group's head h.
  void gradient_of_queries(int64_t h, int64_t query) {
    const int64_t rows = load_queries(h, query);
    std::fill(buffers_.dq, buffers_.dq + rows * padded_, 0.0f);
    for (int64_t base = first_key(query) / kTile * kTile; base <= query; base += kTile) {
      const Sight sight = sight_of(query, rows, base, load_keys(base));
      scores(h, query, base, sight);
      add_product_of_rows<false>(sight, buffers_.ds, buffers_.k, buffers_.dq, padded_);
    }
    store_queries(h, query, rows, buffers_.dq);
  }

 private:
  int64_t first_key(int64_t query) const {
    const int64_t of_window = std::max<int64_t>(query - window_, 0);
    return first_keys_ ? std::max<int64_t>(of_window, first_keys_[query]) : of_window;
  }

  // With documents: by the row that looks back furthest.
  Sight sight_of(int64_t query, int64_t rows, int64_t base, int64_t keys) const {
    int64_t reach = window_;
    if (first_keys_) {
      reach = 0;
      for (int64_t i = query; i < query + rows; ++i) reach = std::max(reach, i - first_key(i));
    }
    return {query - base, reach, rows, keys};
  }

  int64_t load_keys(int64_t base) {
    const int64_t keys = std::min(kTile, length_ - base);
    for (int64_t j = 0; j < keys; ++j) {
      const int64_t at = kv_start_ + (base + j) * kv_stride_;
      load_row(x_.k + at, width_, padded_, 1, buffers_.k + j * padded_);
      load_row(x_.v + at, width_, padded_, 1, buffers_.v + j * padded_);
    }
    transpose(buffers_.k, padded_, keys, padded_, buffers_.k_t);
    transpose(buffers_.v, padded_, keys, padded_, buffers_.v_t);
    return keys;
  }

  int64_t load_queries(int64_t h, int64_t query) {
    const int64_t rows = std::min(kTile, length_ - query);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t at = q_start_ + (query + r) * q_stride_ + h * width_;
      load_row(x_.q + at, width_, padded_, x_.shape.scale, buffers_.q + r * padded_);
      load_row(x_.dy + at, width_, padded_, 1, buffers_.dy + r * padded_);
    }
    return rows;
  }

  void store_queries(int64_t h, int64_t query, int64_t rows, const float* dq) {
    for (int64_t r = 0; r < rows; ++r)
      store_row(dq + r * padded_, width_, x_.shape.scale, x_.dq + q_start_ + (query + r) * q_stride_ + h * width_);
  }

  void scores(int64_t h, int64_t query, int64_t base, const Sight& sight) {
    product_seen(sight, buffers_.q, padded_, buffers_.k_t, buffers_.p, width_);
    product_seen(sight, buffers_.dy, padded_, buffers_.v_t, buffers_.ds, width_);
    const int64_t row = row_start_ + h * length_ + query;
    if (x_.shape.dropout > 0) {
      for (int64_t r = 0; r < sight.rows; ++r) buffers_.dropout.set_row(x_.shape, row + r, r);
      drop_gradients(buffers_.dropout, x_.shape, sight.rows, base, round_to_lanes(sight.keys), buffers_.ds);
    }
    // Neither end of what a row sees falls from row to row.
    const bool masked = query < base + sight.keys - 1 || first_key(query + sight.rows - 1) > base;
    if (masked)
      for (int64_t r = 0; r < sight.rows; ++r) {
        buffers_.first[r] = static_cast<int32_t>(first_key(query + r) - base);
      }
    const bool capped = x_.shape.softcap > 0;
    const auto gradients = masked ? (capped ? gradient_of_scores<true, true> : gradient_of_scores<true, false>)
                                  : (capped ? gradient_of_scores<false, true> : gradient_of_scores<false, false>);
    gradients(buffers_.p, buffers_.ds, sight.rows, round_to_lanes(sight.keys), sight.offset, buffers_.first,
              x_.log_sum_exp + row, x_.delta + row, x_.shape.softcap);
  }

  const Operands<E>& x_;
  Buffers& buffers_;
  int64_t length_, width_, padded_, group_, window_, q_stride_, kv_stride_;
  int64_t q_start_, kv_start_,
      row_start_;  // of the group's first head, of the key/value head, in log_sum_exp and delta
  const int32_t* first_keys_;
};

// delta (B, H, T)
template <class E>
void row_sums(const Operands<E>& x, float* delta) {
  const int64_t length = x.shape.queries, heads = x.shape.heads, width = x.shape.head_dim;
  parallel_for(x.shape.batch * length, kTile, [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t row = begin; row < end; ++row)
      for (int64_t h = 0; h < heads; ++h) {
        const int64_t at = (row * heads + h) * width;
        delta[(row / length * heads + h) * length + row % length] =
            sum(width, [&](Vec total, int64_t i, auto part)
                           HWY_ATTR { return hn::MulAdd(load(x.dy + at + i, part), load(x.y + at + i, part), total); });
      }
  });
}

template <class E>
void backward(const Operands<E>& x) {
  const AttentionShape& shape = x.shape;
  const int64_t length = shape.queries, padded = round_to_lanes(shape.head_dim), group = shape.heads / shape.kv_heads,
                pairs = shape.batch * shape.kv_heads, tiles = (length + kTile - 1) / kTile;
  const auto run = [padded](int64_t tasks, int64_t dq_rows, const auto& task) {
    parallel_for(tasks, 1, [&](int64_t begin, int64_t end) {
      thread_local ThreadScratch scratch;
      Buffers buffers(scratch.floats(Buffers::floats(padded, dq_rows)), padded, dq_rows);
      for (int64_t i = begin; i < end; ++i) task(i, buffers);
    });
  };
  const auto head = [&](int64_t pair, Buffers& buffers) {
    return Head<E>(x, pair / shape.kv_heads, pair % shape.kv_heads, buffers);
  };

  const int64_t threads = num_threads(), rounds = (pairs + threads - 1) / threads;
  if (5 * rounds * threads <= 7 * pairs || tiles == 1) {
    run(pairs, group * length, [&](int64_t i, Buffers& buffers) { head(i, buffers).one_pass(); });
    return;
  }
  run(pairs * tiles, 0, [&](int64_t i, Buffers& buffers) {
    head(i / tiles, buffers).gradient_of_keys(folded(i % tiles, tiles) * kTile, [](int64_t, int64_t, const Sight&) {});
  });
  run(pairs * group * tiles, kTile, [&](int64_t i, Buffers& buffers) {
    const int64_t of_head = i / tiles;
    head(of_head / group, buffers).gradient_of_queries(of_head % group, folded(i % tiles, tiles) * kTile);
  });
}

void attention_backward_kernel(T dy, T q, T k, T v, T y, const AttentionShape& shape, T log_sum_exp, T dq, T dk, T dv) {
  thread_local ThreadScratch scratch;
  float* delta = scratch.floats(shape.batch * shape.heads * shape.queries);
  with_activation_dtype(q.dtype(), [&](auto element) {
    using E = decltype(element);
    const Operands<E> operands{
        dy.data<E>(), q.data<E>(),  k.data<E>(),  v.data<E>(),  y.data<E>(), log_sum_exp.data<float>(),
        delta,        dq.data<E>(), dk.data<E>(), dv.data<E>(),
        shape.first_keys ? shape.first_keys.data<int32_t>() : nullptr, shape};
    row_sums(operands, delta);
    backward(operands);
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
