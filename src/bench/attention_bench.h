// Times attention alone, forward and backward, over lengths with and without a window: with one, the time of a token
// must not grow with the length (row C-3.20).
#pragma once

#include <cstdint>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "tensor/dtype.h"

namespace lathe::bench {

struct AttentionBenchOptions {
  DType dtype = DType::kBFloat16;
  std::vector<int64_t> lengths = {512, 1024, 2048, 4096, 8192, 16384};
  int64_t window = 512;  // earlier keys a query sees, beside all of them; -1: only all
  int64_t batch = 1, heads = 6, kv_heads = 6, head_dim = 64;
  int64_t repeats = 3;  // the fastest counts
};

// Per length and window: ms, GFLOP/s (4 D a pair of query and key that it sees forward, 10 D backward, multiplied by
// the heads), ns a token, memory of the pass beyond its operands, and the rate's share of the product limit, which is
// measured in float32 (the type attention computes in). `window_growth`: a token's time at the longest over the
// shortest length.
Result<Json> bench_attention(const AttentionBenchOptions& options);

}  // namespace lathe::bench
