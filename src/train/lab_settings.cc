#include "train/lab_settings.h"

#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "optim/schedule.h"

namespace lathe::train {
namespace {

constexpr double kWarmupRatio = 0.1;                          // row L-5.12
constexpr double kLeastSaving = 0.10, kMostSaving = 0.15;     // row L-5.46
constexpr int64_t kTokensPerParameter = 20;                   // row L-5.59
constexpr double kMaxCount = 1e12;

int64_t rounded_warmup(const LabSettings& s, double ratio) { return std::llround(ratio * static_cast<double>(s.max_steps)); }

double ratio(int64_t a, int64_t b) { return b > 0 ? static_cast<double>(a) / static_cast<double>(b) : 0; }

}  // namespace

void describe(SettingsTable& t, LabSettings& s) {
  t.group("files");
  t.add("data_dirs", &s.data_dirs, "folders of the data, one or more");
  t.add("data_weights", &s.data_weights, "of the folders, made a sum of 1; none: by size");
  t.add("tokenizer_dir", &s.tokenizer_dir, "folder of the tokenizer; there is no default").aliases = {"tokenizer_path"};
  t.add("output_dir", &s.output_dir, "folder for the checkpoints");
  t.add("resume_from_checkpoint", &s.resume_from_checkpoint, "a step folder to go on from; none: the latest of the output folder");
  t.add("force", &s.force, "start a course over: later checkpoints are moved aside, not deleted");
  t.add("num_workers", &s.num_workers, "threads that prepare batches; 0: none").aliases = {"dataloader_num_workers"};
  t.group("config");
  t.add("name", &s.name, "of the settings file");
  t.add("description", &s.description, "of the settings file");
  t.add("version", &s.version, "of the settings file");
  t.group("steps and batches");
  t.add("max_steps", &s.max_steps, "optimizer steps in all, over all phases");
  t.add("stop_at_step", &s.stop_at_step, "last step of this phase; -1: max_steps");
  t.add("per_device_train_batch_size", &s.per_device_train_batch_size, "sequences of a micro batch").aliases = {"batch_size"};
  t.add("gradient_accumulation_steps", &s.gradient_accumulation_steps, "micro batches of a step");
  t.add("save_steps", &s.save_steps, "steps between checkpoints; -1: only at the end");
  t.add("save_total_limit", &s.save_total_limit, "newest checkpoints kept, beside the best, the final and those others start from; 0: all");
  t.add("eval_steps", &s.eval_steps, "steps between validations; -1: never");
  t.add("eval_batches", &s.eval_batches, "micro batches of a validation");
  t.add("logging_steps", &s.logging_steps, "steps between log lines");
  t.add("log_dataset_mix_steps", &s.log_dataset_mix_steps, "steps between lines of the mix; -1: none");
  t.add("perplexity_patience", &s.perplexity_patience, "validations in a row whose perplexity rose before a warning; 0: none");
  t.group("learning rate");
  t.add("learning_rate", &s.learning_rate, "peak");
  t.add("warmup_steps", &s.warmup_steps, "linear rise; -1: by warmup_ratio");
  t.add("warmup_ratio", &s.warmup_ratio, "the same as a share of max_steps; -1: 0.1");
  t.add("scheduler_type", &s.scheduler_type, "after the warmup").choices = {"cosine", "linear", "constant"};
  t.add("num_cycles", &s.num_cycles, "cosine: waves; 0.5 falls once");
  t.add("min_lr_ratio", &s.min_lr_ratio, "cosine: floor, as a share of the peak");
  t.add("lr_schedule_origin", &s.lr_schedule_origin, "step that a later phase's schedule counts from").choices = {"global", "phase"};
  t.group("optimizer");
  t.add("optimizer_type", &s.optimizer_type, "rule").choices = {"adamw"};
  t.add("betas", &s.betas, "AdamW");
  t.add("eps", &s.eps, "AdamW");
  t.add("weight_decay", &s.weight_decay, "of matrices");
  t.add("max_grad_norm", &s.max_grad_norm, "global norm; 0: off");
  t.group("precision and hardware");
  t.add("bf16", &s.bf16, "forward and backward in bfloat16; weights and optimizer stay float32");
  t.add("fp16", &s.fp16, "refused; bf16 takes its place");
  t.add("gradient_checkpointing", &s.gradient_checkpointing, "compute activations again instead of keeping them");
  t.add("use_flash_attn", &s.use_flash_attn, "the tiled form of attention; it is the only one, and always on");
  t.add("deterministic", &s.deterministic, "same bits in every run; the CPU always does");
  t.group("data");
  t.add("sequence_length", &s.sequence_length, "tokens; must be the data's; 0: as the data has it");
  t.add("data_seed", &s.data_seed, "of the order of the data; --seed is of weights and dropout");
  t.add("train_val_split", &s.train_val_split, "was decided when the data were packed; compared with it");
}

ConfigKeys lab_keys() {
  ConfigKeys keys;
  const auto add = [&](const char* section, std::initializer_list<const char*> names) {
    for (const char* name : names) keys.push_back({section, name, name});
  };
  add("", {"name", "description", "version", "data_dirs", "data_weights", "tokenizer_dir", "output_dir"});
  add("training_params", {"learning_rate", "per_device_train_batch_size", "gradient_accumulation_steps", "max_steps", "stop_at_step", "lr_schedule_origin",
                          "warmup_steps", "warmup_ratio", "weight_decay", "max_grad_norm", "save_steps", "logging_steps", "eval_steps",
                          "log_dataset_mix_steps", "save_total_limit", "eval_batches", "perplexity_patience"});
  keys.push_back({"training_params", "batch_size", "per_device_train_batch_size"});
  keys.push_back({"optimizer", "type", "optimizer_type"});
  add("optimizer", {"betas", "eps", "weight_decay"});
  keys.push_back({"scheduler", "type", "scheduler_type"});
  add("scheduler", {"num_cycles", "min_lr_ratio"});
  add("hardware_params", {"use_flash_attn", "bf16", "fp16", "gradient_checkpointing"});
  keys.push_back({"hardware_params", "dataloader_num_workers", "num_workers"});
  keys.push_back({"hardware_params", "num_workers", "num_workers"});
  add("reproducibility", {"seed", "deterministic"});
  add("data_params", {"sequence_length", "data_seed", "train_val_split"});
  return keys;
}

Status check(const LabSettings& s) {
  if (s.fp16) return error_at("fp16", -1, "is not offered: it would need a loss scaler; take bf16, which every supported device has or replaces by fp32");
  for (const auto& [key, value, least] :
       {std::tuple{"max_steps", s.max_steps, int64_t{1}}, {"per_device_train_batch_size", s.per_device_train_batch_size, 1},
        {"gradient_accumulation_steps", s.gradient_accumulation_steps, 1}, {"logging_steps", s.logging_steps, 1}, {"eval_batches", s.eval_batches, 1},
        {"save_total_limit", s.save_total_limit, 0}, {"perplexity_patience", s.perplexity_patience, 0}, {"num_workers", s.num_workers, 0},
        {"sequence_length", s.sequence_length, 0}, {"warmup_steps", s.warmup_steps, -1}})
    if (value < least || static_cast<double>(value) > kMaxCount) return error_at(key, -1, "must be at least ", least, ", is ", value);
  if (s.num_workers > 256) return error_at("num_workers", -1, "must be 0 to 256, is ", s.num_workers);
  for (const auto& [key, value] : {std::pair{"save_steps", s.save_steps}, {"eval_steps", s.eval_steps}, {"log_dataset_mix_steps", s.log_dataset_mix_steps},
                                   {"stop_at_step", s.stop_at_step}})
    if (value == 0 || value < -1) return error_at(key, -1, "must be at least 1, or -1, is ", value);
  if (s.stop_at_step > s.max_steps)
    return error_at("stop_at_step", -1, s.stop_at_step, " is above max_steps ", s.max_steps, "; max_steps counts the steps of all phases");
  for (const auto& [key, value] : {std::pair{"learning_rate", s.learning_rate}, {"eps", s.eps}, {"num_cycles", s.num_cycles}})
    if (!(value > 0) || !std::isfinite(value)) return error_at(key, -1, "must be a number above 0, is ", value);
  for (const auto& [key, value] : {std::pair{"weight_decay", s.weight_decay}, {"max_grad_norm", s.max_grad_norm}})
    if (!(value >= 0) || !std::isfinite(value)) return error_at(key, -1, "must be a number of at least 0, is ", value);
  if (s.betas.size() != 2) return error_at("betas", -1, "needs two numbers, has ", s.betas.size());
  for (const double beta : s.betas)
    if (!(beta >= 0 && beta < 1)) return error_at("betas", -1, "must be at least 0 and below 1, is ", beta);
  if (!(s.min_lr_ratio >= 0 && s.min_lr_ratio <= 1)) return error_at("min_lr_ratio", -1, "must be 0 to 1, is ", s.min_lr_ratio);
  LATHE_TRY(const int64_t warmup, warmup_steps(s));
  if (warmup > s.max_steps) return error_at("warmup_steps", -1, warmup, " is above max_steps ", s.max_steps);
  return {};
}

Result<int64_t> warmup_steps(const LabSettings& s) {
  if (s.warmup_ratio > 1 || std::isnan(s.warmup_ratio) || (s.warmup_ratio < 0 && s.warmup_ratio != -1))
    return error_at("warmup_ratio", -1, "must be 0 to 1, is ", s.warmup_ratio);
  if (s.warmup_steps >= 0 && s.warmup_ratio >= 0 && rounded_warmup(s, s.warmup_ratio) != s.warmup_steps)
    return error_at("warmup_steps", -1, "is ", s.warmup_steps, ", warmup_ratio ", s.warmup_ratio, " of ", s.max_steps, " steps is ",
                    rounded_warmup(s, s.warmup_ratio), "; keep one of them");
  if (s.warmup_steps >= 0) return s.warmup_steps;
  return rounded_warmup(s, s.warmup_ratio >= 0 ? s.warmup_ratio : kWarmupRatio);
}

Result<DType> precision(const LabSettings& s, const std::string& mixed_precision, bool bf16_given) {
  if (s.fp16 || mixed_precision == "fp16") return error_at("mixed_precision", -1, "fp16 is not offered; take bf16");
  if (bf16_given && !mixed_precision.empty() && s.bf16 != (mixed_precision == "bf16"))
    return error_at("mixed_precision", -1, "is ", mixed_precision, ", the config has bf16 ", s.bf16 ? "true" : "false",
                    "; they must agree: change one of them, or leave the flag out");
  const bool bf16 = mixed_precision.empty() ? s.bf16 : mixed_precision == "bf16";
  return bf16 ? DType::kBFloat16 : DType::kFloat32;
}

std::vector<std::string> interval_warnings(const LabSettings& s, int64_t warmup) {
  std::vector<std::string> lines;
  if (warmup != rounded_warmup(s, kWarmupRatio))
    lines.push_back(join_text("the warmup has ", warmup, " steps; the documented rule is 10 % of max_steps, ", rounded_warmup(s, kWarmupRatio)));
  if (const double share = ratio(s.save_steps, s.max_steps); s.save_steps > 0 && (share < kLeastSaving || share > kMostSaving))
    lines.push_back(join_text("save_steps ", s.save_steps, format_text(" is %.1f %% of max_steps; the advice is 10 to 15 %%, ", 100 * share),
                              std::llround(kLeastSaving * static_cast<double>(s.max_steps)), " to ",
                              std::llround(kMostSaving * static_cast<double>(s.max_steps))));
  return lines;
}

std::vector<std::string> budget_lines(const LabSettings& s, int64_t parameters, int64_t sequence_length, int64_t data_tokens) {
  const int64_t advised = kTokensPerParameter * parameters, batch = s.global_batch() * sequence_length, planned = s.max_steps * batch;
  return {join_text("Token budget: ", kTokensPerParameter, " tokens per parameter are ", with_thousands(advised)),
          join_text("Planned tokens: ", with_thousands(s.max_steps), " steps x ", with_thousands(s.global_batch()), " sequences x ",
                    with_thousands(sequence_length), " = ", with_thousands(planned),
                    format_text(", %.2f of the budget, %.1f tokens per parameter", ratio(planned, advised), ratio(planned, parameters))),
          join_text("Training tokens of the data: ", with_thousands(data_tokens), format_text(", seen %.2f times", ratio(planned, data_tokens)))};
}

double lr_multiplier(const LabSettings& s, int64_t warmup, int64_t step, int64_t phase_start) {
  const int64_t start = s.lr_schedule_origin == "phase" ? phase_start : 0;
  const int64_t at = step - start, total = s.max_steps - start;
  if (s.scheduler_type == "constant") return optim::constant_with_warmup(at, warmup);
  if (s.scheduler_type == "linear") return optim::linear_with_warmup(at, warmup, total);
  return optim::cosine_with_warmup(at, warmup, total, s.min_lr_ratio, s.num_cycles);
}

std::unique_ptr<optim::Optimizer> make_optimizer(const LabSettings& s, const std::vector<autograd::Parameter*>& parameters, dist::Communicator* ranks) {
  optim::AdamwRates rates;
  rates.lr = s.learning_rate;
  rates.beta1 = s.betas[0];
  rates.beta2 = s.betas[1];
  rates.eps = s.eps;
  rates.weight_decay = s.weight_decay;
  return std::make_unique<optim::Optimizer>(optim::adamw_groups(parameters, rates), optim::OptimizerOptions{}, ranks);
}

std::vector<std::string> group_lines(const optim::Optimizer& optimizer) {
  std::vector<std::string> lines;
  for (const optim::ParamGroup& group : optimizer.groups()) {
    int64_t numbers = 0;
    for (const autograd::Parameter* p : group.parameters) numbers += p->value.elements();
    lines.push_back(join_text("Parameter group: ", group.parameters.size(), " tensors, ", with_thousands(numbers), " numbers, weight decay ",
                              group.weight_decay, ", betas ", group.beta1, " ", group.beta2, ", eps ", group.eps));
  }
  return lines;
}

double apply_schedule(const LabSettings& s, int64_t warmup, int64_t phase_start, optim::Optimizer& optimizer, int64_t step) {
  const double multiplier = lr_multiplier(s, warmup, step, phase_start);
  for (optim::ParamGroup& group : optimizer.groups()) {
    group.initial_lr = s.learning_rate;
    group.lr = s.learning_rate * multiplier;
    group.beta1 = s.betas[0];
    group.beta2 = s.betas[1];
    group.eps = s.eps;
    const bool matrices = std::any_of(group.parameters.begin(), group.parameters.end(), [](const auto* p) { return p->value.rank() >= 2; });
    group.weight_decay = matrices ? s.weight_decay : 0;
  }
  return multiplier;
}

}  // namespace lathe::train
