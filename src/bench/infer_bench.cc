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

constexpr double kLongRead = 2;  // seconds; prompts that take longer are read once only
constexpr int64_t kStepTokens = 512;  // of prompts read in one step; the serving engine's default

model::ModelConfig llama_124m() {
  model::PlainSize size;
  size.n_layer = 12, size.n_embd = 768, size.n_head = size.n_kv_head = 12, size.mlp_hidden = 2048;
  size.vocab_size = 50257, size.sequence_len = 1024;
  return model::llama_config(size);
}

// Attention of the query at position t, all layers.
double attention_flops(const model::ModelConfig& c, int64_t t) {
  double flops = 0;
  for (int64_t layer = 0; layer < c.n_layer; ++layer) {
    const int64_t window = c.window(layer);
    flops += 4.0 * static_cast<double>(c.n_head * c.head_width()) * static_cast<double>(window < 0 ? t + 1 : std::min(t + 1, window + 1));
  }
  return flops;
}

double head_flops(const model::ModelConfig& c) { return 2.0 * static_cast<double>(c.vocab_size * c.n_embd); }

// Products of the blocks for every token, attention over what precedes it, the head for the last.
double prefill_flops(const model::Transformer& model, int64_t tokens) {
  double flops = 2.0 * static_cast<double>(model.counts().transformer_matrices) * static_cast<double>(tokens) + head_flops(model.config());
  for (int64_t t = 0; t < tokens; ++t) flops += attention_flops(model.config(), t);
  return flops;
}

std::vector<int32_t> random_prompt(int64_t tokens, int64_t vocab, int64_t stream) {
  Rng rng(42, join_text("bench/prompt/", stream));
  std::vector<int32_t> prompt(static_cast<size_t>(tokens));
  for (int32_t& id : prompt) id = static_cast<int32_t>(rng.below(static_cast<uint64_t>(vocab)));
  return prompt;
}

void most_likely(const Tensor& logits, std::vector<int32_t>& column) {
  const std::span<const float> scores = logits.span<float>();
  const auto width = static_cast<size_t>(logits.dim(1));
  parallel_for(static_cast<int64_t>(column.size()), 1, [&](int64_t begin, int64_t end) {
    for (auto s = static_cast<size_t>(begin); s < static_cast<size_t>(end); ++s) column[s] = infer::argmax(scores.subspan(s * width, width));
  });
}

// Streams over pages.
class Paged {
 public:
  Paged(infer::TransformerModel& model, const InferBenchOptions& options, int64_t streams)
      : model_(model), column_(static_cast<size_t>(streams)), rows_(static_cast<size_t>(streams)) {
    const int64_t own = (options.prompt + options.new_tokens) / model::PagedCache::kPositions + 1;
    cache_ = model.new_pages(own * streams, options.kv == "int8" ? model::KvFormat::kInt8 : model::KvFormat::kActivation);
    for (int64_t s = 0; s < streams; ++s) {
      prompts_.push_back(random_prompt(options.prompt, model.vocab_size(), s));
      pages_.emplace_back();
      for (int64_t page = 0; page < own; ++page) pages_.back().push_back(static_cast<int32_t>(s + page * streams));  // as they grow together
    }
  }

  // All prompts, in steps of several rows; seconds.
  double read() {
    const double start = Clock::real().seconds();
    for (size_t s = 0, at = 0; s < prompts_.size();) {
      rows_.clear();
      const size_t first = s;
      for (int64_t budget = kStepTokens; budget > 0 && s < prompts_.size();) {
        const size_t count = std::min(static_cast<size_t>(budget), prompts_[s].size() - at);
        const bool whole = at + count == prompts_[s].size();
        rows_.push_back({std::span<const int32_t>(prompts_[s]).subspan(at, count), static_cast<int64_t>(at), at > 0 ? prompts_[s][at - 1] : -1, pages_[s], whole});
        budget -= static_cast<int64_t>(count);
        at = whole ? 0 : at + count;
        s += whole;
      }
      const Tensor logits = model_.step(rows_, cache_);
      for (size_t row = 0, wanted = 0; row < rows_.size(); ++row)
        if (rows_[row].wanted) column_[first + wanted] = infer::argmax(logits.rows(static_cast<int64_t>(wanted), static_cast<int64_t>(wanted) + 1).span<float>()), ++wanted;
    }
    const double seconds = Clock::real().seconds() - start;
    rewind();
    return seconds;
  }
  // Back to where the prompts end.
  void rewind() {
    length_ = static_cast<int64_t>(prompts_[0].size());
    before_.clear();
    for (const auto& prompt : prompts_) before_.push_back(prompt.back());
  }

  void step() {
    rows_.clear();
    for (size_t s = 0; s < column_.size(); ++s) rows_.push_back({{&column_[s], 1}, length_, before_[s], pages_[s]});
    const Tensor logits = model_.step(rows_, cache_);
    before_ = column_;
    most_likely(logits, column_);
    ++length_;
  }

  int64_t bytes_per_position() const { return cache_.bytes() / (cache_.pages() * model::PagedCache::kPositions); }

 private:
  infer::TransformerModel& model_;
  std::vector<int32_t> column_, before_;
  std::vector<model::PagedRow> rows_;
  model::PagedCache cache_;
  std::vector<std::vector<int32_t>> prompts_, pages_;
  int64_t length_ = 0;
};

// Streams in lockstep over a contiguous cache.
class Lockstep {
 public:
  Lockstep(infer::TransformerModel& model, const InferBenchOptions& options, int64_t streams)
      : model_(model), prompt_(random_prompt(options.prompt, model.vocab_size(), 0)), column_(static_cast<size_t>(streams)),
        once_(model.new_cache(1, options.prompt)), cache_(model.new_cache(streams, options.prompt + options.new_tokens)) {}

  void read() {
    if (once_.length() == 0) model_.forward(prompt_, once_);
    cache_.reset();
    cache_.copy_prefill(once_);
    // Streams begin with different tokens, or they would all say the same.
    for (size_t s = 0; s < column_.size(); ++s) column_[s] = prompt_[s % prompt_.size()];
  }
  void step() { most_likely(model_.forward(column_, cache_), column_); }

 private:
  infer::TransformerModel& model_;
  std::vector<int32_t> prompt_, column_;
  model::KvCache once_, cache_;
};

struct Timed {
  double prefill_seconds = 1e30, paged_step = 0, lockstep_step = 0;
  int64_t kv_bytes = 0;  // of a position
};

// The two ways take turns step by step, so that what disturbs the machine disturbs both.
Timed run(infer::TransformerModel& model, const InferBenchOptions& options, int64_t streams, int repeats) {
  Paged paged(model, options, streams);
  Lockstep lockstep(model, options, streams);
  Timed timed;
  timed.kv_bytes = paged.bytes_per_position();
  std::vector<double> paged_steps, lockstep_steps;
  const auto seconds = [](auto& way) {
    const double before = Clock::real().seconds();
    way.step();
    return Clock::real().seconds() - before;
  };
  for (int repeat = 0; repeat < repeats; ++repeat) {
    if (repeat == 0 || timed.prefill_seconds < kLongRead) timed.prefill_seconds = std::min(timed.prefill_seconds, paged.read());
    else paged.rewind();
    lockstep.read();
    for (int64_t i = 0; i < options.new_tokens; ++i) {
      paged_steps.push_back(seconds(paged));
      lockstep_steps.push_back(seconds(lockstep));
    }
  }
  timed.paged_step = median(paged_steps), timed.lockstep_step = median(lockstep_steps);
  return timed;
}

Json measure(infer::TransformerModel& runner, const model::Transformer& model, const InferBenchOptions& options, int64_t streams, double flops_of_prompt,
             const ops::Limits& limits) {
  const Timed timed = run(runner, options, streams, 3);
  const model::ModelConfig& c = model.config();
  // Keys and values of every stream at the middle of the run.
  const int64_t middle = options.prompt + options.new_tokens / 2;
  const double bytes = static_cast<double>(model.bytes_read_per_step() + timed.kv_bytes * streams * middle), many = static_cast<double>(streams);
  const double flops = many * (2.0 * static_cast<double>(model.counts().transformer_matrices) + head_flops(c) + attention_flops(c, middle));
  Json out = Json::object();
  out["streams"] = streams;
  out["prefill_tok_per_s"] = many * static_cast<double>(options.prompt) / timed.prefill_seconds;
  out["prefill_utilisation"] = many * flops_of_prompt / timed.prefill_seconds / (limits.gemm_gflops * 1e9);
  out["decode_tok_per_s"] = many / timed.paged_step;
  out["per_stream_tok_per_s"] = 1 / timed.paged_step;
  out["step_ms_p50"] = timed.paged_step * 1000;
  out["bytes_per_token"] = bytes / many;
  out["bandwidth_utilisation"] = bytes / timed.paged_step / (limits.stream_gb_per_s * 1e9);
  out["decode_utilisation"] = flops / timed.paged_step / (limits.gemm_gflops * 1e9);
  out["lockstep_tok_per_s"] = many / timed.lockstep_step;
  out["ratio"] = timed.lockstep_step / timed.paged_step;
  return out;
}

}  // namespace

Result<model::ModelConfig> find_infer_preset(const std::string& name) {
  if (name == "llama-124m") return llama_124m();
  if (name != "chat-d6") return error("unknown preset \"", name, "\"; the presets are llama-124m, chat-d6, or the folder of a model");
  LATHE_TRY(const TrainPreset preset, find_preset(name));
  return preset.config;
}

Result<Json> bench_infer(model::Transformer& model, const InferBenchOptions& options, const ops::Limits& limits) {
  if (options.streams.empty() || *std::min_element(options.streams.begin(), options.streams.end()) < 1 || options.prompt < 1 || options.new_tokens < 2)
    return error("--streams and --prompt must be at least 1, --new at least 2");
  infer::TransformerModel runner(model);
  if (options.prompt + options.new_tokens > runner.context_limit())
    return error("--prompt and --new make ", options.prompt + options.new_tokens, " tokens, more than the model's ", runner.context_limit());
  const double flops = prefill_flops(model, options.prompt);
  const int64_t parameters = model.counts().total;
  if (options.weights == "int8") model.quantize(ops::WeightBits::kEight);
  if (options.weights == "int4") model.quantize(ops::WeightBits::kFour);

  InferBenchOptions warm = options;
  warm.new_tokens = 2;
  run(runner, warm, options.streams.front(), 1);  // compiles and warms up
  Json rows = Json::array();
  for (const int64_t streams : options.streams) rows.push_back(measure(runner, model, options, streams, flops, limits));
  Json out = Json::object();
  out["weights"] = options.weights;
  out["kv"] = options.kv;
  out["threads"] = num_threads();
  out["prompt"] = options.prompt;
  out["new"] = options.new_tokens;
  if (options.streams.size() == 1)
    for (const auto& [key, value] : rows.as_array().front().as_object()) out[key] = value;
  out["layers"] = model.config().n_layer;
  out["width"] = model.config().n_embd;
  out["parameters"] = parameters;
  out["cpu_model"] = read_machine().cpu_model;
  out["isa"] = isa_name(max_isa());
  out["stream_gb_per_s"] = limits.stream_gb_per_s;
  out["gemm_gflops"] = limits.gemm_gflops;
  out["peak_rss_mb"] = peak_rss_mb();
  out["rows"] = std::move(rows);
  return out;
}

std::string infer_card(const Json& figures) {
  const auto text = [&](const char* name) { return figures.at(name).as_string(); };
  return join_text(figures.at("layers").as_int(), " layers of width ", figures.at("width").as_int(), ", ", with_thousands(figures.at("parameters").as_int()),
                   " parameters, weights ", text("weights"), ", keys and values ", text("kv"), "; prompts of ", figures.at("prompt").as_int(), ", ",
                   figures.at("new").as_int(), " new tokens\n", text("cpu_model"), " (", text("isa"), "), ", figures.at("threads").as_int(),
                   " threads: memory is read with ", format_text("%.1f", figures.at("stream_gb_per_s").as_double()), " GB/s, matrix products reach ",
                   format_text("%.0f", figures.at("gemm_gflops").as_double()), " GFLOP/s");
}

std::string infer_table(const Json& figures) {
  std::string out = "streams  prefill tok/s  of FLOPs  decode tok/s  per stream  of bandwidth  of FLOPs  lockstep tok/s  ratio";
  for (const Json& row : figures.at("rows").as_array()) {
    const auto figure = [&](const char* name) { return row.at(name).as_double(); };
    out += format_text("\n%7lld %14.0f %9.2f %13.1f %11.1f %13.2f %9.2f %15.1f %6.3f", static_cast<long long>(row.at("streams").as_int()),
                       figure("prefill_tok_per_s"), figure("prefill_utilisation"), figure("decode_tok_per_s"), figure("per_stream_tok_per_s"),
                       figure("bandwidth_utilisation"), figure("decode_utilisation"), figure("lockstep_tok_per_s"), figure("ratio"));
  }
  return out;
}

}  // namespace lathe::bench
