// Forward attention. A task is a tile of up to 64 rows (queries of one head, or a few queries of several heads that
// share keys) of one sequence. Scores are kept as S^T (key, row), so that a vector holds different rows and the running
// maximum and sum need no sums across lanes; for very few rows (decoding) as S (row, key), so that no lane is idle.
// Both take the same steps for an element in the same order. Blocks of keys outside every row's reach are not visited.
//   per block:  S = Q K^T, capped where asked for;  m' = max(m, S);  p = exp(S - m');  a = exp(m - m');  l = l a + sum p;  O = O a + P V
//   at the end: y = O / l,  log_sum_exp = m + log l
// A block that a row cannot see has p = 0 and a = 1, so the row's m, l and O keep their bits.
// Where a block lies is all that contiguous keys and pages differ in (Keys); codes are decoded into the tile's scratch.
#include "ops/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/attention.cc"
#include "ops/cpu/simd_targets.h"

#include <hwy/foreach_target.h>

#include <cmath>
#include <type_traits>
#include <vector>

#include "core/parallel.h"
#include "ops/cpu/attention-inl.h"
#include "ops/cpu/attention_few_rows-inl.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/thread_scratch.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {
namespace {

// Where the keys and values of one kind are: contiguous, or in pages of kTile positions.
struct Places {
  int64_t row;       // elements from one position to the next
  int64_t sequence;  // from one sequence to the next, or from one page
  int64_t head;      // from one head to the next
  const int32_t* pages = nullptr;        // null: contiguous
  const int32_t* first_pages = nullptr;  // of each sequence

  int64_t of(int64_t number, int64_t kv_head, int64_t position) const {
    const int64_t inside = kv_head * head;
    if (pages == nullptr) return number * sequence + inside + position * row;
    return pages[first_pages[number] + position / kTile] * sequence + inside + position % kTile * row;
  }
};

// Numbers as they are (of K), or codes (K is float then) with a scale for each position.
template <class K>
struct Keys {
  const K *k, *v;  // null with codes
  const int8_t *k_codes = nullptr, *v_codes = nullptr;
  const float *k_scales = nullptr, *v_scales = nullptr;
};

template <class E, class K>
struct Operands {
  const E* q;
  Keys<K> keys;
  E* y;
  float* log_sum_exp;         // null: not wanted
  const int32_t* first_keys;  // of each query, null: 0
  Places places;
  const AttentionShape& shape;
};

struct Tile {
  int64_t sequence, kv_head;
  int64_t length, own;     // of the sequence: keys, and queries, which are the last of them
  int64_t first_row;       // row of q of its first query
  int64_t head, heads;     // query heads head .. head + heads - 1
  int64_t query, queries;  // queries query .. query + queries - 1 of each; row = (head, query)
  int64_t rows() const { return heads * queries; }
};

constexpr int64_t kFewRows = 4;

// The scratch of one tile. Rows of q, k, v and o are `padded` floats long.
struct Buffers {
  float *q, *k, *v, *o;
  float* columns;  // transpose of q, or with few rows the words of k
  float *s, *max, *sum, *decay;
  // Of each row: the first and the last key it sees; the last is its own position.
  alignas(64) int32_t first[kTile];
  alignas(64) int32_t last[kTile];
  WeightDropout dropout;

  static int64_t floats(int64_t padded) { return kTile * (5 * padded + kTile + 3); }
  Buffers(float* memory, int64_t padded) {
    ScratchParts parts(memory);
    for (float** part : {&q, &k, &v, &o, &columns}) *part = parts.take(kTile * padded);
    s = parts.take(kTile * kTile);
    for (float** part : {&max, &sum, &decay}) *part = parts.take(kTile);
  }
};

// Scores in `rows` rows of kTile floats, of which the first `columns` (a multiple of the vector length) count. Those that no
// product wrote may hold anything: they are masked later.
void cap_scores(float* s, int64_t rows, int64_t columns, float softcap) {
  const Vec cap = splat(softcap);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; c += kLanes) {
      float* at = s + r * kTile + c;
      hn::Store(hn::Mul(cap, capped_part(hn::Load(kFloats, at), cap)), kFloats, at);
    }
}

// Scores (key, row) of keys base .. base + keys - 1 become probabilities; the state of all rows moves on.
template <bool kMasked>
void softmax_block(Buffers& buffers, int64_t rows, int64_t base, int64_t keys) {
  const Ints ints;
  const Vec nothing = splat(-__builtin_inff());
  for (int64_t r = 0; r < rows; r += kLanes) {
    const auto last = hn::Load(ints, buffers.last + r), first = hn::Load(ints, buffers.first + r);
    float* column = buffers.s + r;
    const Vec old_max = hn::Load(kFloats, buffers.max + r);
    Vec max = old_max;
    for (int64_t j = 0; j < keys; ++j) {
      Vec score = hn::Load(kFloats, column + j * kTile);
      if constexpr (kMasked) {
        const auto key = hn::Set(ints, static_cast<int32_t>(base + j));
        const auto hidden = hn::Or(hn::Gt(key, last), hn::Gt(first, key));
        score = hn::IfThenElse(hn::RebindMask(kFloats, hidden), nothing, score);
        hn::Store(score, kFloats, column + j * kTile);
      }
      max = hn::Max(max, score);
    }
    const Vec reference = hn::IfThenElse(hn::Eq(max, nothing), hn::Zero(kFloats), max);
    Vec sum = hn::Zero(kFloats);
    for (int64_t j = 0; j < keys; ++j) {
      const Vec score = hn::Load(kFloats, column + j * kTile);
      Vec p = exp(hn::Sub(score, reference));
      if constexpr (kMasked) p = hn::IfThenZeroElse(hn::Eq(score, nothing), p);
      hn::Store(p, kFloats, column + j * kTile);
      sum = hn::Add(sum, p);
    }
    const Vec decay = exp(hn::Sub(old_max, reference));
    hn::Store(decay, kFloats, buffers.decay + r);
    hn::Store(max, kFloats, buffers.max + r);
    hn::Store(hn::MulAdd(hn::Load(kFloats, buffers.sum + r), decay, sum), kFloats, buffers.sum + r);
  }
}

// The same for scores (row, key) whose column 0 is key `base`.
void softmax_few_rows(Buffers& buffers, int64_t rows, int64_t base, int64_t keys) {
  const Ints ints;
  const Vec nothing = splat(-__builtin_inff());
  for (int64_t r = 0; r < rows; ++r) {
    float* row = buffers.s + r * kTile;
    const auto last = hn::Set(ints, std::min(buffers.last[r], static_cast<int32_t>(base + keys - 1)));
    const auto first = hn::Set(ints, buffers.first[r]);
    Vec max = splat(buffers.max[r]);
    for (int64_t j = 0; j < keys; j += kLanes) {
      const auto key = hn::Iota(ints, static_cast<int32_t>(base + j));
      const auto hidden = hn::Or(hn::Gt(key, last), hn::Gt(first, key));
      const Vec score = hn::IfThenElse(hn::RebindMask(kFloats, hidden), nothing, hn::Load(kFloats, row + j));
      hn::Store(score, kFloats, row + j);
      max = hn::Max(max, score);
    }
    max = hn::MaxOfLanes(kFloats, max);
    const Vec reference = hn::IfThenElse(hn::Eq(max, nothing), hn::Zero(kFloats), max);
    for (int64_t j = 0; j < keys; j += kLanes) {
      const Vec score = hn::Load(kFloats, row + j);
      hn::Store(hn::IfThenZeroElse(hn::Eq(score, nothing), exp(hn::Sub(score, reference))), kFloats, row + j);
    }
    float sum = 0;
    for (int64_t j = 0; j < keys; ++j) sum += row[j];
    const Vec decay = exp(hn::Sub(splat(buffers.max[r]), reference));
    buffers.decay[r] = hn::GetLane(decay);
    buffers.max[r] = hn::GetLane(max);
    buffers.sum[r] = hn::GetLane(hn::MulAdd(splat(buffers.sum[r]), decay, splat(sum)));
  }
}

// Probabilities (key, row), or (row, key) of few rows, whose sums have been taken: those dropped become zero.
void drop_weights(const Buffers& buffers, const AttentionShape& shape, int64_t rows, int64_t base, int64_t keys) {
  const uint32_t threshold = WeightDropout::threshold(shape);
  for (int64_t r = 0; r < rows; r += kLanes)
    for (int64_t j = 0; j < keys; ++j) {
      float* p = buffers.s + j * kTile + r;
      hn::Store(hn::IfThenElseZero(buffers.dropout.kept_rows(r, base + j, threshold), hn::Load(kFloats, p)), kFloats, p);
    }
}
void drop_weights_of_few_rows(const Buffers& buffers, const AttentionShape& shape, int64_t rows, int64_t base, int64_t keys) {
  const uint32_t threshold = WeightDropout::threshold(shape);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < keys; j += kLanes) {
      float* p = buffers.s + r * kTile + j;
      hn::Store(hn::IfThenElseZero(buffers.dropout.kept_keys(r, base + j, threshold), hn::Load(kFloats, p)), kFloats, p);
    }
}

void decay_rows(const float* decay, int64_t rows, int64_t padded, float* o) {
  for (int64_t r = 0; r < rows; ++r) {
    if (decay[r] == 1.0f) continue;
    const Vec factor = splat(decay[r]);
    for (int64_t c = 0; c < padded; c += kLanes)
      hn::Store(hn::Mul(hn::Load(kFloats, o + r * padded + c), factor), kFloats, o + r * padded + c);
  }
}

// Codes of `count` positions as numbers, in rows of `padded` floats; `ahead`: codes that come next.
void decode_rows(const int8_t* codes, const float* scales, const int8_t* ahead, int64_t count, int64_t width, int64_t padded, float* to) {
  const hn::Rebind<int8_t, Floats> bytes;
  const Ints ints;
  for (int64_t j = 0; j < count; ++j, codes += width, ahead += width, to += padded) {
    prefetch_row(ahead, width);
    const Vec scale = splat(scales[j]);
    int64_t c = 0;
    for (; c + kLanes <= width; c += kLanes)
      hn::Store(hn::Mul(hn::ConvertTo(kFloats, hn::PromoteTo(ints, hn::LoadU(bytes, codes + c))), scale), kFloats, to + c);
    for (; c < width; ++c) to[c] = static_cast<float>(codes[c]) * scales[j];
    std::fill(to + width, to + padded, 0.0f);
  }
}

template <class E, class K>
void attend(const Operands<E, K>& x, const Tile& tile, Buffers& buffers) {
  const AttentionShape& shape = x.shape;
  const int64_t width = shape.head_dim, padded = round_to_lanes(width), rows = tile.rows(),
                padded_rows = round_to_lanes(rows);
  const int64_t length = tile.length;
  int64_t window = shape.window < 0 ? length : std::min(shape.window, length);
  const int64_t position = length - tile.own + tile.query, last_position = position + tile.queries - 1;

  const auto offset = [&](int64_t r) {  // of row r in q and y
    const int64_t head = tile.head + r / tile.queries, query = tile.query + r % tile.queries;
    return ((tile.first_row + query) * shape.heads + head) * width;
  };
  const int32_t* of_document = x.first_keys ? x.first_keys + tile.first_row + tile.query : nullptr;
  const auto number = [&](int64_t r) {  // of row r in log_sum_exp
    return (tile.sequence * shape.heads + tile.head + r / tile.queries) * shape.queries + tile.query + r % tile.queries;
  };
  for (int64_t r = 0; r < rows; ++r) {
    load_row(x.q + offset(r), width, padded, shape.scale, buffers.q + r * padded);
    buffers.last[r] = static_cast<int32_t>(position + r % tile.queries);
    buffers.first[r] = buffers.last[r] - static_cast<int32_t>(window);
    if (of_document) buffers.first[r] = std::max(buffers.first[r], of_document[r % tile.queries]);
    if (shape.dropout > 0) buffers.dropout.set_row(shape, number(r), r);
  }
  // Neither falls from query to query.
  const int64_t lowest_first = std::max(buffers.first[0], 0), highest_first = buffers.first[rows - 1];
  if (of_document) {  // the furthest that any row looks back
    int64_t reach = 0;
    for (int64_t r = 0; r < tile.queries; ++r) reach = std::max<int64_t>(reach, buffers.last[r] - buffers.first[r]);
    window = reach;
  }
  std::fill(buffers.last + rows, buffers.last + padded_rows, static_cast<int32_t>(last_position));
  std::fill(buffers.first + rows, buffers.first + padded_rows, static_cast<int32_t>(highest_first));
  std::fill(buffers.o, buffers.o + rows * padded, 0.0f);
  std::fill(buffers.max, buffers.max + padded_rows, -__builtin_inff());
  std::fill(buffers.sum, buffers.sum + padded_rows, 0.0f);
  const bool few = rows <= kFewRows;
  if (!few) transpose(buffers.q, padded, rows, padded, buffers.columns);

  const bool coded = x.keys.k_codes != nullptr;
  const int64_t stride = coded ? padded : x.places.row;
  int64_t next = x.places.of(tile.sequence, tile.kv_head, lowest_first);
  for (int64_t start = lowest_first; start <= last_position;) {
    const int64_t end = std::min((start / kTile + 1) * kTile, last_position + 1), keys = end - start, at = next;
    if (end <= last_position) next = x.places.of(tile.sequence, tile.kv_head, end);
    const K *block_k, *block_v, *next_k, *next_v;
    if (!coded) block_k = x.keys.k + at, block_v = x.keys.v + at, next_k = x.keys.k + next, next_v = x.keys.v + next;
    if constexpr (std::is_same_v<K, float>) {
      if (coded) {
        decode_rows(x.keys.k_codes + at, x.keys.k_scales + at / width, x.keys.k_codes + next, keys, width, padded, buffers.k);
        decode_rows(x.keys.v_codes + at, x.keys.v_scales + at / width, x.keys.v_codes + next, keys, width, padded, buffers.v);
        block_k = next_k = buffers.k, block_v = next_v = buffers.v;
      }
    }
    if (few) {
      transpose_keys(block_k, next_k, stride, keys, width, buffers.columns);
      scores_of_few_rows<K>(buffers.q, padded, rows, buffers.columns, keys, width, buffers.s);
      if (shape.softcap > 0) cap_scores(buffers.s, rows, round_to_lanes(keys), shape.softcap);
      softmax_few_rows(buffers, rows, start, keys);
      if (shape.dropout > 0) drop_weights_of_few_rows(buffers, shape, rows, start, keys);
      decay_rows(buffers.decay, rows, padded, buffers.o);
      add_values_of_few_rows(buffers.s, rows, block_v, next_v, stride, keys, width, buffers.o, padded);
    } else {
      // Rows of several heads are computed whole.
      const Sight sight = tile.heads > 1 ? Sight::all(rows, keys) : Sight{position - start, window, rows, keys};
      for (int64_t j = 0; j < keys && !coded; ++j) {
        if (end + j <= last_position) prefetch_row(next_k + j * stride, width), prefetch_row(next_v + j * stride, width);
        load_row(block_k + j * stride, width, padded, 1, buffers.k + j * padded);
        load_row(block_v + j * stride, width, padded, 1, buffers.v + j * padded);
      }
      product_seen_by_keys(sight, buffers.k, padded, buffers.columns, buffers.s, width);
      if (shape.softcap > 0) cap_scores(buffers.s, keys, padded_rows, shape.softcap);
      const bool masked = end - 1 > position || start < highest_first;
      (masked ? softmax_block<true> : softmax_block<false>)(buffers, padded_rows, start, keys);
      if (shape.dropout > 0) drop_weights(buffers, shape, padded_rows, start, keys);
      decay_rows(buffers.decay, rows, padded, buffers.o);
      add_product_of_rows<true>(sight, buffers.s, buffers.v, buffers.o, padded);
    }
    start = end;
  }
  for (int64_t r = 0; r < rows; ++r) {
    store_row(buffers.o + r * padded, width, WeightDropout::factor(shape) / buffers.sum[r], x.y + offset(r));
    if (x.log_sum_exp) x.log_sum_exp[number(r)] = buffers.max[r] + std::log(buffers.sum[r]);
  }
}

// Sequences of equal numbers of queries; lengths: of each, null: as many keys as queries.
template <class E>
void attend_all(const Operands<E, E>& x, const int32_t* lengths) {
  const AttentionShape& shape = x.shape;
  const int64_t group = shape.heads / shape.kv_heads, padded = round_to_lanes(shape.head_dim);
  if (shape.batch == 0 || shape.queries == 0) return;
  const int64_t tile_queries = std::min(kTile, shape.queries),
                tile_heads = std::clamp<int64_t>(kTile / tile_queries, 1, group);
  const int64_t query_tiles = (shape.queries + kTile - 1) / kTile, head_tiles = (group + tile_heads - 1) / tile_heads;
  parallel_for(shape.batch * shape.kv_heads * head_tiles * query_tiles, 1, [&](int64_t begin, int64_t end) {
    thread_local ThreadScratch scratch;
    Buffers buffers(scratch.floats(Buffers::floats(padded)), padded);
    for (int64_t task = begin; task < end; ++task) {
      const int64_t number = folded(task % query_tiles, query_tiles);
      const int64_t head_tile = task / query_tiles % head_tiles, pair = task / query_tiles / head_tiles;
      Tile tile;
      tile.sequence = pair / shape.kv_heads, tile.kv_head = pair % shape.kv_heads;
      tile.length = lengths ? lengths[tile.sequence] : shape.queries, tile.own = shape.queries;
      tile.first_row = tile.sequence * shape.queries;
      tile.head = tile.kv_head * group + head_tile * tile_heads;
      tile.heads = std::min(tile_heads, group - head_tile * tile_heads);
      tile.query = number * kTile, tile.queries = std::min(kTile, shape.queries - tile.query);
      attend(x, tile, buffers);
    }
  });
}

// Sequences of any numbers of queries. Tiles cost very different times, so threads share them by their cost.
template <class E, class K>
void attend_ragged(const Operands<E, K>& x, const PagedSequences& sequences) {
  struct Task {
    Tile tile;
    double before;  // cost of those that come first
  };
  thread_local std::vector<Task> kept;
  kept.clear();
  const AttentionShape& shape = x.shape;
  const int64_t group = shape.heads / shape.kv_heads, padded = round_to_lanes(shape.head_dim);
  const int32_t *first = sequences.first_queries.data<int32_t>(), *lengths = sequences.lengths.data<int32_t>();
  double cost = 0;
  for (int64_t s = 0; s < sequences.lengths.dim(0); ++s) {
    const int64_t own = first[s + 1] - first[s], length = lengths[s], tile_queries = std::min(kTile, own),
                  tile_heads = std::clamp<int64_t>(kTile / tile_queries, 1, group);
    for (int64_t g = 0; g < shape.kv_heads; ++g)
      for (int64_t head = 0; head < group; head += tile_heads)
        for (int64_t query = 0; query < own; query += kTile) {
          const int64_t queries = std::min(kTile, own - query);
          const Tile tile{s, g, length, own, first[s], g * group + head, std::min(tile_heads, group - head), query, queries};
          const int64_t seen = length - own + query + queries;
          kept.push_back({tile, cost});
          cost += static_cast<double>((shape.window < 0 ? seen : std::min(seen, shape.window + queries)) * (tile.rows() + kFewRows));
        }
  }
  const Task* tasks = kept.data();
  const auto count = static_cast<int64_t>(kept.size()), shares = std::min<int64_t>(num_threads(), count);
  parallel_for(shares, 1, [&](int64_t begin, int64_t end) {
    thread_local ThreadScratch scratch;
    Buffers buffers(scratch.floats(Buffers::floats(padded)), padded);
    const auto first_of = [&](int64_t share) {  // the first task that begins in it
      const double from = cost * static_cast<double>(share) / static_cast<double>(shares);
      return share == shares ? tasks + count : std::partition_point(tasks, tasks + count, [&](const Task& task) { return task.before < from; });
    };
    for (const Task *task = first_of(begin), *last = first_of(end); task < last; ++task) attend(x, task->tile, buffers);
  });
}

void attention_kernel(T q, T k, T v, const AttentionShape& shape, T y, T log_sum_exp) {
  with_activation_dtype(q.dtype(), [&](auto element) {
    using E = decltype(element);
    const int64_t row = shape.kv_heads * shape.head_dim;
    attend_all(Operands<E, E>{q.data<E>(), {k.data<E>(), v.data<E>()}, y.data<E>(),
                              log_sum_exp ? log_sum_exp.data<float>() : nullptr,
                              shape.first_keys ? shape.first_keys.data<int32_t>() : nullptr,
                              {row, shape.queries * row, shape.head_dim}, shape},
               nullptr);
  });
}

void attention_cached_kernel(T q, T k_cache, T v_cache, T lengths, const AttentionShape& shape, T y) {
  with_activation_dtype(q.dtype(), [&](auto element) {
    using E = decltype(element);
    const int64_t head = k_cache.dim(2) * shape.head_dim;  // its whole capacity
    attend_all(Operands<E, E>{q.data<E>(), {k_cache.data<E>(), v_cache.data<E>()}, y.data<E>(), nullptr, nullptr,
                              {shape.head_dim, shape.kv_heads * head, head}, shape},
               lengths.data<int32_t>());
  });
}

void attention_paged_kernel(T q, const PagedTensor& keys, const PagedTensor& values, const PagedSequences& sequences, const AttentionShape& shape, T y) {
  static_assert(kTile == kPagePositions);
  const int64_t head = kTile * shape.head_dim;
  const Places places{shape.head_dim, shape.kv_heads * head, head, sequences.pages.data<int32_t>(), sequences.first_pages.data<int32_t>()};
  with_activation_dtype(q.dtype(), [&](auto element) {
    using E = decltype(element);
    if (!keys.scales) {
      const Keys<E> plain{keys.data.data<E>(), values.data.data<E>()};
      return attend_ragged(Operands<E, E>{q.data<E>(), plain, y.data<E>(), nullptr, nullptr, places, shape}, sequences);
    }
    const auto codes = [](T x) { return static_cast<const int8_t*>(x.raw()); };
    const Keys<float> coded{nullptr, nullptr, codes(keys.data), codes(values.data), keys.scales.data<float>(), values.scales.data<float>()};
    attend_ragged(Operands<E, float>{q.data<E>(), coded, y.data<E>(), nullptr, nullptr, places, shape}, sequences);
  });
}

}  // namespace
}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::ops::cpu {

HWY_EXPORT(attention_kernel);
HWY_EXPORT(attention_cached_kernel);
HWY_EXPORT(attention_paged_kernel);

void attention(T q, T k, T v, const AttentionShape& shape, T y, T log_sum_exp) {
  HWY_DYNAMIC_DISPATCH(attention_kernel)(q, k, v, shape, y, log_sum_exp);
}
void attention_cached(T q, T k_cache, T v_cache, T lengths, const AttentionShape& shape, T y) {
  HWY_DYNAMIC_DISPATCH(attention_cached_kernel)(q, k_cache, v_cache, lengths, shape, y);
}
void attention_paged(T q, const PagedTensor& keys, const PagedTensor& values, const PagedSequences& sequences, const AttentionShape& shape, T y) {
  HWY_DYNAMIC_DISPATCH(attention_paged_kernel)(q, keys, values, sequences, shape, y);
}

}  // namespace lathe::ops::cpu
#endif
