// Times training steps of an adapter on a frozen base beside full steps of the same model, in turn in one process, and counts
// the memory of both. Row L-13.9.
#pragma once

#include "bench/train_bench.h"
#include "model/adapter.h"

namespace lathe::bench {

// time_ratio and its limit by FLOPs, passes_ratio (without the optimizer), state_ratio, and for "full" and "adapter": step_ms_p50,
// the parts of a step, weights, gradient, optimizer and activation bytes, their sum. weight_bits: of the frozen linear layers, 16, 8
// or 4 (bf16 only). The profiler, when there is one, measures the adapter's steps.
Result<Json> bench_adapter(const TrainPreset& preset, const TrainBenchOptions& options, const model::AdapterConfig& adapter, int weight_bits);

}  // namespace lathe::bench
