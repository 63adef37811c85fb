#include <cmath>
#include <cstring>
#include <limits>

#include "core/parallel.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/cpu/dispatch.h"

namespace lathe::ops::cpu {
namespace {

// One head of one position. Halves are rounded away from zero, which needs no rounding mode.
template <class E>
void encode(const E* from, int64_t width, int8_t* codes, float* scale) {
  float largest = 0, doubt = 0;  // x * 0 is NaN where x is not finite
  for (int64_t i = 0; i < width; ++i) {
    const float x = static_cast<float>(from[i]);
    largest = std::max(largest, std::abs(x));
    doubt += x * 0.0f;
  }
  if (!(doubt == 0)) {
    std::memset(codes, 1, static_cast<size_t>(width));
    *scale = std::numeric_limits<float>::quiet_NaN();
    return;
  }
  *scale = largest / 127.0f;
  const float factor = *scale > 0 ? 1.0f / *scale : 0.0f;
  if (!std::isfinite(factor)) {  // all of it is next to nothing
    std::memset(codes, 0, static_cast<size_t>(width));
    return;
  }
  for (int64_t i = 0; i < width; ++i) {
    const float x = std::clamp(static_cast<float>(from[i]) * factor, -127.0f, 127.0f);
    codes[i] = static_cast<int8_t>(static_cast<int32_t>(x + std::copysign(0.5f, x)));
  }
}

// body(n, head, place): head `head` of row n goes to the place-th (page, head, position).
template <class Body>
void for_heads(T x, T pages, T slots, Body body) {
  const int64_t heads = pages.dim(1);
  const int32_t* slot = slots.data<int32_t>();
  parallel_for(x.dim(0), row_grain(x.dim(1)), [=](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n)
      for (int64_t g = 0; g < heads; ++g)
        body(n, g, (slot[n] / kPagePositions * heads + g) * kPagePositions + slot[n] % kPagePositions);
  });
}

}  // namespace

void append_to_pages(T x, const PagedTensor& pages, T slots) {
  const int64_t heads = pages.data.dim(1), width = pages.data.dim(3);
  if (!pages.scales) {
    const int64_t bytes = width * dtype_size(x.dtype());
    const auto* from = static_cast<const std::byte*>(x.raw());
    auto* to = static_cast<std::byte*>(pages.data.raw());
    return for_heads(x, pages.data, slots, [=](int64_t n, int64_t g, int64_t place) {
      std::memcpy(to + place * bytes, from + (n * heads + g) * bytes, static_cast<size_t>(bytes));
    });
  }
  auto* codes = static_cast<int8_t*>(pages.data.raw());
  float* scales = pages.scales.data<float>();
  with_activation_dtype(x.dtype(), [&](auto element) {
    using E = decltype(element);
    const E* from = x.data<E>();
    for_heads(x, pages.data, slots, [=](int64_t n, int64_t g, int64_t place) {
      encode(from + (n * heads + g) * width, width, codes + place * width, scales + place);
    });
  });
}

}  // namespace lathe::ops::cpu
