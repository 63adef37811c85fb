// From a model's size to its training horizon, batch size, learning-rate scale and weight decay: the chat family's
// rules (rows C-5.6 to C-5.13, C-5.36, C-5.37). Pure arithmetic; nothing is built.
#pragma once

#include <cstdint>
#include <string>

#include "core/result.h"

namespace lathe::optim {

enum class ChatArchitecture { kSeed, kNewest, kOld };  // rows C-3.1, C-3.38, C-3.35

struct ChatShape {
  int64_t n_layer = 0, n_embd = 0, n_head = 0, n_kv_head = 0;
  int64_t vocab_size = 32768;  // not padded
  int64_t sequence_len = 2048;
  std::string window_pattern = "SSSL";
  ChatArchitecture architecture = ChatArchitecture::kSeed;
};

// Width = depth * aspect_ratio rounded up to a multiple of head_dim; heads = width / head_dim (row C-3.30).
ChatShape chat_shape(int64_t depth, int64_t vocab_size, int64_t sequence_len,
                     const std::string& window_pattern = "SSSL", int64_t aspect_ratio = 64, int64_t head_dim = 128,
                     ChatArchitecture architecture = ChatArchitecture::kSeed);

// Rows C-3.28, C-3.46; tables with their padded rows.
struct ChatCounts {
  int64_t wte = 0, value_embeds = 0, lm_head = 0, transformer_matrices = 0, scalars = 0, total = 0;
  double flops_per_token = 0;                                         // row C-3.29
  int64_t scaling() const { return transformer_matrices + lm_head; }  // row C-5.6
};
ChatCounts chat_parameter_counts(const ChatShape& shape);

inline constexpr int64_t kReferenceBatch = int64_t{1} << 19;  // tokens
inline constexpr int64_t kReferenceDepth = 12;

struct ScalingRequest {
  // Of this model, and of the same architecture at kReferenceDepth (same aspect ratio, head width, sequence,
  // vocabulary).
  int64_t scaling_parameters = 0, reference_scaling_parameters = 0;
  double flops_per_token = 0;
  double param_data_ratio =
      10.5;                     // tokens for each parameter; -1 turns the horizon from it off, the rules stay defined
  int64_t num_iterations = -1;  // wins over target_flops, which wins over the ratio
  double target_flops = -1;
  int64_t total_batch_size = -1;  // tokens a step; -1: by rule
  double weight_decay = 0.2;
};

enum class HorizonSource { kIterations, kFlops, kRatio };

struct ScalingPlan {
  int64_t target_tokens = 0;  // truncate(ratio * parameters); negative with ratio -1
  int64_t total_batch_size = 0;
  double batch_lr_scale = 1;  // sqrt(batch / 2^19), on all four learning rates
  double weight_decay = 0;    // scaled
  int64_t num_iterations = 0;
  HorizonSource source = HorizonSource::kRatio;
};

// Errors: no horizon given, a ratio of 0, a horizon of 0 steps (row C-5.36, with the numbers), numbers out of range.
Result<ScalingPlan> plan_scaling(const ScalingRequest& request);

// Tokens of a step, given so or as rows (row L-14.7); a negative number says nothing, and so does the result of two.
Result<int64_t> total_batch_tokens(int64_t total_batch_size, int64_t target_global_batch, int64_t sequence_len);

// Micro batches a step on each rank: total / (device_batch * sequence_len * ranks). When it does not divide, the error
// names the three factors and the nearest device batch that does (row C-5.37).
Result<int64_t> accumulation_steps(int64_t total_batch_size, int64_t device_batch, int64_t sequence_len, int64_t ranks);

}  // namespace lathe::optim
