// Settings that the lab's training programs share (pre-training, fine-tuning, preferences), under the lab's names: values of rows
// L-5.10 to L-5.20 and L-7.29, and what follows from them. What differs between the programs (files, adapters, preferences) is theirs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/settings.h"
#include "optim/optimizer.h"
#include "train/lab_config.h"

namespace lathe::train {

struct LabSettings {
  std::string name, description, version;  // of the config
  // Files; each may stand in the config, too (contradiction C23).
  std::vector<std::string> data_dirs;
  std::vector<double> data_weights;
  std::string tokenizer_dir, output_dir, resume_from_checkpoint;
  bool force = false;
  int64_t num_workers = 4;
  // training_params. Steps are optimizer steps everywhere (row L-5.13).
  double learning_rate = 5e-4;
  int64_t per_device_train_batch_size = 8, gradient_accumulation_steps = 4;
  int64_t max_steps = 30000;
  int64_t stop_at_step = -1;                  // ends a phase without finishing the run (row L-5.35)
  std::string lr_schedule_origin = "global";  // or phase: the schedule starts anew at the phase's first step
  int64_t warmup_steps = -1;                  // -1: from warmup_ratio, which is 0.1 when absent, too
  double warmup_ratio = -1;
  double weight_decay = 0.1, max_grad_norm = 1;
  int64_t save_steps = 3000, logging_steps = 200, eval_steps = 2000, log_dataset_mix_steps = 500;
  int64_t save_total_limit = 3;               // 0: all are kept
  int64_t eval_batches = 50;                  // micro batches of a validation
  int64_t perplexity_patience = 3;            // row L-5.57
  // optimizer, scheduler
  std::string optimizer_type = "adamw";
  std::vector<double> betas = {0.9, 0.95};
  double eps = 1e-8;
  std::string scheduler_type = "cosine";
  double num_cycles = 0.5, min_lr_ratio = 0;
  // hardware_params
  bool use_flash_attn = true, bf16 = true, fp16 = false, gradient_checkpointing = false;
  // reproducibility, data_params
  bool deterministic = true;
  int64_t sequence_length = 0;                // 0: the data's
  int64_t data_seed = 42;
  double train_val_split = -1;                // decided when packing (contradiction C26); here only compared

  int64_t global_batch() const { return per_device_train_batch_size * gradient_accumulation_steps; }  // sequences
  int64_t last_step() const { return stop_at_step > 0 && stop_at_step < max_steps ? stop_at_step : max_steps; }
};

// Adds the settings above, at the values they have now.
void describe(SettingsTable& table, LabSettings& settings);
// The keys of the settings above. "architecture_config" is not among them: it may be an object (contradiction C38).
ConfigKeys lab_keys();

// Ranges and what does not go together; fp16 is refused by name (row L-5.19).
Status check(const LabSettings& settings);

// Row L-5.12: both keys must agree after rounding; neither: 10 % of max_steps.
Result<int64_t> warmup_steps(const LabSettings& settings);

// The type the flag --mixed_precision and the config agree on (row L-5.18). mixed_precision: "", no, fp16 or bf16; bf16_given:
// whether the config says so.
Result<DType> precision(const LabSettings& settings, const std::string& mixed_precision, bool bf16_given);

// What is unusual and allowed: warmup that is not 10 %, saving outside 10 to 15 % (rows L-5.12, L-5.46).
std::vector<std::string> interval_warnings(const LabSettings& settings, int64_t warmup);

// Row L-5.59 and contradiction C25: 20 tokens per parameter, planned tokens, tokens of the data, and their ratios.
std::vector<std::string> budget_lines(const LabSettings& settings, int64_t parameters, int64_t sequence_length, int64_t data_tokens);

// Multiple of learning_rate at a step (rows L-5.16, L-5.35). phase_start: the phase's first step.
double lr_multiplier(const LabSettings& settings, int64_t warmup, int64_t step, int64_t phase_start);

// AdamW; matrices decay, norms do not (row L-5.15).
std::unique_ptr<optim::Optimizer> make_optimizer(const LabSettings& settings, const std::vector<autograd::Parameter*>& parameters,
                                                 dist::Communicator* ranks);
// One line a group: how many tensors and numbers, whether they decay.
std::vector<std::string> group_lines(const optim::Optimizer& optimizer);
// Rates of a step; betas, eps and decay too, because a new phase may have others than the checkpoint it starts from. Returns the
// multiplier.
double apply_schedule(const LabSettings& settings, int64_t warmup, int64_t phase_start, optim::Optimizer& optimizer, int64_t step);

}  // namespace lathe::train
