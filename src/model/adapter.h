// Low-rank adapters (LoRA, Hu et al. 2021, arXiv:2106.09685; rsLoRA, Kalajdzievski 2023, arXiv:2312.03732; DoRA, Liu et al. 2024,
// arXiv:2402.09353) on the linear layers of a frozen transformer: y = x W^T + s B(A(drop(x))), s = alpha / r, or alpha / sqrt(r)
// with rsLoRA. Rows L-7.20 to L-7.25; trap R8.
//   Transformer::freeze() first; then one Adapter, or several on one base: each can be switched on and off, and the layers add
//   those that are on. A reference model is the same transformer with an adapter switched off (row L-9.8).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/json.h"
#include "model/names.h"
#include "model/transformer.h"

namespace lathe::model {

struct AdapterConfig {
  int64_t r = 32;
  double alpha = 64;
  double dropout = 0;                // on the input of A, in training
  bool rslora = false, dora = false;
  std::vector<std::string> targets;  // names of layers as PEFT writes them (q_proj, ...) or ours; empty: all seven
  std::vector<int32_t> token_rows;   // rows of embedding and head that are trained too (row L-7.24)
  std::vector<std::string> modules_to_save;  // whole parameters trained beside, by layer name

  double scale() const;
  Json to_json() const;              // for settings and logs; PEFT's form is in model/adapter_file.h
};

// The trained tensors of one adapter, float32 (trap M8). Must not outlive the transformer it is attached to. One thread.
class Adapter {
 public:
  // Draws A (Kaiming uniform, by name and seed), zero B: the model's results do not change (row L-7.20). Attached and switched on.
  // Errors: a target that matches no layer (row L-1.48), r < 1, token rows outside the vocabulary, DoRA above another adapter.
  static Result<std::unique_ptr<Adapter>> create(Transformer& model, const AdapterConfig& config, uint64_t seed, bool trainable = true);
  ~Adapter();  // detaches; what merge() added stays
  Adapter(const Adapter&) = delete;
  Adapter& operator=(const Adapter&) = delete;

  const AdapterConfig& config() const { return config_; }
  const Transformer& transformer() const { return model_; }
  // lora_A, lora_B (and the magnitudes) of every target in model order, then token rows and whole modules. Names are the layer's
  // with ".lora_A.weight", ".lora_B.weight", ".lora_magnitude_vector" or ".token_rows" for its ".weight"; modules keep theirs.
  const std::vector<autograd::Parameter*>& parameters() const { return parameters_; }
  int64_t count() const;             // trained numbers
  int64_t low_rank_count() const { return low_rank_count_; }  // the first so many parameters are of A, B and magnitudes
  int64_t row_count() const { return row_count_; }            // and the next so many token rows
  // After values were written: the copies that products read.
  void refresh();
  // Not while merged.
  void set_enabled(bool enabled);
  bool enabled() const { return enabled_; }
  // Off for whole passes, on for the rows of a PagedStep that name this number. Error: magnitudes (DoRA), token rows and whole modules
  // change the base itself and cannot be on for some rows only; a merged adapter cannot either.
  Status use_for_rows(int32_t number);

  // Adds the update to the base weights, or takes it off again, within rounding (row L-7.26). Needs float32 masters.
  Status merge();
  Status unmerge();
  bool merged() const { return merged_; }

 private:
  struct Target;
  struct Rows;
  struct Module;
  Adapter(Transformer& model, AdapterConfig config);
  Status attach_targets(uint64_t seed, bool trainable);
  Status attach_rows(bool trainable);
  Status attach_modules(bool trainable);
  void switch_modules(bool on);
  void switch_low_rank();

  Transformer& model_;
  AdapterConfig config_;
  std::vector<std::unique_ptr<Target>> targets_;
  std::vector<std::unique_ptr<Rows>> rows_;
  std::vector<std::unique_ptr<Module>> modules_;
  std::vector<autograd::Parameter*> parameters_;
  int64_t low_rank_count_ = 0, row_count_ = 0;
  bool enabled_ = true, merged_ = false;
};

// The name that PEFT gives a layer's part (q_proj, ..., down_proj), for any family.
std::string peft_layer_name(Part part);

}  // namespace lathe::model
