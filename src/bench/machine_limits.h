// What this machine can do at most, measured in the same process as the figure that is compared with it.
#pragma once

#include "core/json.h"
#include "tensor/dtype.h"

namespace lathe::bench {

struct MachineLimits {
  double gemm_gflops = 0;       // best of 10 over 2048^3, 4096^3 and 8192 x 1024 x 1024
  double stream_gb_per_s = 0;   // best of 10 reads of 1 GiB with all threads; 0 when not asked for
};

// The best matrix product of `dtype` with the present number of threads; takes a few seconds.
double measure_gemm_gflops(DType dtype, int repeats = 10);
double measure_stream_gb_per_s(int repeats = 10);

Json to_json(const MachineLimits& limits);

}  // namespace lathe::bench
