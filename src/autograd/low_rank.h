// What an adapter adds to a frozen layer: model/adapter.h makes and owns these, the operations of autograd/functions.h read them.
#pragma once

#include <span>
#include <vector>

#include "autograd/parameter.h"
#include "ops/dropout.h"

namespace lathe::autograd {

// y = x W^T + scale B(A(drop(x))); with a magnitude m (DoRA) y = g (x W^T + scale B(A(drop(x)))) of every output, where
// g = m / norm of the row of W + scale B A, the norm a constant of the backward pass (arXiv:2402.09353, section 4.3).
struct LowRank {
  Parameter *a = nullptr, *b = nullptr;  // (r, in), (out, r)
  Parameter* magnitude = nullptr;        // (out) float32; null: no DoRA. Only the first adapter of a layer may have it
  float scale = 1, dropout = 0;
  uint32_t stream = 0;                   // keeps the dropout masks of several adapters apart
  bool enabled = true;
  int32_t number = -1;                   // of an adapter that add_adapters() puts on some of the rows
  // DoRA. The norms change with A and B, so a recording pass computes them and leaves them stale for the next other one.
  Tensor norms;                          // (out) float32
  bool norms_stale = true;
};

// Rows of a table that are trained while the rest of it is frozen (row L-7.24).
struct TrainedRows {
  Tensor ids;                  // (R) int32, ascending
  Parameter* rows = nullptr;   // (R, C): what stands in the table while enabled
  Tensor base;                 // (R, C) of the table's dtype: what stands there else
  bool enabled = true;
};

// Rows begin .. end - 1 of a batch with adapter `number`.
struct AdapterRun {
  int64_t begin = 0, end = 0;
  int32_t number = -1;
};

// y (N, out) += the parts of the rows' own adapters of `weight`, x (N, in); for inference. The bits of a row are those that linear()
// gives with its adapter alone switched on.
void add_adapters(ops::Context& ctx, const Tensor& x, const Parameter& weight, std::span<const AdapterRun> runs, const Tensor& y);

// Brings the table up to the rows that are on; called before every use of the table.
void place_trained_rows(const Parameter& table);

}  // namespace lathe::autograd
