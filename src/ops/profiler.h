// Where the time of a run goes, from inside: every front file states its operation's cost once, with a Timed scope around the
// kernel call, and a Profiler that the context points at adds them up and keeps the spans of a trace. Without a profiler a
// scope is one branch. On Device::kMeta nothing runs and the costs alone are added up: the analytic cost of a step.
// One thread; the memory is taken when the profiler is made, but for a short record at the first sight of an operation.
#pragma once

#include <cstdint>
#include <vector>

#include "core/clock.h"
#include "ops/context.h"

namespace lathe::ops {

// Floating-point operations, and the bytes of operands and results, each counted as often as the operation must move it when
// nothing of it is in a cache. Additions, products, quotients and exponentials count one each.
struct Cost {
  double flops = 0, bytes = 0;
};

// What the machine can do at most: products of the run's dtype, and reading memory. 0: not known.
struct Limits {
  double gemm_gflops = 0, stream_gb_per_s = 0;
  // The least time an operation of this cost can take; 0 if no limit is known.
  double seconds(const Cost& cost) const;
};

class Profiler {
 public:
  // Calls of one operation, in one phase of the step, whose rate can be compared.
  struct Total {
    const char* op;
    const char* phase;
    uint64_t variant;  // of the operand shapes, where the rate depends on them (matrix products)
    int64_t calls = 0;
    double seconds = 0;
    Cost cost;
  };
  struct Span {
    const char* name;
    double start, seconds;
    Cost cost;
    bool is_phase;
  };

  // Keeps the first `max_spans` spans; the totals go on. The clock must outlive the profiler.
  explicit Profiler(int64_t max_spans = 1 << 16, const Clock& clock = Clock::real());

  const Clock& clock() const { return clock_; }
  // `op` and `phase` are string literals.
  void add_op(const char* op, uint64_t variant, Cost cost, double start, double seconds);
  // Adds a phase's span and makes `phase` the one of operations up to the next set_phase.
  void add_phase(const char* phase, double start, double seconds);
  void set_phase(const char* phase) { phase_ = phase; }
  void count_step() { ++steps_; }

  const std::vector<Total>& totals() const { return totals_; }
  const std::vector<Total>& phases() const { return phases_; }  // op is null
  const std::vector<Span>& spans() const { return spans_; }
  int64_t dropped_spans() const { return dropped_; }
  int64_t steps() const { return steps_; }

 private:
  void add_span(const char* name, double start, double seconds, Cost cost, bool is_phase);
  const Clock& clock_;
  const char* phase_ = "";
  std::vector<Total> totals_, phases_;
  std::vector<Span> spans_;
  std::vector<int32_t> slots_;  // hash of (op, phase, variant) -> index in totals_, -1: free
  size_t max_spans_;
  int64_t dropped_ = 0, steps_ = 0;
};

// The scope of one operation. `op` is a string literal.
class Timed {
 public:
  Timed(const Context& ctx, const char* op, double flops, double bytes, uint64_t variant = 0) : profiler_(ctx.profiler()) {
    if (profiler_ == nullptr) return;
    op_ = op;
    cost_ = {flops, bytes};
    variant_ = variant;
    runs_ = !ctx.meta();
    if (runs_) start_ = profiler_->clock().seconds();
  }
  ~Timed() {
    if (profiler_ != nullptr) profiler_->add_op(op_, variant_, cost_, start_, runs_ ? profiler_->clock().seconds() - start_ : 0);
  }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  Profiler* profiler_;
  const char* op_ = nullptr;
  Cost cost_;
  uint64_t variant_ = 0;
  bool runs_ = false;
  double start_ = 0;
};

// A phase of the step ("forward", "backward", ...): its span, and the name that operations within it are listed under.
// Without a profiler nothing happens. Not nested.
class TimedPhase {
 public:
  TimedPhase(const Context& ctx, const char* phase) : profiler_(ctx.profiler()), phase_(phase) {
    if (profiler_ == nullptr) return;
    profiler_->set_phase(phase);
    start_ = profiler_->clock().seconds();
  }
  ~TimedPhase() {
    if (profiler_ == nullptr) return;
    profiler_->add_phase(phase_, start_, profiler_->clock().seconds() - start_);
    profiler_->set_phase("");
  }
  TimedPhase(const TimedPhase&) = delete;
  TimedPhase& operator=(const TimedPhase&) = delete;

 private:
  Profiler* profiler_;
  const char* phase_;
  double start_ = 0;
};

// A variant from three sides of the operands and three bits of their arrangement. A side counts up to 1024, beyond which no
// rate depends on it.
uint64_t shape_variant(int64_t a, int64_t b = 0, int64_t c = 0, unsigned bits = 0);
// How unlike two variants are: octaves of their sides, and 8 where the arrangement differs.
double variant_distance(uint64_t a, uint64_t b);

// Bytes of tensors that are there, each named as often as it is moved.
template <class... Tensors>
double bytes_of(const Tensors&... tensors) {
  return (0.0 + ... + (tensors ? static_cast<double>(tensors.bytes()) : 0.0));
}

}  // namespace lathe::ops
