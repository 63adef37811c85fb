// Linked where CUDA is not built.
#include "ops/kernels.h"

namespace lathe::ops {

const Kernels& cuda_kernels() {
  throw std::invalid_argument("[device] this build has no CUDA; use the cpu device");
}

}  // namespace lathe::ops
