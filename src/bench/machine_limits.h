// What this machine can do at most, measured in the same process as the figure that is compared with it.
#pragma once

#include "core/json.h"
#include "ops/profiler.h"
#include "tensor/dtype.h"

namespace lathe::bench {

// The best matrix product of `dtype` with the present number of threads, over 2048^3, 4096^3 and 8192 x 1024 x 1024; takes
// a few seconds.
double measure_gemm_gflops(DType dtype, int repeats = 10);
// The best read of 1 GiB with all threads.
double measure_stream_gb_per_s(int repeats = 10);

// Both of them.
ops::Limits measure_limits(DType dtype, int repeats = 10);

// Both in about `seconds` each, from smaller products and a quarter of the memory: for runs, which should start at once. Products
// come out a few percent lower than above.
double measure_gemm_quickly(DType dtype, double seconds = 0.2);
double measure_stream_quickly(double seconds = 0.2);

Json to_json(const ops::Limits& limits);

}  // namespace lathe::bench
