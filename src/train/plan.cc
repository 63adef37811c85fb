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

StepBytes step_bytes(const model::ModelConfig& config, DType dtype, int64_t batch, int64_t sequence_len,
                     model::Recompute recompute) {
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

int64_t activation_bytes(const model::ModelConfig& config, DType dtype, int64_t batch, int64_t sequence_len,
                         model::Recompute recompute) {
  return step_bytes(config, dtype, batch, sequence_len, recompute).backward;
}

int64_t state_bytes(const optim::Optimizer& optimizer) {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : optimizer.state_tensors()) bytes += tensor.bytes();
  return bytes;
}

namespace {

constexpr int64_t kProgramBytes = int64_t{48} << 20;  // measured, docs/notes/009-memory.md

std::vector<MemoryPart> parts_of(const PlanRequest& request, int64_t parameters) {
  const model::ModelConfig& c = request.config;
  const int64_t compute_bytes = request.dtype == DType::kFloat32 ? 0 : dtype_size(request.dtype);
  const StepBytes step = step_bytes(c, request.dtype, request.batch, request.sequence_len, request.recompute);
  // Frozen weights are kept once, in the type that products read.
  const bool adapter = request.trained_parameters >= 0;
  const int64_t trained = adapter ? request.trained_parameters : parameters, frozen_bytes = adapter ? parameters * dtype_size(request.dtype) : 0;
  std::vector<MemoryPart> parts = {
      {"weights", frozen_bytes + trained * (4 + compute_bytes)},
      {"gradients", trained * 4},
      {"optimizer", request.optimizer_bytes >= 0 ? request.optimizer_bytes : trained * 8},
      {"activations", step.forward},
      {"logits", step.loss - step.forward},
      {"backward", step.backward - step.loss}};
  if (request.kv_cache_rows > 0)
    parts.push_back({"kv_cache", 2 * c.n_layer * request.kv_cache_rows * request.kv_cache_positions * c.n_kv_head *
                                     c.head_width() * dtype_size(request.dtype)});
  parts.push_back({"program", kProgramBytes});
  return parts;
}

int64_t total_of(const std::vector<MemoryPart>& parts) {
  int64_t total = 0;
  for (const MemoryPart& part : parts) total += part.bytes;
  return total;
}

// Row L-14.8: the keys that a run which does not fit may change, and what each would bring.
std::vector<Suggestion> suggestions_for(const PlanRequest& request, int64_t parameters, int64_t available) {
  std::vector<Suggestion> out;
  const auto consider = [&](const PlanRequest& other, const std::string& flags) {
    out.push_back({flags, total_of(parts_of(other, parameters))});
    return out.back().total_bytes <= available;
  };
  PlanRequest other = request;
  const bool recompute = request.recompute != model::Recompute::kBlock;
  const std::string block = recompute ? "--recompute block" : "";
  other.recompute = model::Recompute::kBlock;
  bool fits = recompute && consider(other, block);
  // The largest batch that fits, without and with recomputation; 1 when none does.
  const auto halve = [&](PlanRequest smaller, const std::string& prefix) {
    while (smaller.batch > 1) {
      smaller.batch /= 2;
      if (smaller.batch > 1 && total_of(parts_of(smaller, parameters)) > available) continue;
      fits |= consider(smaller, prefix + "--device-batch-size " + std::to_string(smaller.batch));
      return;
    }
  };
  halve(request, "");
  if (recompute && !fits) halve(other, block + " ");
  if (!fits && request.sequence_len > 1) {
    other.batch = 1;
    other.sequence_len = request.sequence_len / 2;
    consider(other, (recompute ? block + " " : "") + "--device-batch-size 1 --max-seq-len " +
                        std::to_string(other.sequence_len));
  }
  std::stable_partition(out.begin(), out.end(), [&](const Suggestion& s) { return s.total_bytes <= available; });
  return out;
}

}  // namespace

Plan make_plan(const PlanRequest& request) {
  Plan plan;
  const model::Transformer model(request.config, request.dtype, Device::kMeta, true);
  plan.counts = model.counts();
  plan.depth = request.config.n_layer;
  plan.sequence_len = request.sequence_len;
  plan.flops_per_token = model.flops_per_token();
  plan.parts = parts_of(request, plan.counts.total);
  plan.total_bytes = total_of(plan.parts);
  plan.available_bytes = available_memory_bytes();
  if (!plan.fits()) plan.suggestions = suggestions_for(request, plan.counts.total, plan.available_bytes);
  return plan;
}

int64_t planned_bytes(const PlanRequest& request) {
  const model::Transformer model(request.config, request.dtype, Device::kMeta, true);
  return total_of(parts_of(request, model.counts().total));
}

const MemoryPart& Plan::largest_part() const {
  return *std::max_element(parts.begin(), parts.end(),
                           [](const MemoryPart& a, const MemoryPart& b) { return a.bytes < b.bytes; });
}

Json counts_json(const model::ParameterCounts& counts) {
  Json parameters = Json::object();
  parameters["wte"] = counts.wte;
  parameters["value_embeds"] = counts.value_embeds;
  parameters["lm_head"] = counts.lm_head;
  parameters["transformer_matrices"] = counts.transformer_matrices;
  parameters["scalars"] = counts.scalars;
  parameters["total"] = counts.total;
  return parameters;
}

Json Plan::to_json() const {
  Json memory = Json::object();
  for (const MemoryPart& part : parts) memory[part.name] = part.bytes;
  Json out = Json::object();
  out["parameters"] = counts_json(counts);
  out["flops_per_token"] = flops_per_token;
  out["memory_bytes"] = std::move(memory);
  out["total_bytes"] = total_bytes;
  out["available_bytes"] = available_bytes;
  out["fits"] = fits();
  out["largest"] = largest_part().name;
  if (!suggestions.empty()) {
    Json list = Json::array();
    for (const Suggestion& s : suggestions)
      list.push_back(Json(Json::Object{{"flags", s.flags}, {"total_bytes", s.total_bytes}}));
    out["suggestions"] = std::move(list);
  }
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
  if (fits()) return out + "it fits\n";
  out += join_text("it does not fit; the largest part is ", largest_part().name, ", ",
                   with_thousands(largest_part().bytes >> 20), " MiB. It would take with\n");
  bool any = false;
  for (const Suggestion& s : suggestions) {
    const bool enough = s.total_bytes <= available_bytes;
    any = any || enough;
    out += format_text("  %-48s %16s MiB%s\n", s.flags.c_str(), with_thousands(s.total_bytes >> 20).c_str(),
                       enough ? ": fits" : "");
  }
  out += "A smaller batch keeps the total batch (accumulation); --recompute changes no result, only time.\n";
  if (!any) out += "No batch is small enough: the model itself is too large.\n";
  return out + memory_advice(depth, sequence_len) + "\n";
}

std::string memory_advice(int64_t depth, int64_t sequence_len) {
  return join_text("halve --device-batch-size (32, 16, 8, 4, 2, 1; accumulation keeps the total batch); if 1 is too much, take a smaller --depth (",
                   std::max<int64_t>(1, depth * 4 / 5), " for ", depth, "), then a shorter --max-seq-len (", std::max<int64_t>(1, sequence_len / 2), " for ",
                   sequence_len, ")");
}

Status require_memory(const Plan& plan) {
  if (plan.fits()) return {};
  return error("this run needs more memory than the machine has free\n", plan.to_text());
}

}  // namespace lathe::train
