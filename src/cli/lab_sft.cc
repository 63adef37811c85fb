// lathe 70_train_sft: the lab's fine-tuning, an adapter on a pretrained model by default (rows L-1.45 to L-1.48, L-7.28 to L-7.37).
#include <algorithm>

#include "cli/lab_model.h"
#include "cli/lab_training.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "core/manifest.h"
#include "core/sha256.h"
#include "eval/bits_per_byte.h"
#include "infer/engine.h"
#include "infer/transformer_model.h"
#include "train/adapter_weights.h"
#include "train/lab_sft_settings.h"
#include "train/language_objective.h"
#include "train/sft_data.h"

namespace lathe::cli {
namespace {

constexpr const char* kDataRemedy =
    "make one: lathe 60_prepare_sft_corpus --config config/sft/datasets/alpaca_chatml.json --tokenizer_dir data/models/tokenizers/spm_32k "
    "--output_dir data/sft_processed/alpaca_chatml";
constexpr const char* kModelRemedy =
    "pretrain one: lathe 40_pretrain --config config/pretrain/training/chinchilla_tiny_500m.json --data_dirs data/processed/tiny_23M_1024 "
    "--tokenizer_dir data/models/tokenizers/spm_32k --output_dir checkpoints/pretrain/tiny";

class LabSft : public Verb {
 public:
  VerbInfo info() const override {
    return {"70_train_sft", "train", "the lab's fine-tuning: JSON settings, an adapter on a pretrained model",
            "lathe 70_train_sft --config config/sft/training/lora_optimal_tiny_23m.json --model_path checkpoints/pretrain/tiny/tiny/final "
            "--data_dirs data/sft_processed/alpaca_chatml data/sft_processed/oasst1_chatml --data_weights 0.7 0.3 "
            "--tokenizer_dir data/models/tokenizers/spm_32k --output_dir checkpoints/sft/tiny",
            "", 0};
  }
  void describe(SettingsTable& table) override {
    train::describe(table, settings_);
    training_.describe_run(table);
  }
  Status read_config(SettingsTable& table, const Json& config, const std::string& path) override {
    LATHE_TRY(const Json flat, train::flat_settings(config, train::lab_sft_keys(), path));
    return table.read_object(flat, path);
  }
  Result<Exit> run(Context& context) override;

 private:
  Result<train::SftData> open_data(const tokenizer::Tokenizer& tokenizer, const model::ModelConfig& config) const;
  Result<Json> answers(model::Transformer& model, const tokenizer::Tokenizer& tokenizer, const tokenizer::ChatTemplate& form) const;

  train::LabSftSettings settings_;
  LabTraining training_{"sft", settings_.common};
};

Result<train::SftData> LabSft::open_data(const tokenizer::Tokenizer& tokenizer, const model::ModelConfig& config) const {
  train::SftDataOptions options;
  options.sequence_length = settings_.common.sequence_length > 0 ? settings_.common.sequence_length : config.sequence_len;
  if (options.sequence_length > config.sequence_len)
    return error_at("sequence_length", -1, "is ", options.sequence_length, ", the model's context is ", config.sequence_len);
  options.mixed_templates = settings_.allow_mixed_templates;
  options.cache = fs::path(settings_.common.output_dir) / "cache";
  options.seed = static_cast<uint64_t>(settings_.common.data_seed);
  return train::SftData::open(settings_.common.data_dirs, settings_.common.data_weights, tokenizer, settings_.common.tokenizer_dir, options);
}

// Row L-7.32.
Result<Json> LabSft::answers(model::Transformer& model, const tokenizer::Tokenizer& tokenizer, const tokenizer::ChatTemplate& form) const {
  infer::TransformerModel language_model(model);
  infer::Engine engine(language_model, tokenizer);
  infer::GenerateOptions options;
  options.sampling.temperature = settings_.temperature;
  options.sampling.top_p = settings_.top_p;
  options.sampling.top_k = settings_.top_k;
  options.sampling.repetition_penalty = settings_.repetition_penalty;
  options.stop_ids = form.stop_ids(tokenizer);
  Json out = Json::array();
  for (const std::string& question : settings_.eval_prompts) {
    tokenizer::Conversation conversation;
    conversation.messages.push_back({tokenizer::Role::kUser, question});
    LATHE_TRY(const std::vector<int32_t> prompt, form.prompt(tokenizer, conversation));
    const int64_t room = model.config().sequence_len - std::ssize(prompt);
    std::string answer;
    if (room > 0) {
      options.max_tokens = std::min(settings_.max_new_tokens, room);
      LATHE_TRY(const infer::Generated generated, engine.generate_batch(prompt, options));
      const std::vector<int32_t>& tokens = generated.tokens.at(0);
      answer = form.shown(tokenizer.decode(std::vector<int32_t>(tokens.begin() + std::ssize(prompt), tokens.end())));
    }
    out.push_back(Json(Json::Object{{"prompt", question}, {"answer", repair_utf8(answer)}}));
  }
  return out;
}

Result<Exit> LabSft::run(Context& context) {
  train::LabSettings& common = settings_.common;
  LATHE_TRY_STATUS(train::resolve(settings_));
  LATHE_TRY_STATUS(training_.check(context, kDataRemedy));
  LATHE_TRY(const tokenizer::Tokenizer tokenizer, training_.tokenizer());
  LATHE_TRY(const DType dtype, training_.dtype(context));
  LATHE_TRY(train::LoadedModel start,
            load_lab_model(settings_.model_path, kModelRemedy, tokenizer, common.tokenizer_dir, dtype, !settings_.lora));
  model::Transformer& model = *start.model;
  LATHE_TRY(const train::SftData data, open_data(tokenizer, model.config()));
  if (common.eval_steps > 0 && !data.has_validation())
    return error_at("eval_steps", -1, "no data set has conversations to validate on; make them with a validation part, or set eval_steps to -1");
  for (const std::string& line : data.describe()) context.print(line);
  for (const std::string& warning : data.warnings(common.global_batch())) log_warning("sft", warning);

  const auto loader = [&](data::Split split, uint64_t phase) {
    data::PackedLoaderOptions options;
    options.rows = common.per_device_train_batch_size;
    options.workers = common.num_workers;
    options.seed = static_cast<uint64_t>(common.data_seed);
    options.phase = phase;
    return data.loader(split, options);
  };
  const int64_t length = data.sequence_length();
  std::vector<train::LabSource> sources;
  for (size_t i = 0; i < common.data_dirs.size(); ++i) {
    LATHE_TRY(train::LabSource source, LabTraining::source(common.data_dirs[i], data.shares()[i], data.sources()[i].size * length));
    sources.push_back(std::move(source));
  }
  Json fixed = Json::object();
  Json grounds = Json::array();  // the whole model, and the adapters on it
  for (const fs::path& file : start.files) {
    LATHE_TRY(const std::string hash, sha256_file(file));
    grounds.push_back(hash);
  }
  fixed["base_sha256"] = grounds.size() == 1 ? grounds.as_array()[0] : grounds;
  fixed["tokenizer"] = tokenizer.hash();
  fixed["sequence_length"] = length;
  LATHE_TRY(const model::AdapterConfig adapter_config, train::adapter_config(settings_, tokenizer, data.chat_template().markers()));
  fixed["adapter"] = settings_.lora ? adapter_config.to_json() : Json("none");
  const fs::path run = common.output_dir;  // row L-1.47: as given
  LATHE_TRY_STATUS(training_.begin(context, run, std::move(fixed), std::move(sources), {}));
  if (training_.done()) return training_.finish_done(context);

  model.set_recompute(common.gradient_checkpointing ? model::Recompute::kBlock : model::Recompute::kNone);
  std::unique_ptr<model::Adapter> adapter;
  std::unique_ptr<train::Weights> weights = std::make_unique<train::ModelWeights>(model);
  if (settings_.lora) {
    LATHE_TRY(adapter, model::Adapter::create(model, adapter_config, static_cast<uint64_t>(context.common().seed)));
    LATHE_TRY(model::AdapterRecord record, train::ground_of(start));
    record.chat_template = data.chat_template().name();
    weights = std::make_unique<train::AdapterWeights>(*adapter, std::move(record));
    context.print("Adapter of rank ", settings_.r, " and alpha ", settings_.lora_alpha, ": ", with_thousands(adapter->count()), " trained numbers on ",
                  with_thousands(model.counts().total), " frozen ones", format_text(" (%.2f %%), %zu token rows", 100.0 * static_cast<double>(adapter->count()) /
                  static_cast<double>(model.counts().total), adapter_config.token_rows.size()));
  } else {
    context.print("All ", with_thousands(model.counts().total), " parameters are trained");
  }
  const std::unique_ptr<dist::Communicator> world = dist::single_process();
  const std::unique_ptr<optim::Optimizer> optimizer =
      train::make_optimizer(common, adapter ? adapter->parameters() : model.parameters(), world.get());

  LATHE_TRY(const std::unique_ptr<data::PackedLoader> batches, loader(data::Split::kTrain, static_cast<uint64_t>(training_.phase())));
  train::LanguageOptions options;
  options.batch = common.per_device_train_batch_size;
  options.sequence_len = length;
  options.accumulation = common.gradient_accumulation_steps;
  train::LanguageObjective objective(model, *batches, options);

  ops::Context eval_context;
  LabTraining::Stage stage{"sft", model, tokenizer, *optimizer, objective, *weights, *world,
                           [&] { return drawn_tokens(*batches, length); },
                           [&] { return batches->mix_lines(); },
                           {}};
  if (common.eval_steps > 0) {
    const int64_t rows = common.per_device_train_batch_size;
    const int64_t eval_batches = std::min(common.eval_batches, std::max<int64_t>(1, (data.validation_sequences() + rows - 1) / rows));
    stage.validate = [&, eval_batches]() -> Result<double> {
      LATHE_TRY(const std::unique_ptr<data::PackedLoader> same_batches, loader(data::Split::kValidation, 0));
      return eval::measure_loss(model, eval_context, *same_batches, eval_batches);
    };
    if (!settings_.eval_prompts.empty())
      stage.after_validation = [&](int64_t step) -> Status {
        LATHE_TRY(const Json all, answers(model, tokenizer, data.chat_template()));
        const fs::path file = run / "generations" / join_text("step_", step, ".json");
        LATHE_TRY_STATUS(make_folders(file.parent_path()));
        LATHE_TRY_STATUS(write_json_atomic(file, all));
        std::vector<std::string> lines;
        for (const Json& one : all.as_array()) lines.push_back(join_text("> ", one.get_string("prompt", ""), "\n", one.get_string("answer", "")));
        return training_.show_samples(context, step, lines);
      };
  }
  stage.more["base"] = settings_.model_path;
  stage.more["chat_template"] = data.chat_template().name();
  if (common.data_dirs.size() > 1) stage.shares = [&] { return batches->mix(); };
  stage.flops_per_token = model.flops_per_token();
  stage.inputs = start.files;
  for (const std::string& dir : common.data_dirs) stage.inputs.push_back(fs::path(dir) / kManifestFile);
  return training_.go(context, stage);
}

}  // namespace

std::unique_ptr<Verb> make_lab_sft() { return std::make_unique<LabSft>(); }

}  // namespace lathe::cli
