// How long a training step will take on this machine, before the run takes any memory. The whole step runs on the meta device,
// where every operation states its cost; two of its blocks, a piece of its head and of its optimizer run for real, small
// enough to be done in a second or two; what an operation took there, relative to the least time by the limits, is what it
// is expected to take everywhere.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/json.h"
#include "model/transformer.h"
#include "ops/profiler.h"
#include "optim/optimizer.h"

namespace lathe::train {

struct StepTimeRequest {
  model::ModelConfig config;
  DType dtype = DType::kFloat32;
  int64_t batch = 1, sequence_len = 1;  // of a micro batch
  int64_t accumulation = 1;             // micro batches of a step
  model::Recompute recompute = model::Recompute::kNone;
  std::function<std::unique_ptr<optim::Optimizer>(const model::Transformer&)> make_optimizer;
};

struct StepTime {
  double forward_ms = 0, head_ms = 0, backward_ms = 0, optimizer_ms = 0;
  double bound_ms = 0;            // by the limits alone: no program is faster
  double flops = 0, bytes = 0;    // of the step, as the operations state them
  double measuring_seconds = 0;   // what the prediction itself took
  double tokens = 0;
  double step_ms() const { return forward_ms + head_ms + backward_ms + optimizer_ms; }
  double tokens_per_second() const { return step_ms() > 0 ? 1000 * tokens / step_ms() : 0; }
  Json to_json() const;           // step_ms, tok_per_s, bound_ms and the parts
};

// `limits` are those of the request's dtype with the present number of threads; both must be known. The sample that is run takes
// about `seconds`.
StepTime predict_step_time(const StepTimeRequest& request, const ops::Limits& limits, double seconds = 1.0);

// The costs of one step by operation, from the meta device: phases "forward", "head", "backward" (of all micro batches) and
// "optimizer".
ops::Profiler step_costs(const StepTimeRequest& request);

}  // namespace lathe::train
