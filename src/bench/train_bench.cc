#include "bench/train_bench.h"

#include "bench/machine_limits.h"
#include "bench/statistics.h"
#include "core/clock.h"
#include "core/machine.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "optim/optimizer.h"
#include "train/plan.h"
#include "train/step_time.h"

namespace lathe::bench {
Result<Json> bench_train(const TrainPreset& preset, const TrainBenchOptions& options) {
  const int64_t batch = options.batch > 0 ? options.batch : preset.batch;
  const int64_t t = options.sequence_len > 0 ? options.sequence_len : preset.sequence_len;
  model::ModelConfig config = preset.config;
  config.sequence_len = t;
  LATHE_TRY_STATUS(config.validate());
  if (options.steps < 1) return error("--steps must be at least 1");
  const double gemm = measure_gemm_gflops(options.dtype);

  model::Transformer model(config, options.dtype, Device::kCpu, true);
  model.set_recompute(options.recompute);
  model.initialise(42);
  const bool muon = options.optimizer.empty() ? preset.muon : options.optimizer == "muon";
  if (muon && config.family != model::Family::kChat) return error("Muon's groups are those of the chat presets");
  const auto make_optimizer = [muon](const model::Transformer& m) {
    auto made = std::make_unique<optim::Optimizer>(muon ? optim::chat_groups(m.parameters(), m.config().n_embd, {}, optim::ChatRules::kSeed)
                                                        : optim::adamw_groups(m.parameters(), {}));
    made->set_muon(0.95, 0);
    return made;
  };
  const std::unique_ptr<optim::Optimizer> optimizer = make_optimizer(model);
  const int64_t n = batch * t;
  const Tensor ids = Tensor::empty({n}, DType::kInt32), targets = Tensor::empty({n}, DType::kInt32);
  const Tensor factor = Tensor::empty({n}, DType::kFloat32);
  Rng rng(42, "bench/tokens");
  for (int64_t i = 0; i < n; ++i) {
    ids.data<int32_t>()[i] = static_cast<int32_t>(rng.below(static_cast<uint64_t>(config.vocab_size)));
    targets.data<int32_t>()[i] = static_cast<int32_t>(rng.below(static_cast<uint64_t>(config.vocab_size)));
    factor.data<float>()[i] = 1.0f / static_cast<float>(n);
  }
  ops::Context ctx;
  ctx.arena().reserve(train::activation_bytes(config, options.dtype, batch, t, options.recompute));
  autograd::Tape tape(ctx, true);
  const Clock& clock = Clock::real();
  std::vector<double> step, forward, backward, update;
  double loss = 0, first = 0;
  for (int64_t s = 0; s < options.steps + 2; ++s) {
    const bool timed = s >= 2;
    if (timed) ctx.set_profiler(options.profiler);
    const double start = clock.seconds();
    model::Batch input;
    input.ids = ids;
    input.batch = batch;
    input.training = true;
    input.dropout_call = static_cast<uint64_t>(s);
    autograd::Var hidden;
    {
      const ops::TimedPhase phase(ctx, "forward");
      hidden = model.forward(tape, input);
    }
    const double after_forward = clock.seconds();
    Tensor nll;
    {
      const ops::TimedPhase phase(ctx, "head");
      nll = model.loss(tape, hidden, targets, factor);
    }
    const double after_loss = clock.seconds();
    {
      const ops::TimedPhase phase(ctx, "backward");
      tape.backward();
      tape.clear();
    }
    const double after_backward = clock.seconds();
    loss = 0;
    for (const float x : nll.span<float>()) loss += static_cast<double>(x) / static_cast<double>(n);
    {
      const ops::TimedPhase phase(ctx, "optimizer");
      optimizer->step(ctx);
    }
    const double end = clock.seconds();
    if (s == 0) first = end - start;
    if (!timed) continue;
    if (options.profiler) options.profiler->count_step();
    step.push_back(end - start);
    forward.push_back(after_forward - start);
    backward.push_back(after_backward - after_loss);
    update.push_back(end - after_backward);
  }
  // Evaluation as `eval bpb` does it: the forward pass and the loss, nothing recorded.
  ctx.set_profiler(nullptr);
  std::vector<double> evaluation;
  {
    autograd::Tape plain(ctx, false);
    for (int i = 0; i < 3; ++i) {
      const double start = clock.seconds();
      model::Batch input;
      input.ids = ids;
      input.batch = batch;
      model.loss(plain, model.forward(plain, input), targets, factor);
      evaluation.push_back(clock.seconds() - start);
    }
  }
  // The prediction comes after the steps, so that nothing of them is warm because of it; it knows nothing of them.
  const double peak_rss = peak_rss_mb();
  train::StepTimeRequest request;
  request.config = config;
  request.dtype = options.dtype;
  request.batch = batch;
  request.sequence_len = t;
  request.recompute = options.recompute;
  request.make_optimizer = make_optimizer;
  const double stream = measure_stream_quickly();
  const train::StepTime predicted = train::predict_step_time(request, {gemm, stream});
  const double seconds = median(step), flops = model.flops_per_token();
  Json out = Json::object();
  out["preset"] = preset.name;
  out["dtype"] = dtype_name(options.dtype);
  out["threads"] = num_threads();
  out["recompute"] = model::recompute_name(options.recompute);
  out["batch"] = batch;
  out["sequence_len"] = t;
  out["parameters"] = model.counts().total;
  out["tok_per_s"] = static_cast<double>(n) / seconds;
  out["step_ms_p50"] = seconds * 1000;
  out["first_step_ms"] = first * 1000;
  out["flops_per_token"] = flops;
  out["gemm_gflops"] = gemm;
  out["mfu"] = flops * static_cast<double>(n) / seconds / (gemm * 1e9);
  out["forward_ms"] = median(forward) * 1000;
  out["head_ms"] = (seconds - median(forward) - median(backward) - median(update)) * 1000;
  out["backward_ms"] = median(backward) * 1000;
  out["optimizer_ms"] = median(update) * 1000;
  if (!muon) {
    // Read and written: master, both moments; read: gradient; written: the copy that products read.
    const double bytes = options.dtype == DType::kBFloat16 ? 30 : 28;
    out["optimizer_bytes_per_parameter"] = bytes;
    out["optimizer_gb_per_s"] = bytes * static_cast<double>(model.counts().total) / median(update) / 1e9;
  }
  out["stream_gb_per_s"] = stream;
  out["eval_tok_per_s"] = static_cast<double>(n) / median(evaluation);
  out["eval_utilisation"] = flops / 3 * static_cast<double>(n) / median(evaluation) / (gemm * 1e9);
  out["peak_rss_mb"] = peak_rss;
  out["arena_mb"] = static_cast<double>(ctx.arena().peak_bytes()) / 1048576;
  out["arena_growths"] = ctx.arena().growths();
  out["loss"] = loss;
  out["plan_step_ms"] = predicted.step_ms();
  out["plan_error"] = predicted.step_ms() / (seconds * 1000) - 1;
  out["plan"] = predicted.to_json();
  return out;
}

}  // namespace lathe::bench
