// Settings of base pre-training: the flags of rows C-5.1 to C-5.4 and what they mean for model, horizon and optimizer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/settings.h"
#include "model/transformer.h"
#include "optim/optimizer.h"
#include "optim/scaling.h"
#include "optim/schedule.h"
#include "train/plan.h"

namespace lathe::train {

struct BaseSettings {
  std::string run = "dummy";
  std::string data, tokenizer;  // empty: <base>/base_data, <base>/tokenizer
  // Model.
  std::string architecture = "chat";  // chat, chat_newest, chat_old, llama, gpt2
  int64_t depth = 20, aspect_ratio = 64, head_dim = 128, max_seq_len = 2048;
  std::string window_pattern = "SSSL";
  int64_t n_head = 0, n_kv_head = 0, n_embd = 0, mlp_hidden = 0;  // llama and gpt2; 0: from depth, as the chat family
  bool tied_embeddings = false;
  double dropout = 0;
  // Horizon and batch.
  int64_t num_iterations = -1;
  double target_flops = -1, target_param_data_ratio = 10.5;
  int64_t device_batch_size = 32, total_batch_size = -1;
  int64_t target_global_batch = -1;  // the same in rows (row L-14.7)
  std::string recompute = "none";    // names of model::Recompute
  // Optimizer.
  double embedding_lr = 0.3, unembedding_lr = 0.004, weight_decay = 0.2, matrix_lr = 0.02, scalar_lr = 0.5;
  double adam_beta1 = 0.8, adam_beta2 = 0.95, warmup_ratio = 0, warmdown_ratio = 0.5, final_lr_frac = 0;
  int64_t warmup_steps = -1;
  double grad_clip = 0;
  double learning_rate = 6e-4;        // llama and gpt2: AdamW
  std::string muon_dtype = "bf16";    // of the orthogonalisation
  std::string loss_normalisation = "global";
  // Data.
  std::string loader = "packed";      // packed or stream
  std::string split = "auto";
  std::string loader_resume = "exact";
  std::vector<std::string> data_dirs;  // packed data sets, mixed by data_weights; none: `data`
  std::vector<double> data_weights;
  int64_t num_workers = 1;             // of the loader of packed data
  int64_t log_dataset_mix_steps = 500;
  // Evaluation and saving.
  int64_t eval_every = 250, eval_tokens = 40 * 524288;
  std::string bpb = "raw";            // raw or reference byte lengths
  int64_t core_metric_every = 2000, core_metric_max_per_task = 500;
  int64_t sample_every = 2000, save_every = -1;
  int64_t resume_from_step = -1;
  bool resume = false;                // from the latest checkpoint, if there is one
  int64_t log_every = 100;
  bool compile = true;                // row L-13.1: no effect
  bool fp8 = false;
  std::string fp8_recipe = "tensorwise";
};

void describe(SettingsTable& table, BaseSettings& settings);

// The model's shape for a tokenizer of this size; errors name the setting.
Result<model::ModelConfig> model_config(const BaseSettings& settings, int64_t vocab_size);

// Horizon, batch size, learning-rate scale and decay (rows C-5.6 to C-5.13). Other families than chat use the same rules
// for the horizon, no scaling of rates, and a total batch of one micro batch unless told.
struct BaseHorizon {
  optim::ScalingPlan plan;
  int64_t accumulation = 1;
  int64_t scaling_parameters = 0;
};
Result<BaseHorizon> base_horizon(const BaseSettings& settings, const model::Transformer& model, int64_t ranks);

// What the plan of a run with these settings asks for, its optimizer's state included.
PlanRequest plan_request(const BaseSettings& settings, const model::ModelConfig& config, DType dtype,
                         const BaseHorizon& horizon);

std::unique_ptr<optim::Optimizer> make_base_optimizer(const BaseSettings& settings, const model::Transformer& model,
                                                      const optim::ScalingPlan& plan, dist::Communicator* ranks);

// Sets the optimizer's rates for a step; returns the multiplier.
double apply_base_schedule(const BaseSettings& settings, const model::ModelConfig& config, const optim::ScalingPlan& plan,
                           optim::Optimizer& optimizer, int64_t step);

}  // namespace lathe::train
