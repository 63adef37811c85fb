// Backward: the table's rows are dealt out in kOwners residue classes; whoever owns a row walks all tokens in order and
// adds those of its rows, so a row's sum has one order. (Classes, not ranges: frequent ids are neighbours.)
#include "ops/cpu/cpu_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cpu/embedding.cc"
#include "ops/cpu/simd_targets.h"

#include <hwy/foreach_target.h>

#include "core/parallel.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lathe::ops::cpu::HWY_NAMESPACE {
namespace {

constexpr int64_t kOwners = 64;

template <class E>
void scatter(T dy, T ids, T dtable) {
  const int64_t columns = dy.dim(1), rows = dy.dim(0);
  const E* from = dy.data<E>();
  const int32_t* id = ids.data<int32_t>();
  float* to = dtable.data<float>();
  parallel_for(kOwners, 1, [=](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t n = 0; n < rows; ++n) {
      const int64_t owner = id[n] % kOwners;
      if (owner < begin || owner >= end) continue;
      const E* row = from + n * columns;
      float* out = to + id[n] * columns;
      for_vectors(0, columns, [=](int64_t i, auto part) HWY_ATTR {
        store(hn::Add(load(out + i, part), load(row + i, part)), out + i, part);
      });
    }
  });
}

void embedding_backward_kernel(T dy, T ids, T dtable) {
  with_activation_dtype(dy.dtype(), [&](auto element) HWY_ATTR { scatter<decltype(element)>(dy, ids, dtable); });
}

}  // namespace
}  // namespace lathe::ops::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lathe::ops::cpu {

HWY_EXPORT(embedding_backward_kernel);

void embedding(T table, T ids, T y) { gather_rows(table, ids, y); }
void embedding_backward(T dy, T ids, T dtable) { HWY_DYNAMIC_DISPATCH(embedding_backward_kernel)(dy, ids, dtable); }

}  // namespace lathe::ops::cpu
#endif
