#include "dist/reduce.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "core/check.h"

namespace lathe::dist {
namespace {

constexpr int64_t kBlock = 512;  // elements that are summed over all ranks before the next ones

// How an element is kept in a buffer (Stored) and added up (Sum).
template <class T>
struct Plain {
  using Stored = T;
  using Sum = T;
  static Sum load(Stored x) { return x; }
  static Stored store(Sum x) { return x; }
};

struct BFloat16 {
  using Stored = uint16_t;
  using Sum = float;
  static Sum load(Stored x) { return std::bit_cast<float>(uint32_t{x} << 16); }
  static Stored store(Sum x) {  // to nearest, ties to even; NaN stays NaN
    const uint32_t bits = std::bit_cast<uint32_t>(x);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>(bits >> 16 | 0x40);
    return static_cast<uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1)) >> 16);
  }
};

template <class T>
T add(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return a + b;
  } else {  // integers wrap around
    using Unsigned = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<Unsigned>(static_cast<Unsigned>(a) + static_cast<Unsigned>(b)));
  }
}

template <class T>
T larger(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a)) return a;
    return b > a || std::isnan(b) ? b : a;
  } else {
    return std::max(a, b);
  }
}

template <class Element>
void reduce(std::span<const void* const> inputs, void* output, int64_t count, Reduction reduction) {
  using Stored = typename Element::Stored;
  using Sum = typename Element::Sum;
  constexpr size_t kBytes = sizeof(Stored);
  Sum sums[kBlock];
  Stored part[kBlock];  // buffers need not be aligned
  for (int64_t at = 0; at < count; at += kBlock) {
    const int64_t size = std::min(kBlock, count - at);
    const size_t begin = static_cast<size_t>(at) * kBytes, bytes = static_cast<size_t>(size) * kBytes;
    for (size_t rank = 0; rank < inputs.size(); ++rank) {
      std::memcpy(part, static_cast<const std::byte*>(inputs[rank]) + begin, bytes);
      if (rank == 0)
        for (int64_t i = 0; i < size; ++i) sums[i] = Element::load(part[i]);
      else if (reduction == Reduction::kMax)
        for (int64_t i = 0; i < size; ++i) sums[i] = larger<Sum>(sums[i], Element::load(part[i]));
      else
        for (int64_t i = 0; i < size; ++i) sums[i] = add<Sum>(sums[i], Element::load(part[i]));
    }
    if constexpr (std::is_floating_point_v<Sum>) {
      if (reduction == Reduction::kMean)
        for (int64_t i = 0; i < size; ++i) sums[i] /= static_cast<Sum>(inputs.size());
    }
    for (int64_t i = 0; i < size; ++i) part[i] = Element::store(sums[i]);
    std::memcpy(static_cast<std::byte*>(output) + begin, part, bytes);
  }
}

}  // namespace

void reduce_in_order(std::span<const void* const> inputs, void* output, int64_t count, ElementType type,
                     Reduction reduction) {
  switch (type) {
    case ElementType::kFloat32:
      return reduce<Plain<float>>(inputs, output, count, reduction);
    case ElementType::kBFloat16:
      return reduce<BFloat16>(inputs, output, count, reduction);
    case ElementType::kFloat64:
      return reduce<Plain<double>>(inputs, output, count, reduction);
    case ElementType::kInt32:
      return reduce<Plain<int32_t>>(inputs, output, count, reduction);
    case ElementType::kInt64:
      return reduce<Plain<int64_t>>(inputs, output, count, reduction);
    case ElementType::kUInt8:
      return reduce<Plain<uint8_t>>(inputs, output, count, reduction);
  }
  LATHE_CHECK(false, "unknown element type");
}

}  // namespace lathe::dist
