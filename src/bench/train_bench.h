// Times real training steps (forward, backward, optimizer) of a preset on random tokens, beside the machine's limit.
#pragma once

#include "bench/presets.h"
#include "core/json.h"
#include "model/transformer.h"
#include "ops/profiler.h"
#include "tensor/dtype.h"

namespace lathe::bench {

struct TrainBenchOptions {
  DType dtype = DType::kBFloat16;
  int64_t steps = 8;       // timed, after two that warm up
  int64_t batch = 0, sequence_len = 0;  // 0: the preset's
  model::Recompute recompute = model::Recompute::kNone;
  std::string optimizer;   // empty: the preset's; muon or adamw
  ops::Profiler* profiler = nullptr;  // measures the timed steps
};

// tok_per_s, step_ms_p50, flops_per_token, gemm_gflops, mfu, first_step_ms, peak_rss_mb, loss, the parts of a step, AdamW's rate
// beside that of reading memory, and evaluation (a third of the FLOPs) beside the products.
Result<Json> bench_train(const TrainPreset& preset, const TrainBenchOptions& options);

}  // namespace lathe::bench
