// Checkpoints: one folder per step, `<folder>/step_123/` with model.safetensors (or an adapter's files),
// optimizer.safetensors, ema.safetensors where weights are averaged, and meta.json, written beside its place under a temporary name, synced file by file, then renamed. So a folder with the
// final name is whole; a crash at any moment leaves the earlier ones. docs/formats/checkpoint.md; rows C-6.1 to C-6.20,
// traps R7, R9 to R11.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "core/manifest.h"
#include "model/transformer.h"
#include "optim/ema.h"
#include "optim/optimizer.h"
#include "tensor/safetensors.h"

namespace lathe::train {

inline constexpr int64_t kCheckpointSchema = 1;

// Everything that a resume needs beside the tensors.
struct CheckpointMeta {
  int64_t step = 0;             // steps done
  std::string stage;            // base, mid, sft, dpo, rl, ...
  std::string tokenizer_hash;   // of the tokenizer the model was trained with (trap T1)
  Json model_config;
  Json user_config;             // all settings of the run (row C-6.4)
  Json loader_state;            // exact position in the data
  Json loop_state;              // min_val_bpb, smooth_train_loss, total_training_time
  Json optimizer;               // groups: initial_lr, betas, eps, steps (row C-6.7)
  int64_t ema_updates = 0;      // 0: no average of the weights
  std::optional<double> val_bpb;
  // Of the folder's manifest.json alone (train/provenance.h).
  std::vector<FileRecord> inputs;
  std::vector<std::string> sources, not_recorded;
  Json to_json() const;
  static Result<CheckpointMeta> from_json(const Json& json, const std::string& path);
};

fs::path checkpoint_folder(const fs::path& run, int64_t step);

// Steps of the whole checkpoints below `run`, ascending by number (row C-6.14). Unfinished folders are skipped.
Result<std::vector<int64_t>> checkpoint_steps(const fs::path& run);
// The largest; an error that names the folder and the training command when there is none.
Result<int64_t> latest_step(const fs::path& run);

// What a run trains, as a checkpoint holds it: a whole model, or an adapter on a frozen one.
class Weights {
 public:
  virtual ~Weights() = default;
  // Writes its files into a folder that is still to be put in place.
  virtual Status save(const fs::path& folder) const = 0;
  // From a whole checkpoint: everything or, with an error that names file and tensor, nothing.
  virtual Status load(const fs::path& folder) = 0;
  virtual int64_t bytes() const = 0;
};

inline constexpr const char* kModelFile = "model.safetensors";
inline constexpr const char* kAdapterFile = "adapter_model.safetensors";

// All parameters of a model (model.safetensors). The model is not owned.
class ModelWeights : public Weights {
 public:
  explicit ModelWeights(model::Transformer& model) : model_(model) {}
  Status save(const fs::path& folder) const override;
  Status load(const fs::path& folder) override;
  int64_t bytes() const override;

 private:
  model::Transformer& model_;
};

inline constexpr const char* kCheckpointKind = "checkpoint";

// optimizer may be null (a model for inference only); ema where weights are averaged. manifest.json beside the files has
// their hashes, and those of what the run was made from.
Status save_checkpoint(const fs::path& run, const CheckpointMeta& meta, const Weights& weights, const optim::Optimizer* optimizer,
                       const optim::Ema* ema = nullptr);
// Completes the metadata of a saved step (the validation figure that comes after the weights are durable: trap R9).
Status update_meta(const fs::path& run, const CheckpointMeta& meta);
// Brings the manifest up to date after meta.json was written again; nothing where there is none.
Status refresh_manifest(const fs::path& folder);

Result<CheckpointMeta> read_meta(const fs::path& run, int64_t step);
// Whose rules a file of weights follows.
enum class WeightsOrigin {
  kOwn,     // strict: missing or extra tensors, other shapes or dtypes are errors that name the tensor (row C-6.8)
  kForeign  // the chat origin's states: the prefix "_orig_mod." is dropped (row C-6.8), missing resid_lambdas are ones and
            // missing x0_lambdas zeros, each with a log line (row C-6.10); strict in all else
};
Status load_weights(const fs::path& file, model::Transformer& model, WeightsOrigin origin = WeightsOrigin::kOwn);
// The same of tensors that were read from `file` in another form.
Status load_weights(SafetensorsFile tensors, const fs::path& file, model::Transformer& model, WeightsOrigin origin);
Status load_optimizer(const fs::path& file, const Json& metadata, optim::Optimizer& optimizer);
// The average of a checkpoint's weights; of one without, `ema` stays as it is.
Status load_average(const fs::path& folder, const CheckpointMeta& meta, optim::Ema& ema);

// Bytes a checkpoint will take, for the check of free space at the start (trap R11). averages: of the weights, in bytes.
int64_t checkpoint_bytes(const Weights& weights, const optim::Optimizer* optimizer, int64_t averages = 0);
Status require_free_space(const fs::path& run, int64_t bytes);

// Row C-6.13: among the folders of `root` the one with the largest d<number>, else the most recently changed.
Result<std::string> guess_tag(const fs::path& root);

}  // namespace lathe::train
