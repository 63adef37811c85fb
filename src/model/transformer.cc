#include "model/transformer.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/rng.h"
#include "core/text.h"
#include "autograd/low_rank.h"
#include "model/names.h"
#include "model/paged_pass.h"
#include "model/rope_tables.h"
#include "ops/append_to_cache.h"
#include "ops/elementwise.h"

namespace lathe::model {

using autograd::Parameter;
using autograd::Tape;
using autograd::Var;

struct Transformer::Layer {
  Parameter *q, *k, *v, *attention_out;
  Parameter *q_bias = nullptr, *k_bias = nullptr, *v_bias = nullptr, *attention_out_bias = nullptr;
  Parameter *value_embed = nullptr, *value_gate = nullptr;
  Parameter *q_norm = nullptr, *k_norm = nullptr;  // (D)
  Parameter *fc, *up = nullptr, *mlp_out;  // fc is the gate projection in SwiGLU
  Parameter *fc_bias = nullptr, *up_bias = nullptr, *mlp_out_bias = nullptr;
  Parameter *norm1_weight = nullptr, *norm1_bias = nullptr, *norm2_weight = nullptr, *norm2_bias = nullptr;
  Parameter *post_norm1 = nullptr, *post_norm2 = nullptr;  // of what the halves add
  int64_t window = -1;
  char kind = 'S';  // ModelConfig::layer_kind
};

namespace {

constexpr int64_t kSmearChannels = 24;
constexpr int64_t kDropoutPlaces = 4096;  // calls of one forward pass; three a layer and one at the embedding
constexpr int64_t kAdapterPlaces = 1 << 11, kLinears = 7;  // the adapters' begin there: one for each linear layer

ops::Activation activation_of(Mlp mlp) {
  switch (mlp) {
    case Mlp::kReluSquared: return ops::Activation::kReluSquared;
    case Mlp::kGelu: return ops::Activation::kGelu;
    case Mlp::kGeluTanh:
    case Mlp::kGeglu: return ops::Activation::kGeluTanh;
    case Mlp::kSwiglu: return ops::Activation::kSilu;
  }
  return ops::Activation::kSilu;
}

uint64_t dropout_call(const Batch& batch, int64_t place) {
  return batch.dropout_call * static_cast<uint64_t>(kDropoutPlaces) + static_cast<uint64_t>(place);
}

int64_t position_limit(const ModelConfig& c) { return c.positions == Positions::kRope ? c.table_length() : c.sequence_len; }

constexpr const char* kRecomputeNames[] = {"none", "attention", "block"};  // in the order of Recompute

}  // namespace

std::vector<std::string> recompute_names() { return {std::begin(kRecomputeNames), std::end(kRecomputeNames)}; }

std::string recompute_name(Recompute recompute) { return kRecomputeNames[static_cast<size_t>(recompute)]; }

Recompute recompute_of(std::string_view name) {
  for (const Recompute r : {Recompute::kNone, Recompute::kAttention, Recompute::kBlock})
    if (name == recompute_name(r)) return r;
  throw std::invalid_argument(join_text("[transformer] nothing to recompute is called ", name));
}

Transformer::Transformer(ModelConfig config, DType dtype, Device device, bool with_gradients)
    : config_(std::move(config)), dtype_(dtype), device_(device), with_gradients_(with_gradients) {
  const Status valid = config_.validate();
  require(valid.ok(), "[transformer] ", valid.ok() ? "" : valid.error().to_string());
  const ModelConfig& c = config_;
  const Names names(c);
  const int64_t width = c.n_embd, q_width = c.n_head * c.head_width(), kv_width = c.n_kv_head * c.head_width();
  const bool bias = c.norm_bias, qkv_bias = c.attention_bias || c.qkv_bias;

  wte_ = add(names.embedding(), {c.padded_vocab(), width});
  if (c.positions == Positions::kLearned) wpe_ = add(names.positions(), {c.sequence_len, width});
  for (int64_t i = 0; i < c.n_layer; ++i) {
    Layer layer{};
    if (c.norm_weight) layer.norm1_weight = add(names.layer(i, Part::kNorm1, Kind::kWeight), {width});
    if (bias) layer.norm1_bias = add(names.layer(i, Part::kNorm1, Kind::kBias), {width});
    const auto linear = [&](Part part, int64_t out, int64_t in, bool with_bias, Parameter*& weight, Parameter*& b) {
      weight = add(names.layer(i, part, Kind::kWeight), {out, in});
      if (with_bias) b = add(names.layer(i, part, Kind::kBias), {out});
    };
    linear(Part::kQuery, q_width, width, qkv_bias, layer.q, layer.q_bias);
    linear(Part::kKey, kv_width, width, qkv_bias, layer.k, layer.k_bias);
    linear(Part::kValue, kv_width, width, qkv_bias, layer.v, layer.v_bias);
    linear(Part::kAttentionOut, width, q_width, c.attention_bias, layer.attention_out, layer.attention_out_bias);
    if (c.has_value_embed(i)) layer.value_gate = add(names.layer(i, Part::kValueGate, Kind::kWeight), {c.n_kv_head, c.gate_channels});
    if (c.qk_norm && c.family != Family::kChat) {
      layer.q_norm = add(names.layer(i, Part::kQueryNorm, Kind::kWeight), {c.head_width()});
      layer.k_norm = add(names.layer(i, Part::kKeyNorm, Kind::kWeight), {c.head_width()});
    }
    if (c.post_norms) layer.post_norm1 = add(names.layer(i, Part::kPostNorm1, Kind::kWeight), {width});
    if (c.norm_weight) layer.norm2_weight = add(names.layer(i, Part::kNorm2, Kind::kWeight), {width});
    if (bias) layer.norm2_bias = add(names.layer(i, Part::kNorm2, Kind::kBias), {width});
    linear(Part::kFc, c.hidden(), width, c.mlp_bias, layer.fc, layer.fc_bias);
    if (c.gated_mlp()) linear(Part::kUp, c.hidden(), width, c.mlp_bias, layer.up, layer.up_bias);
    linear(Part::kMlpOut, width, c.hidden(), c.mlp_bias, layer.mlp_out, layer.mlp_out_bias);
    if (c.post_norms) layer.post_norm2 = add(names.layer(i, Part::kPostNorm2, Kind::kWeight), {width});
    layer.window = c.window(i);
    layer.kind = c.layer_kind(i);
    layers_.push_back(layer);
  }
  if (c.norm_weight) final_norm_weight_ = add(names.final_norm(Kind::kWeight), {width});
  if (bias) final_norm_bias_ = add(names.final_norm(Kind::kBias), {width});
  if (!c.tied_embeddings) lm_head_ = add(names.head(), {c.padded_vocab(), width});
  if (c.lambdas) {
    resid_lambdas_ = add("resid_lambdas", {c.n_layer});
    x0_lambdas_ = add("x0_lambdas", {c.n_layer});
  }
  for (int64_t i = 0; i < c.n_layer; ++i)
    if (c.has_value_embed(i)) layers_[static_cast<size_t>(i)].value_embed = add(names.value_embed(i), {c.padded_vocab(), kv_width});
  if (c.smear) {
    smear_gate_ = add("smear_gate.weight", {1, kSmearChannels});
    smear_lambda_ = add("smear_lambda", {1});
  }
  if (c.backout) backout_lambda_ = add("backout_lambda", {1});
  if (c.positions != Positions::kRope) return;
  const auto tables = [&](double base, const RopeScaling& scaling) {
    if (device != Device::kMeta) return make_rope_tables(c, base, scaling);
    const Shape shape{c.table_length(), c.head_width() / 2};
    return RopeTables{Tensor::empty(shape, DType::kFloat32, device), Tensor::empty(shape, DType::kFloat32, device)};
  };
  const RopeTables global = tables(c.rope_base, c.rope_scaling);
  cosine_ = local_cosine_ = global.cosine, sine_ = local_sine_ = global.sine;
  if (c.rope_local_base > 0) {
    const RopeTables local = tables(c.rope_local_base, {});
    local_cosine_ = local.cosine, local_sine_ = local.sine;
  }
}

Transformer::~Transformer() = default;

Parameter* Transformer::add(const std::string& name, Shape shape) {
  auto parameter = std::make_unique<Parameter>();
  parameter->name = name;
  parameter->value = Tensor::zeros(shape, DType::kFloat32, device_);
  // Scalars and lambdas are read as float32 by their ops; everything else in the activation dtype.
  parameter->compute = dtype_ == DType::kFloat32 ? parameter->value : Tensor::zeros(shape, dtype_, device_);
  if (with_gradients_) parameter->grad = Tensor::zeros(shape, DType::kFloat32, device_);
  parameters_.push_back(std::move(parameter));
  return parameters_.back().get();
}

void Transformer::refresh_compute() {
  if (dtype_ == DType::kFloat32 || device_ == Device::kMeta) return;
  ops::Context ctx(device_);
  for (const auto& p : parameters_)
    if (p->value && p->compute) ops::cast(ctx, p->value, p->compute);
}

void Transformer::quantize(ops::WeightBits bits, bool head) {
  require(dtype_ == DType::kBFloat16 && !with_gradients_, "[transformer] only a bf16 model without gradients can be quantized");
  const auto quantize_one = [&](Parameter* p, int64_t rows) {
    if (p == nullptr || !ops::can_be_quantized(p->compute.shape())) return;
    p->quantized = std::make_shared<ops::QuantizedMatrix>(ops::quantize(p->compute.rows(0, rows), bits));
    if (p != wte_) p->value = p->compute = Tensor();
  };
  for (Layer& layer : layers_)
    for (Parameter* p : {layer.q, layer.k, layer.v, layer.attention_out, layer.fc, layer.up, layer.mlp_out})
      if (p) quantize_one(p, p->compute.dim(0));
  if (!head) return;
  autograd::place_trained_rows(head_weight());
  quantize_one(&head_weight(), config_.vocab_size);
}

void Transformer::freeze() {
  with_gradients_ = false;
  for (const auto& p : parameters_) {
    p->trainable = p->has_grad = false;
    p->grad = Tensor();
    if (dtype_ != DType::kFloat32 && p->shape().rank() >= 2) p->value = Tensor();  // scalars are read as they are
  }
}

int64_t Transformer::bytes_read_per_step() const {
  int64_t bytes = 0;
  for (const auto& p : parameters_) {
    const bool table = p.get() == wpe_ || (p.get() == wte_ && lm_head_) ||
                       std::any_of(layers_.begin(), layers_.end(), [&](const Layer& layer) { return layer.value_embed == p.get(); });
    if (p->quantized) bytes += p->quantized->records.bytes();
    else if (table) bytes += p->compute.bytes() / p->compute.dim(0);
    else bytes += p->compute.bytes();
  }
  return bytes;
}

std::vector<Parameter*> Transformer::parameters() const {
  std::vector<Parameter*> out;
  for (const auto& p : parameters_) out.push_back(p.get());
  return out;
}

Parameter* Transformer::find(std::string_view name) const {
  for (const auto& p : parameters_)
    if (p->name == name) return p.get();
  return nullptr;
}

Parameter& Transformer::head_weight() const { return lm_head_ ? *lm_head_ : *wte_; }

Var Transformer::norm(Tape& tape, const Var& x, Parameter* weight, Parameter* bias) {
  const float eps = static_cast<float>(config_.norm_eps);
  if (config_.norm == Norm::kLayer) return autograd::layer_norm(tape, x, *weight, bias, eps);
  return autograd::rms_norm(tape, x, weight, eps, 1, config_.norm_plus_one ? 1.0f : 0.0f);
}

Var Transformer::drop(Tape& tape, const Var& x, const Batch& batch, int64_t place) {
  if (!batch.training || config_.dropout <= 0) return x;
  return autograd::dropout(tape, x, static_cast<float>(config_.dropout), {batch.dropout_key, dropout_call(batch, place)});
}

// Row L-11.87: by key, stream and layer alone, so every rank and every replay skips the same blocks.
bool Transformer::is_skipped(const Batch& batch, int64_t layer) const {
  if (!batch.training || config_.layerdrop <= 0) return false;
  const uint32_t word = philox(static_cast<uint64_t>(layer), batch.layerdrop_call, batch.layerdrop_key)[0];
  return static_cast<double>(word) < config_.layerdrop * 0x1p32;
}

// Row numbers of the rotary (or learned) table for every row of the batch, and the cache's bounds.
Transformer::Pass Transformer::start(Tape& tape, const Batch& batch) const {
  const int64_t n = batch.ids.dim(0), t = n / batch.batch, longest = batch.cache ? batch.cache->length() : 0;
  if (batch.paged) {
    require(batch.batch == 1 && !batch.cache && !batch.documents, "[transformer] a step over pages has neither a batch nor a cache nor documents");
    return {batch, Tensor(), Tensor(), Tensor(), Tensor()};
  }
  const int64_t limit = position_limit(config_);
  require(longest + t <= limit, "[transformer] positions up to ", longest + t, " exceed the model's table of ", limit);
  Pass pass{batch, tape.ctx().empty({n}, DType::kInt32), Tensor(), Tensor(), Tensor()};
  if (batch.documents) {
    ops::require_tensor("[transformer]", "documents", batch.documents, {n}, DType::kInt32);
    require(!batch.cache, "[transformer] documents with a cache");
    pass.first_keys = tape.ctx().empty({n}, DType::kInt32);
  }
  if (batch.cache) {
    require(batch.cache->batch() == batch.batch, "[transformer] a batch of ", batch.batch, " rows on a cache of ", batch.cache->batch());
    require(longest + t <= batch.cache->capacity(), "[transformer] positions up to ", longest + t, " exceed the cache of ",
            batch.cache->capacity());
    pass.starts = tape.ctx().empty({batch.batch}, DType::kInt32);
    pass.lengths = tape.ctx().empty({batch.batch}, DType::kInt32);
  }
  if (tape.ctx().meta()) return pass;
  for (int64_t b = 0; b < batch.batch; ++b) {
    const int64_t begin = batch.cache ? batch.cache->length(b) : 0;
    const int32_t* documents = batch.documents ? batch.documents.data<int32_t>() + b * t : nullptr;
    int64_t start = 0;  // of the document
    for (int64_t i = 0; i < t; ++i) {
      if (documents) {
        require(i == 0 || documents[i] >= documents[i - 1], "[transformer] document ", documents[i], " after ",
                documents[std::max<int64_t>(i - 1, 0)], " at position ", i, " of sequence ", b);
        if (i > 0 && documents[i] != documents[i - 1]) start = i;
        pass.first_keys.data<int32_t>()[b * t + i] = static_cast<int32_t>(start);
      }
      pass.positions.data<int32_t>()[b * t + i] = static_cast<int32_t>(begin + i - start);
    }
    if (!batch.cache) continue;
    pass.starts.data<int32_t>()[b] = static_cast<int32_t>(begin);
    pass.lengths.data<int32_t>()[b] = static_cast<int32_t>(begin + t);
  }
  return pass;
}

Var Transformer::embed_rows(Tape& tape, const Tensor& ids, const Tensor& positions) {
  Var x = autograd::embedding(tape, ids, *wte_);
  if (config_.scaled_embedding) {
    const float root = static_cast<float>(std::sqrt(static_cast<double>(config_.n_embd)));
    x = autograd::scaled(tape, x, dtype_ == DType::kFloat32 ? root : round_to_bf16(root));
  }
  if (wpe_) x = autograd::add(tape, x, autograd::embedding(tape, positions, *wpe_));
  return config_.embedding_norm ? norm(tape, x, nullptr, nullptr) : x;
}

Var Transformer::embed(Tape& tape, const Pass& pass) {
  const Batch& batch = pass.batch;
  if (config_.smear && pass.paged) {
    const PagedPass& paged = *pass.paged;
    const Var x = embed_rows(tape, paged.smeared_ids, paged.smeared_positions);
    const Var y = autograd::smear(tape, x, *smear_gate_, *smear_lambda_, Tensor(), 1, paged.smeared_starts);
    return tape.constant(ops::gather_rows(tape.ctx(), y.value, paged.own));
  }
  Var x = embed_rows(tape, batch.ids, pass.positions);
  if (config_.smear) {
    const int64_t t = batch.ids.dim(0) / batch.batch;
    const Tensor previous = batch.cache ? batch.cache->last_embedding() : Tensor();
    const Tensor before = x.value;  // (N, C)
    x = autograd::smear(tape, x, *smear_gate_, *smear_lambda_, previous, batch.batch, pass.first_keys);
    if (batch.cache) {
      Tensor last = Tensor::empty({batch.batch, config_.n_embd}, dtype_, device_);
      for (int64_t b = 0; b < batch.batch; ++b) last.rows(b, b + 1).copy_from(before.rows((b + 1) * t - 1, (b + 1) * t));
      batch.cache->set_last_embedding(std::move(last));
    }
  }
  return drop(tape, x, batch, 2 * config_.n_layer);
}

Var Transformer::attention(Tape& tape, int64_t i, const Var& input, const Pass& pass) {
  const ModelConfig& c = config_;
  const Batch& batch = pass.batch;
  Layer& layer = layers_[static_cast<size_t>(i)];
  const Var x = norm(tape, input, layer.norm1_weight, layer.norm1_bias);  // (N, C)
  Var q = linear(tape, x, i, 0, *layer.q, layer.q_bias, pass);  // (N, H*D)
  Var k = linear(tape, x, i, 1, *layer.k, layer.k_bias, pass);  // (N, G*D)
  Var v = linear(tape, x, i, 2, *layer.v, layer.v_bias, pass);  // (N, G*D)
  if (layer.value_embed) {
    const Var e = autograd::embedding(tape, batch.ids, *layer.value_embed);  // (N, G*D)
    const Var gate = autograd::linear(tape, autograd::first_columns(tape, x, c.gate_channels), *layer.value_gate);  // (N, G)
    v = autograd::value_gate(tape, v, e, gate, static_cast<float>(c.gate_scale));
  }
  const auto head_norm = [&](const Var& h, Parameter* weight) {  // over D of every head
    const float eps = static_cast<float>(c.qk_eps()), scale = static_cast<float>(c.qk_scale),
                offset = weight && c.norm_plus_one ? 1.0f : 0.0f;
    const Var heads = autograd::reshape(tape, h, {h.value.elements() / c.head_width(), c.head_width()});
    return autograd::reshape(tape, autograd::rms_norm(tape, heads, weight, eps, scale, offset), h.value.shape());
  };
  if (layer.q_norm) {
    q = head_norm(q, layer.q_norm);
    k = head_norm(k, layer.k_norm);
  }
  if (c.positions == Positions::kRope && layer.kind != 'N') {
    const Tensor &cosine = layer.kind == 'S' ? local_cosine_ : cosine_, &sine = layer.kind == 'S' ? local_sine_ : sine_;
    q = autograd::rope(tape, q, cosine, sine, pass.positions, c.n_head, c.rope_direction);
    k = autograd::rope(tape, k, cosine, sine, pass.positions, c.n_kv_head, c.rope_direction);
  }
  if (c.qk_norm && c.family == Family::kChat) {
    q = head_norm(q, nullptr);
    k = head_norm(k, nullptr);
  }
  ops::AttentionShape shape;
  shape.batch = batch.batch;
  shape.queries = batch.ids.dim(0) / batch.batch;
  shape.heads = c.n_head;
  shape.kv_heads = c.n_kv_head;
  shape.head_dim = c.head_width();
  shape.window = layer.window;
  shape.scale = static_cast<float>(1.0 / std::sqrt(c.query_scalar > 0 ? c.query_scalar : static_cast<double>(c.head_width())));
  shape.softcap = static_cast<float>(c.attention_softcap);
  shape.first_keys = pass.first_keys;
  if (batch.training && c.family != Family::kChat) {
    shape.dropout = static_cast<float>(c.dropout);
    shape.dropout_key = {batch.dropout_key, dropout_call(batch, 2 * c.n_layer + 1 + i)};
  }
  Var y;  // (N, H*D)
  if (pass.paged) {
    const ops::PagedTensor &keys = batch.paged->cache->paged_keys(i), &values = batch.paged->cache->paged_values(i);
    ops::append_to_pages(tape.ctx(), k.value, keys, pass.paged->slots);
    ops::append_to_pages(tape.ctx(), v.value, values, pass.paged->slots);
    y = tape.constant(ops::attention_paged(tape.ctx(), q.value, keys, values, pass.paged->sequences, shape));
  } else if (batch.cache) {
    ops::append_to_cache(tape.ctx(), k.value, batch.cache->keys(i), pass.starts);
    ops::append_to_cache(tape.ctx(), v.value, batch.cache->values(i), pass.starts);
    y = tape.constant(
        ops::attention_cached(tape.ctx(), q.value, batch.cache->keys(i), batch.cache->values(i), pass.lengths, shape));
  } else {
    y = autograd::attention(tape, q, k, v, shape);
  }
  const bool last = tape.replaying() && recompute_ == Recompute::kAttention;
  return linear(tape, y, i, 3, *layer.attention_out, layer.attention_out_bias, pass, !last);
}

// `place` of the layer's linear layers; value: false where only the backward is wanted.
Var Transformer::linear(Tape& tape, const Var& x, int64_t i, int64_t place, Parameter& weight, Parameter* bias, const Pass& pass,
                        bool value) {
  const uint64_t call = pass.batch.dropout_call * static_cast<uint64_t>(kDropoutPlaces) + static_cast<uint64_t>(kAdapterPlaces + i * kLinears + place);
  const ops::DropoutKey dropout{pass.batch.dropout_key, call};
  Var y = (value ? autograd::linear : autograd::linear_without_value)(tape, x, weight, bias, pass.batch.training ? &dropout : nullptr);
  if (pass.paged) autograd::add_adapters(tape.ctx(), x.value, weight, pass.paged->runs, y.value);
  return y;
}

Var Transformer::mlp(Tape& tape, int64_t i, const Var& input, const Pass& pass) {
  Layer& layer = layers_[static_cast<size_t>(i)];
  const Var x = norm(tape, input, layer.norm2_weight, layer.norm2_bias);  // (N, C)
  Var h = linear(tape, x, i, 4, *layer.fc, layer.fc_bias, pass);
  if (layer.up)
    h = autograd::gated(tape, h, linear(tape, x, i, 5, *layer.up, layer.up_bias, pass), activation_of(config_.mlp));
  else
    h = autograd::activation(tape, h, activation_of(config_.mlp));
  return linear(tape, h, i, 6, *layer.mlp_out, layer.mlp_out_bias, pass, !tape.replaying() || layer.post_norm2);
}

Var Transformer::block(Tape& tape, int64_t i, Var x, const Var& x0, const Pass& pass) {
  const std::string prefix = probe_ ? "block." + std::to_string(i) + "." : std::string();
  if (resid_lambdas_) x = autograd::mix(tape, x, {resid_lambdas_, i, 1}, x0, {x0_lambdas_, i, 1});
  probe(tape, prefix + "in", x.value);
  Var y = recompute_ == Recompute::kAttention
              ? tape.recompute([this, i, x, pass](Tape& t) { return attention(t, i, x, pass); })
              : attention(tape, i, x, pass);
  probe(tape, prefix + "attn", y.value);
  const Layer& layer = layers_[static_cast<size_t>(i)];
  if (layer.post_norm1) y = norm(tape, y, layer.post_norm1, nullptr);
  x = autograd::add(tape, x, drop(tape, y, pass.batch, 2 * i));
  y = mlp(tape, i, x, pass);
  probe(tape, prefix + "mlp", y.value);
  if (layer.post_norm2) y = norm(tape, y, layer.post_norm2, nullptr);
  x = autograd::add(tape, x, drop(tape, y, pass.batch, 2 * i + 1));
  probe(tape, prefix + "out", x.value);
  return x;
}

Var Transformer::forward(Tape& tape, const Batch& batch) {
  require(batch.ids.rank() == 1 && batch.ids.dtype() == DType::kInt32 && batch.batch >= 1 && batch.ids.dim(0) % batch.batch == 0,
          "[transformer] ids ", batch.ids.shape(), " for a batch of ", batch.batch);
  require((!batch.cache && !batch.paged) || !tape.recording(), "[transformer] a cache cannot be used while gradients are recorded");
  Pass pass = start(tape, batch);
  std::optional<PagedPass> paged;
  if (batch.paged) {
    pass.paged = &paged.emplace(tape.ctx(), *batch.paged, batch.ids, position_limit(config_), config_.smear);
    pass.positions = paged->positions;
  }
  Var x = embed(tape, pass);
  const Var x0 = x;
  Var middle;
  for (int64_t i = 0; i < config_.n_layer; ++i) {
    if (!is_skipped(batch, i))
      x = recompute_ == Recompute::kBlock
              ? tape.recompute([this, i, x, x0, pass](Tape& t) { return block(t, i, x, x0, pass); })
              : block(tape, i, x, x0, pass);
    if (config_.backout && i == config_.n_layer / 2) middle = x;
  }
  if (batch.cache) batch.cache->advance(batch.ids.dim(0) / batch.batch);
  if (config_.backout) x = autograd::mix(tape, x, {}, middle, {backout_lambda_, 0, -1});
  x = norm(tape, x, final_norm_weight_, final_norm_bias_);
  probe(tape, "final_norm", x.value);
  return x;
}

Tensor Transformer::loss(Tape& tape, const Var& hidden, const Tensor& targets, const Tensor& factor,
                         const LossOptions& wanted) {
  ops::HeadLossOptions options;
  options.label_smoothing = static_cast<float>(wanted.label_smoothing);
  options.vocab_size = config_.vocab_size;
  options.softcap = static_cast<float>(config_.softcap);
  return autograd::head_loss(tape, hidden, head_weight(), targets, factor, options, wanted.smoothed);
}

Tensor Transformer::logits(ops::Context& ctx, const Tensor& hidden) {
  ops::HeadLossOptions options;
  options.vocab_size = config_.vocab_size;
  options.softcap = static_cast<float>(config_.softcap);
  const Parameter& head = head_weight();
  autograd::place_trained_rows(head);
  return head.quantized ? ops::head_logits(ctx, hidden, *head.quantized, options) : ops::head_logits(ctx, hidden, head.compute, options);
}

}  // namespace lathe::model
