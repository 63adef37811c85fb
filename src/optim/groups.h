// Which parameter is trained by which rule and with which settings.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "autograd/parameter.h"

namespace lathe::optim {

using autograd::Parameter;

enum class GroupKind { kAdamW, kMuon, kAdamW8, kLion };
const char* group_kind_name(GroupKind kind);  // "adamw", "muon", "adamw8bit", "lion"

// Plain values: schedules write lr, momentum and weight_decay before each step.
struct ParamGroup {
  GroupKind kind = GroupKind::kAdamW;
  double lr = 0, initial_lr = 0;  // lr = initial_lr * multiplier; the shape factor of Muon is applied in the step
  double weight_decay = 0;
  double beta1 = 0.8, beta2 = 0.95, eps = 1e-10;  // eps: AdamW only; beta2 of Muon: its second moment
  double momentum = 0.95;                         // Muon only
  int64_t ns_steps = 5;                           // Muon only
  std::vector<Parameter*> parameters;             // not owned; Muon: all of one matrix shape
};

// The state of the chat family's rules: rows C-4.2 (kSeed; without value embeddings and lambdas also the older state)
// and C-4.27 (kNewest).
enum class ChatRules { kSeed, kNewest };

// Rows C-4.6, C-5.3: peak learning rates (before the width factor) and Muon's weight decay.
struct ChatRates {
  double unembedding = 0.004, embedding = 0.2, matrix = 0.02, scalar = 0.5;
  double weight_decay = 0;                     // Muon
  double adam_beta1 = 0.8, adam_beta2 = 0.95;  // kSeed only, and never of x0_lambdas
};

// s = (width / 768)^-0.5 (row C-4.2).
double width_factor(int64_t width);

// The groups of a chat-family model in the order of the rows above; those without parameters are left out. Goes by the
// names of row C-3.27, whatever the order of `parameters`; frozen parameters are skipped. Throws "[groups] ..." when a
// name belongs to no group or a block's parameter is no matrix.
std::vector<ParamGroup> chat_groups(std::span<Parameter* const> parameters, int64_t width, const ChatRates& rates,
                                    ChatRules rules);

struct AdamwRates {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.95, eps = 1e-8, weight_decay = 0.1;
  bool decay_vectors = false;  // false: biases and norm weights (rank below 2) go to a second group without decay
};
// Any other model: AdamW on every trainable parameter, in the given order.
std::vector<ParamGroup> adamw_groups(std::span<Parameter* const> parameters, const AdamwRates& rates);
// The same with moments of 8 bits, but for the embeddings and what is smaller than kLeast8Bit elements, whose moments stay
// float32 (row L-11.38).
inline constexpr int64_t kLeast8Bit = 4096;
std::vector<ParamGroup> adamw8_groups(std::span<Parameter* const> parameters, const AdamwRates& rates);
// Lion on every trainable parameter; eps is not used.
std::vector<ParamGroup> lion_groups(std::span<Parameter* const> parameters, const AdamwRates& rates);

// Throws "[groups] ..." naming the parameter unless every trainable one of `parameters` is in exactly one group, and no
// frozen or foreign one is in any (row C-4.3).
void check_groups(std::span<const ParamGroup> groups, std::span<Parameter* const> parameters);

}  // namespace lathe::optim
