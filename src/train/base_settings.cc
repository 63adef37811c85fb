#include "train/base_settings.h"

#include <cmath>

#include "core/log.h"

namespace lathe::train {
namespace {

bool is_chat(const BaseSettings& s) { return s.architecture.starts_with("chat"); }

model::ChatState chat_state(const BaseSettings& s) {
  if (s.architecture == "chat_newest") return model::ChatState::kNewest;
  return s.architecture == "chat_old" ? model::ChatState::kOld : model::ChatState::kSeed;
}

model::ChatSize chat_size(const BaseSettings& s, int64_t vocab_size) {
  model::ChatSize size;
  size.depth = s.depth;
  size.aspect_ratio = s.aspect_ratio;
  size.head_dim = s.head_dim;
  size.sequence_len = s.max_seq_len;
  size.vocab_size = vocab_size;
  size.window_pattern = s.window_pattern;
  size.state = chat_state(s);
  return size;
}

}  // namespace

void describe(SettingsTable& t, BaseSettings& s) {
  t.group("data");
  t.add("data", &s.data, "corpus: file or folder of txt, jsonl(.gz/.zst), parquet, or a folder of lathe pack; empty: <base>/base_data");
  t.add("tokenizer", &s.tokenizer, "empty: <base>/tokenizer").aliases = {"tokenizer_dir", "tokenizer_path"};
  t.add("split", &s.split, "which part validates: the last file, or the last twentieth").choices = {"auto", "last_file", "tail"};
  t.add("loader", &s.loader, "best-fit packing, or one plain stream").choices = {"packed", "stream"};
  t.add("data_dirs", &s.data_dirs, "data sets of lathe pack, mixed; or one of them as --data");
  t.add("data_weights", &s.data_weights, "share of each data set; none: by their size");
  t.add("num_workers", &s.num_workers, "threads that read packed data; 0: the training thread itself");
  t.add("log_dataset_mix_steps", &s.log_dataset_mix_steps, "steps between lines about the mix of packed data");
  t.add("loader_resume", &s.loader_resume, "exact, or the origin's approximate rule").choices = {"exact", "compatible"};
  t.group("model");
  t.add("architecture", &s.architecture, "family").choices = {"chat", "chat_newest", "chat_old", "llama", "gpt2"};
  t.add("depth", &s.depth, "blocks");
  t.add("aspect_ratio", &s.aspect_ratio, "width = depth * this, rounded up to head_dim");
  t.add("head_dim", &s.head_dim, "width of a head");
  t.add("max_seq_len", &s.max_seq_len, "T, tokens of a row");
  t.add("window_pattern", &s.window_pattern, "L full, S half window, per layer");
  t.add("n_head", &s.n_head, "llama, gpt2: query heads (0: width / head_dim)");
  t.add("n_kv_head", &s.n_kv_head, "llama: key/value heads (0: n_head)");
  t.add("n_embd", &s.n_embd, "llama, gpt2: width (0: by depth)");
  t.add("mlp_hidden", &s.mlp_hidden, "llama, gpt2: hidden width (0: 4 * width)");
  t.add("tied_embeddings", &s.tied_embeddings, "llama, gpt2: head = embedding");
  t.add("dropout", &s.dropout, "llama, gpt2");
  t.group("horizon and batch");
  t.add("num_iterations", &s.num_iterations, "optimizer steps (first choice)");
  t.add("target_flops", &s.target_flops, "total FLOPs (second choice)");
  t.add("target_param_data_ratio", &s.target_param_data_ratio, "tokens per parameter (third choice)");
  t.add("device_batch_size", &s.device_batch_size, "B, rows of a micro batch");
  t.add("total_batch_size", &s.total_batch_size, "tokens of a step; -1: by rule");
  t.add("target_global_batch", &s.target_global_batch, "rows of a step, instead of its tokens; -1: off");
  t.add("recompute", &s.recompute, "activations dropped and computed again in the backward pass").choices =
      model::recompute_names();
  t.group("optimizer");
  t.add("embedding_lr", &s.embedding_lr, "AdamW, token embeddings");
  t.add("unembedding_lr", &s.unembedding_lr, "AdamW, output head");
  t.add("matrix_lr", &s.matrix_lr, "Muon");
  t.add("scalar_lr", &s.scalar_lr, "AdamW, per-layer scalars");
  t.add("weight_decay", &s.weight_decay, "Muon");
  t.add("adam_beta1", &s.adam_beta1, "AdamW");
  t.add("adam_beta2", &s.adam_beta2, "AdamW");
  t.add("warmup_ratio", &s.warmup_ratio, "share of the steps");
  t.add("warmup_steps", &s.warmup_steps, "instead of the ratio; -1: off");
  t.add("warmdown_ratio", &s.warmdown_ratio, "share of the steps");
  t.add("final_lr_frac", &s.final_lr_frac, "at the end");
  t.add("grad_clip", &s.grad_clip, "global norm; 0: off");
  t.add("learning_rate", &s.learning_rate, "llama, gpt2: AdamW");
  t.add("muon_dtype", &s.muon_dtype, "of the orthogonalisation").choices = {"bf16", "fp32"};
  t.add("loss_normalisation", &s.loss_normalisation, "by all targets of a step, or per micro batch").choices = {"global", "micro_batch"};
  t.group("evaluation and saving");
  t.add("run", &s.run, "name in the metrics");
  t.add("eval_every", &s.eval_every, "steps; -1: never");
  t.add("eval_tokens", &s.eval_tokens, "validation tokens");
  t.add("bpb", &s.bpb, "bytes per token: true, or the origin's").choices = {"raw", "reference"};
  t.add("core_metric_every", &s.core_metric_every, "steps between CORE evaluations, and at the end; -1: none");
  t.add("core_metric_max_per_task", &s.core_metric_max_per_task, "examples of a CORE task; -1: all");
  t.add("sample_every", &s.sample_every, "steps; -1: never");
  t.add("save_every", &s.save_every, "steps; -1: only at the end");
  t.add("resume_from_step", &s.resume_from_step, "exact continuation of this step's checkpoint");
  t.add("resume", &s.resume, "continue the latest checkpoint if there is one");
  t.add("log_every", &s.log_every, "steps between lines of metrics.jsonl");
  t.add("compile", &s.compile, "accepted for old command lines: the engine always runs its planned form");
  t.add("fp8", &s.fp8, "CUDA only: ignored with a warning");
  t.add("fp8_recipe", &s.fp8_recipe, "of --fp8").choices = {"tensorwise", "rowwise"};
}

Result<model::ModelConfig> model_config(const BaseSettings& s, int64_t vocab_size) {
  if (s.depth < 1 || s.head_dim < 1 || s.aspect_ratio < 1) return error("depth, aspect_ratio and head_dim must be at least 1");
  model::ModelConfig config;
  if (is_chat(s)) {
    config = model::chat_config(chat_size(s, vocab_size));
  } else {
    model::PlainSize size;
    size.n_layer = s.depth;
    size.n_embd = s.n_embd > 0 ? s.n_embd : (s.depth * s.aspect_ratio + s.head_dim - 1) / s.head_dim * s.head_dim;
    size.n_head = s.n_head > 0 ? s.n_head : std::max<int64_t>(1, size.n_embd / s.head_dim);
    size.n_kv_head = s.n_kv_head > 0 ? s.n_kv_head : size.n_head;
    size.mlp_hidden = s.mlp_hidden;
    size.sequence_len = s.max_seq_len;
    size.vocab_size = vocab_size;
    size.tied = s.tied_embeddings;
    config = s.architecture == "llama" ? model::llama_config(size) : model::gpt2_config(size);
    config.dropout = s.dropout;
  }
  LATHE_TRY_STATUS(config.validate());
  return config;
}

Result<BaseHorizon> base_horizon(const BaseSettings& s, const model::Transformer& model, int64_t ranks) {
  BaseHorizon horizon;
  optim::ScalingRequest request;
  horizon.scaling_parameters = model.counts().scaling();
  request.scaling_parameters = horizon.scaling_parameters;
  // The reference model has the same family at depth 12; meta tensors take no memory.
  BaseSettings reference = s;
  reference.depth = optim::kReferenceDepth;
  LATHE_TRY(const model::ModelConfig reference_config, model_config(reference, model.config().vocab_size));
  request.reference_scaling_parameters = model::Transformer(reference_config, DType::kFloat32, Device::kMeta).counts().scaling();
  request.flops_per_token = model.flops_per_token();
  request.param_data_ratio = s.target_param_data_ratio;
  request.num_iterations = s.num_iterations;
  request.target_flops = s.target_flops;
  request.weight_decay = s.weight_decay;
  LATHE_TRY(request.total_batch_size,
            optim::total_batch_tokens(s.total_batch_size, s.target_global_batch, s.max_seq_len));
  if (!is_chat(s) && request.total_batch_size < 0)
    request.total_batch_size = s.device_batch_size * s.max_seq_len * ranks;
  LATHE_TRY(horizon.plan, optim::plan_scaling(request));
  LATHE_TRY(horizon.accumulation, optim::accumulation_steps(horizon.plan.total_batch_size, s.device_batch_size, s.max_seq_len, ranks));
  return horizon;
}

PlanRequest plan_request(const BaseSettings& s, const model::ModelConfig& config, DType dtype,
                         const BaseHorizon& horizon) {
  PlanRequest request;
  request.config = config;
  request.dtype = dtype;
  request.batch = s.device_batch_size;
  request.sequence_len = s.max_seq_len;
  request.recompute = model::recompute_of(s.recompute);
  const model::Transformer model(config, dtype, Device::kMeta);
  request.optimizer_bytes = state_bytes(*make_base_optimizer(s, model, horizon.plan, nullptr));
  return request;
}

std::unique_ptr<optim::Optimizer> make_base_optimizer(const BaseSettings& s, const model::Transformer& model,
                                                      const optim::ScalingPlan& plan, dist::Communicator* ranks) {
  const std::vector<autograd::Parameter*> parameters = model.parameters();
  optim::OptimizerOptions options;
  options.muon_precision = s.muon_dtype == "fp32" ? DType::kFloat32 : DType::kBFloat16;
  std::vector<optim::ParamGroup> groups;
  if (is_chat(s)) {
    const bool newest = chat_state(s) == model::ChatState::kNewest;
    optim::ChatRates rates;
    rates.unembedding = s.unembedding_lr * plan.batch_lr_scale;
    rates.embedding = s.embedding_lr * plan.batch_lr_scale;
    rates.matrix = s.matrix_lr * plan.batch_lr_scale;
    rates.scalar = s.scalar_lr * plan.batch_lr_scale;
    rates.weight_decay = plan.weight_decay;
    rates.adam_beta1 = s.adam_beta1;
    rates.adam_beta2 = s.adam_beta2;
    groups = optim::chat_groups(parameters, model.config().n_embd, rates, newest ? optim::ChatRules::kNewest : optim::ChatRules::kSeed);
    options.muon_form = newest ? optim::MuonForm::kNewest : optim::MuonForm::kSeed;
  } else {
    optim::AdamwRates rates;
    rates.lr = s.learning_rate;
    rates.weight_decay = s.weight_decay;
    groups = optim::adamw_groups(parameters, rates);
  }
  return std::make_unique<optim::Optimizer>(std::move(groups), options, ranks);
}

double apply_base_schedule(const BaseSettings& s, const model::ModelConfig& config, const optim::ScalingPlan& plan,
                           optim::Optimizer& optimizer, int64_t step) {
  optim::ChatSchedule schedule;
  schedule.num_iterations = plan.num_iterations;
  schedule.warmup_ratio = s.warmup_ratio;
  schedule.warmup_steps = s.warmup_steps;
  schedule.warmdown_ratio = s.warmdown_ratio;
  schedule.final_lr_frac = s.final_lr_frac;
  const double multiplier = optim::chat_lr_multiplier(schedule, step);
  optimizer.set_lr_multiplier(multiplier);
  if (config.chat_state == model::ChatState::kNewest)
    optimizer.set_muon(optim::newest_muon_momentum(schedule, step), optim::newest_muon_weight_decay(plan.weight_decay, step, plan.num_iterations));
  else
    optimizer.set_muon(optim::muon_momentum(step), optim::muon_weight_decay(plan.weight_decay, step, plan.num_iterations));
  return multiplier;
}

}  // namespace lathe::train
