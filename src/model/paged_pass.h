// What a forward pass over pages knows of its rows; made by Transformer::forward for itself.
#pragma once

#include <vector>

#include "autograd/low_rank.h"
#include "model/paged_cache.h"
#include "ops/context.h"

namespace lathe::model {

struct PagedPass {
  // Checks rows against the tokens (N), the cache and the positions that the model has; smear: the tokens before the rows are needed.
  PagedPass(ops::Context& ctx, const PagedStep& step, const Tensor& ids, int64_t position_limit, bool smear);

  Tensor positions, slots;  // (N) int32: in the sequence; in the cache
  ops::PagedSequences sequences;
  std::vector<autograd::AdapterRun> runs;  // of rows with an adapter
  // For smear the tokens before the rows go along: tokens, their positions and where each row begins among them, (N + rows with a
  // predecessor) int32; own (N): where the tokens proper are.
  Tensor smeared_ids, smeared_positions, smeared_starts, own;
};

}  // namespace lathe::model
