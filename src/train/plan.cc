#include "train/plan.h"

#include <algorithm>

#include "core/machine.h"
#include "core/text.h"

namespace lathe::train {
namespace {

// Arena bytes at the end of the parts of a training step, each the peak up to there.
struct StepBytes {
  int64_t forward = 0, loss = 0, backward = 0;
};

StepBytes step_bytes(const model::ModelConfig& config, DType dtype, int64_t batch, int64_t sequence_len, model::Recompute recompute) {
  model::Transformer model(config, dtype, Device::kMeta, true);
  model.set_recompute(recompute);
  ops::Context ctx(Device::kMeta);
  autograd::Tape tape(ctx, true);
  const int64_t n = batch * sequence_len;
  model::Batch input;
  input.ids = Tensor::empty({n}, DType::kInt32, Device::kMeta);
  input.batch = batch;
  input.training = true;
  StepBytes bytes;
  const autograd::Var hidden = model.forward(tape, input);
  bytes.forward = ctx.arena().peak_bytes();
  const Tensor targets = Tensor::empty({n}, DType::kInt32, Device::kMeta);
  const Tensor factor = Tensor::empty({n}, DType::kFloat32, Device::kMeta);
  const Tensor nll = model.loss(tape, hidden, targets, factor);
  bytes.loss = ctx.arena().peak_bytes();
  tape.backward();
  bytes.backward = ctx.arena().peak_bytes();
  return bytes;
}

}  // namespace

int64_t activation_bytes(const model::ModelConfig& config, DType dtype, int64_t batch, int64_t sequence_len, model::Recompute recompute) {
  return step_bytes(config, dtype, batch, sequence_len, recompute).backward;
}

Plan make_plan(const PlanRequest& request) {
  Plan plan;
  const model::Transformer model(request.config, request.dtype, Device::kMeta, true);
  plan.counts = model.counts();
  plan.flops_per_token = model.flops_per_token();
  const double total = static_cast<double>(plan.counts.total);
  const int64_t compute_bytes = request.dtype == DType::kFloat32 ? 0 : dtype_size(request.dtype);
  const StepBytes step = step_bytes(request.config, request.dtype, request.batch, request.sequence_len, request.recompute);
  plan.parts.push_back({"weights", plan.counts.total * (4 + compute_bytes)});
  plan.parts.push_back({"gradients", plan.counts.total * 4});
  plan.parts.push_back({"optimizer", static_cast<int64_t>(total * request.optimizer_bytes_per_parameter)});
  plan.parts.push_back({"activations", step.forward});
  plan.parts.push_back({"logits", step.loss - step.forward});
  plan.parts.push_back({"backward", step.backward - step.loss});
  if (request.kv_cache_rows > 0) {
    const model::ModelConfig& c = request.config;
    plan.parts.push_back({"kv_cache", 2 * c.n_layer * request.kv_cache_rows * request.kv_cache_positions * c.n_kv_head * c.head_width() *
                                          dtype_size(request.dtype)});
  }
  for (const MemoryPart& part : plan.parts) plan.total_bytes += part.bytes;
  plan.available_bytes = available_memory_bytes();
  return plan;
}

Json Plan::to_json() const {
  Json memory = Json::object();
  for (const MemoryPart& part : parts) memory[part.name] = part.bytes;
  Json out = Json::object();
  Json parameters = Json::object();
  parameters["wte"] = counts.wte;
  parameters["value_embeds"] = counts.value_embeds;
  parameters["lm_head"] = counts.lm_head;
  parameters["transformer_matrices"] = counts.transformer_matrices;
  parameters["scalars"] = counts.scalars;
  parameters["total"] = counts.total;
  out["parameters"] = std::move(parameters);
  out["flops_per_token"] = flops_per_token;
  out["memory_bytes"] = std::move(memory);
  out["total_bytes"] = total_bytes;
  out["available_bytes"] = available_bytes;
  out["fits"] = fits();
  return out;
}

std::string Plan::to_text() const {
  const auto line = [](const std::string& name, int64_t value, const char* unit) {
    return format_text("  %-24s %16s %s\n", name.c_str(), with_thousands(value).c_str(), unit);
  };
  std::string out = "parameters\n";
  out += line("wte", counts.wte, "");
  if (counts.positions > 0) out += line("positions", counts.positions, "");
  if (counts.value_embeds > 0) out += line("value_embeds", counts.value_embeds, "");
  out += line("lm_head", counts.lm_head, "");
  out += line("transformer_matrices", counts.transformer_matrices, "");
  if (counts.norms > 0) out += line("norms and biases", counts.norms, "");
  if (counts.scalars > 0) out += line("scalars", counts.scalars, "");
  out += line("total", counts.total, "");
  out += format_text("FLOPs per token: %.4g\nmemory\n", flops_per_token);
  for (const MemoryPart& part : parts) out += line(part.name, part.bytes >> 20, "MiB");
  out += line("total", total_bytes >> 20, "MiB");
  out += line("available", available_bytes >> 20, "MiB");
  out += fits() ? "it fits\n"
                : "it does not fit: halve --device-batch-size (accumulation keeps the total batch), then take a smaller --depth, then a "
                  "smaller --max-seq-len\n";
  return out;
}

Status require_memory(const Plan& plan) {
  if (plan.fits()) return {};
  return error("this run needs more memory than the machine has free\n", plan.to_text());
}

}  // namespace lathe::train
