// Checkpoints: one folder per step, `<folder>/step_000123/` with model.safetensors, optimizer.safetensors and
// meta.json, written beside its place under a temporary name, synced file by file, then renamed. So a folder with the
// final name is whole; a crash at any moment leaves the earlier ones. docs/formats/checkpoint.md; rows C-6.1 to C-6.20,
// traps R7, R9 to R11.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "model/transformer.h"
#include "optim/optimizer.h"

namespace lathe::train {

inline constexpr int64_t kCheckpointSchema = 1;

// Everything that a resume needs beside the tensors.
struct CheckpointMeta {
  int64_t step = 0;             // steps done
  std::string stage;            // base, sft
  std::string tokenizer_hash;   // of the tokenizer the model was trained with (trap T1)
  Json model_config;
  Json user_config;             // all settings of the run (row C-6.4)
  Json loader_state;            // exact position in the data
  Json loop_state;              // min_val_bpb, smooth_train_loss, total_training_time
  Json optimizer;               // groups: initial_lr, betas, eps, steps (row C-6.7)
  std::optional<double> val_bpb;
  Json to_json() const;
  static Result<CheckpointMeta> from_json(const Json& json, const std::string& path);
};

fs::path checkpoint_folder(const fs::path& run, int64_t step);

// Steps of the whole checkpoints below `run`, ascending by number (row C-6.14). Unfinished folders are skipped.
Result<std::vector<int64_t>> checkpoint_steps(const fs::path& run);
// The largest; an error that names the folder and the training command when there is none.
Result<int64_t> latest_step(const fs::path& run);

// optimizer may be null (a model for inference only).
Status save_checkpoint(const fs::path& run, const CheckpointMeta& meta, const model::Transformer& model,
                       const optim::Optimizer* optimizer);
// Completes the metadata of a saved step (the validation figure that comes after the weights are durable: trap R9).
Status update_meta(const fs::path& run, const CheckpointMeta& meta);

Result<CheckpointMeta> read_meta(const fs::path& run, int64_t step);
// Whose rules a file of weights follows.
enum class WeightsOrigin {
  kOwn,     // strict: missing or extra tensors, other shapes or dtypes are errors that name the tensor (row C-6.8)
  kForeign  // the chat origin's states: the prefix "_orig_mod." is dropped (row C-6.8), missing resid_lambdas are ones and
            // missing x0_lambdas zeros, each with a log line (row C-6.10); strict in all else
};
Status load_weights(const fs::path& file, model::Transformer& model, WeightsOrigin origin = WeightsOrigin::kOwn);
Status load_optimizer(const fs::path& file, const Json& metadata, optim::Optimizer& optimizer);

// Bytes a checkpoint of this model will take, for the check of free space at the start (trap R11).
int64_t checkpoint_bytes(const model::Transformer& model, const optim::Optimizer* optimizer);
Status require_free_space(const fs::path& run, int64_t bytes);

// Row C-6.13: among the folders of `root` the one with the largest d<number>, else the most recently changed.
Result<std::string> guess_tag(const fs::path& root);

}  // namespace lathe::train
