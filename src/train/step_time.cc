#include "train/step_time.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "core/rng.h"
#include "ops/head_loss.h"
#include "ops/update.h"

namespace lathe::train {
namespace {

struct Operands {
  Tensor ids, targets, factor;  // (N)
};

Operands operands_of(const model::ModelConfig& config, int64_t n, Device device) {
  Operands o{Tensor::empty({n}, DType::kInt32, device), Tensor::empty({n}, DType::kInt32, device), Tensor::empty({n}, DType::kFloat32, device)};
  if (device == Device::kMeta) return o;
  Rng rng(1, "step_time/tokens");
  for (int64_t i = 0; i < n; ++i) {
    o.ids.data<int32_t>()[i] = static_cast<int32_t>(rng.below(static_cast<uint64_t>(config.vocab_size)));
    o.targets.data<int32_t>()[i] = static_cast<int32_t>(rng.below(static_cast<uint64_t>(config.vocab_size)));
    o.factor.data<float>()[i] = 1.0f / static_cast<float>(n);
  }
  return o;
}

// One optimizer step as the training loop takes it.
void run_step(ops::Context& ctx, model::Transformer& model, optim::Optimizer& optimizer, const Operands& operands, int64_t rows, int64_t micro_batches) {
  autograd::Tape tape(ctx, true);
  for (int64_t m = 0; m < micro_batches; ++m) {
    model::Batch batch;
    batch.ids = operands.ids;
    batch.batch = rows;
    batch.training = true;
    autograd::Var hidden;
    {
      const ops::TimedPhase phase(ctx, "forward");
      hidden = model.forward(tape, batch);
    }
    {
      const ops::TimedPhase phase(ctx, "head");
      model.loss(tape, hidden, operands.targets, operands.factor);
    }
    const ops::TimedPhase phase(ctx, "backward");
    tape.backward();
    tape.clear();
  }
  const ops::TimedPhase phase(ctx, "optimizer");
  optimizer.step(ctx);
}

using Totals = std::vector<ops::Profiler::Total>;

double seconds_of(const Totals& totals) {
  double sum = 0;
  for (const auto& total : totals) sum += total.seconds;
  return sum;
}

constexpr int64_t kRepeats = 3;

// Calls run() once to warm up and then, measured, until `seconds` are over, at least kRepeats times. Appends the operations of the
// median run to `samples`: one that was disturbed says nothing.
void repeat(ops::Context& ctx, Totals& samples, double seconds, const std::function<void()>& run) {
  run();
  std::vector<Totals> runs;
  const Clock& clock = Clock::real();
  const double until = clock.seconds() + seconds;
  while (static_cast<int64_t>(runs.size()) < kRepeats || clock.seconds() < until) {
    ops::Profiler profiler(0, clock);
    ctx.set_profiler(&profiler);
    run();
    runs.push_back(profiler.totals());
  }
  ctx.set_profiler(nullptr);
  std::sort(runs.begin(), runs.end(), [](const Totals& a, const Totals& b) { return seconds_of(a) < seconds_of(b); });
  const Totals& median = runs[runs.size() / 2];
  samples.insert(samples.end(), median.begin(), median.end());
}

constexpr int64_t kSampleBlocks = 2;  // a short and a long window, with and without value embeddings

// Two blocks on as many rows as fit the time, with a small vocabulary.
void sample_blocks(const StepTimeRequest& request, const ops::Limits& limits, double seconds, Totals& samples) {
  model::ModelConfig config = request.config;
  config.n_layer = std::min(kSampleBlocks, config.n_layer);
  config.vocab_size = std::min<int64_t>(config.vocab_size, 4096);
  config.sequence_len = request.sequence_len;
  model::Transformer model(config, request.dtype, Device::kCpu, true);
  model.initialise(1);
  model.set_recompute(request.recompute);
  const std::unique_ptr<optim::Optimizer> optimizer = request.make_optimizer(model);
  const double row_seconds = model.flops_per_token() * static_cast<double>(request.sequence_len) / (0.5 * limits.gemm_gflops * 1e9);
  const int64_t rows = std::clamp<int64_t>(static_cast<int64_t>(seconds / (kRepeats + 1) / row_seconds), 1, request.batch);
  const Operands operands = operands_of(config, rows * request.sequence_len, Device::kCpu);
  ops::Context ctx;
  repeat(ctx, samples, seconds / 2, [&] { run_step(ctx, model, *optimizer, operands, rows, 1); });
}

// A chunk of the head over the whole vocabulary.
void sample_head(const StepTimeRequest& request, const ops::Limits& limits, double seconds, Totals& samples) {
  const model::ModelConfig& c = request.config;
  const double row_seconds = 6 * static_cast<double>(c.vocab_size * c.n_embd) / (limits.gemm_gflops * 1e9);
  const int64_t rows = std::clamp<int64_t>(static_cast<int64_t>(seconds / (kRepeats + 1) / row_seconds), 32, std::min<int64_t>(1024, request.batch * request.sequence_len));
  const Operands operands = operands_of(c, rows, Device::kCpu);
  const Tensor x = Tensor::zeros({rows, c.n_embd}, request.dtype), w = Tensor::zeros({c.vocab_size, c.n_embd}, request.dtype);
  const Tensor dx = Tensor::zeros(x.shape(), request.dtype), dw = Tensor::zeros(w.shape(), DType::kFloat32);
  const Tensor nll = Tensor::zeros({rows}, DType::kFloat32);
  ops::HeadLossOptions options;
  options.vocab_size = c.vocab_size;
  options.softcap = static_cast<float>(c.softcap);
  ops::Context ctx;
  repeat(ctx, samples, seconds / 2, [&] {
    const ops::TimedPhase phase(ctx, "head");
    ops::head_loss_and_gradient(ctx, x, w, operands.targets, operands.factor, options, nll, dx, dw);
  });
}

// AdamW and the clearing of gradients on a parameter larger than the caches.
void sample_update(const StepTimeRequest& request, double seconds, Totals& samples) {
  const int64_t n = std::min<int64_t>(int64_t{4} << 20, request.config.vocab_size * request.config.n_embd);
  const auto zeros = [n](DType dtype) { return Tensor::zeros({n}, dtype); };
  const Tensor p = zeros(DType::kFloat32), g = zeros(DType::kFloat32), m = zeros(DType::kFloat32), v = zeros(DType::kFloat32);
  const Tensor compute = request.dtype == DType::kFloat32 ? Tensor() : zeros(request.dtype);
  const ops::AdamwStep step{.lr = 0, .beta1 = 0.9f, .beta2 = 0.95f, .eps = 1e-8f, .weight_decay = 0, .step = 1};
  ops::Context ctx;
  repeat(ctx, samples, seconds / 2, [&] {
    const ops::TimedPhase phase(ctx, "backward");
    const ops::Timed timed(ctx, "zero_gradient", 0, ops::bytes_of(g), ops::shape_variant(n >> 11));
    g.fill_zero();
  });
  repeat(ctx, samples, seconds / 2, [&] {
    const ops::TimedPhase phase(ctx, "optimizer");
    ops::adamw_update(ctx, p, g, m, v, step, 1, compute);
  });
}

// What the samples say about the time of an operation: seconds over the least time by the limits.
class Efficiency {
 public:
  Efficiency(const Totals& samples, const ops::Limits& limits) : samples_(samples), limits_(limits) {
    double least = 0;
    for (const auto& total : samples) least += limits.seconds(total.cost);
    overall_ = least > 0 ? seconds_of(samples) / least : 1;
  }
  // Of the operation in this phase with the most similar operands, else in any phase, else of all samples together.
  double slowness(const ops::Profiler::Total& wanted) const {
    const ops::Profiler::Total* best = nullptr;
    double best_distance = std::numeric_limits<double>::infinity();
    for (const ops::Profiler::Total& total : samples_) {
      if (std::string_view(total.op) != wanted.op) continue;
      constexpr double kOtherPhase = 4;
      const double distance = ops::variant_distance(total.variant, wanted.variant) + (std::string_view(total.phase) == wanted.phase ? 0 : kOtherPhase);
      if (distance < best_distance) best_distance = distance, best = &total;
    }
    if (best == nullptr) return overall_;
    const double least = limits_.seconds(best->cost);
    if (least <= 0) return overall_;
    // A sample that stays in a cache does not say that the memory is faster than it is.
    constexpr double kBeyondCaches = 32 << 20;
    const bool cached = best->cost.bytes / static_cast<double>(best->calls) < kBeyondCaches;
    return std::max(best->seconds, cached ? best->cost.bytes / (limits_.stream_gb_per_s * 1e9) : 0) / least;
  }

 private:
  const Totals& samples_;
  const ops::Limits& limits_;
  double overall_ = 1;
};

}  // namespace

ops::Profiler step_costs(const StepTimeRequest& request) {
  model::ModelConfig config = request.config;
  config.sequence_len = request.sequence_len;
  model::Transformer model(config, request.dtype, Device::kMeta, true);
  model.set_recompute(request.recompute);
  const std::unique_ptr<optim::Optimizer> optimizer = request.make_optimizer(model);
  ops::Profiler costs(0);
  ops::Context ctx(Device::kMeta);
  ctx.set_profiler(&costs);
  run_step(ctx, model, *optimizer, operands_of(config, request.batch * request.sequence_len, Device::kMeta), request.batch, request.accumulation);
  return costs;
}

StepTime predict_step_time(const StepTimeRequest& request, const ops::Limits& limits, double seconds) {
  require(limits.gemm_gflops > 0 && limits.stream_gb_per_s > 0, "[step_time] the limits must be known");
  Totals samples;
  const double start = Clock::real().seconds();
  sample_blocks(request, limits, 0.5 * seconds, samples);
  sample_head(request, limits, 0.3 * seconds, samples);
  sample_update(request, 0.2 * seconds, samples);
  const Efficiency efficiency(samples, limits);

  StepTime time;
  time.tokens = static_cast<double>(request.batch * request.sequence_len * request.accumulation);
  const ops::Profiler costs = step_costs(request);
  for (const ops::Profiler::Total& total : costs.totals()) {
    const double ms = 1000 * limits.seconds(total.cost) * efficiency.slowness(total);
    const std::string_view phase = total.phase;
    (phase == "forward" ? time.forward_ms : phase == "head" ? time.head_ms : phase == "backward" ? time.backward_ms : time.optimizer_ms) += ms;
    const bool other_dtype = total.op == std::string_view(request.dtype == DType::kBFloat16 ? "matmul_fp32" : "matmul_bf16");
    time.bound_ms += 1000 * limits.seconds({other_dtype ? 0 : total.cost.flops, total.cost.bytes});  // whose rate is not known
    time.flops += total.cost.flops;
    time.bytes += total.cost.bytes;
  }
  time.measuring_seconds = Clock::real().seconds() - start;
  return time;
}

Json StepTime::to_json() const {
  Json out = Json::object();
  out["step_ms"] = step_ms();
  out["tok_per_s"] = tokens_per_second();
  out["bound_ms"] = bound_ms;
  out["forward_ms"] = forward_ms;
  out["head_ms"] = head_ms;
  out["backward_ms"] = backward_ms;
  out["optimizer_ms"] = optimizer_ms;
  out["step_flops"] = flops;
  out["step_bytes"] = bytes;
  out["measuring_seconds"] = measuring_seconds;
  return out;
}

}  // namespace lathe::train
