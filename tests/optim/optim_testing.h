// Parameters with counter-based random values and gradients, for the tests of this room.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/rng.h"
#include "optim/groups.h"

namespace lathe::optim {

inline void fill_normal(const Tensor& x, uint64_t seed, float scale) {
  Rng rng(seed, "test");
  for (float& value : x.span<float>()) value = scale * static_cast<float>(rng.normal());
}

// With a bf16 copy unless `copy` is false.
inline std::unique_ptr<Parameter> make_parameter(const std::string& name, Shape shape, uint64_t seed = 1, bool copy = true) {
  auto p = std::make_unique<Parameter>();
  p->name = name;
  p->value = Tensor::empty(shape, DType::kFloat32);
  fill_normal(p->value, seed, 0.1f);
  p->compute = copy ? p->value.to(DType::kBFloat16) : p->value;
  p->grad = Tensor::zeros(shape, DType::kFloat32);
  return p;
}

inline void make_gradient(Parameter& p, uint64_t seed, float scale = 1e-2f) {
  fill_normal(p.grad, seed, scale);
  p.has_grad = true;
}

struct Model {
  std::vector<std::unique_ptr<Parameter>> owned;
  std::vector<Parameter*> parameters;
  Parameter& add(const std::string& name, Shape shape) {
    owned.push_back(make_parameter(name, shape, owned.size() + 1));
    parameters.push_back(owned.back().get());
    return *owned.back();
  }
  Parameter& operator[](const std::string& name) const {
    for (Parameter* p : parameters)
      if (p->name == name) return *p;
    throw std::runtime_error("no parameter " + name);
  }
  void make_gradients(uint64_t seed) {
    for (Parameter* p : parameters) make_gradient(*p, seed = seed * 31 + 1);
  }
};

// A chat-family model of two layers, width 32; its parameters stand in no useful order.
inline Model chat_model(bool newest = false) {
  Model model;
  model.add("x0_lambdas", {2});
  model.add("lm_head.weight", {64, 32});
  for (const std::string layer : {"1", "0"}) {
    const std::string block = "transformer.h." + layer + ".";
    model.add(block + "mlp.c_proj.weight", {32, 128});
    model.add(block + "mlp.c_fc.weight", {128, 32});
    for (const std::string name : {"c_proj", "c_v", "c_k", "c_q"}) model.add(block + "attn." + name + ".weight", {32, 32});
    if (layer == "1") model.add(block + "attn.ve_gate.weight", {2, 32});
  }
  if (newest) {
    model.add("backout_lambda", {1});
    model.add("smear_gate.weight", {1, 24});
    model.add("smear_lambda", {1});
  }
  model.add("value_embeds.1.weight", {64, 32});
  model.add("transformer.wte.weight", {64, 32});
  model.add("resid_lambdas", {2});
  return model;
}

inline std::vector<std::string> names_of(const ParamGroup& group) {
  std::vector<std::string> names;
  for (const Parameter* p : group.parameters) names.push_back(p->name);
  return names;
}

}  // namespace lathe::optim
