// What an adapter owns; included by the sources of model/adapter*.cc only.
#pragma once

#include "autograd/low_rank.h"
#include "model/adapter.h"

namespace lathe::model {

struct Adapter::Target {
  autograd::Parameter* base;
  autograd::Parameter a, b, magnitude;
  autograd::LowRank low_rank;
  Tensor merged_gain;  // DoRA: what unmerge() divides by
};

struct Adapter::Rows {
  autograd::Parameter* table;
  autograd::Parameter rows;
  autograd::TrainedRows trained;
  Tensor before;  // (R, C) of the master, while merged
};

// A base parameter that is trained whole. While the adapter is off its tensors and the base's have changed places.
struct Adapter::Module {
  autograd::Parameter* base;
  Tensor value, compute;  // those that are not in the model now
  bool trainable;
  bool trainable_before;  // of the base, as is the gradient
  Tensor grad_before;
};

}  // namespace lathe::model
