#include "train/lab_sft_settings.h"

#include <algorithm>
#include <cmath>

namespace lathe::train {

LabSftSettings::LabSftSettings() {
  common.learning_rate = 8e-5;
  common.per_device_train_batch_size = 4;
  common.gradient_accumulation_steps = 8;
  common.max_steps = 2000;
  common.weight_decay = 0.01;
  common.logging_steps = 25;
  common.eval_steps = 150;
  common.save_steps = 300;
  common.save_total_limit = 5;
}

void describe(SettingsTable& t, LabSftSettings& s) {
  describe(t, s.common);
  t.group("model");
  t.add("model_path", &s.model_path, "checkpoint folder of the model to fine-tune, .../final or .../step_N");
  t.group("adapter");
  t.add("lora", &s.lora, "train a low-rank adapter; --no-lora: the whole model");
  t.add("r", &s.r, "rank");
  t.add("lora_alpha", &s.lora_alpha, "the update is scaled by alpha / r");
  t.add("lora_dropout", &s.lora_dropout, "on the adapter's input");
  t.add("target_modules", &s.target_modules, "layers; none: all seven of a block");
  t.add("modules_to_save", &s.modules_to_save, "parameters trained whole beside the adapter");
  t.add("use_rslora", &s.use_rslora, "scale by alpha / sqrt(r)");
  t.add("use_dora", &s.use_dora, "train the magnitudes apart from the directions");
  t.add("train_token_rows", &s.train_token_rows, "special tokens whose rows of embedding and head are trained; template: the template's markers");
  t.group("data");
  t.add("allow_mixed_templates", &s.allow_mixed_templates, "data sets of different templates may be mixed");
  t.group("the original trainer's names");
  t.add("evaluation_strategy", &s.evaluation_strategy, "no: eval_steps is -1").choices = {"steps", "no"};
  t.add("save_strategy", &s.save_strategy, "no: save_steps is -1").choices = {"steps", "no"};
  t.add("adam_beta1", &s.adam_beta1, "the first of betas; -1: betas");
  t.add("adam_beta2", &s.adam_beta2, "the second of betas; -1: betas");
  t.group("answers shown at each evaluation");
  t.add("eval_prompts", &s.eval_prompts, "what is asked; none: nothing");
  t.add("max_new_tokens", &s.max_new_tokens, "of an answer");
  t.add("temperature", &s.temperature, "0: the most likely token");
  t.add("top_p", &s.top_p, "1: off");
  t.add("top_k", &s.top_k, "0: off");
  t.add("repetition_penalty", &s.repetition_penalty, "1: off");
}

ConfigKeys lab_sft_keys() {
  ConfigKeys keys = lab_keys();
  const auto add = [&](const char* section, std::initializer_list<const char*> names) {
    for (const char* name : names) keys.push_back({section, name, name});
  };
  const auto neutral = [&](const char* section, const char* name, Json::Array values) { keys.push_back({section, name, "", std::move(values)}); };
  add("", {"model_path"});
  add("training_params", {"bf16", "fp16", "gradient_checkpointing", "seed", "data_seed", "num_workers", "adam_beta1", "adam_beta2", "evaluation_strategy",
                          "save_strategy"});
  keys.push_back({"training_params", "dataloader_num_workers", "num_workers"});
  keys.push_back({"training_params", "adam_epsilon", "eps"});
  keys.push_back({"training_params", "lr_scheduler_type", "scheduler_type"});
  keys.push_back({"training_params", "eval_strategy", "evaluation_strategy"});
  neutral("training_params", "num_train_epochs", {-1});
  neutral("training_params", "load_best_model_at_end", {false});
  neutral("training_params", "metric_for_best_model", {"eval_loss"});
  neutral("training_params", "greater_is_better", {false});
  neutral("training_params", "optim", {"adamw_torch"});
  neutral("training_params", "group_by_length", {false});
  neutral("training_params", "report_to", {Json(Json::Array{"tensorboard"}), "tensorboard"});
  neutral("training_params", "remove_unused_columns", {false});
  add("lora_config", {"r", "lora_alpha", "lora_dropout", "target_modules", "modules_to_save", "use_rslora", "use_dora", "train_token_rows"});
  keys.push_back({"lora_config", "enabled", "lora"});
  neutral("lora_config", "bias", {"none"});
  neutral("lora_config", "init_lora_weights", {true});
  neutral("lora_config", "task_type", {"CAUSAL_LM"});
  neutral("lora_config", "fan_in_fan_out", {false});
  add("dataset_config", {"allow_mixed_templates"});
  keys.push_back({"dataset_config", "max_seq_length", "sequence_length"});
  neutral("dataset_config", "packing", {true});
  add("evaluation_config", {"eval_prompts", "eval_batches"});
  add("evaluation_config.generation_config", {"max_new_tokens", "temperature", "top_p", "top_k", "repetition_penalty"});
  return keys;
}

Status resolve(LabSftSettings& s) {
  if (s.adam_beta1 != -1 || s.adam_beta2 != -1) {
    if (s.common.betas.size() != 2) return error_at("betas", -1, "needs two numbers, has ", s.common.betas.size());
    if (s.adam_beta1 != -1) s.common.betas[0] = s.adam_beta1;
    if (s.adam_beta2 != -1) s.common.betas[1] = s.adam_beta2;
  }
  if (s.evaluation_strategy == "no") s.common.eval_steps = -1;
  if (s.save_strategy == "no") s.common.save_steps = -1;
  if (s.r < 1) return error_at("r", -1, "must be at least 1, is ", s.r);
  if (!(s.lora_alpha > 0) || !std::isfinite(s.lora_alpha)) return error_at("lora_alpha", -1, "must be a number above 0, is ", s.lora_alpha);
  if (!(s.lora_dropout >= 0 && s.lora_dropout < 1)) return error_at("lora_dropout", -1, "must be at least 0 and below 1, is ", s.lora_dropout);
  if (s.max_new_tokens < 1) return error_at("max_new_tokens", -1, "must be at least 1, is ", s.max_new_tokens);
  return check(s.common);
}

Result<model::AdapterConfig> adapter_config(const LabSftSettings& s, const tokenizer::Tokenizer& tokenizer, const std::vector<std::string>& markers) {
  model::AdapterConfig config;
  config.r = s.r;
  config.alpha = s.lora_alpha;
  config.dropout = s.lora_dropout;
  config.rslora = s.use_rslora;
  config.dora = s.use_dora;
  config.targets = s.target_modules;
  config.modules_to_save = s.modules_to_save;
  for (const std::string& name : s.train_token_rows) {
    const std::vector<std::string> names = name == "template" ? markers : std::vector<std::string>{name};
    for (const std::string& token : names) {
      const std::optional<int32_t> id = tokenizer.find_special(token);
      if (!id) return error_at("train_token_rows", -1, "\"", token, "\" is no special token of the tokenizer");
      if (std::find(config.token_rows.begin(), config.token_rows.end(), *id) == config.token_rows.end()) config.token_rows.push_back(*id);
    }
  }
  std::sort(config.token_rows.begin(), config.token_rows.end());
  return config;
}

}  // namespace lathe::train
