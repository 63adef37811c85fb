// Settings of the small trainer (`lathe train_tinyllm`, rows L-11.1 to L-11.112): one text file, a tokenizer of its own,
// random windows, a GPT of a few million weights. The names are those of its flags and config keys.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/settings.h"
#include "data/curriculum.h"
#include "model/transformer.h"
#include "optim/optimizer.h"
#include "train/plan.h"

namespace lathe::train {

struct TinySettings {
  // Data and output.
  std::string data_path = "data/tiny_corpus.txt", out_dir = "out/tiny_char_gpt";
  bool resume = false, generate_only = false, memmap_dataset = false;
  std::string checkpoint = "auto";
  double val_fraction = 0.1;
  // Tokenizer.
  std::string tokenizer = "char";
  int64_t bpe_vocab_size = 2000, bpe_min_frequency = 2;
  // Steps and batches.
  int64_t max_steps = 2000, batch_size = 64, grad_accum_steps = 1, block_size = 128;
  int64_t dataloader_workers = 0, dataloader_prefetch_factor = 2;
  bool dataloader_persistent_workers = true;
  // Optimizer.
  double learning_rate = 3e-4, lr_min = 3e-5;
  std::string lr_schedule = "cosine", wsd_decay = "linear", optimizer = "adamw";
  int64_t lr_warmup_steps = 200, lr_stable_steps = 0;
  double adam_beta1 = 0.9, adam_beta2 = 0.95, adam_eps = 1e-8, lion_beta1 = 0.9, lion_beta2 = 0.99;
  double weight_decay = 0.1, grad_clip = 1.0, label_smoothing = 0;
  bool grad_checkpointing = false;
  // Average of the weights.
  bool ema = false;
  double ema_decay = 0.9999;
  int64_t ema_update_every = 1, ema_start_step = 0;
  std::optional<bool> use_ema;
  // Curriculum of lengths.
  bool curriculum = false;
  int64_t curriculum_start_block_size = 32, curriculum_steps = 2000;
  // Precision and compilation.
  bool amp = true, compile = false, compile_fullgraph = false;
  std::string compile_backend = "inductor", compile_mode = "default";
  std::optional<bool> compile_dynamic;
  // Several processes.
  bool ddp = false, ddp_find_unused_parameters = false;
  std::string ddp_backend = "auto";
  int64_t ddp_timeout = 1800;
  // Evaluation, samples, saving.
  int64_t eval_interval = 200, eval_iters = 50, log_interval = 50, sample_interval = 200, sample_chars = 400, save_interval = 0;
  std::string prompt;
  // Model.
  int64_t n_layer = 4, n_head = 4, n_embd = 128, mlp_hidden = 0, sliding_window = 0;
  double dropout = 0.1, norm_eps = 1e-5, rope_base = 10000, layerdrop = 0, qk_norm_eps = 1e-5;
  std::string norm = "layernorm", mlp = "gelu", gelu_form = "erf", pos_encoding = "learned", bias = "auto";
  bool qk_norm = false, scaled_init = true, weight_tying = false;
  // Sampling.
  double temperature = 1, top_p = 1, repetition_penalty = 1;
  int64_t top_k = 0, repetition_window = 64, no_repeat_ngram_size = 0;
  bool do_sample = true;
  std::string context_overflow = "slide";
};

void describe(SettingsTable& table, TinySettings& settings);

// Ranges, contradictions, and what one process cannot do; the error names the key, its value and the remedy.
Status check(const TinySettings& settings);

// The model's shape for a tokenizer of this size. Biases: L-11.112; hidden width: L-11.85.
Result<model::ModelConfig> model_config(const TinySettings& settings, int64_t vocab_size);

data::Curriculum curriculum_of(const TinySettings& settings);

// The rate of a step, counted from 0 (rows L-11.32 to L-11.36): pure.
double learning_rate(const TinySettings& settings, int64_t step);
// What is odd but allowed, to be warned of at the start: the schedule, Lion's rate, an average that is too slow for the run.
std::vector<std::string> schedule_warnings(const TinySettings& settings);
std::vector<std::string> optimizer_warnings(const TinySettings& settings);

// Row L-11.53.
struct EmaReach {
  int64_t updates = 0;     // after the first, which is a copy
  double window_steps = 0; // the steps that the average is over, roughly
  double start_share = 1;  // of the copied weights in the average at the end
};
EmaReach ema_reach(const TinySettings& settings);

std::unique_ptr<optim::Optimizer> make_optimizer(const TinySettings& settings, const model::Transformer& model, dist::Communicator* ranks);

}  // namespace lathe::train
