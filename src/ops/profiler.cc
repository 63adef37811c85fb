#include "ops/profiler.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace lathe::ops {
namespace {

constexpr size_t kSlots = 1 << 12;  // a power of two, far above the kinds of operations of a step

uint64_t mixed(uint64_t x) {  // SplitMix64's finaliser
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

double Limits::seconds(const Cost& cost) const {
  const double compute = gemm_gflops > 0 ? cost.flops / (gemm_gflops * 1e9) : 0;
  return std::max(compute, stream_gb_per_s > 0 ? cost.bytes / (stream_gb_per_s * 1e9) : 0);
}

uint64_t shape_variant(int64_t a, int64_t b, int64_t c, unsigned bits) {
  constexpr int64_t kSaturated = 1024;
  uint64_t variant = 0;
  for (const int64_t side : {a, b, c}) variant = variant << 12 | static_cast<uint64_t>(std::min(side, kSaturated));
  return variant << 3 | bits;
}

double variant_distance(uint64_t a, uint64_t b) {
  double distance = (a & 7) != (b & 7) ? 8 : 0;
  for (int shift = 3; shift < 39; shift += 12) {
    const double x = static_cast<double>(1 + (a >> shift & 0xfff)), y = static_cast<double>(1 + (b >> shift & 0xfff));
    distance += std::abs(std::log2(x / y));
  }
  return distance;
}

Profiler::Profiler(int64_t max_spans, const Clock& clock) : clock_(clock), slots_(kSlots, -1), max_spans_(static_cast<size_t>(max_spans)) {
  totals_.reserve(256);
  phases_.reserve(16);
  spans_.reserve(max_spans_);
}

void Profiler::add_op(const char* op, uint64_t variant, Cost cost, double start, double seconds) {
  const uint64_t key = mixed(reinterpret_cast<uintptr_t>(op) ^ mixed(reinterpret_cast<uintptr_t>(phase_) ^ mixed(variant)));
  size_t slot = key & (kSlots - 1);
  while (slots_[slot] >= 0) {
    const Total& t = totals_[static_cast<size_t>(slots_[slot])];
    if (t.op == op && t.phase == phase_ && t.variant == variant) break;
    slot = (slot + 1) & (kSlots - 1);
  }
  if (slots_[slot] < 0) {
    LATHE_CHECK(totals_.size() < kSlots / 2, "more kinds of operations than the profiler has room for");
    slots_[slot] = static_cast<int32_t>(totals_.size());
    totals_.push_back({op, phase_, variant, 0, 0, {}});
  }
  Total& total = totals_[static_cast<size_t>(slots_[slot])];
  ++total.calls;
  total.seconds += seconds;
  total.cost.flops += cost.flops;
  total.cost.bytes += cost.bytes;
  if (seconds > 0) add_span(op, start, seconds, cost, false);
}

void Profiler::add_phase(const char* phase, double start, double seconds) {
  Total* total = nullptr;
  for (Total& t : phases_)
    if (t.phase == phase) total = &t;
  if (total == nullptr) total = &phases_.emplace_back(Total{nullptr, phase, 0, 0, 0, {}});
  ++total->calls;
  total->seconds += seconds;
  add_span(phase, start, seconds, {}, true);
}

void Profiler::add_span(const char* name, double start, double seconds, Cost cost, bool is_phase) {
  if (spans_.size() < max_spans_) spans_.push_back({name, start, seconds, cost, is_phase});
  else ++dropped_;
}

}  // namespace lathe::ops
