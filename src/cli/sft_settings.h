// The settings of mid-training and fine-tuning: one stage with two sets of defaults (rows C-8.2, C-8.19, C-8.20).
#pragma once

#include <string>

#include "cli/verb.h"
#include "core/settings.h"

namespace lathe::cli {

enum class ChatStage { kMid, kSft };

struct SftSettings {
  std::string run = "dummy", data, val_data, mixture, source = "base", style = "packed";
  int64_t model_step = -1, num_iterations = -1, num_epochs = 1, max_seq_len = 2048, device_batch_size = 32,
          total_batch_size = 524288, target_global_batch = -1, target_examples_per_step = 32;
  double embedding_lr = 0.3, unembedding_lr = 0.004, matrix_lr = 0.02, weight_decay = 0, init_lr_frac = 1;
  std::string recompute = "none", muon_dtype = "bf16", targets = "completion", loss_normalisation = "global";
  int64_t eval_every = 150, eval_tokens = 20 * 524288, save_every = -1, resume_from_step = -1;
  bool resume = false, dry_run = false;
};

void describe(SettingsTable& table, ChatStage stage, SftSettings* settings);

// Defaults that depend on another setting: --style old has its own source, batch and rates (row C-8.20). Only what was not given
// is changed.
void resolve_style(const Context& context, SftSettings* settings);

}  // namespace lathe::cli
