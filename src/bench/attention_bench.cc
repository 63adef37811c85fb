#include "bench/attention_bench.h"

#include <algorithm>
#include <cmath>

#include "bench/machine_limits.h"
#include "core/clock.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "ops/attention.h"

namespace lathe::bench {
namespace {

Tensor random_rows(int64_t rows, int64_t width, DType dtype, uint64_t seed) {
  const Tensor x = Tensor::empty({rows, width}, DType::kFloat32);
  Rng rng(seed, "bench/attention");
  for (float& value : x.span<float>()) value = static_cast<float>(rng.uniform() - 0.5);
  return dtype == DType::kFloat32 ? x : x.to(dtype);
}

// Pairs of query and key over a sequence.
double pairs_seen(int64_t length, int64_t window) {
  const int64_t reach = window < 0 ? length : std::min(window + 1, length);  // keys of a late query
  return static_cast<double>(reach) * static_cast<double>(reach + 1) / 2 +
         static_cast<double>(length - reach) * static_cast<double>(reach);
}

struct Times {
  double forward = 1e30, backward = 1e30;
  int64_t arena_bytes = 0;
};

Times time_attention(const AttentionBenchOptions& o, int64_t length, int64_t window) {
  ops::AttentionShape shape{
      o.batch, length, o.heads, o.kv_heads, o.head_dim, window, 1.0f / std::sqrt(static_cast<float>(o.head_dim))};
  const int64_t rows = o.batch * length, q_width = o.heads * o.head_dim, kv_width = o.kv_heads * o.head_dim;
  const Tensor q = random_rows(rows, q_width, o.dtype, 1), k = random_rows(rows, kv_width, o.dtype, 2),
               v = random_rows(rows, kv_width, o.dtype, 3);
  const Tensor dy = random_rows(rows, q_width, o.dtype, 4);
  const Tensor dq = Tensor::empty(q.shape(), o.dtype), dk = Tensor::empty(k.shape(), o.dtype),
               dv = Tensor::empty(v.shape(), o.dtype);
  const Clock& clock = Clock::real();
  ops::Context ctx;
  Times best;
  for (int64_t i = 0; i <= o.repeats; ++i) {
    ops::AttentionSaved saved;
    const double start = clock.seconds();
    const Tensor y = ops::attention(ctx, q, k, v, shape, &saved);
    const double middle = clock.seconds();
    ops::attention_backward(ctx, dy, q, k, v, y, shape, saved, dq, dk, dv);
    const double end = clock.seconds();
    if (i == 0) continue;  // takes its memory
    best.forward = std::min(best.forward, middle - start);
    best.backward = std::min(best.backward, end - middle);
  }
  best.arena_bytes = ctx.arena().peak_bytes();
  return best;
}

}  // namespace

Result<Json> bench_attention(const AttentionBenchOptions& o) {
  if (o.lengths.empty() || *std::min_element(o.lengths.begin(), o.lengths.end()) < 1)
    return error_at("seq", -1, "needs lengths of at least 1");
  if (o.repeats < 1) return error_at("repeats", -1, "must be at least 1");
  if (o.batch < 1 || o.heads < 1 || o.kv_heads < 1 || o.heads % o.kv_heads != 0 || o.head_dim < 2 || o.head_dim > 256 ||
      o.head_dim % 2 != 0)
    return error(
        "the batch and the heads must be at least 1, kv_heads divide heads, and head_dim be an even number up to 256");
  const double limit = measure_gemm_gflops(DType::kFloat32);
  Json rows = Json::array();
  Json growth = Json::object();
  for (const int64_t window : o.window < 0 ? std::vector<int64_t>{-1} : std::vector<int64_t>{-1, o.window}) {
    std::vector<double> token_ns;
    for (const int64_t length : o.lengths) {
      const Times times = time_attention(o, length, window);
      const double pairs = pairs_seen(length, window) * static_cast<double>(o.batch * o.heads * o.head_dim);
      const double tokens = static_cast<double>(o.batch * length), forward = 4 * pairs / times.forward / 1e9,
                   backward = 10 * pairs / times.backward / 1e9;
      token_ns.push_back((times.forward + times.backward) / tokens * 1e9);
      Json row = Json::object();
      row["seq"] = length;
      row["window"] = window;
      row["forward_ms"] = times.forward * 1e3;
      row["backward_ms"] = times.backward * 1e3;
      row["forward_gflops"] = forward;
      row["backward_gflops"] = backward;
      row["forward_of_limit"] = forward / limit;
      row["backward_of_limit"] = backward / limit;
      row["ns_per_token"] = token_ns.back();
      row["arena_bytes_per_token"] = static_cast<double>(times.arena_bytes) / tokens;
      rows.push_back(std::move(row));
    }
    growth[window < 0 ? "all" : "window"] = token_ns.back() / token_ns.front();
  }
  Json out = Json::object();
  out["dtype"] = dtype_name(o.dtype);
  out["threads"] = num_threads();
  out["heads"] = o.heads;
  out["kv_heads"] = o.kv_heads;
  out["head_dim"] = o.head_dim;
  out["gemm_gflops_fp32"] = limit;
  out["growth_of_a_tokens_time"] = std::move(growth);
  out["rows"] = std::move(rows);
  return out;
}

}  // namespace lathe::bench
