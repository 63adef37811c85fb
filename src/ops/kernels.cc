#include "ops/kernels.h"

namespace lathe::ops {

const Kernels& kernels_of(Device device) {
  LATHE_CHECK(device != Device::kMeta, "a kernel was asked for on the meta device");
  return device == Device::kCuda ? cuda_kernels() : cpu_kernels();
}

}  // namespace lathe::ops
