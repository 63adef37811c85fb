#include "model/adapter.h"

#include <algorithm>
#include <cmath>

#include "core/rng.h"
#include "core/text.h"
#include "model/adapter_parts.h"
#include "ops/elementwise.h"
#include "ops/low_rank.h"

namespace lathe::model {

using autograd::Parameter;

namespace {

constexpr Part kLinearParts[] = {Part::kQuery, Part::kKey, Part::kValue, Part::kAttentionOut, Part::kFc, Part::kUp, Part::kMlpOut};
constexpr std::string_view kWeightEnding = ".weight";
constexpr int64_t kMostRank = 16384;  // above the sides of all layers known here: more is a damaged number

std::string without_ending(const std::string& name) {
  return name.ends_with(kWeightEnding) ? name.substr(0, name.size() - kWeightEnding.size()) : name;
}

bool names_layer(std::string_view layer, std::string_view wanted) {
  return layer == wanted || (layer.size() > wanted.size() && layer.ends_with(wanted) && layer[layer.size() - wanted.size() - 1] == '.');
}

// float32 master, copy and gradient of a new trained tensor.
void make(Parameter& p, std::string name, const Shape& shape, DType dtype, Device device, bool trainable) {
  p.name = std::move(name);
  p.value = Tensor::zeros(shape, DType::kFloat32, device);
  p.compute = dtype == DType::kFloat32 ? p.value : Tensor::zeros(shape, dtype, device);
  if (trainable) p.grad = Tensor::zeros(shape, DType::kFloat32, device);
  p.trainable = trainable;
}

void refresh_copy(const Parameter& p) {
  if (!p.compute || p.compute.dtype() == p.value.dtype() || p.value.device() == Device::kMeta) return;
  ops::Context ctx;
  ops::cast(ctx, p.value, p.compute);
}

void start_magnitude(const Parameter& base, const Tensor& magnitude) {
  if (magnitude.device() == Device::kMeta) return;
  ops::Context ctx;
  const Tensor none = ctx.zeros(base.shape(), DType::kFloat32);
  const Tensor w = base.quantized ? ops::dequantize(ctx, *base.quantized, DType::kBFloat16) : base.compute;
  ops::adapted_row_norms(ctx, w, none, 0, magnitude);
}

}  // namespace

std::string peft_layer_name(Part part) {
  switch (part) {
    case Part::kQuery: return "q_proj";
    case Part::kKey: return "k_proj";
    case Part::kValue: return "v_proj";
    case Part::kAttentionOut: return "o_proj";
    case Part::kFc: return "gate_proj";
    case Part::kUp: return "up_proj";
    case Part::kMlpOut: return "down_proj";
    case Part::kValueGate:
    case Part::kNorm1:
    case Part::kNorm2:
    case Part::kPostNorm1:
    case Part::kPostNorm2:
    case Part::kQueryNorm:
    case Part::kKeyNorm: break;
  }
  return "";
}

double AdapterConfig::scale() const { return rslora ? alpha / std::sqrt(static_cast<double>(r)) : alpha / static_cast<double>(r); }

Json AdapterConfig::to_json() const {
  const auto list = [](const auto& values) {
    Json out = Json::array();
    for (const auto& value : values) out.push_back(Json(value));
    return out;
  };
  Json out = Json::object();
  out["r"] = r;
  out["lora_alpha"] = alpha;
  out["lora_dropout"] = dropout;
  out["use_rslora"] = rslora;
  out["use_dora"] = dora;
  out["target_modules"] = list(targets);
  out["token_rows"] = list(token_rows);
  out["modules_to_save"] = list(modules_to_save);
  return out;
}

Adapter::Adapter(Transformer& model, AdapterConfig config) : model_(model), config_(std::move(config)) {}

Result<std::unique_ptr<Adapter>> Adapter::create(Transformer& model, const AdapterConfig& config, uint64_t seed, bool trainable) {
  if (config.r < 1) return error_at("lora_r", -1, "must be at least 1, is ", config.r);
  if (config.r > kMostRank) return error_at("lora_r", -1, "must be at most ", kMostRank, ", is ", config.r);
  if (!std::isfinite(config.alpha) || config.alpha <= 0) return error_at("lora_alpha", -1, "must be above 0, is ", config.alpha);
  if (const auto scale = static_cast<float>(config.scale()); !std::isfinite(scale) || scale == 0)
    return error_at("lora_alpha", -1, config.alpha, " with r ", config.r, " is a scale of ", config.scale(), ", which float32 cannot hold");
  if (!(config.dropout >= 0 && config.dropout < 1)) return error_at("lora_dropout", -1, "must lie in [0, 1), is ", config.dropout);
  std::unique_ptr<Adapter> adapter(new Adapter(model, config));
  LATHE_TRY_STATUS(adapter->attach_targets(seed, trainable));
  LATHE_TRY_STATUS(adapter->attach_rows(trainable));
  LATHE_TRY_STATUS(adapter->attach_modules(trainable));
  adapter->refresh();
  return adapter;
}

Status Adapter::attach_targets(uint64_t seed, bool trainable) {
  const Names names(model_.config());
  std::vector<bool> used(config_.targets.size());
  std::string known;
  for (int64_t i = 0; i < model_.config().n_layer; ++i) {
    for (const Part part : kLinearParts) {
      Parameter* base = model_.find(names.layer(i, part, Kind::kWeight));
      if (base == nullptr) continue;
      const std::string layer = without_ending(base->name);
      if (i == 0) {  // as PEFT calls it, and by its own name: mlp.c_proj is not attn.c_proj
        const std::string own = layer.substr(layer.rfind('.', layer.rfind('.') - 1) + 1);
        known += join_text(known.empty() ? "" : ", ", peft_layer_name(part), own.ends_with(peft_layer_name(part)) ? "" : " (" + own + ")");
      }
      bool wanted = config_.targets.empty();
      for (size_t t = 0; t < config_.targets.size(); ++t) {
        if (config_.targets[t] != peft_layer_name(part) && config_.targets[t] != "all-linear" && !names_layer(layer, config_.targets[t])) continue;
        wanted = used[t] = true;
      }
      if (!wanted) continue;
      if (config_.dora && !base->adapters.empty())
        return error_at(base->name, -1, "magnitudes (DoRA) rescale the frozen weights; another adapter is on this layer already");
      const Shape shape = base->shape();
      const Device device = base->quantized ? Device::kCpu : base->compute.device();
      auto& target = *targets_.emplace_back(std::make_unique<Target>());
      target.base = base;
      make(target.a, layer + ".lora_A.weight", {config_.r, shape[1]}, model_.dtype(), device, trainable);
      make(target.b, layer + ".lora_B.weight", {shape[0], config_.r}, model_.dtype(), device, trainable);
      if (device != Device::kMeta) {  // PEFT's start: Kaiming uniform with slope sqrt(5)
        Rng rng(seed, target.a.name);
        const float bound = 1.0f / std::sqrt(static_cast<float>(shape[1]));
        for (float& x : target.a.value.span<float>()) x = bound * (2 * rng.uniform_float() - 1);
      }
      autograd::LowRank& low_rank = target.low_rank;
      low_rank.a = &target.a, low_rank.b = &target.b;
      parameters_.insert(parameters_.end(), {&target.a, &target.b});
      if (config_.dora) {
        make(target.magnitude, layer + ".lora_magnitude_vector", {shape[0]}, DType::kFloat32, device, trainable);
        start_magnitude(*base, target.magnitude.value);
        low_rank.magnitude = &target.magnitude;
        low_rank.norms = Tensor::zeros({shape[0]}, DType::kFloat32, device);
        parameters_.push_back(&target.magnitude);
      }
      low_rank.scale = static_cast<float>(config_.scale());
      low_rank.dropout = static_cast<float>(config_.dropout);
      low_rank.stream = static_cast<uint32_t>(base->adapters.size());
      base->adapters.push_back(&low_rank);
    }
  }
  for (size_t t = 0; t < used.size(); ++t)
    if (!used[t]) return error_at("target_modules", -1, "\"", config_.targets[t], "\" matches no layer of this model; it has ", known);
  low_rank_count_ = static_cast<int64_t>(parameters_.size());
  return {};
}

Status Adapter::attach_rows(bool trainable) {
  auto& ids = config_.token_rows;
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  if (ids.empty()) return {};
  if (ids.front() < 0 || ids.back() >= model_.config().vocab_size)
    return error_at("token_rows", -1, "token ", ids.front() < 0 ? ids.front() : ids.back(), " is outside the vocabulary of ", model_.config().vocab_size);
  std::vector<Parameter*> tables = {model_.find(Names(model_.config()).embedding())};
  if (&model_.head_weight() != tables.front()) tables.push_back(&model_.head_weight());
  const int64_t count = static_cast<int64_t>(ids.size());
  for (Parameter* table : tables) {
    if (!table->compute) return error_at(table->name, -1, "rows of a quantized table cannot be trained");
    const Tensor& from = table->compute;
    auto& rows = *rows_.emplace_back(std::make_unique<Rows>());
    rows.table = table;
    make(rows.rows, without_ending(table->name) + ".token_rows", {count, from.dim(1)}, model_.dtype(), from.device(), trainable);
    rows.trained.ids = Tensor::of<int32_t>(ids, {count});
    rows.trained.rows = &rows.rows;
    rows.trained.base = Tensor::zeros({count, from.dim(1)}, from.dtype(), from.device());
    if (from.device() != Device::kMeta) {
      for (int64_t i = 0; i < count; ++i) {
        const int64_t id = ids[static_cast<size_t>(i)];
        rows.rows.value.rows(i, i + 1).copy_from((table->value ? table->value : from).rows(id, id + 1).to(DType::kFloat32));
        Tensor base = from.rows(id, id + 1);  // an earlier adapter's row is not the base's
        for (const autograd::TrainedRows* other : table->trained_rows)
          for (int64_t k = 0; k < other->ids.elements(); ++k)
            if (other->ids.data<int32_t>()[k] == id) base = other->base.rows(k, k + 1);
        rows.trained.base.rows(i, i + 1).copy_from(base);
      }
    }
    table->trained_rows.push_back(&rows.trained);
    parameters_.push_back(&rows.rows);
    ++row_count_;
  }
  return {};
}

Status Adapter::attach_modules(bool trainable) {
  for (const std::string& wanted : config_.modules_to_save) {
    bool found = false;
    for (Parameter* p : model_.parameters()) {
      if (!names_layer(p->name.substr(0, p->name.rfind('.')), wanted) && p->name != wanted) continue;
      found = true;
      const auto same = [&](const auto& module) { return module->base == p; };
      if (std::any_of(modules_.begin(), modules_.end(), same)) continue;
      if (trainable && p->trainable && p->grad) return error_at(p->name, -1, "is trained already; freeze the model first");
      if (!p->compute || !p->trained_rows.empty()) return error_at(p->name, -1, "cannot be trained whole: it is quantized, or rows of it are trained");
      auto& module = *modules_.emplace_back(std::make_unique<Module>());
      module.base = p;
      module.value = p->value, module.compute = p->compute;
      module.trainable = trainable;
      module.trainable_before = p->trainable, module.grad_before = p->grad;
      Parameter fresh;
      make(fresh, p->name, p->compute.shape(), p->compute.dtype(), p->compute.device(), trainable);
      if (fresh.value.device() != Device::kMeta) fresh.value.copy_from((p->value ? p->value : p->compute).to(DType::kFloat32));
      p->value = fresh.value, p->compute = fresh.compute, p->grad = fresh.grad;
      p->trainable = trainable;
      parameters_.push_back(p);
    }
    if (!found) return error_at("modules_to_save", -1, "\"", wanted, "\" matches no parameter of this model");
  }
  return {};
}

Adapter::~Adapter() {
  if (!merged_) set_enabled(false);
  for (const auto& target : targets_) std::erase(target->base->adapters, &target->low_rank);
  for (const auto& rows : rows_) {
    autograd::place_trained_rows(*rows->table);
    std::erase(rows->table->trained_rows, &rows->trained);
  }
  for (const auto& module : modules_) {
    module->base->grad = module->grad_before;
    module->base->trainable = module->trainable_before;
    module->base->has_grad = false;
  }
}

int64_t Adapter::count() const {
  int64_t count = 0;
  for (const Parameter* p : parameters_) count += p->value.elements();
  return count;
}

void Adapter::refresh() {
  for (const Parameter* p : parameters_) refresh_copy(*p);
  for (const auto& target : targets_) target->low_rank.norms_stale = true;
}

void Adapter::switch_low_rank() {
  for (const auto& target : targets_) target->low_rank.enabled = enabled_ && !merged_;
}

void Adapter::switch_modules(bool on) {
  for (const auto& module : modules_) {
    std::swap(module->value, module->base->value);
    std::swap(module->compute, module->base->compute);
    module->base->trainable = on && module->trainable;
  }
}

Status Adapter::use_for_rows(int32_t number) {
  const char* what = config_.dora              ? "use_dora: magnitudes rescale the base"
                     : !rows_.empty()          ? "token rows: they stand in the base's embedding"
                     : !modules_.empty()       ? "modules_to_save: they take the place of the base's"
                     : merged_                 ? "merged: it is part of the base"
                                               : nullptr;
  if (what != nullptr) return error("this adapter cannot be on for some requests only (", what, "); serve it as a model of its own, or merge it");
  set_enabled(false);
  for (const auto& target : targets_) target->low_rank.number = number;
  return {};
}

void Adapter::set_enabled(bool enabled) {
  require(!merged_, "[adapter] a merged adapter cannot be switched");
  if (enabled == enabled_) return;
  enabled_ = enabled;
  switch_low_rank();
  for (const auto& rows : rows_) rows->trained.enabled = enabled;
  switch_modules(enabled);
}

}  // namespace lathe::model
