// Initial weights. Every tensor draws from its own counter-based stream named by the tensor, so the result depends on
// neither the order of tensors nor the number of threads.
#include <cmath>

#include "core/parallel.h"
#include "core/rng.h"
#include "model/transformer.h"

namespace lathe::model {
namespace {

using autograd::Parameter;

// Element i draws from stream index i / kBlock, so blocks can be filled in parallel.
constexpr int64_t kBlock = 1024;

template <class Draw>
void fill(Parameter& p, uint64_t seed, Draw draw) {
  float* out = p.value.data<float>();
  const int64_t n = p.value.elements();
  const std::string purpose = "init/" + p.name;
  parallel_for((n + kBlock - 1) / kBlock, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      Rng rng(seed, purpose, static_cast<uint64_t>(block));
      for (int64_t i = block * kBlock; i < std::min(n, (block + 1) * kBlock); ++i) out[i] = static_cast<float>(draw(rng));
    }
  });
}

void normal(Parameter& p, uint64_t seed, double deviation) {
  fill(p, seed, [=](Rng& rng) { return deviation * rng.normal(); });
}
void uniform(Parameter& p, uint64_t seed, double low, double high) {
  fill(p, seed, [=](Rng& rng) { return low + (high - low) * rng.uniform(); });
}
void constant(Parameter& p, float value) {
  for (float& x : p.value.span<float>()) x = value;
}

bool ends(const Parameter& p, std::string_view ending) { return std::string_view(p.name).ends_with(ending); }

void initialise_chat(const ModelConfig& c, Parameter& p, uint64_t seed) {
  const bool newest = c.chat_state == ChatState::kNewest, old = c.chat_state == ChatState::kOld;
  const double s = std::sqrt(3.0) / std::sqrt(static_cast<double>(c.n_embd));
  const std::string_view name = p.name;
  if (name == "transformer.wte.weight") {
    normal(p, seed, newest ? 0.8 : 1.0);
  } else if (name == "lm_head.weight") {
    if (old) constant(p, 0);
    else normal(p, seed, 0.001);
  } else if (ends(p, "c_proj.weight")) {
    constant(p, 0);
  } else if (ends(p, "ve_gate.weight") || name == "smear_gate.weight") {
    if (newest) uniform(p, seed, 0, 0.02);
    else constant(p, 0);
  } else if (name == "resid_lambdas" || name == "x0_lambdas") {
    const bool residual = name == "resid_lambdas";
    const double first = newest ? (residual ? 1.15 : 0.20) : (residual ? 1.0 : 0.1);
    const double slope = newest ? (residual ? -0.10 : -0.15) : 0;
    for (int64_t i = 0; i < c.n_layer; ++i)
      p.value.data<float>()[i] = static_cast<float>(first + (c.n_layer > 1 ? slope * static_cast<double>(i) / static_cast<double>(c.n_layer - 1) : 0));
  } else if (name == "smear_lambda") {
    constant(p, 0);
  } else if (name == "backout_lambda") {
    constant(p, 0.2f);
  } else if (old) {
    const double out = static_cast<double>(p.value.dim(0)), in = static_cast<double>(p.value.dim(1));
    normal(p, seed, std::min(1.0, std::sqrt(out / in)) / std::sqrt(in));
  } else {
    const double scale = newest && ends(p, "c_fc.weight") ? 0.4 : 1.0;
    uniform(p, seed, -scale * s, scale * s);
  }
}

void initialise_plain(const ModelConfig& c, Parameter& p, uint64_t seed) {
  if (p.value.rank() == 1) {
    constant(p, ends(p, ".bias") || c.norm_plus_one ? 0.0f : 1.0f);
  } else {
    // Projections back into the residual stream are scaled down by the number of them (GPT-2; row L-11.94).
    const bool residual = c.scaled_init && (ends(p, "c_proj.weight") || ends(p, "o_proj.weight") || ends(p, "down_proj.weight"));
    normal(p, seed, residual ? 0.02 / std::sqrt(2.0 * static_cast<double>(c.n_layer)) : 0.02);
  }
}

}  // namespace

void Transformer::initialise(uint64_t seed) {
  if (device_ == Device::kMeta) return;
  for (const auto& p : parameters_) {
    if (config_.family == Family::kChat)
      initialise_chat(config_, *p, seed);
    else
      initialise_plain(config_, *p, seed);
  }
  refresh_compute();
}

}  // namespace lathe::model
