// Golden models of the chat family: config, weights and batches of one variant folder (train_seed/*, train_head/*).
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "model/transformer.h"
#include "tensor/safetensors.h"
#include "tests/ref/testing.h"

namespace lathe::testing {

inline model::ModelConfig chat_config_of(const Json& config, model::ChatState state) {
  model::ModelConfig c;
  model::apply_chat_state(c, state);
  const Json& shape = config.at("config");
  c.sequence_len = shape.at("sequence_len").as_int();
  c.vocab_size = shape.at("vocab_size").as_int();
  c.n_layer = shape.at("n_layer").as_int();
  c.n_head = shape.at("n_head").as_int();
  c.n_kv_head = shape.at("n_kv_head").as_int();
  c.n_embd = shape.at("n_embd").as_int();
  c.window_pattern = shape.at("window_pattern").as_string();
  return c;
}

inline void copy_weights(const SafetensorsFile& file, model::Transformer& model) {
  for (autograd::Parameter* p : model.parameters()) {
    const Tensor* tensor = file.find(p->name);
    if (tensor == nullptr) throw std::runtime_error("no tensor " + p->name);
    p->value.copy_from(*tensor);
  }
  model.refresh_compute();
}

// Folders below golden("set") that hold a config.json, so that a held-out set with other variants runs too.
inline std::vector<std::filesystem::path> variants(const std::string& set) {
  std::vector<std::filesystem::path> out;
  const std::filesystem::path root = golden(set);
  if (!std::filesystem::exists(root)) return out;
  for (const auto& entry : std::filesystem::directory_iterator(root))
    if (std::filesystem::exists(entry.path() / "config.json")) out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

struct GoldenRun {
  std::filesystem::path folder;
  Json config;
  std::unique_ptr<model::Transformer> model;
  SafetensorsFile batches;
  int64_t micro_batches = 1;

  static GoldenRun load(const std::filesystem::path& folder, model::ChatState state) {
    GoldenRun run;
    run.folder = folder;
    run.config = read_json_or_fail(folder / "config.json");
    run.model = std::make_unique<model::Transformer>(chat_config_of(run.config, state), DType::kFloat32, Device::kCpu, true);
    copy_weights(take(read_safetensors(folder / "init.safetensors")), *run.model);
    run.batches = take(read_safetensors(folder / "batches.safetensors"));
    run.micro_batches = run.config.get_int("grad_accum_steps", 1);
    return run;
  }
  // Ids or targets of micro batch i, as (B*T).
  Tensor rows(const char* name, int64_t i) const {
    const Tensor all = *batches.find(name);
    return all.rows(i, i + 1).reshape({all.dim(1) * all.dim(2)});
  }
  int64_t batch_rows() const { return batches.find("x")->dim(1); }

  // Mean loss of micro batch i over its valid targets; adds the gradients of mean / micro_batches.
  double forward_backward(ops::Context& ctx, int64_t i) const {
    autograd::Tape tape(ctx, true);
    model::Batch batch;
    batch.ids = rows("x", i);
    batch.batch = batch_rows();
    const Tensor targets = rows("y", i);
    int64_t valid = 0;
    for (const int32_t t : targets.span<int32_t>()) valid += t >= 0;
    const Tensor factor = Tensor::empty({targets.elements()}, DType::kFloat32);
    for (float& f : factor.span<float>()) f = 1.0f / static_cast<float>(valid * micro_batches);
    const autograd::Var hidden = model->forward(tape, batch);
    const Tensor nll = model->loss(tape, hidden, targets, factor);
    double sum = 0;
    for (const float x : nll.span<float>()) sum += static_cast<double>(x);
    tape.backward();
    return sum / static_cast<double>(valid);
  }
};

inline double norm_of(const Tensor& x) {
  double sum = 0;
  for (const float v : x.span<float>()) sum += static_cast<double>(v) * static_cast<double>(v);
  return std::sqrt(sum);
}

}  // namespace lathe::testing
