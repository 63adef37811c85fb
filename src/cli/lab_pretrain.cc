// lathe 40_pretrain: the lab's pre-training on packed data, in phases (rows L-1.35 to L-1.38, L-5).
#include <algorithm>

#include "cli/config_files.h"
#include "cli/lab_training.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "core/manifest.h"
#include "eval/bits_per_byte.h"
#include "train/lab_architecture.h"
#include "train/language_objective.h"
#include "train/packed_data.h"
#include "train/plan.h"

namespace lathe::cli {
namespace {

constexpr const char* kDataRemedy =
    "pack one: lathe 30_pack_dataset --config config/pretrain/packing/default.json --corpus-dir data/datasets/tiny_23M_corpus "
    "--tokenizer-dir data/models/tokenizers/spm_32k --output-dir data/processed/tiny_23M_1024";
constexpr const char* kArchitectureKey = "architecture_config";

class LabPretrain : public Verb {
 public:
  VerbInfo info() const override {
    return {"40_pretrain", "train", "the lab's pre-training: JSON settings, packed data, phases",
            "lathe 40_pretrain --config config/pretrain/training/chinchilla_tiny_500m.json --data_dirs data/processed/tiny "
            "--tokenizer_dir data/spm_32k --output_dir checkpoints/pretrain/tiny",
            "", 0};
  }
  void describe(SettingsTable& table) override {
    training_.describe(table);
    table.group("model");
    table.add(kArchitectureKey, &architecture_path_, "file of the model's shape; the config may hold the object itself");
  }
  // C38: the shape stands in the file, or in a file it names.
  Status read_config(SettingsTable& table, const Json& config, const std::string& path) override {
    Json rest = config;
    if (const Json* shape = config.find(kArchitectureKey); shape != nullptr && shape->is_object()) {
      architecture_ = *shape;
      rest[kArchitectureKey] = Json();  // null counts as absent
    }
    train::ConfigKeys keys = train::lab_keys();
    keys.push_back({"", kArchitectureKey, kArchitectureKey});
    LATHE_TRY(const Json flat, train::flat_settings(rest, keys, path));
    config_path_ = path;
    return table.read_object(flat, path);
  }
  Result<Exit> run(Context& context) override;

 private:
  Result<train::LabArchitecture> architecture() const;
  Status check_data(const train::PackedData& data) const;
  Result<std::unique_ptr<data::PackedLoader>> loader(const train::PackedData& data, data::Split split, uint64_t phase) const;

  train::LabSettings settings_;
  LabTraining training_{"pretrain", settings_};
  std::string architecture_path_, config_path_;
  Json architecture_;
};

Result<train::LabArchitecture> LabPretrain::architecture() const {
  if (architecture_.is_object() && architecture_path_.empty()) return train::LabArchitecture::from_json(architecture_, config_path_);
  if (architecture_path_.empty())
    return error_at(kArchitectureKey, -1, "names no shape; take config/architectures/tiny.json, or --config config/pretrain/training/chinchilla_tiny_500m.json");
  LATHE_TRY(const fs::path path, config_path_.empty() ? find_config(architecture_path_) : find_from_config(architecture_path_, config_path_));
  LATHE_TRY(const Json json, read_json(path));
  return train::LabArchitecture::from_json(json, path.string());
}

// C26: the packing decided the split; another value here has no effect.
Status LabPretrain::check_data(const train::PackedData& data) const {
  if (settings_.sequence_length > 0 && settings_.sequence_length != data.sequence_length())
    return error_at("sequence_length", -1, "is ", settings_.sequence_length, ", the data were packed with ", data.sequence_length(),
                    "; change data_params.sequence_length, or pack them again");
  std::error_code code;
  for (const std::string& dir : settings_.data_dirs) {
    if (settings_.train_val_split < 0 || !fs::exists(fs::path(dir) / kManifestFile, code)) continue;
    LATHE_TRY(const Manifest manifest, read_manifest(dir, "", kDataRemedy));
    const Json* split = manifest.settings.find("train_val_split");
    if (split != nullptr && split->is_number() && split->as_double() != settings_.train_val_split)
      log_warning("pretrain", dir, " was packed with train_val_split ", split->as_double(), "; the ", settings_.train_val_split, " of this config is ignored");
  }
  return {};
}

Result<std::unique_ptr<data::PackedLoader>> LabPretrain::loader(const train::PackedData& data, data::Split split, uint64_t phase) const {
  data::PackedLoaderOptions options;
  options.rows = settings_.per_device_train_batch_size;
  options.workers = settings_.num_workers;
  options.seed = static_cast<uint64_t>(settings_.data_seed);
  options.phase = phase;
  return data.loader(split, options);
}

Result<Exit> LabPretrain::run(Context& context) {
  LATHE_TRY_STATUS(training_.check(context, kDataRemedy));
  LATHE_TRY(const train::LabArchitecture shape, architecture());
  LATHE_TRY(model::ModelConfig config, shape.model_config());
  LATHE_TRY(const tokenizer::Tokenizer tokenizer, training_.tokenizer());
  if (tokenizer.vocab_size() != shape.vocab_size)
    return error_at("vocab_size", -1, "of ", shape.model_name, " is ", shape.vocab_size, ", the tokenizer in ", settings_.tokenizer_dir, " has ",
                    tokenizer.vocab_size(), " tokens; take another architecture_config or tokenizer");
  LATHE_TRY(const train::PackedData data,
            train::PackedData::open(settings_.data_dirs, settings_.data_weights, tokenizer, settings_.tokenizer_dir, shape.sequence_length));
  if (data.sequence_length() > shape.sequence_length)
    return error_at("sequence_length", -1, "of ", shape.model_name, " is ", shape.sequence_length, ", the data have sequences of ", data.sequence_length(),
                    " tokens; take another architecture_config, or pack them again (30_pack_dataset --sequence-length ", shape.sequence_length, ")");
  LATHE_TRY_STATUS(data.check_context(shape.sequence_length));
  LATHE_TRY_STATUS(check_data(data));
  LATHE_TRY(const DType dtype, training_.dtype(context));
  const int64_t length = data.sequence_length();

  std::vector<train::LabSource> sources;
  int64_t data_tokens = 0;
  for (size_t i = 0; i < settings_.data_dirs.size(); ++i) {
    LATHE_TRY(train::LabSource source, LabTraining::source(settings_.data_dirs[i], data.shares()[i], data.sources()[i].size * length));
    data_tokens += source.tokens;
    sources.push_back(std::move(source));
  }
  const train::ParameterLines parameters = train::parameter_lines(shape);
  context.print(parameters.count);
  if (!parameters.warning.empty()) log_warning("pretrain", parameters.warning);
  for (const std::string& line : data.describe()) context.print(line);
  for (const std::string& line : train::budget_lines(settings_, train::parameter_count(shape), length, data_tokens)) context.print(line);
  for (const std::string& warning : data.warnings(settings_.global_batch())) log_warning("pretrain", warning);

  Json fixed = Json::object();
  fixed["architecture"] = config.to_json();
  fixed["tokenizer"] = tokenizer.hash();
  fixed["sequence_length"] = length;
  const fs::path run = fs::path(settings_.output_dir) / shape.model_name;  // row L-15.10
  LATHE_TRY_STATUS(training_.begin(context, run, std::move(fixed), std::move(sources), {}));
  if (training_.done()) return training_.finish_done(context);

  train::PlanRequest plan;
  plan.config = config;
  plan.dtype = dtype;
  plan.batch = settings_.per_device_train_batch_size;
  plan.sequence_len = length;
  plan.recompute = settings_.gradient_checkpointing ? model::Recompute::kBlock : model::Recompute::kNone;
  LATHE_TRY_STATUS(train::require_memory(train::make_plan(plan)));
  model::Transformer model(config, dtype, Device::kCpu, true);
  model.set_recompute(plan.recompute);
  if (training_.starts_anew()) model.initialise(static_cast<uint64_t>(context.common().seed));
  const std::unique_ptr<dist::Communicator> world = dist::single_process();
  const std::unique_ptr<optim::Optimizer> optimizer = train::make_optimizer(settings_, model.parameters(), world.get());
  train::ModelWeights weights(model);

  LATHE_TRY(const std::unique_ptr<data::PackedLoader> batches, loader(data, data::Split::kTrain, static_cast<uint64_t>(training_.phase())));
  train::LanguageOptions options;
  options.batch = settings_.per_device_train_batch_size;
  options.sequence_len = length;
  options.accumulation = settings_.gradient_accumulation_steps;
  train::LanguageObjective objective(model, *batches, options);

  ops::Context eval_context;
  const int64_t eval_batches =
      std::min(settings_.eval_batches, std::max<int64_t>(1, data.validation_sequences() / settings_.per_device_train_batch_size));
  LabTraining::Stage stage{"pretrain", model, tokenizer, *optimizer, objective, weights, *world,
                           [&] { return drawn_tokens(*batches, length); },
                           [&] { return batches->mix_lines(); },
                           {}};
  if (settings_.eval_steps > 0) {
    if (data.validation_sequences() == 0)
      return error_at("eval_steps", -1, "no data set has sequences to validate on; pack with train_val_split below 1, or set eval_steps to -1");
    stage.validate = [&]() -> Result<double> {
      LATHE_TRY(const std::unique_ptr<data::PackedLoader> fixed_batches, loader(data, data::Split::kValidation, 0));
      return eval::measure_loss(model, eval_context, *fixed_batches, eval_batches);
    };
  }
  stage.after_validation = [&](int64_t step) -> Status {
    LATHE_TRY(const std::vector<std::string> lines, sample_lines(model, tokenizer));
    return training_.show_samples(context, step, lines);
  };
  stage.more["architecture"] = shape.to_json();
  if (settings_.data_dirs.size() > 1) stage.shares = [&] { return batches->mix(); };
  stage.flops_per_token = model.flops_per_token();
  std::error_code code;
  for (const std::string& dir : settings_.data_dirs)
    stage.inputs.push_back(fs::exists(fs::path(dir) / kManifestFile, code) ? fs::path(dir) / kManifestFile : fs::path(dir));
  return training_.go(context, stage);
}

}  // namespace

std::unique_ptr<Verb> make_lab_pretrain() { return std::make_unique<LabPretrain>(); }

}  // namespace lathe::cli
