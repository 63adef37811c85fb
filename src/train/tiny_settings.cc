#include "train/tiny_settings.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace lathe::train {
namespace {

Status at_least(const char* key, int64_t value, int64_t least) {
  if (value < least) return error_at(key, -1, "must be at least ", least, ", is ", value);
  return {};
}

Status within(const char* key, double value, double least, double below) {
  if (!(value >= least && value < below)) return error_at(key, -1, "must be at least ", least, " and below ", below, ", is ", value);
  return {};
}

// Of a table: `open` leaves the lower end out, the upper end is part of it.
struct Range {
  const char* key;
  double value, least, most;
  bool open = false;
};

Status within(const Range& r) {
  if (std::isfinite(r.value) && r.value <= r.most && (r.open ? r.value > r.least : r.value >= r.least)) return {};
  if (std::isinf(r.most)) return error_at(r.key, -1, "must be a number ", r.open ? "above " : "of at least ", r.least, ", is ", r.value);
  return error_at(r.key, -1, "must be ", r.open ? "above " : "at least ", r.least, " and at most ", r.most, ", is ", r.value);
}

bool has_biases(const TinySettings& s) { return s.bias == "auto" ? s.norm == "layernorm" && s.mlp == "gelu" : s.bias == "true"; }

void describe_training(SettingsTable& t, TinySettings& s) {
  t.group("steps and batches");
  t.add("max_steps", &s.max_steps, "optimizer steps in all");
  t.add("batch_size", &s.batch_size, "sequences of a micro batch");
  t.add("grad_accum_steps", &s.grad_accum_steps, "micro batches of a step");
  t.add("block_size", &s.block_size, "context length");
  t.add("dataloader_workers", &s.dataloader_workers, "threads that prepare batches; 0: none");
  t.add("dataloader_prefetch_factor", &s.dataloader_prefetch_factor, "batches held ready per worker");
  t.add("dataloader_persistent_workers", &s.dataloader_persistent_workers, "keep the workers between evaluations");
  t.group("optimizer");
  t.add("learning_rate", &s.learning_rate, "peak");
  t.add("lr_schedule", &s.lr_schedule, "after the warmup").choices = {"constant", "cosine", "wsd"};
  t.add("lr_warmup_steps", &s.lr_warmup_steps, "linear rise");
  t.add("lr_stable_steps", &s.lr_stable_steps, "wsd: plateau");
  t.add("lr_min", &s.lr_min, "at the end of the decay");
  t.add("wsd_decay", &s.wsd_decay, "wsd: shape of the decay").choices = {"linear", "cosine", "sqrt"};
  t.add("optimizer", &s.optimizer, "rule").choices = {"adamw", "adamw8bit", "lion"};
  t.add("adam_beta1", &s.adam_beta1, "AdamW");
  t.add("adam_beta2", &s.adam_beta2, "AdamW");
  t.add("adam_eps", &s.adam_eps, "AdamW");
  t.add("lion_beta1", &s.lion_beta1, "Lion");
  t.add("lion_beta2", &s.lion_beta2, "Lion");
  t.add("weight_decay", &s.weight_decay, "of matrices and embeddings");
  t.add("grad_clip", &s.grad_clip, "global norm; 0: off");
  t.add("grad_checkpointing", &s.grad_checkpointing, "compute activations again instead of keeping them");
  t.add("label_smoothing", &s.label_smoothing, "of the training loss");
  t.add("ema", &s.ema, "average of the weights");
  t.add("ema_decay", &s.ema_decay, "per update");
  t.add("ema_update_every", &s.ema_update_every, "steps");
  t.add("ema_start_step", &s.ema_start_step, "first step that updates");
  t.group("curriculum");
  t.add("use_ema", &s.use_ema, "generate_only: from the average of the weights; auto: where the checkpoint has one");
  t.add("curriculum", &s.curriculum, "short sequences first");
  t.add("curriculum_start_block_size", &s.curriculum_start_block_size, "first length");
  t.add("curriculum_steps", &s.curriculum_steps, "steps to the full length");
}

void describe_model(SettingsTable& t, TinySettings& s) {
  t.group("model");
  t.add("n_layer", &s.n_layer, "blocks");
  t.add("n_head", &s.n_head, "attention heads");
  t.add("n_embd", &s.n_embd, "width");
  t.add("mlp_hidden", &s.mlp_hidden, "hidden width; 0: 4 x width (gelu) or 8/3 x width (swiglu)");
  t.add("dropout", &s.dropout, "embedding, attention, residual branches");
  t.add("norm", &s.norm, "kind").choices = {"layernorm", "rmsnorm"};
  t.add("norm_eps", &s.norm_eps, "added to the mean square");
  t.add("mlp", &s.mlp, "activation").choices = {"gelu", "swiglu"};
  t.add("gelu_form", &s.gelu_form, "gelu: exact or its approximation").choices = {"erf", "tanh"};
  t.add("pos_encoding", &s.pos_encoding, "positions").choices = {"learned", "rope"};
  t.add("rope_base", &s.rope_base, "rope: base of the frequencies");
  t.add("bias", &s.bias, "auto: with layernorm and gelu").choices = {"auto", "true", "false"};
  t.add("weight_tying", &s.weight_tying, "the head is the embedding");
  t.add("scaled_init", &s.scaled_init, "projections into the residual stream start smaller");
  t.add("layerdrop", &s.layerdrop, "chance that a block is skipped");
  t.add("sliding_window", &s.sliding_window, "positions attended to; 0: all");
  t.add("qk_norm", &s.qk_norm, "normalise queries and keys");
  t.add("qk_norm_eps", &s.qk_norm_eps, "of qk_norm");
}

}  // namespace

void describe(SettingsTable& t, TinySettings& s) {
  t.group("data");
  t.add("data_path", &s.data_path, "one UTF-8 text file");
  t.add("out_dir", &s.out_dir, "checkpoints, tokenizer, tokens and logs");
  t.add("resume", &s.resume, "go on from out_dir/ckpt, else from ckpt_best");
  t.add("generate_only", &s.generate_only, "no training: a text from the checkpoint of out_dir");
  t.add("checkpoint", &s.checkpoint, "generate_only: which one; auto: the last, else the best").choices = {"auto", "last", "best"};
  t.add("memmap_dataset", &s.memmap_dataset, "keep the tokens in out_dir/tokens.bin instead of memory");
  t.add("val_fraction", &s.val_fraction, "tail of the tokens that validates; 0: none");
  t.group("tokenizer");
  t.add("tokenizer", &s.tokenizer, "kind").choices = {"char", "bpe"};
  t.add("bpe_vocab_size", &s.bpe_vocab_size, "bpe: tokens");
  t.add("bpe_min_frequency", &s.bpe_min_frequency, "bpe: least count of a pair that is merged");
  describe_training(t, s);
  describe_model(t, s);
  t.group("precision");
  t.add("amp", &s.amp, "bfloat16 where the CPU multiplies it; --no-amp: float32");
  t.add("compile", &s.compile, "accepted: the engine always runs its planned form");
  t.add("compile_backend", &s.compile_backend, "accepted").choices = {"inductor", "aot_eager", "eager"};
  t.add("compile_mode", &s.compile_mode, "accepted").choices = {"default", "reduce-overhead", "max-autotune"};
  t.add("compile_fullgraph", &s.compile_fullgraph, "accepted");
  t.add("compile_dynamic", &s.compile_dynamic, "accepted");
  t.group("several processes");
  t.add("ddp", &s.ddp, "data-parallel training");
  t.add("ddp_backend", &s.ddp_backend, "ddp").choices = {"auto", "nccl", "gloo"};
  t.add("ddp_find_unused_parameters", &s.ddp_find_unused_parameters, "ddp");
  t.add("ddp_timeout", &s.ddp_timeout, "ddp: seconds");
  t.group("evaluation and samples");
  t.add("eval_interval", &s.eval_interval, "steps; 0: never");
  t.add("eval_iters", &s.eval_iters, "batches averaged");
  t.add("log_interval", &s.log_interval, "steps between lines of metrics.jsonl; 0: none");
  t.add("save_interval", &s.save_interval, "steps, beside each evaluation and the end; 0: only these");
  t.add("sample_interval", &s.sample_interval, "steps; 0: never");
  t.add("sample_chars", &s.sample_chars, "new tokens of a sample");
  t.add("prompt", &s.prompt, "start of samples; empty: a line break");
  t.add("temperature", &s.temperature, "of samples; 0: greedy");
  t.add("top_k", &s.top_k, "0: off");
  t.add("top_p", &s.top_p, "1: off");
  t.add("repetition_penalty", &s.repetition_penalty, "1: off");
  t.add("repetition_window", &s.repetition_window, "tokens that the penalty looks back; 0: all");
  t.add("no_repeat_ngram_size", &s.no_repeat_ngram_size, "no run of so many tokens twice; 0: off");
  t.add("do_sample", &s.do_sample, "--no-do_sample: greedy, without the settings above");
  t.add("context_overflow", &s.context_overflow, "a sample longer than block_size").choices = {"slide", "stop"};
}

Status check(const TinySettings& s) {
  for (const auto& [key, value] : {std::pair{"max_steps", s.max_steps}, {"batch_size", s.batch_size}, {"grad_accum_steps", s.grad_accum_steps},
                                   {"block_size", s.block_size}, {"eval_iters", s.eval_iters}, {"bpe_min_frequency", s.bpe_min_frequency},
                                   {"dataloader_prefetch_factor", s.dataloader_prefetch_factor}, {"sample_chars", s.sample_chars},
                                   {"ema_update_every", s.ema_update_every}, {"ddp_timeout", s.ddp_timeout}})
    LATHE_TRY_STATUS(at_least(key, value, 1));
  for (const auto& [key, value] : {std::pair{"dataloader_workers", s.dataloader_workers}, {"lr_warmup_steps", s.lr_warmup_steps},
                                   {"lr_stable_steps", s.lr_stable_steps}, {"eval_interval", s.eval_interval}, {"save_interval", s.save_interval},
                                   {"sample_interval", s.sample_interval}, {"log_interval", s.log_interval}, {"top_k", s.top_k},
                                   {"mlp_hidden", s.mlp_hidden}, {"ema_start_step", s.ema_start_step}, {"sliding_window", s.sliding_window},
                                   {"repetition_window", s.repetition_window}, {"no_repeat_ngram_size", s.no_repeat_ngram_size}})
    LATHE_TRY_STATUS(at_least(key, value, 0));
  LATHE_TRY_STATUS(within("val_fraction", s.val_fraction, 0, 1));
  LATHE_TRY_STATUS(within("dropout", s.dropout, 0, 1));
  constexpr double kAny = std::numeric_limits<double>::infinity();
  for (const auto& [key, value] : {std::pair{"adam_beta1", s.adam_beta1}, {"adam_beta2", s.adam_beta2}, {"ema_decay", s.ema_decay},
                                   {"lion_beta1", s.lion_beta1}, {"lion_beta2", s.lion_beta2}, {"label_smoothing", s.label_smoothing},
                                   {"layerdrop", s.layerdrop}})
    LATHE_TRY_STATUS(within(key, value, 0, 1));
  for (const Range& range : {Range{"learning_rate", s.learning_rate, 0, kAny, true}, {"lr_min", s.lr_min, 0, kAny}, {"adam_eps", s.adam_eps, 0, kAny, true},
                             {"weight_decay", s.weight_decay, 0, kAny}, {"grad_clip", s.grad_clip, 0, kAny}, {"norm_eps", s.norm_eps, 0, kAny, true},
                             {"rope_base", s.rope_base, 0, kAny, true}, {"temperature", s.temperature, 0, kAny}, {"top_p", s.top_p, 0, 1}, {"qk_norm_eps", s.qk_norm_eps, 0, kAny, true},
                             {"repetition_penalty", s.repetition_penalty, 0, kAny, true}})
    LATHE_TRY_STATUS(within(range));
  if (s.lr_schedule != "constant" && s.lr_min > s.learning_rate)
    return error_at("lr_min", -1, s.lr_min, " is above learning_rate ", s.learning_rate, ": the decay would rise");
  if (s.curriculum) LATHE_TRY_STATUS(curriculum_of(s).check());
  if (s.generate_only && s.resume) return error_at("generate_only", -1, "and resume exclude each other; give one of them");
  if (s.checkpoint != "auto" && !s.generate_only) return error_at("checkpoint", -1, "is only for generate_only");
  if (s.ddp) return error_at("ddp", -1, "this trainer runs in one process; leave it off");
  return {};
}

Result<model::ModelConfig> model_config(const TinySettings& s, int64_t vocab_size) {
  model::PlainSize size;
  size.n_layer = s.n_layer;
  size.n_head = size.n_kv_head = s.n_head;
  size.n_embd = s.n_embd;
  size.sequence_len = s.block_size;
  size.vocab_size = vocab_size;
  size.tied = s.weight_tying;
  size.mlp_hidden = s.mlp_hidden > 0 ? s.mlp_hidden : s.mlp == "swiglu" ? (s.n_embd * 8 / 3 + 7) / 8 * 8 : 4 * s.n_embd;
  model::ModelConfig config = s.mlp == "swiglu" ? model::llama_config(size) : model::gpt2_config(size);
  config.norm = s.norm == "rmsnorm" ? model::Norm::kRms : model::Norm::kLayer;
  config.norm_eps = s.norm_eps;
  config.mlp = s.mlp == "swiglu" ? model::Mlp::kSwiglu : s.gelu_form == "tanh" ? model::Mlp::kGeluTanh : model::Mlp::kGelu;
  config.positions = s.pos_encoding == "rope" ? model::Positions::kRope : model::Positions::kLearned;
  config.rope_base = s.rope_base;
  config.attention_bias = config.mlp_bias = has_biases(s);
  config.norm_bias = has_biases(s) && config.norm == model::Norm::kLayer;
  config.dropout = s.dropout;
  config.layerdrop = s.layerdrop;
  config.sliding_window = s.sliding_window;
  config.qk_norm = s.qk_norm;
  config.qk_norm_eps = s.qk_norm_eps;
  config.scaled_init = s.scaled_init;
  LATHE_TRY_STATUS(config.validate());
  return config;
}

data::Curriculum curriculum_of(const TinySettings& s) {
  data::Curriculum curriculum;
  curriculum.start = s.curriculum_start_block_size;
  curriculum.full = s.block_size;
  curriculum.steps = s.curriculum_steps;
  return curriculum;
}

double learning_rate(const TinySettings& s, int64_t step) {
  const auto at = static_cast<double>(step), warmup = static_cast<double>(s.lr_warmup_steps), last = static_cast<double>(s.max_steps);
  if (at < warmup) return s.learning_rate * (at + 1) / warmup;
  const double range = s.learning_rate - s.lr_min;
  if (s.lr_schedule == "constant") return s.learning_rate;
  if (s.lr_schedule == "cosine") {
    if (at >= last) return s.lr_min;
    return s.lr_min + 0.5 * range * (1 + std::cos(std::numbers::pi * (at - warmup) / (last - warmup)));
  }
  const double decay_from = warmup + static_cast<double>(s.lr_stable_steps);
  if (at < decay_from) return s.learning_rate;
  if (at >= last) return s.lr_min;
  const double share = (at - decay_from) / (last - decay_from);
  if (s.wsd_decay == "cosine") return s.lr_min + 0.5 * range * (1 + std::cos(std::numbers::pi * share));
  return s.lr_min + range * (s.wsd_decay == "sqrt" ? 1 - std::sqrt(share) : 1 - share);
}

std::vector<std::string> schedule_warnings(const TinySettings& s) {
  std::vector<std::string> lines;
  if (s.lr_warmup_steps >= s.max_steps)
    lines.push_back(join_text("lr_warmup_steps ", s.lr_warmup_steps, " is not below max_steps ", s.max_steps, ": the peak rate is never reached"));
  else if (s.lr_schedule == "wsd" && s.lr_warmup_steps + s.lr_stable_steps >= s.max_steps)
    lines.push_back(join_text("lr_warmup_steps + lr_stable_steps is not below max_steps ", s.max_steps, ": the rate never decays"));
  return lines;
}

std::vector<std::string> optimizer_warnings(const TinySettings& s) {
  std::vector<std::string> lines;
  if (s.optimizer == "lion" && s.learning_rate > 1e-4)
    lines.push_back(join_text("learning_rate ", s.learning_rate, " is high for lion: 3 to 10 times less than for adamw is usual"));
  if (!s.ema) return lines;
  const EmaReach reach = ema_reach(s);
  if (s.ema_start_step >= s.max_steps)
    lines.push_back(join_text("ema_start_step ", s.ema_start_step, " is not below max_steps ", s.max_steps, ": there will be no average"));
  else if (reach.start_share > 0.1)
    lines.push_back(format_text("the average still holds %.0f %% of its first weights at the end: ema_decay %g looks back over about %.0f steps of %lld; lower it",
                                100 * reach.start_share, s.ema_decay, reach.window_steps, static_cast<long long>(s.max_steps)));
  return lines;
}

EmaReach ema_reach(const TinySettings& s) {
  EmaReach reach;
  reach.updates = std::max<int64_t>(0, (s.max_steps - 1 - s.ema_start_step) / s.ema_update_every);
  reach.window_steps = static_cast<double>(s.ema_update_every) / (1 - s.ema_decay);
  reach.start_share = std::pow(s.ema_decay, static_cast<double>(reach.updates));
  return reach;
}

std::unique_ptr<optim::Optimizer> make_optimizer(const TinySettings& s, const model::Transformer& model, dist::Communicator* ranks) {
  optim::AdamwRates rates;
  rates.lr = s.learning_rate;
  rates.eps = s.adam_eps;
  rates.weight_decay = s.weight_decay;
  const bool lion = s.optimizer == "lion";
  rates.beta1 = lion ? s.lion_beta1 : s.adam_beta1;
  rates.beta2 = lion ? s.lion_beta2 : s.adam_beta2;
  const auto groups = lion ? optim::lion_groups : s.optimizer == "adamw8bit" ? optim::adamw8_groups : optim::adamw_groups;
  return std::make_unique<optim::Optimizer>(groups(model.parameters(), rates), optim::OptimizerOptions{}, ranks);
}

}  // namespace lathe::train
