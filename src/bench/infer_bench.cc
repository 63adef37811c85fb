#include "bench/infer_bench.h"

#include <algorithm>

#include "bench/presets.h"
#include "bench/statistics.h"
#include "core/clock.h"
#include "core/machine.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "infer/sampler.h"
#include "infer/transformer_model.h"

namespace lathe::bench {
namespace {

model::ModelConfig llama_124m() {
  model::PlainSize size;
  size.n_layer = 12, size.n_embd = 768, size.n_head = size.n_kv_head = 12, size.mlp_hidden = 2048;
  size.vocab_size = 50257, size.sequence_len = 1024;
  return model::llama_config(size);
}

// Products of the blocks for every token, attention over what precedes it, the head for the last.
double prefill_flops(const model::Transformer& model, int64_t tokens) {
  const model::ModelConfig& c = model.config();
  const model::ParameterCounts counts = model.counts();
  double flops = 2.0 * static_cast<double>(counts.transformer_matrices) * static_cast<double>(tokens) +
                 2.0 * static_cast<double>(c.vocab_size * c.n_embd);
  for (int64_t layer = 0; layer < c.n_layer; ++layer) {
    const int64_t window = c.window(layer);
    for (int64_t t = 0; t < tokens; ++t)
      flops += 4.0 * static_cast<double>(c.n_head * c.head_width()) * static_cast<double>(window < 0 ? t + 1 : std::min(t + 1, window + 1));
  }
  return flops;
}

struct Timed {
  double prefill_seconds = 0;
  std::vector<double> steps;
};

Timed run(infer::TransformerModel& model, const InferBenchOptions& options) {
  const Clock& clock = Clock::real();
  Rng rng(42, "bench/prompt");
  std::vector<int32_t> prompt(static_cast<size_t>(options.prompt));
  for (int32_t& id : prompt) id = static_cast<int32_t>(rng.below(static_cast<uint64_t>(model.vocab_size())));
  Timed timed;
  model::KvCache once = model.new_cache(1, options.prompt);
  const double start = clock.seconds();
  Tensor logits = model.forward(prompt, once);
  timed.prefill_seconds = clock.seconds() - start;
  model::KvCache cache = model.new_cache(options.streams, options.prompt + options.new_tokens);
  cache.copy_prefill(once);
  // Streams begin with different tokens, or they would all say the same.
  std::vector<int32_t> column(static_cast<size_t>(options.streams), infer::argmax(logits.span<float>()));
  for (size_t s = 1; s < column.size(); ++s) column[s] = prompt[s % prompt.size()];
  for (int64_t i = 0; i < options.new_tokens; ++i) {
    const double before = clock.seconds();
    logits = {};  // back to the arena
    logits = model.forward(column, cache);
    const std::span<const float> scores = logits.span<float>();
    const auto width = static_cast<size_t>(logits.dim(1));
    parallel_for(options.streams, 1, [&](int64_t begin, int64_t end) {
      for (auto s = static_cast<size_t>(begin); s < static_cast<size_t>(end); ++s) column[s] = infer::argmax(scores.subspan(s * width, width));
    });
    timed.steps.push_back(clock.seconds() - before);
  }
  return timed;
}

}  // namespace

std::vector<std::string> infer_preset_names() { return {"llama-124m", "chat-d6"}; }

Result<model::ModelConfig> find_infer_preset(const std::string& name) {
  if (name == "llama-124m") return llama_124m();
  if (name != "chat-d6") return error("unknown preset \"", name, "\"; the presets are llama-124m, chat-d6, or the folder of a model");
  LATHE_TRY(const TrainPreset preset, find_preset(name));
  return preset.config;
}

Result<Json> bench_infer(model::Transformer& model, const InferBenchOptions& options, const ops::Limits& limits) {
  if (options.streams < 1 || options.prompt < 1 || options.new_tokens < 2)
    return error("--streams and --prompt must be at least 1, --new at least 2");
  const model::ModelConfig& c = model.config();
  if (options.prompt + options.new_tokens > c.sequence_len)
    return error("--prompt and --new make ", options.prompt + options.new_tokens, " tokens, more than the model's ", c.sequence_len);
  const double flops = prefill_flops(model, options.prompt);
  if (options.weights == "int8") model.quantize(ops::WeightBits::kEight);
  if (options.weights == "int4") model.quantize(ops::WeightBits::kFour);

  infer::TransformerModel runner(model);
  run(runner, {options.weights, options.streams, options.prompt, 2});  // compiles and warms up
  double prefill = 1e30;
  Timed timed;
  for (int repeat = 0; repeat < 3; ++repeat) {
    Timed once = run(runner, options);
    prefill = std::min(prefill, once.prefill_seconds);
    timed.steps.insert(timed.steps.end(), once.steps.begin(), once.steps.end());
  }
  const double step = median(timed.steps);
  // Keys and values of every stream at the middle of the run.
  const model::KvCache one(c, 1, 1, model.dtype());
  const double kv_bytes = static_cast<double>(one.bytes() * options.streams * (options.prompt + options.new_tokens / 2));
  const double bytes = static_cast<double>(model.bytes_read_per_step()) + kv_bytes;
  Json out = Json::object();
  out["weights"] = options.weights;
  out["threads"] = num_threads();
  out["streams"] = options.streams;
  out["prompt"] = options.prompt;
  out["new"] = options.new_tokens;
  out["prefill_tok_per_s"] = static_cast<double>(options.prompt) / prefill;
  out["prefill_utilisation"] = flops / prefill / (limits.gemm_gflops * 1e9);
  out["decode_tok_per_s"] = static_cast<double>(options.streams) / step;
  out["step_ms_p50"] = step * 1000;
  out["bytes_per_token"] = bytes / static_cast<double>(options.streams);
  out["bandwidth_utilisation"] = bytes / step / (limits.stream_gb_per_s * 1e9);
  out["stream_gb_per_s"] = limits.stream_gb_per_s;
  out["gemm_gflops"] = limits.gemm_gflops;
  out["peak_rss_mb"] = peak_rss_mb();
  return out;
}

}  // namespace lathe::bench
