// Codes become bf16 numbers (looked up), are multiplied with x by pairs, and each
// group's sum is scaled into the total: lane n is output n of a panel. With few rows the codes are turned into numbers on
// the way, each once; with many, two panels at a time are written out and used by all rows. Both take the same steps for
// an element, so a row has the same bits alone and among others.
#include <algorithm>

#include "core/parallel.h"
#include "ops/cpu/avx512_bf16.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/cpu/thread_scratch.h"
#include "tensor/half.h"

namespace lathe::ops::cpu {
namespace {

constexpr int64_t kPairs = kQuantizedGroup / 2;

struct Problem {
  const bf16* x;
  const uint8_t* records;
  void* y;
  bool to_float;  // y is float32
  int64_t rows, outputs, inputs, groups, record_bytes;

  int64_t panels() const { return (outputs + kQuantizedOutputs - 1) / kQuantizedOutputs; }
  const uint8_t* record(int64_t panel, int64_t group) const { return records + (panel * groups + group) * record_bytes; }
  const uint8_t* scales(int64_t panel, int64_t group) const { return record(panel, group) + record_bytes - 2 * kQuantizedOutputs; }
  int64_t lanes(int64_t panel) const { return std::min(kQuantizedOutputs, outputs - panel * kQuantizedOutputs); }
};

#if defined(__x86_64__)

// The high and the low bytes of 0 .. 127 as bf16.
struct ByteTables {
  alignas(64) uint8_t high[128] = {}, low[128] = {};
  constexpr ByteTables() {
    for (int number = 1, exponent = 0; number < 128; ++number) {
      if (number >> (exponent + 1) != 0) ++exponent;
      const int bits = (127 + exponent) << 7 | (number << (7 - exponent) & 0x7F);
      high[number] = static_cast<uint8_t>(bits >> 8), low[number] = static_cast<uint8_t>(bits & 0xFF);
    }
  }
};

// The numbers of 64 codes: the first eight of each 16 bytes, then the others.
LATHE_AVX512_INLINE void numbers_of_bytes(const uint8_t* codes, __m512i* numbers) {
  static constexpr ByteTables kTables;
  const __m512i code = _mm512_loadu_si512(codes), size = _mm512_abs_epi8(code);
  const __m512i low = _mm512_permutex2var_epi8(_mm512_load_si512(kTables.low), size, _mm512_load_si512(kTables.low + 64));
  __m512i high = _mm512_permutex2var_epi8(_mm512_load_si512(kTables.high), size, _mm512_load_si512(kTables.high + 64));
  high = _mm512_ternarylogic_epi32(high, code, _mm512_set1_epi8(-128), 0xF8);  // high | (code & sign)
  numbers[0] = _mm512_unpacklo_epi8(low, high);
  numbers[1] = _mm512_unpackhi_epi8(low, high);
}

// -8 .. 7 as bf16, twice: the look-up takes five bits of its index, the fifth belongs to the next code.
LATHE_AVX512_INLINE __m512i nibble_table() {
  alignas(64) static constexpr uint16_t kNumbers[32] = {
      0xC100, 0xC0E0, 0xC0C0, 0xC0A0, 0xC080, 0xC040, 0xC000, 0xBF80, 0x0000, 0x3F80, 0x4000, 0x4040, 0x4080, 0x40A0, 0x40C0, 0x40E0,
      0xC100, 0xC0E0, 0xC0C0, 0xC0A0, 0xC080, 0xC040, 0xC000, 0xBF80, 0x0000, 0x3F80, 0x4000, 0x4040, 0x4080, 0x40A0, 0x40C0, 0x40E0};
  return _mm512_load_si512(kNumbers);
}

// The numbers of pairs p and p + 1 (p even) of a record.
template <WeightBits kBits>
LATHE_AVX512_INLINE void load_pairs(const uint8_t* record, int64_t p, __m512i* numbers) {
  if constexpr (kBits == WeightBits::kEight) {
    numbers_of_bytes(record + p * 32, numbers);
  } else {
    const __m512i table = nibble_table();
    const __m512i codes = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(record + p * 16)));
    numbers[0] = _mm512_permutexvar_epi16(codes, table);
    numbers[1] = _mm512_permutexvar_epi16(_mm512_srli_epi16(codes, 4), table);
  }
}

LATHE_AVX512_INLINE __m512 load_scales(const uint8_t* scales) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(scales)));
}

// Adds kGroups groups of a panel from g on, straight from the codes. Two groups have sums of their own, which keeps the
// multipliers busy with one row too, and stand beside each other, so that codes are read in the order in which they lie.
template <WeightBits kBits, int kRows, int kGroups>
LATHE_AVX512_INLINE void add_groups(const Problem& problem, const bf16* x, int64_t panel, int64_t g, __m512* total) {
  const bf16* rows[kRows];
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) rows[m] = x + m * problem.inputs + g * kQuantizedGroup;
  const uint8_t* record = problem.record(panel, g);
  for (int64_t ahead = 0; ahead < kGroups * problem.record_bytes; ahead += 64)
    _mm_prefetch(reinterpret_cast<const char*>(record + 4096 + ahead), _MM_HINT_T0);
  __m512 sums[kGroups][kRows];
#pragma GCC unroll 4
  for (int v = 0; v < kGroups; ++v)
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) sums[v][m] = _mm512_setzero_ps();
#pragma GCC unroll 8
  for (int64_t p = 0; p < kPairs; p += 2)
#pragma GCC unroll 4
    for (int v = 0; v < kGroups; ++v) {
      __m512i numbers[2];
      load_pairs<kBits>(record + v * problem.record_bytes, p, numbers);
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i)
#pragma GCC unroll 8
        for (int m = 0; m < kRows; ++m)
          sums[v][m] = multiply_add(sums[v][m], numbers[i], rows[m] + v * kQuantizedGroup + 2 * (p + i));
    }
#pragma GCC unroll 4
  for (int v = 0; v < kGroups; ++v) {
    const __m512 scales = load_scales(problem.scales(panel, g + v));
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) total[m] = _mm512_fmadd_ps(scales, sums[v][m], total[m]);
  }
}

template <WeightBits kBits, int kRows>
LATHE_AVX512 void few_rows(const Problem& problem, int64_t row, int64_t panel) {
  __m512 total[kRows];
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) total[m] = _mm512_setzero_ps();
  const bf16* x = problem.x + row * problem.inputs;
  int64_t g = 0;
  for (; g + 2 <= problem.groups; g += 2) add_groups<kBits, kRows, 2>(problem, x, panel, g, total);
  if (g < problem.groups) add_groups<kBits, kRows, 1>(problem, x, panel, g, total);
  for (int m = 0; m < kRows; ++m)
    store_lanes(total[m], problem.lanes(panel), problem.to_float, problem.y, (row + m) * problem.outputs + panel * kQuantizedOutputs);
}

// kRows rows of two panels whose numbers and scales are written out.
template <int kRows>
LATHE_AVX512 void many_rows(const Problem& problem, int64_t row, int64_t panel, int64_t panels, const bf16* numbers, const float* scales) {
  __m512 total[2][kRows];
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) total[0][m] = total[1][m] = _mm512_setzero_ps();
  const bf16* x = problem.x + row * problem.inputs;
  for (int64_t g = 0; g < problem.groups; ++g) {
    __m512 sums[2][kRows];
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) sums[0][m] = sums[1][m] = _mm512_setzero_ps();
#pragma GCC unroll 4
    for (int64_t p = 0; p < kPairs; ++p, numbers += 64, x += 2) {
      const __m512i left = _mm512_load_si512(numbers), right = _mm512_load_si512(numbers + 32);
#pragma GCC unroll 8
      for (int m = 0; m < kRows; ++m) {
        sums[0][m] = multiply_add(sums[0][m], left, x + m * problem.inputs);
        sums[1][m] = multiply_add(sums[1][m], right, x + m * problem.inputs);
      }
    }
    const __m512 left = _mm512_load_ps(scales + g * 32), right = _mm512_load_ps(scales + g * 32 + 16);
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) {
      total[0][m] = _mm512_fmadd_ps(left, sums[0][m], total[0][m]);
      total[1][m] = _mm512_fmadd_ps(right, sums[1][m], total[1][m]);
    }
  }
  for (int64_t v = 0; v < panels; ++v)
    for (int m = 0; m < kRows; ++m)
      store_lanes(total[v][m], problem.lanes(panel + v), problem.to_float, problem.y,
                  (row + m) * problem.outputs + (panel + v) * kQuantizedOutputs);
}

template <WeightBits kBits>
LATHE_AVX512 void write_out(const Problem& problem, int64_t panel, int64_t panels, bf16* numbers, float* scales) {
  for (int64_t v = 0; v < 2; ++v) {
    const int64_t from = panel + std::min(v, panels - 1);  // a missing second panel repeats the first
    for (int64_t g = 0; g < problem.groups; ++g) {
      for (int64_t p = 0; p < kPairs; p += 2) {
        __m512i values[2];
        load_pairs<kBits>(problem.record(from, g), p, values);
        for (int64_t i = 0; i < 2; ++i) _mm512_store_si512(numbers + ((g * kPairs + p + i) * 2 + v) * 32, values[i]);
      }
      _mm512_store_ps(scales + g * 32 + v * 16, load_scales(problem.scales(from, g)));
    }
  }
}

constexpr int64_t kFewRows = 8;

template <WeightBits kBits>
void multiply_few(const Problem& problem) {
  parallel_for(problem.panels(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel)
      for_few_rows(problem.rows, [&](int64_t row, auto count) { few_rows<kBits, decltype(count)::value>(problem, row, panel); });
  });
}

template <WeightBits kBits>
void multiply_many(const Problem& problem) {
  parallel_for((problem.panels() + 1) / 2, 1, [&](int64_t begin, int64_t end) {
    thread_local ThreadScratch scratch;
    // Two panels of numbers (two bf16 to a float) and their scales, both multiples of 64 bytes.
    float* memory = scratch.floats(problem.inputs * kQuantizedOutputs + problem.groups * 2 * kQuantizedOutputs);
    bf16* numbers = reinterpret_cast<bf16*>(memory);
    float* scales = memory + problem.inputs * kQuantizedOutputs;
    for (int64_t task = begin; task < end; ++task) {
      const int64_t panel = task * 2, panels = std::min<int64_t>(2, problem.panels() - panel);
      write_out<kBits>(problem, panel, panels, numbers, scales);
      int64_t row = 0;
      for (; row + 6 <= problem.rows; row += 6) many_rows<6>(problem, row, panel, panels, numbers, scales);
      for (; row < problem.rows; ++row) many_rows<1>(problem, row, panel, panels, numbers, scales);
    }
  });
}

template <WeightBits kBits>
void multiply(const Problem& problem) {
  problem.rows <= kFewRows ? multiply_few<kBits>(problem) : multiply_many<kBits>(problem);
}

#endif

// For every other machine.
void multiply_portably(const Problem& problem, WeightBits bits) {
  parallel_for(problem.panels(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      for (int64_t row = 0; row < problem.rows; ++row) {
        float total[kQuantizedOutputs] = {};
        for (int64_t g = 0; g < problem.groups; ++g) {
          const bf16* x = problem.x + row * problem.inputs + g * kQuantizedGroup;
          const uint8_t *record = problem.record(panel, g), *scales = problem.scales(panel, g);
          float sums[kQuantizedOutputs] = {};
          for (int64_t i = 0; i < kQuantizedGroup; ++i) {
            const float value = static_cast<float>(x[i]);
            const CodePlace first = code_place(bits, 0, i);
            const int64_t quad = bits == WeightBits::kEight ? 16 : 8;  // bytes from four outputs to the next four
            for (int64_t n = 0; n < kQuantizedOutputs; ++n) {
              const uint8_t code = record[first.byte + n / 4 * quad + n % 4 * 2];
              const int number = bits == WeightBits::kEight ? static_cast<int8_t>(code) : (code >> first.shift & 15) - 8;
              sums[n] += value * static_cast<float>(number);
            }
          }
          for (int64_t n = 0; n < kQuantizedOutputs; ++n)
            total[n] += half_to_float(static_cast<uint16_t>(scales[2 * n] | scales[2 * n + 1] << 8)) * sums[n];
        }
        for (int64_t n = 0; n < problem.lanes(panel); ++n) {
          const int64_t at = row * problem.outputs + panel * kQuantizedOutputs + n;
          if (problem.to_float) static_cast<float*>(problem.y)[at] = total[n];
          else static_cast<bf16*>(problem.y)[at] = bf16(total[n]);
        }
      }
    }
  });
}

}  // namespace

void quantized_product(T x, const QuantizedMatrix& w, T y) {
  const Problem problem{x.data<bf16>(), w.records.data<uint8_t>(), y.raw(), y.dtype() == DType::kFloat32,
                        x.dim(0), w.outputs, w.inputs, w.inputs / kQuantizedGroup, quantized_record_bytes(w.bits)};
#if defined(__x86_64__)
  if (has_avx512_bf16()) {
    w.bits == WeightBits::kEight ? multiply<WeightBits::kEight>(problem) : multiply<WeightBits::kFour>(problem);
    return;
  }
#endif
  multiply_portably(problem, w.bits);
}

}  // namespace lathe::ops::cpu
