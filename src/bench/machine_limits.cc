#include "bench/machine_limits.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/clock.h"
#include "core/parallel.h"
#include "ops/matmul.h"

namespace lathe::bench {
namespace {

void fill(const Tensor& x) {
  // Small whole numbers: no denormals, no overflow, and bf16 holds them exactly.
  const int64_t n = x.elements();
  for (int64_t i = 0; i < n; ++i) {
    const float value = static_cast<float>((i * 7 + i / 13) % 5 - 2);
    if (x.dtype() == DType::kBFloat16) x.data<bf16>()[i] = bf16(value);
    else x.data<float>()[i] = value;
  }
}

// The best time of run(): once to compile and warm up, then up to `repeats` times, at least three of them, within `seconds`.
template <class Run>
double best_time(int repeats, double seconds, const Run& run) {
  double best = 1e30;
  const double until = Clock::real().seconds() + seconds;
  for (int i = 0; i <= repeats && (i < 4 || Clock::real().seconds() < until); ++i) {
    const double start = Clock::real().seconds();
    run();
    if (i > 0) best = std::min(best, Clock::real().seconds() - start);
  }
  return best;
}

double gflops(int64_t m, int64_t n, int64_t k, DType dtype, int repeats, double seconds = 1e30) {
  ops::Context ctx;
  const Tensor a = Tensor::empty({m, k}, dtype), b = Tensor::empty({n, k}, dtype), c = Tensor::empty({m, n}, dtype);
  fill(a);
  fill(b);
  const double best = best_time(repeats, seconds, [&] { ops::matmul(ctx, a, ops::Transpose::kNo, b, ops::Transpose::kYes, c, false); });
  return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) / best / 1e9;
}

}  // namespace

double measure_gemm_gflops(DType dtype, int repeats) {
  constexpr std::array<std::array<int64_t, 3>, 3> kShapes = {{{2048, 2048, 2048}, {4096, 4096, 4096}, {8192, 1024, 1024}}};
  double best = 0;
  for (const auto& [m, n, k] : kShapes) best = std::max(best, gflops(m, n, k, dtype, repeats));
  return best;
}

namespace {

double stream_gb_per_s(int64_t bytes, int repeats, double seconds = 1e30) {
  constexpr int64_t kGrain = 1 << 16;
  const int64_t words_in_all = bytes / 8;
  const Tensor memory = Tensor::empty({words_in_all}, DType::kInt64);
  parallel_for(words_in_all / kGrain, 1, [&](int64_t begin, int64_t end) {  // all pages touched
    std::memset(memory.data<int64_t>() + begin * kGrain, 0, static_cast<size_t>((end - begin) * kGrain * 8));
  });
  const int64_t* words = memory.data<int64_t>();
  const Tensor sums = Tensor::zeros({words_in_all / kGrain}, DType::kInt64);
  const double best = best_time(repeats, seconds, [&] {
    parallel_for(words_in_all / kGrain, 1, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        std::array<int64_t, 32> lanes{};  // enough independent sums to be bound by memory, not by latency
        const int64_t* at = words + block * kGrain;
        for (int64_t j = 0; j < kGrain; j += 32) {
          for (int64_t line = 0; line < 32; line += 8) __builtin_prefetch(at + j + line + 512);  // 4 KiB ahead: a twentieth faster here
          for (size_t l = 0; l < 32; ++l) lanes[l] |= at[j + static_cast<int64_t>(l)];
        }
        int64_t all = 0;
        for (const int64_t lane : lanes) all |= lane;
        sums.data<int64_t>()[block] |= all;
      }
    });
  });
  int64_t sink = 0;
  for (const int64_t s : sums.span<int64_t>()) sink |= s;
  LATHE_CHECK(sink == 0, "memory that was zeroed reads as ", sink);
  return static_cast<double>(bytes) / best / 1e9;
}

}  // namespace

double measure_stream_gb_per_s(int repeats) { return stream_gb_per_s(int64_t{1} << 30, repeats); }

ops::Limits measure_limits(DType dtype, int repeats) {
  return {measure_gemm_gflops(dtype, repeats), measure_stream_gb_per_s(repeats)};
}

double measure_gemm_quickly(DType dtype, double seconds) {
  return std::max(gflops(1024, 1024, 1024, dtype, 1000, seconds / 4), gflops(2048, 1024, 2048, dtype, 1000, 3 * seconds / 4));
}

double measure_stream_quickly(double seconds) { return stream_gb_per_s(int64_t{1} << 28, 1000, seconds); }

Json to_json(const ops::Limits& limits) {
  Json out = Json::object();
  out["gemm_gflops"] = limits.gemm_gflops;
  if (limits.stream_gb_per_s > 0) out["stream_gb_per_s"] = limits.stream_gb_per_s;
  return out;
}

}  // namespace lathe::bench
