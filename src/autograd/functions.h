// The differentiable operations: each runs its op and, on a recording tape, records the op's backward. Names, shapes
// and conventions are those of ops/. Parameters receive their gradients directly (float32, added to).
#pragma once

#include "autograd/parameter.h"
#include "autograd/tape.h"
#include "ops/activation.h"
#include "ops/attention.h"
#include "ops/dropout.h"
#include "ops/head_loss.h"

namespace lathe::autograd {

// With the adapters of `weight` that are on. A quantized weight is read by its codes, in the backward pass too. dropout: of the
// adapters' inputs, in training; the call must be one of this layer alone.
Var linear(Tape& tape, const Var& x, Parameter& weight, Parameter* bias = nullptr, const ops::DropoutKey* dropout = nullptr);
// The last product of a part that recompute() runs again: only its backward is wanted, zeros stand for its value.
Var linear_without_value(Tape& tape, const Var& x, Parameter& weight, Parameter* bias = nullptr, const ops::DropoutKey* dropout = nullptr);
Var embedding(Tape& tape, const Tensor& ids, Parameter& table);
Var rms_norm(Tape& tape, const Var& x, Parameter* weight, float eps, float scale = 1, float weight_offset = 0);
Var layer_norm(Tape& tape, const Var& x, Parameter& weight, Parameter* bias, float eps);
Var rope(Tape& tape, const Var& x, const Tensor& cosine, const Tensor& sine, const Tensor& positions, int64_t heads, int direction);
Var attention(Tape& tape, const Var& q, const Var& k, const Var& v, const ops::AttentionShape& shape);
Var activation(Tape& tape, const Var& x, ops::Activation kind);
Var gated(Tape& tape, const Var& gate, const Var& up, ops::Activation kind);
Var add(Tape& tape, const Var& a, const Var& b);
Var scaled(Tape& tape, const Var& x, float factor);
Var reshape(Tape& tape, const Var& x, Shape shape);
Var first_columns(Tape& tape, const Var& x, int64_t columns);
Var value_gate(Tape& tape, const Var& v, const Var& e, const Var& gate, float scale);
Var smear(Tape& tape, const Var& x, Parameter& weight, Parameter& lambda, const Tensor& previous, int64_t batch,
          const Tensor& first_keys = Tensor());
Var dropout(Tape& tape, const Var& x, float rate, ops::DropoutKey key);

// A learned scalar: element `index` of a parameter times `constant`, or the constant alone.
struct Scalar {
  Parameter* parameter = nullptr;
  int64_t index = 0;
  float constant = 1;
};
Var mix(Tape& tape, const Var& a, Scalar alpha, const Var& b, Scalar beta);

// The head's loss. On a recording tape the gradients of sum_n factor[n] nll[n] are computed at once and x's is handed
// on by backward(). Returns nll (N) float32.
Tensor head_loss(Tape& tape, const Var& x, Parameter& weight, const Tensor& targets, const Tensor& factor,
                 const ops::HeadLossOptions& options, const Tensor& smoothed = {});

}  // namespace lathe::autograd
