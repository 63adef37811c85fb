#include "cli/adapter_flags.h"

#include "cli/stage_rates.h"
#include "core/log.h"

namespace lathe::cli {

void AdapterFlags::describe(SettingsTable& t) {
  t.group("adapter");
  t.add("lora", &lora_, "train a low-rank adapter; the model itself stays as it is");
  t.add("lora_r", &r_, "rank").aliases = {"r"};
  t.add("lora_alpha", &alpha_, "the update counts alpha / rank times");
  t.add("lora_dropout", &dropout_, "on the adapters' inputs");
  t.add("lora_targets", &targets_, "layers, as q_proj or by their own names; none: all seven of a block").aliases = {"target_modules"};
  t.add("lora_modules_to_save", &modules_, "whole parameters trained beside, as norm or lm_head").aliases = {"modules_to_save"};
  t.add("train_token_rows", &token_rows_, "special tokens whose embedding and head rows are trained; auto: those of the template; none");
  t.add("rslora", &rslora_, "the update counts alpha / sqrt(rank) times").aliases = {"use_rslora"};
  t.add("dora", &dora_, "a trained magnitude for every output").aliases = {"use_dora"};
  t.add("lora_weight_bits", &weight_bits_, "of the frozen linear layers; below 16 they are kept as codes").choices = {"16", "8", "4"};
  t.add("lora_lr", &lr_, "AdamW, peak");
  t.add("lora_weight_decay", &weight_decay_, "AdamW");
}

Status AdapterFlags::check(const Context& context) const {
  if (!lora_) {
    for (const char* flag : {"lora_r", "lora_alpha", "lora_dropout", "lora_targets", "lora_modules_to_save", "train_token_rows", "rslora", "dora",
                             "lora_weight_bits", "lora_lr", "lora_weight_decay"})
      if (context.given(flag)) return error_at(flag, -1, "is a setting of adapters; add --lora");
    return {};
  }
  if (r_ < 1) return error_at("lora_r", -1, "must be at least 1");
  if (!(alpha_ > 0)) return error_at("lora_alpha", -1, "must be above 0");
  if (!(dropout_ >= 0 && dropout_ < 1)) return error_at("lora_dropout", -1, "must lie in [0, 1)");
  LATHE_TRY_STATUS(check_rates({{"lora_lr", lr_}, {"lora_weight_decay", weight_decay_}}));
  if (weight_bits_ != "16" && context.common().dtype == "fp32")
    return error_at("lora_weight_bits", -1, "a quantized base computes in bf16; leave out --dtype fp32");
  return {};
}

Result<std::vector<int32_t>> AdapterFlags::token_rows(const tokenizer::Tokenizer& tokenizer, const tokenizer::ChatTemplate& form,
                                                      bool markers_known) const {
  std::vector<int32_t> ids;
  if (token_rows_.size() == 1 && token_rows_[0] == "auto") {
    if (markers_known) return ids;
    for (const std::string& name : form.markers())  // a template of plain words has none of its own
      if (const auto id = tokenizer.find_special(name)) ids.push_back(*id);
    return ids;
  }
  if (token_rows_.empty() || (token_rows_.size() == 1 && token_rows_[0] == "none")) return ids;
  for (const std::string& name : token_rows_) {
    const auto id = tokenizer.find_special(name);
    if (!id) return error_at("train_token_rows", -1, "\"", name, "\" is no special token of this tokenizer");
    ids.push_back(*id);
  }
  return ids;
}

model::AdapterConfig AdapterFlags::config() const {
  model::AdapterConfig config;
  config.r = r_, config.alpha = alpha_, config.dropout = dropout_;
  config.rslora = rslora_, config.dora = dora_;
  config.targets = targets_, config.modules_to_save = modules_;
  return config;
}

Result<int64_t> AdapterFlags::count(const model::ModelConfig& config) const {
  model::Transformer shape(config, DType::kFloat32, Device::kMeta);
  shape.freeze();
  LATHE_TRY(const std::unique_ptr<model::Adapter> adapter, model::Adapter::create(shape, this->config(), 0));
  return adapter->count();
}

Result<AttachedAdapter> AdapterFlags::attach(train::LoadedModel& loaded, uint64_t seed, const tokenizer::ChatTemplate& form,
                                             bool markers_known) const {
  model::AdapterConfig config = this->config();
  LATHE_TRY(config.token_rows, token_rows(loaded.tokenizer, form, markers_known));
  loaded.model->freeze();
  if (const int bits = std::stoi(weight_bits_); bits != 16) {
    if (!loaded.adapters.empty() && loaded.weight_bits != bits)
      return error_at("lora_weight_bits", -1, "the adapter below was trained on weights of ", loaded.weight_bits, " bits");
    if (loaded.weight_bits == 16) loaded.model->quantize(bits == 8 ? ops::WeightBits::kEight : ops::WeightBits::kFour, false);
    loaded.weight_bits = bits;
  }
  AttachedAdapter attached;
  LATHE_TRY(attached.adapter, model::Adapter::create(*loaded.model, config, seed));
  LATHE_TRY(model::AdapterRecord record, train::ground_of(loaded));
  record.chat_template = form.name();
  attached.weights = std::make_unique<train::AdapterWeights>(*attached.adapter, std::move(record));
  return attached;
}

std::unique_ptr<optim::Optimizer> AdapterFlags::make_optimizer(const model::Adapter& adapter, dist::Communicator* ranks, double rate_factor) const {
  optim::AdamwRates rates;
  rates.lr = lr_ * rate_factor;
  rates.weight_decay = weight_decay_;
  return std::make_unique<optim::Optimizer>(optim::adamw_groups(adapter.parameters(), rates), optim::OptimizerOptions{}, ranks);
}

std::string AdapterFlags::summary(const model::Adapter& adapter, const model::Transformer& model) {
  const int64_t frozen = model.counts().total, trained = adapter.count();
  return join_text("adapter of rank ", adapter.config().r, ": ", with_thousands(trained), " trained parameters, ",
                   format_text("%.2f", 100 * static_cast<double>(trained) / static_cast<double>(frozen)), " % of the frozen ", with_thousands(frozen));
}

}  // namespace lathe::cli
