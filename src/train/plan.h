// What a training run will need, before any of it is taken: the step is run on the meta device, which has shapes but no
// memory, so the figures are those of the real step.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "model/transformer.h"
#include "optim/optimizer.h"

namespace lathe::train {

struct MemoryPart {
  std::string name;
  int64_t bytes = 0;
};

// Other settings of the same run, as flags, and what it would take with them. Its results are the same (the total batch
// is kept) except with a shorter length.
struct Suggestion {
  std::string flags;
  int64_t total_bytes = 0;
};

struct Plan {
  int64_t depth = 0, sequence_len = 0;  // as asked for
  model::ParameterCounts counts;
  double flops_per_token = 0;
  // weights, gradients, optimizer, activations (kept by the forward pass), logits, backward (what the backward pass
  // takes beyond both: gradients of activations, recomputed activations), kv_cache (when asked), program (code,
  // libraries, scratch of threads: a constant).
  std::vector<MemoryPart> parts;
  int64_t total_bytes = 0;
  int64_t available_bytes = 0;     // of this machine, now
  std::vector<Suggestion> suggestions;  // only when it does not fit; those that do fit come first
  bool fits() const { return total_bytes <= available_bytes; }
  const MemoryPart& largest_part() const;
  Json to_json() const;
  // A table for people, with the verdict and, when it does not fit, what to change.
  std::string to_text() const;
};

// wte, value_embeds, lm_head, transformer_matrices, scalars, total.
Json counts_json(const model::ParameterCounts& counts);

struct PlanRequest {
  model::ModelConfig config;
  DType dtype = DType::kFloat32;
  int64_t batch = 1, sequence_len = 1;   // of a micro step
  model::Recompute recompute = model::Recompute::kNone;
  int64_t optimizer_bytes = -1;  // -1: two float32 moments of every parameter
  int64_t trained_parameters = -1;  // of an adapter on the frozen model; -1: the whole model is trained
  int64_t kv_cache_rows = 0, kv_cache_positions = 0;
};

// Arena bytes of one forward and backward pass (saved activations, gradients of activations, logits chunk).
int64_t activation_bytes(const model::ModelConfig& config, DType dtype, int64_t batch, int64_t sequence_len,
                         model::Recompute recompute = model::Recompute::kNone);

// State of an optimizer, which may be one over meta tensors.
int64_t state_bytes(const optim::Optimizer& optimizer);

Plan make_plan(const PlanRequest& request);
int64_t planned_bytes(const PlanRequest& request);  // its total_bytes alone

// What to change when memory runs out, in the order to try it, for people (row C-14.10).
std::string memory_advice(int64_t depth, int64_t sequence_len);

// An error that carries the plan's table when the run does not fit.
Status require_memory(const Plan& plan);

}  // namespace lathe::train
