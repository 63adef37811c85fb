#include "bench/adapter_bench.h"

#include <algorithm>

#include "bench/machine_limits.h"
#include "bench/statistics.h"
#include "core/clock.h"
#include "core/machine.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "optim/optimizer.h"
#include "train/plan.h"

namespace lathe::bench {
namespace {

struct Tokens {
  Tensor ids, targets, factor;
  int64_t rows;
};

// One of the two contestants.
class Contestant {
 public:
  Contestant(model::Transformer& model, std::vector<autograd::Parameter*> trained, const Tokens& tokens)
      : model_(model), optimizer_(optim::adamw_groups(trained, {})), trained_(std::move(trained)), tokens_(tokens), tape_(ctx_, true) {}

  ops::Context& ctx() { return ctx_; }
  void step(bool timed) {
    const Clock& clock = Clock::real();
    model::Batch batch;
    batch.ids = tokens_.ids;
    batch.batch = tokens_.rows;
    batch.training = true;
    batch.dropout_call = calls_++;
    double at[5] = {clock.seconds()};
    autograd::Var hidden;
    {
      const ops::TimedPhase phase(ctx_, "forward");
      hidden = model_.forward(tape_, batch);
    }
    at[1] = clock.seconds();
    {
      const ops::TimedPhase phase(ctx_, "head");
      model_.loss(tape_, hidden, tokens_.targets, tokens_.factor);
    }
    at[2] = clock.seconds();
    {
      const ops::TimedPhase phase(ctx_, "backward");
      hidden = {};
      tape_.backward();
      tape_.clear();
    }
    at[3] = clock.seconds();
    {
      const ops::TimedPhase phase(ctx_, "optimizer");
      optimizer_.step(ctx_);
    }
    at[4] = clock.seconds();
    if (!timed) return;
    for (size_t i = 0; i < 4; ++i) parts_[i].push_back(1000 * (at[i + 1] - at[i]));
    steps_.push_back(1000 * (at[4] - at[0]));
    if (ctx_.profiler()) ctx_.profiler()->count_step();
  }

  double step_ms() const { return median(steps_); }
  double passes_ms() const { return median(parts_[0]) + median(parts_[1]) + median(parts_[2]); }
  int64_t trained() const {
    int64_t n = 0;
    for (const autograd::Parameter* p : trained_) n += p->value.elements();
    return n;
  }
  int64_t state_bytes() const { return weight_bytes() + gradient_bytes() + train::state_bytes(optimizer_); }
  Json to_json() const {
    Json out = Json::object();
    out["trained_parameters"] = trained();
    out["step_ms_p50"] = step_ms();
    static constexpr const char* kParts[] = {"forward_ms", "head_ms", "backward_ms", "optimizer_ms"};
    for (size_t i = 0; i < 4; ++i) out[kParts[i]] = median(parts_[i]);
    out["weight_bytes"] = weight_bytes();
    out["gradient_bytes"] = gradient_bytes();
    out["optimizer_bytes"] = train::state_bytes(optimizer_);
    out["state_bytes"] = state_bytes();
    out["activation_bytes"] = ctx_.arena().peak_bytes();
    out["total_bytes"] = state_bytes() + ctx_.arena().peak_bytes();
    return out;
  }

 private:
  // Of the model and, where they are apart from it, of what is trained.
  std::vector<autograd::Parameter*> all() const {
    std::vector<autograd::Parameter*> out = model_.parameters();
    for (autograd::Parameter* p : trained_)
      if (std::find(out.begin(), out.end(), p) == out.end()) out.push_back(p);
    return out;
  }
  static int64_t bytes_of(const Tensor& x) { return x ? x.bytes() : 0; }
  int64_t weight_bytes() const {
    int64_t bytes = 0;
    for (const autograd::Parameter* p : all()) {
      bytes += bytes_of(p->value) + (p->compute.raw() == p->value.raw() ? 0 : bytes_of(p->compute));
      if (p->quantized) bytes += p->quantized->records.bytes();
    }
    return bytes;
  }
  int64_t gradient_bytes() const {
    int64_t bytes = 0;
    for (const autograd::Parameter* p : all()) bytes += bytes_of(p->grad);
    return bytes;
  }

  model::Transformer& model_;
  optim::Optimizer optimizer_;
  std::vector<autograd::Parameter*> trained_;
  const Tokens& tokens_;
  mutable ops::Context ctx_;
  autograd::Tape tape_;
  uint64_t calls_ = 0;
  std::vector<double> steps_, parts_[4];
};

Tokens random_tokens(const model::ModelConfig& config, int64_t rows, int64_t t) {
  const int64_t n = rows * t;
  Tokens tokens{Tensor::empty({n}, DType::kInt32), Tensor::empty({n}, DType::kInt32), Tensor::empty({n}, DType::kFloat32), rows};
  Rng rng(42, "bench/tokens");
  for (int64_t i = 0; i < n; ++i) {
    tokens.ids.data<int32_t>()[i] = static_cast<int32_t>(rng.below(static_cast<uint64_t>(config.vocab_size)));
    tokens.targets.data<int32_t>()[i] = static_cast<int32_t>(rng.below(static_cast<uint64_t>(config.vocab_size)));
    tokens.factor.data<float>()[i] = 1.0f / static_cast<float>(n);
  }
  return tokens;
}

// Of a step, by products alone: the frozen weights lack the third product, the adapters have all three.
double flops_limit(const model::Transformer& model, const Contestant& adapter) {
  const double full = model.flops_per_token();
  const model::ParameterCounts counts = model.counts();
  const double frozen = static_cast<double>(counts.transformer_matrices + (counts.lm_head > 0 ? counts.lm_head : counts.wte));
  return (full - 2 * frozen + 6 * static_cast<double>(adapter.trained())) / full;
}

}  // namespace

Result<Json> bench_adapter(const TrainPreset& preset, const TrainBenchOptions& options, const model::AdapterConfig& adapter_config, int weight_bits) {
  const int64_t rows = options.batch > 0 ? options.batch : preset.batch, t = options.sequence_len > 0 ? options.sequence_len : preset.sequence_len;
  model::ModelConfig config = preset.config;
  config.sequence_len = t;
  LATHE_TRY_STATUS(config.validate());
  if (options.steps < 1) return error("--steps must be at least 1");
  if (weight_bits != 16 && options.dtype != DType::kBFloat16) return error("a quantized base computes in bf16");
  const Tokens tokens = random_tokens(config, rows, t);

  model::Transformer whole(config, options.dtype, Device::kCpu, true), frozen(config, options.dtype);
  for (model::Transformer* model : {&whole, &frozen}) {
    model->initialise(42);
    model->set_recompute(options.recompute);
  }
  frozen.freeze();
  if (weight_bits != 16) frozen.quantize(weight_bits == 8 ? ops::WeightBits::kEight : ops::WeightBits::kFour, false);
  LATHE_TRY(const std::unique_ptr<model::Adapter> adapter, model::Adapter::create(frozen, adapter_config, 42));
  Contestant full(whole, whole.parameters(), tokens), low_rank(frozen, adapter->parameters(), tokens);
  for (int64_t s = 0; s < options.steps + 2; ++s) {
    if (s == 2) low_rank.ctx().set_profiler(options.profiler);
    full.step(s >= 2);
    low_rank.step(s >= 2);
  }

  Json out = Json::object();
  out["preset"] = preset.name;
  out["dtype"] = dtype_name(options.dtype);
  out["threads"] = num_threads();
  out["recompute"] = model::recompute_name(options.recompute);
  out["batch"] = rows;
  out["sequence_len"] = t;
  out["weight_bits"] = weight_bits;
  out["adapter_config"] = adapter_config.to_json();
  out["time_ratio"] = low_rank.step_ms() / full.step_ms();
  out["passes_ratio"] = low_rank.passes_ms() / full.passes_ms();
  out["flops_limit"] = flops_limit(whole, low_rank);
  out["state_ratio"] = static_cast<double>(low_rank.state_bytes()) / static_cast<double>(full.state_bytes());
  out["full"] = full.to_json();
  out["adapter"] = low_rank.to_json();
  out["peak_rss_mb"] = peak_rss_mb();  // with both models in memory
  out["gemm_gflops"] = measure_gemm_gflops(options.dtype);
  return out;
}

}  // namespace lathe::bench
