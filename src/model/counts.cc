// Parameter counts and FLOPs per token (rows C-3.28, C-3.29, C-3.46).
#include <algorithm>

#include "model/transformer.h"

namespace lathe::model {

ParameterCounts Transformer::counts() const {
  ParameterCounts counts;
  for (const auto& p : parameters_) {
    const int64_t n = p->shape().elements();
    const std::string_view name = p->name;
    counts.total += n;
    if (p.get() == wte_) counts.wte += n;
    else if (p.get() == wpe_) counts.positions += n;
    else if (p.get() == lm_head_) counts.lm_head += n;
    else if (name.starts_with("value_embeds.")) counts.value_embeds += n;
    else if (p->shape().rank() == 1 && config_.family != Family::kChat) counts.norms += n;
    else if (name == "resid_lambdas" || name == "x0_lambdas" || name.starts_with("smear_") || name == "backout_lambda") counts.scalars += n;
    else counts.transformer_matrices += n;
  }
  return counts;
}

double Transformer::flops_per_token() const {
  const ParameterCounts counts = this->counts();
  const int64_t t = config_.sequence_len;
  // A tied embedding is multiplied as the head. Each weight costs 2 FLOPs forward and 4 backward.
  int64_t multiplied = counts.transformer_matrices + (lm_head_ ? counts.lm_head : counts.wte);
  if (smear_gate_) multiplied += smear_gate_->shape().elements();
  double flops = 6.0 * static_cast<double>(multiplied);
  for (int64_t i = 0; i < config_.n_layer; ++i) {
    const int64_t window = config_.window(i), span = window < 0 ? t : std::min(window, t);
    flops += 12.0 * static_cast<double>(config_.n_head * config_.head_width() * span);
  }
  return flops;
}

}  // namespace lathe::model
