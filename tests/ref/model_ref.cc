#include "tests/ref/model_ref.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <stdexcept>

#include "tensor/dtype.h"

namespace lathe::ref {
namespace {

using model::Family;
using model::ModelConfig;

struct Forward {
  const ModelConfig& c;
  const Weights& weights;
  const Indices& ids;
  int64_t batch, rows, length;
  Values cosine, sine, local_cosine, local_sine;
  std::set<int64_t> skipped;
  Indices positions;

  Forward(const ModelConfig& config, const Weights& w, const Indices& i, int64_t b)
      : c(config), weights(w), ids(i), batch(b), rows(static_cast<int64_t>(i.size())), length(rows / b) {
    for (int64_t n = 0; n < rows; ++n) positions.push_back(static_cast<int32_t>(n % length));
    if (c.positions != model::Positions::kRope) return;
    make_tables(c.rope_base, c.rope_scaling.factor, cosine, sine);
    make_tables(c.rope_local_base > 0 ? c.rope_local_base : c.rope_base, c.rope_local_base > 0 ? 0 : c.rope_scaling.factor, local_cosine,
                local_sine);
  }

  void make_tables(double base, double factor, Values& cosines, Values& sines) {
    if (factor > 0 && c.rope_scaling.stretch != model::RopeStretch::kLinear)
      throw std::runtime_error("the float64 transformer knows linear rope scaling alone");
    const auto rounded = [&](double x) {
      return static_cast<double>(c.rope_bf16_tables ? round_to_bf16(static_cast<float>(x)) : static_cast<float>(x));
    };
    const int64_t width = c.head_width();
    for (int64_t t = 0; t < length; ++t)
      for (int64_t j = 0; j < width / 2; ++j) {
        const float exponent = static_cast<float>(2 * j) / static_cast<float>(width);
        const float frequency = (1.0f / static_cast<float>(std::pow(base, double{exponent}))) / static_cast<float>(factor > 0 ? factor : 1);
        const float angle = static_cast<float>(t) * frequency;
        cosines.push_back(rounded(std::cos(double{angle})));
        sines.push_back(rounded(std::sin(double{angle})));
      }
  }

  const Values& weight(const std::string& name) const {
    const auto found = weights.find(name);
    if (found == weights.end()) throw std::runtime_error("no weight " + name);
    return found->second;
  }
  Values optional(const std::string& name) const { return weights.contains(name) ? weights.at(name) : Values(); }

  Values project(const Values& x, const std::string& name, int64_t in, int64_t out) const {
    return linear(x, weight(name + ".weight"), optional(name + ".bias"), rows, in, out);
  }
  // What a norm multiplies by.
  Values scale_of(const std::string& name) const {
    return map(optional(name + ".weight"), [&](double w) { return c.norm_plus_one ? 1 + w : w; });
  }
  Values norm(const Values& x, const std::string& name) const {
    const Values w = scale_of(name);
    if (c.norm == model::Norm::kLayer) return layer_norm(x, w, optional(name + ".bias"), c.n_embd, c.norm_eps);
    return rms_norm(x, w, c.n_embd, c.norm_eps, 1);
  }

  char kind(int64_t layer) const { return c.layer_kinds.empty() ? 'S' : c.layer_kinds[static_cast<size_t>(layer) % c.layer_kinds.size()]; }
  int64_t window(int64_t layer) const {
    if (c.family != Family::kChat) return kind(layer) == 'S' ? c.sliding_window - 1 : -1;
    const char letter = c.window_pattern[static_cast<size_t>(layer) % c.window_pattern.size()];
    if (std::toupper(letter) == 'L' || layer + 1 == c.n_layer) return c.sequence_len;
    if (c.chat_state != model::ChatState::kNewest) return c.sequence_len / 2;
    return static_cast<int64_t>(std::ceil(static_cast<double>(c.sequence_len) / 512)) * 128;
  }

  Values attend(const Values& x, int64_t layer, const std::string& prefix) const {
    const bool llama = c.family == Family::kLlama;
    const std::string head = prefix + (llama ? "self_attn." : "attn."), tail = llama ? "_proj" : "",
                      front = llama ? "" : "c_";
    const int64_t width = c.head_width(), q_width = c.n_head * width, kv_width = c.n_kv_head * width;
    Values q = project(x, head + front + "q" + tail, c.n_embd, q_width),
           k = project(x, head + front + "k" + tail, c.n_embd, kv_width);
    Values v = project(x, head + front + "v" + tail, c.n_embd, kv_width);
    if (const std::string name = "value_embeds." + std::to_string(layer) + ".weight"; weights.contains(name)) {
      const bool newest = c.chat_state == model::ChatState::kNewest;
      const int64_t channels = newest ? 12 : 32;
      Values first;
      for (int64_t n = 0; n < rows; ++n)
        first.insert(first.end(), x.begin() + n * c.n_embd, x.begin() + n * c.n_embd + channels);
      const Values gate = linear(first, weight(head + "ve_gate.weight"), {}, rows, channels, c.n_kv_head);
      v = value_gate(v, embedding(weight(name), ids, kv_width), gate, width, newest ? 3 : 2);
    }
    if (c.family != Family::kChat && c.qk_norm) {
      const double eps = c.qk_norm_eps > 0 ? c.qk_norm_eps : c.norm_eps;
      q = rms_norm(q, scale_of(head + "q_norm"), width, eps, 1), k = rms_norm(k, scale_of(head + "k_norm"), width, eps, 1);
    }
    if (c.positions == model::Positions::kRope && kind(layer) != 'N') {
      const bool local = kind(layer) == 'S';
      const int direction = c.family == Family::kChat ? 1 : -1;
      q = rope(q, local ? local_cosine : cosine, local ? local_sine : sine, positions, c.n_head, width, direction);
      k = rope(k, local ? local_cosine : cosine, local ? local_sine : sine, positions, c.n_kv_head, width, direction);
    }
    if (c.family == Family::kChat) {
      const double scale = c.chat_state == model::ChatState::kNewest ? 1.2 : 1;
      q = rms_norm(q, {}, width, c.norm_eps, scale), k = rms_norm(k, {}, width, c.norm_eps, scale);
    }
    AttentionSize size{batch,       length, length,        c.n_head,
                       c.n_kv_head, width,  window(layer), 1 / std::sqrt(c.query_scalar > 0 ? c.query_scalar : static_cast<double>(width)),
                       c.attention_softcap};
    return project(attention(q, k, v, size), head + (llama ? "o_proj" : "c_proj"), q_width, c.n_embd);
  }

  Values mlp(const Values& x, const std::string& prefix) const {
    if (c.family == Family::kLlama) {
      const Values gate = project(x, prefix + "mlp.gate_proj", c.n_embd, c.hidden()),
                   up = project(x, prefix + "mlp.up_proj", c.n_embd, c.hidden());
      const Values activated = map(gate, c.mlp == model::Mlp::kGeglu ? gelu_tanh : silu);
      Values h = up;
      for (size_t i = 0; i < h.size(); ++i) h[i] *= activated[i];
      return project(h, prefix + "mlp.down_proj", c.hidden(), c.n_embd);
    }
    const Values h = project(x, prefix + "mlp.c_fc", c.n_embd, c.hidden());
    const auto form = c.family == Family::kChat ? relu_squared : c.mlp == model::Mlp::kGelu ? gelu : gelu_tanh;
    return project(map(h, form), prefix + "mlp.c_proj", c.hidden(),
                   c.n_embd);
  }

  Values run() const {
    const bool chat = c.family == Family::kChat, llama = c.family == Family::kLlama;
    Values x = embedding(weight(llama ? "model.embed_tokens.weight" : "transformer.wte.weight"), ids, c.n_embd);
    if (c.scaled_embedding) x = mix(x, static_cast<double>(static_cast<float>(std::sqrt(static_cast<double>(c.n_embd)))), x, 0);
    if (c.positions == model::Positions::kLearned)
      x = mix(x, 1, embedding(weight(llama ? "model.embed_positions.weight" : "transformer.wpe.weight"), positions, c.n_embd), 1);
    if (chat) x = norm(x, "none");
    if (weights.contains("smear_lambda"))
      x = smear(x, weight("smear_gate.weight"), weight("smear_lambda")[0], {}, batch, c.n_embd);
    const Values x0 = x;
    Values middle;
    for (int64_t i = 0; i < c.n_layer; ++i) {
      const std::string prefix = (llama ? "model.layers." : "transformer.h.") + std::to_string(i) + ".";
      const auto at = static_cast<size_t>(i);
      if (skipped.contains(i)) continue;
      if (weights.contains("resid_lambdas")) x = mix(x, weight("resid_lambdas")[at], x0, weight("x0_lambdas")[at]);
      Values y = attend(norm(x, prefix + (llama ? "input_layernorm" : "ln_1")), i, prefix);
      if (c.post_norms) y = norm(y, prefix + "post_attention_layernorm");
      x = mix(x, 1, y, 1);
      const char* second = !llama ? "ln_2" : c.post_norms ? "pre_feedforward_layernorm" : "post_attention_layernorm";
      y = mlp(norm(x, prefix + second), prefix);
      if (c.post_norms) y = norm(y, prefix + "post_feedforward_layernorm");
      x = mix(x, 1, y, 1);
      if (i == c.n_layer / 2) middle = x;
    }
    if (weights.contains("backout_lambda")) x = mix(x, 1, middle, -weight("backout_lambda")[0]);
    return norm(x, llama ? "model.norm" : "transformer.ln_f");
  }

  const Values& head() const {
    if (weights.contains("lm_head.weight")) return weight("lm_head.weight");
    return weight(c.family == Family::kLlama ? "model.embed_tokens.weight" : "transformer.wte.weight");
  }
};

}  // namespace

Values transformer(const ModelConfig& config, const Weights& weights, const Indices& ids, int64_t batch) {
  return Forward(config, weights, ids, batch).run();
}

Values transformer_logits(const ModelConfig& config, const Weights& weights, const Indices& ids, int64_t batch) {
  const Forward forward(config, weights, ids, batch);
  const Values logits =
      matmul(forward.run(), false, forward.head(), true, forward.rows, config.n_embd, config.vocab_size);
  const double cap = config.family == Family::kChat ? 15 : config.softcap;
  return cap > 0 ? softcap(logits, cap) : logits;
}

double transformer_loss(const ModelConfig& config, const Weights& weights, const Indices& ids, const Indices& targets,
                        int64_t batch, const std::set<int64_t>& skipped) {
  Forward forward(config, weights, ids, batch);
  forward.skipped = skipped;
  const Values nll = head_loss(forward.run(), forward.head(), targets, config.n_embd, config.vocab_size,
                               config.family == Family::kChat ? 15 : config.softcap);
  double sum = 0, valid = 0;
  for (size_t n = 0; n < nll.size(); ++n) sum += nll[n], valid += targets[n] >= 0;
  return sum / valid;
}

}  // namespace lathe::ref
