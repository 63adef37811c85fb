// lathe 95_train_dpo: the lab's preference training after fine-tuning (rows L-1.54 to L-1.56, L-9.10 to L-9.16,
// L-15.10).
#include "cli/lab_model.h"
#include "cli/lab_training.h"
#include "cli/preferences.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "core/manifest.h"
#include "train/adapter_weights.h"

namespace lathe::cli {
namespace {

constexpr const char* kDataRemedy =
    "make one: lathe 90_prepare_dpo_corpus --config config/dpo/datasets/orca_dpo.json --tokenizer_dir "
    "data/models/tokenizers/spm_32k "
    "--output_dir data/dpo_processed/orca";
constexpr const char* kModelRemedy =
    "fine-tune one: lathe 70_train_sft --config config/sft/training/lora_optimal_tiny_23m.json --model_path "
    "checkpoints/pretrain/tiny/tiny/final --data_dirs data/sft_processed/alpaca_chatml --tokenizer_dir "
    "data/models/tokenizers/spm_32k --output_dir checkpoints/sft/tiny";

class LabDpo : public Verb {
 public:
  LabDpo() {  // rows L-9.10, L-9.11
    settings_.learning_rate = 5e-7;
    settings_.max_steps = 2000;
    settings_.per_device_train_batch_size = 2;
    settings_.gradient_accumulation_steps = 8;
    settings_.weight_decay = 0.01;
    settings_.gradient_checkpointing = true;
    settings_.save_steps = 200, settings_.eval_steps = 100, settings_.logging_steps = 10;
  }
  VerbInfo info() const override {
    return {"95_train_dpo",
            "train",
            "the lab's training on preference pairs, after fine-tuning",
            "lathe 95_train_dpo --config config/dpo/training/dpo_tiny.json --model_path checkpoints/sft/tiny/final "
            "--data_dirs data/dpo_processed/orca "
            "--tokenizer_dir data/models/tokenizers/spm_32k --output_dir checkpoints/dpo/tiny",
            "",
            0};
  }
  void describe(SettingsTable& table) override {
    training_.describe(table);
    table.group("model");
    table.add("model_path", &model_path_, "checkpoint of the fine-tuned model: a step folder or `final`");
    cli::describe(table, preferences_);
    cli::describe(table, lora_);
  }
  Status read_config(SettingsTable& table, const Json& config, const std::string& path) override;
  Result<Exit> run(Context& context) override;

 private:
  train::LabSettings settings_;
  LabTraining training_{"dpo", settings_};
  PreferenceFlags preferences_;
  LabLora lora_;
  std::string model_path_;
};

// Keys of the config and what they are here (rows L-9.10, L-7.22, L-7.30).
train::ConfigKeys dpo_keys() {
  train::ConfigKeys keys = train::lab_keys();
  const auto add = [&](const char* section, std::initializer_list<const char*> names) {
    for (const char* name : names) keys.push_back({section, name, name});
  };
  const auto neutral = [&](const char* section, const char* name, std::vector<Json> values) {
    keys.push_back({section, name, "", std::move(values)});
  };
  add("", {"model_path"});
  add("dpo_params", {"beta", "label_smoothing", "gamma", "max_length", "max_prompt_length", "loss_type",
                     "truncation_mode", "reference_free", "precompute_ref_log_probs", "allow_without_sft"});
  neutral("dpo_params", "label_pad_token_id", {-100});
  neutral("dpo_params", "padding_value", {0});
  neutral("dpo_params", "generate_during_eval", {false});
  add("lora_config", {"r", "lora_alpha", "lora_dropout", "target_modules", "use_rslora", "use_dora"});
  keys.push_back({"lora_config", "enabled", "lora"});
  neutral("lora_config", "bias", {"none"});
  neutral("lora_config", "task_type", {"CAUSAL_LM"});
  neutral("lora_config", "fan_in_fan_out", {false});
  neutral("lora_config", "init_lora_weights", {true});
  neutral("lora_config", "modules_to_save", {Json::array()});
  keys.push_back({"training_params", "lr_scheduler_type", "scheduler_type"});
  for (const char* name : {"bf16", "fp16", "gradient_checkpointing"}) keys.push_back({"training_params", name, name});
  keys.push_back({"training_params", "data_seed", "data_seed"});
  keys.push_back({"training_params", "seed", "seed"});
  keys.push_back({"training_params", "dataloader_num_workers", "num_workers"});
  neutral("training_params", "num_train_epochs", {-1, 1});  // max_steps decides
  neutral("training_params", "optim", {"adamw_torch"});
  neutral("training_params", "evaluation_strategy", {"steps"});
  neutral("training_params", "save_strategy", {"steps"});
  neutral("training_params", "load_best_model_at_end", {false});
  neutral("training_params", "metric_for_best_model", {"eval_loss"});
  neutral("training_params", "greater_is_better", {false});
  neutral("training_params", "remove_unused_columns", {false});
  neutral("training_params", "ddp_find_unused_parameters", {false});
  return keys;
}

Status LabDpo::read_config(SettingsTable& table, const Json& config, const std::string& path) {
  LATHE_TRY(const Json flat, train::flat_settings(config, dpo_keys(), path));
  return table.read_object(flat, path);
}

Result<Exit> LabDpo::run(Context& context) {
  LATHE_TRY_STATUS(training_.check(context, kDataRemedy));
  LATHE_TRY(const tokenizer::Tokenizer tokenizer, training_.tokenizer());
  LATHE_TRY(const DType dtype, training_.dtype(context));
  const auto seed = static_cast<uint64_t>(context.common().seed);
  LATHE_TRY(train::LoadedModel start,
            load_lab_model(model_path_, kModelRemedy, tokenizer, settings_.tokenizer_dir, dtype, !lora_.lora));
  const Json* chain = start.meta.user_config.find(kChainKey);
  LATHE_TRY_STATUS(
      require_sft(start.meta.stage, chain != nullptr ? *chain : Json(), model_path_, preferences_.allow_without_sft));
  LATHE_TRY(const std::unique_ptr<PreferenceStage> stage,
            PreferenceStage::open(preferences_, {settings_.data_dirs, settings_.data_weights, "", ""}, tokenizer,
                                  [&](const std::string& line) { context.print(line); }));
  if (settings_.eval_steps > 0 && !stage->has_validation())
    return error_at(
        "eval_steps", -1,
        "no data set has held-out pairs; prepare them with train_val_split below 1, or set eval_steps to -1");

  std::vector<train::LabSource> sources;
  std::vector<data::MixedSource> sizes;
  for (const train::PreferenceSet& set : stage->sets()) sizes.push_back({set.name, std::ssize(set.pairs)});
  LATHE_TRY(const std::vector<double> shares, data::mix_shares(sizes, settings_.data_weights));
  for (size_t i = 0; i < settings_.data_dirs.size(); ++i) {
    LATHE_TRY(train::LabSource source,
              LabTraining::source(settings_.data_dirs[i], shares[i], stage->sets()[i].tokens()));
    sources.push_back(std::move(source));
  }
  LATHE_TRY(const Json longer, longer_chain(chain != nullptr ? *chain : Json(), start.meta.stage, start.files));
  Json fixed = Json::object();
  fixed["architecture"] = start.meta.model_config;
  fixed["tokenizer"] = tokenizer.hash();
  fixed["model"] = longer.as_array().back().at("sha256");
  const fs::path run = settings_.output_dir;  // as given (row L-15.10)
  LATHE_TRY_STATUS(
      training_.begin(context, run, std::move(fixed), std::move(sources),
                      {"beta", "loss_type", "label_smoothing", "gamma", "reference_free", "max_length",
                       "max_prompt_length", "lora", "r", "lora_alpha", "target_modules", "use_rslora", "use_dora"}));
  if (training_.done()) return training_.finish_done(context);

  model::Transformer& model = *start.model;
  model.set_recompute(settings_.gradient_checkpointing ? model::Recompute::kBlock : model::Recompute::kNone);
  train::ModelWeights whole(model);
  std::unique_ptr<model::Adapter> adapter;
  std::unique_ptr<train::AdapterWeights> adapter_weights;
  if (lora_.lora) {
    LATHE_TRY(adapter, model::Adapter::create(model, lora_.config(), seed));
    LATHE_TRY(model::AdapterRecord record, train::ground_of(start));
    record.chat_template = stage->chat_template();
    adapter_weights = std::make_unique<train::AdapterWeights>(*adapter, std::move(record));
  }
  train::Weights& weights = adapter ? static_cast<train::Weights&>(*adapter_weights) : whole;
  if (adapter && lora_.lora_dropout > 0)
    log_info("dpo", "lora_dropout ", lora_.lora_dropout,
             ": dropout is off in preference training, as in its reference");
  const PreferencePolicy policy{start, adapter.get()};
  LATHE_TRY_STATUS(stage->prepare(policy, settings_.per_device_train_batch_size, settings_.gradient_accumulation_steps,
                                  static_cast<uint64_t>(settings_.data_seed), run));
  const std::unique_ptr<dist::Communicator> world = dist::single_process();
  const std::unique_ptr<optim::Optimizer> optimizer = train::make_optimizer(settings_, policy.trained(), world.get());
  LabTraining::Stage parts{"dpo",
                           model,
                           tokenizer,
                           *optimizer,
                           stage->objective(),
                           weights,
                           *world,
                           [&] { return stage->objective().tokens_taken(); },
                           [&] { return stage->objective().mix_lines(); },
                           {}};
  if (stage->has_validation()) parts.validate = [&] { return stage->validate(); };
  parts.after_validation = [&](int64_t step) -> Status {
    LATHE_TRY(const std::vector<std::string> lines, stage->samples());
    return training_.show_samples(context, step, lines);
  };
  if (settings_.data_dirs.size() > 1) parts.shares = [&] { return stage->objective().mix(); };
  parts.more["chat_template"] = stage->chat_template();
  parts.more[kChainKey] = longer;
  parts.flops_per_token = model.flops_per_token();
  parts.token_loss = false;
  std::error_code code;
  for (const std::string& dir : settings_.data_dirs)
    parts.inputs.push_back(fs::exists(fs::path(dir) / kManifestFile, code) ? fs::path(dir) / kManifestFile
                                                                           : fs::path(dir));
  for (const fs::path& file : start.files) parts.inputs.push_back(file);
  return training_.go(context, parts);
}

}  // namespace

std::unique_ptr<Verb> make_lab_dpo() { return std::make_unique<LabDpo>(); }

}  // namespace lathe::cli
