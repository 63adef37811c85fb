// All parameter groups of a run with their state. A training step is, after the backward passes:
//   set_lr_multiplier(...); set_muon(...); average_gradients(); gradient_norm(ctx); step(ctx, clip_factor(...))
// The norm is that of the averaged gradients, so that clipping sees what one rank alone would see.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "dist/communicator.h"
#include "optim/adamw.h"
#include "optim/clip.h"
#include "optim/groups.h"
#include "optim/lion.h"
#include "optim/muon.h"

namespace lathe::optim {

struct OptimizerOptions {
  MuonForm muon_form = MuonForm::kSeed;
  DType muon_precision = DType::kBFloat16;  // of the iteration
};

class Optimizer {
 public:
  using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

  // Takes the state's memory (zeros). Parameters and communicator (null: one process) are not owned and must outlive
  // this. Throws "[optimizer] ..." when a parameter is in two groups or two Muon groups have the same shape.
  explicit Optimizer(std::vector<ParamGroup> groups, OptimizerOptions options = {},
                     dist::Communicator* communicator = nullptr);

  std::vector<ParamGroup>& groups() { return groups_; }
  const std::vector<ParamGroup>& groups() const { return groups_; }
  const std::vector<Parameter*>& parameters() const { return parameters_; }  // of all groups, in group order

  // Rows C-4.18, C-5.19: lr = initial_lr * multiplier in every group; momentum and decay of the Muon groups.
  void set_lr_multiplier(double multiplier);
  void set_muon(double momentum, double weight_decay);

  // The mean over all ranks of every gradient. A gradient that exists on some ranks only counts as zero on the others;
  // one that exists nowhere stays absent. Without other ranks nothing happens.
  Status average_gradients();
  double gradient_norm(ops::Context& ctx) const;
  // One update of all groups; gradients are multiplied by grad_scale and then cleared.
  void step(ops::Context& ctx, float grad_scale = 1.0f);
  void zero_grad();  // row C-4.24: gradients become "none"

  // Sharing memory, in group order, float32 but for codes (uint8): "adamw.m.<parameter>", "adamw.v.<parameter>",
  // "muon.momentum.<R>x<C>" (N, R, C), "muon.second_moment.<R>x<C>" (row C-4.9), "adamw8bit.m.<parameter>" and .v. (codes) with
  // "adamw8bit.m_scale.<parameter>" and .v_scale., "lion.m.<parameter>".
  NamedTensors state_tensors() const;
  // The rest of the state: settings, parameter names and AdamW's step counts of every group.
  Json metadata() const;
  // Brings back what the two above gave, the settings included (row C-6.7: changed flags have no effect on a resume,
  // but lr, momentum and decay of the next step come from the schedules). The groups must hold the same parameters. On
  // an error, which names the key, nothing has changed. Tensors of other names than those above are ignored.
  Status load(const Json& metadata, const NamedTensors& tensors);

 private:
  struct GroupState {
    std::vector<AdamwState> adamw;
    MuonState muon;
    std::vector<Tensor> lion;
  };
  std::vector<ParamGroup> groups_;
  std::vector<GroupState> states_;
  std::vector<Parameter*> parameters_;
  OptimizerOptions options_;
  dist::Communicator* communicator_;
};

}  // namespace lathe::optim
