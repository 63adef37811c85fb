// lathe train: base pre-training (rows of area C-5).
#include <algorithm>
#include <optional>

#include "bench/machine_limits.h"
#include "cli/core_run.h"
#include "cli/report_section.h"
#include "cli/training.h"
#include "cli/training_run.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "core/machine.h"
#include "data/pretrain_loader.h"
#include "train/base_settings.h"
#include "train/language_objective.h"
#include "train/packed_data.h"
#include "train/step_time.h"
#include "train/tokenizer_encoder.h"

namespace lathe::cli {
namespace {

class Train : public Verb {
 public:
  VerbInfo info() const override {
    return {"train", "train", "base pre-training", "lathe train --depth 6 --head-dim 64 --window-pattern L --max-seq-len 512", "", 0};
  }
  void describe(SettingsTable& table) override {
    train::describe(table, settings_);
    training_.describe(table);
  }
  Result<Exit> run(Context& context) override;

 private:
  Status check() const;
  // The tasks of CORE; none where it is off, or where no bundle stands and nobody asked for it.
  Result<std::vector<eval::CoreTask>> core_tasks(const Context& context, const fs::path& base);
  Result<std::unique_ptr<const train::PackedData>> open_packed(const Context& context, const fs::path& data, const tokenizer::Tokenizer& tokenizer,
                                                               const fs::path& tokenizer_path);
  Result<std::unique_ptr<data::TokenLoader>> packed_batches(const train::PackedData& packed, data::Split split, const data::PretrainLoaderOptions& batch,
                                                            uint64_t seed) const;
  void print_packed(Context& context, const train::PackedData& packed, int64_t global_batch) const;
  Status write_section(const Context& context, const fs::path& base, const model::Transformer& model, const train::BaseHorizon& horizon,
                       const train::LoopResult& result) const;
  void print_horizon(Context& context, const model::Transformer& model, const train::BaseHorizon& horizon) const;

  train::BaseSettings settings_;
  TrainingRun training_;
  CoreRun core_;
  std::optional<double> core_metric_;  // of the evaluation made last, which is the last iteration's at the end (row C-5.31)
};

Status Train::check() const {
  const auto at_least_one = [](const char* key, int64_t value) -> Status {
    if (value < 1) return error_at(key, -1, "must be at least 1, is ", value);
    return {};
  };
  LATHE_TRY_STATUS(at_least_one("device_batch_size", settings_.device_batch_size));
  LATHE_TRY_STATUS(at_least_one("max_seq_len", settings_.max_seq_len));
  if (settings_.num_workers < 0 || settings_.num_workers > 256) return error_at("num_workers", -1, "must be 0 to 256, is ", settings_.num_workers);
  if (settings_.eval_every > 0 && settings_.eval_tokens < settings_.device_batch_size * settings_.max_seq_len)
    return error_at("eval_tokens", -1, settings_.eval_tokens, " is less than one batch of ", settings_.device_batch_size, " x ",
                    settings_.max_seq_len, "; raise it, or --eval-every -1 to go without validation");
  LATHE_TRY_STATUS(training_.check());
  // Row L-13.1: kept for old command lines.
  log_info("train", "compile ", settings_.compile ? "on" : "off", ": the engine always runs its planned form, the results are the same");
  if (settings_.fp8) log_warning("train", "--fp8 needs CUDA; ignored");
  return {};
}

Result<std::vector<eval::CoreTask>> Train::core_tasks(const Context& context, const fs::path& base) {
  if (settings_.core_metric_every <= 0) return std::vector<eval::CoreTask>();
  if (!core_.bundle_exists(base) && !context.given("core_metric_every")) {
    log_info("train", "CORE is not measured: no evaluation bundle at ", core_.bundle_folder(base).string());
    return std::vector<eval::CoreTask>();
  }
  core_.max_per_task = settings_.core_metric_max_per_task;
  return core_.list(base);
}

void Train::print_horizon(Context& context, const model::Transformer& model, const train::BaseHorizon& horizon) const {
  const optim::ScalingPlan& plan = horizon.plan;
  const double width_factor = optim::width_factor(model.config().n_embd);
  if (plan.batch_lr_scale != 1.0)
    context.print(format_text("Scaling learning rates by %.4f for a batch of %s tokens (reference %s)", plan.batch_lr_scale,
                              with_thousands(plan.total_batch_size).c_str(), with_thousands(optim::kReferenceBatch).c_str()));
  if (plan.weight_decay != settings_.weight_decay)
    context.print(format_text("Scaling weight decay from %.6f to %.6f", settings_.weight_decay, plan.weight_decay));
  context.print(format_text("Scaling AdamW learning rates by (%lld / 768)^-0.5 = %.6f", static_cast<long long>(model.config().n_embd), width_factor));
  switch (plan.source) {
    case optim::HorizonSource::kIterations: context.print("Using the given number of iterations: ", with_thousands(plan.num_iterations)); break;
    case optim::HorizonSource::kFlops: context.print("Number of iterations from the target FLOPs: ", with_thousands(plan.num_iterations)); break;
    case optim::HorizonSource::kRatio: context.print("Number of iterations from the data ratio: ", with_thousands(plan.num_iterations)); break;
  }
  const int64_t micro = settings_.device_batch_size * settings_.max_seq_len, total = plan.total_batch_size * plan.num_iterations;
  context.print("Tokens / micro-batch / rank: ", settings_.device_batch_size, " x ", settings_.max_seq_len, " = ", with_thousands(micro));
  context.print("Total batch size ", with_thousands(plan.total_batch_size), " => gradient accumulation steps: ", horizon.accumulation);
  context.print("Total number of training tokens: ", with_thousands(total));
  context.print(format_text("Tokens : parameters ratio: %.2f", static_cast<double>(total) / static_cast<double>(horizon.scaling_parameters)));
  context.print(format_text("Total training FLOPs estimate: %e", model.flops_per_token() * static_cast<double>(total)));
}

// Row C-13.15.
Status Train::write_section(const Context& context, const fs::path& base, const model::Transformer& model, const train::BaseHorizon& horizon,
                            const train::LoopResult& result) const {
  const int64_t tokens = horizon.plan.total_batch_size * horizon.plan.num_iterations;
  Json setup = Json::object();
  setup["Number of parameters"] = model.counts().total;
  setup["Number of FLOPs per token"] = format_text("%e", model.flops_per_token());
  setup["Calculated number of iterations"] = horizon.plan.num_iterations;
  setup["Number of training tokens"] = tokens;
  setup["Tokens : Scaling params ratio"] = static_cast<double>(tokens) / static_cast<double>(horizon.scaling_parameters);
  setup["DDP world size"] = int64_t{1};
  setup["warmup_ratio"] = settings_.warmup_ratio;
  setup["warmdown_ratio"] = settings_.warmdown_ratio;
  setup["final_lr_frac"] = settings_.final_lr_frac;
  Json outcome = Json::object();
  outcome["Minimum validation bpb"] = result.state.min_val_bpb ? Json(*result.state.min_val_bpb) : Json();
  outcome["Final validation bpb"] = result.state.val_bpb ? Json(*result.state.val_bpb) : Json();
  outcome["CORE metric estimate"] = core_metric_ ? Json(*core_metric_) : Json();
  outcome["MFU %"] = format_text("%.2f%%", 100 * result.performance.mfu());
  outcome["Total training flops"] = format_text("%e", model.flops_per_token() * static_cast<double>(tokens));
  outcome["Total training time"] = format_text("%.2fm", result.state.total_training_time / 60);
  outcome["Tokens per second"] = result.tokens_per_second;
  outcome["Peak memory usage"] = format_text("%.2fMiB", peak_rss_mb());
  LATHE_TRY(const fs::path written, write_report_section(base, "Base model training", {context.settings(), setup, outcome, report_items(result.performance)}));
  log_debug("report", "wrote ", written.string());
  return {};
}

// Null where the data is text. Packed data says how long a sequence is, unless --max-seq-len was given.
Result<std::unique_ptr<const train::PackedData>> Train::open_packed(const Context& context, const fs::path& data, const tokenizer::Tokenizer& tokenizer,
                                                                    const fs::path& tokenizer_path) {
  std::vector<std::string> folders = settings_.data_dirs;
  if (folders.empty() && train::is_packed_data(data)) folders.push_back(data.string());
  if (folders.empty()) {
    if (!settings_.data_weights.empty()) return error_at("data_weights", -1, "needs --data-dirs");
    return std::unique_ptr<const train::PackedData>();
  }
  if (!settings_.data_dirs.empty() && !settings_.data.empty()) return error_at("data_dirs", -1, "and --data exclude each other");
  LATHE_TRY(train::PackedData packed, train::PackedData::open(folders, settings_.data_weights, tokenizer, tokenizer_path.string(), settings_.max_seq_len));
  if (!context.given("max_seq_len")) settings_.max_seq_len = packed.sequence_length();
  LATHE_TRY_STATUS(packed.check_context(settings_.max_seq_len));
  return std::make_unique<const train::PackedData>(std::move(packed));
}

Result<std::unique_ptr<data::TokenLoader>> Train::packed_batches(const train::PackedData& packed, data::Split split,
                                                                 const data::PretrainLoaderOptions& batch, uint64_t seed) const {
  data::PackedLoaderOptions options;
  options.rows = batch.rows;
  options.rank = batch.rank;
  options.world = batch.world;
  options.workers = settings_.num_workers;
  options.seed = seed;
  LATHE_TRY(std::unique_ptr<data::PackedLoader> loader, packed.loader(split, options));
  return std::unique_ptr<data::TokenLoader>(std::move(loader));
}

void Train::print_packed(Context& context, const train::PackedData& packed, int64_t global_batch) const {
  for (const std::string& line : packed.describe()) context.print(line);
  for (const std::string& warning : packed.warnings(global_batch)) log_warning("train", warning);
}

Result<Exit> Train::run(Context& context) {
  context.print_banner();
  LATHE_TRY(const fs::path base, context.base_folder());
  LATHE_TRY(const fs::path data_path, given_or_base(context, settings_.data, "base_data"));
  LATHE_TRY(const fs::path tokenizer_path, given_or_base(context, settings_.tokenizer, "tokenizer"));
  LATHE_TRY(const tokenizer::Tokenizer tokenizer, tokenizer::Tokenizer::load(tokenizer_path));
  LATHE_TRY(const std::unique_ptr<const train::PackedData> packed, open_packed(context, data_path, tokenizer, tokenizer_path));
  LATHE_TRY_STATUS(check());
  LATHE_TRY(const std::vector<eval::CoreTask> core_tasks, this->core_tasks(context, base));
  LATHE_TRY(const model::ModelConfig config, train::model_config(settings_, tokenizer.vocab_size()));
  const Json user_settings = with_whole_paths(context.settings(), {"tokenizer"});
  if (packed) settings_.max_seq_len = packed->sequence_length();  // of a batch; the model's context stands in `config`
  const DType dtype = resolved_dtype(context);
  const std::unique_ptr<dist::Communicator> world = dist::single_process();

  LATHE_TRY(const train::BaseHorizon horizon,
            train::base_horizon(settings_, model::Transformer(config, dtype, Device::kMeta), world->size()));
  LATHE_TRY_STATUS(train::require_memory(train::make_plan(train::plan_request(settings_, config, dtype, horizon))));

  std::shared_ptr<const data::Corpus> corpus;
  if (!packed) {
    LATHE_TRY(corpus, data::Corpus::open(data_path, split_rule(settings_.split)));
  }
  model::Transformer model(config, dtype, Device::kCpu, true);
  model.set_recompute(model::recompute_of(settings_.recompute));
  print_model(context, model);
  print_horizon(context, model, horizon);
  const std::string tag = context.common().tag.empty() ? "d" + std::to_string(config.n_layer) : context.common().tag;
  const fs::path run = base / "base_checkpoints" / tag;
  LATHE_TRY(const FolderLock lock, lock_run(run));
  LATHE_TRY(const int64_t resume, step_to_resume(run, settings_.resume_from_step, settings_.resume));
  if (resume < 0) model.initialise(static_cast<uint64_t>(context.common().seed));
  const std::unique_ptr<optim::Optimizer> optimizer = train::make_base_optimizer(settings_, model, horizon.plan, world.get());
  train::ModelWeights weights(model);
  LATHE_TRY_STATUS(train::require_free_space(run, train::checkpoint_bytes(weights, optimizer.get())));

  train::TokenizerEncoder encoder(tokenizer);
  data::PretrainLoaderOptions loader_options;
  loader_options.rows = settings_.device_batch_size;
  loader_options.columns = settings_.max_seq_len;
  loader_options.rank = world->rank();
  loader_options.world = world->size();
  const auto make_loader = [&](data::Split split) -> Result<std::unique_ptr<data::TokenLoader>> {
    if (packed) return packed_batches(*packed, split, loader_options, static_cast<uint64_t>(context.common().seed));
    return settings_.loader == "stream" ? data::stream_loader(corpus, split, encoder, loader_options)
                                        : data::best_fit_loader(corpus, split, encoder, loader_options);
  };
  LATHE_TRY(std::unique_ptr<data::TokenLoader> batches, make_loader(data::Split::kTrain));
  std::vector<fs::path> sources(settings_.data_dirs.begin(), settings_.data_dirs.end());
  if (sources.empty()) sources.push_back(data_path);
  const auto* mixed = dynamic_cast<const data::PackedLoader*>(batches.get());  // it reads ahead by itself
  const std::unique_ptr<data::TokenLoader> loader = mixed != nullptr ? std::move(batches) : data::prefetch(std::move(batches));
  if (packed) print_packed(context, *packed, horizon.plan.total_batch_size / settings_.max_seq_len);

  train::LoopSettings loop_settings;
  loop_settings.stage = "base";
  loop_settings.num_iterations = horizon.plan.num_iterations;
  loop_settings.grad_clip = settings_.grad_clip;
  loop_settings.eval_every = settings_.eval_every;
  loop_settings.measure_every = core_tasks.empty() ? -1 : settings_.core_metric_every;
  loop_settings.sample_every = settings_.sample_every;
  loop_settings.save_every = settings_.save_every;
  loop_settings.log_every = settings_.log_every;
  loop_settings.resume_from_step = resume;
  loop_settings.flops_per_token = model.flops_per_token();
  loop_settings.seed = static_cast<uint64_t>(context.common().seed);

  ops::Context eval_context;
  const std::vector<int32_t> token_bytes =
      tokenizer.token_byte_lengths(settings_.bpb == "reference" ? tokenizer::TokenBytes::kReference : tokenizer::TokenBytes::kRaw);
  const int64_t eval_batches = settings_.eval_tokens / (settings_.device_batch_size * settings_.max_seq_len * world->size());
  train::LoopHooks hooks;
  hooks.schedule = [&](optim::Optimizer& o, int64_t step, double) {
    if (mixed != nullptr && settings_.log_dataset_mix_steps > 0 && step > 0 && step % settings_.log_dataset_mix_steps == 0)
      for (const std::string& line : mixed->mix_lines()) context.print("Mix at step ", step, ": ", line);
    return train::apply_base_schedule(settings_, config, horizon.plan, o, step);
  };
  hooks.validate = [&](int64_t) {
    return validate(model, eval_context, [&] { return make_loader(data::Split::kValidation); }, eval_batches, token_bytes);
  };
  hooks.measure = [&](int64_t step) -> Result<Json> {
    core_metric_.reset();
    LATHE_TRY(const CoreRun::Outcome core, core_.measure(context, model, tokenizer, core_tasks, *world));
    if (core.interrupted) return Json();
    core_metric_ = eval::core_metric(core.scores);
    context.print(format_text("Step %05lld | CORE metric: %.4f", static_cast<long long>(step), *core_metric_));
    Json values = Json::object();
    values["core_metric"] = *core_metric_;
    values["centered_results"] = Json::object();
    for (const eval::CoreScore& score : core.scores) values["centered_results"][score.label] = score.centered;
    return values;
  };
  hooks.sample = [&](int64_t step) -> Status {
    LATHE_TRY(const std::vector<std::string> lines, sample_lines(model, tokenizer));
    return training_.show_samples(context, step, lines);
  };
  if (mixed != nullptr)
    hooks.figures = [&](int64_t, Json& values) {
      for (const auto& [name, share] : mixed->mix()) values["mixture/" + name] = share;
    };

  train::LanguageOptions options;
  options.batch = settings_.device_batch_size;
  options.sequence_len = settings_.max_seq_len;
  options.accumulation = horizon.accumulation;
  options.normalisation = loss_normalisation(settings_.loss_normalisation);
  options.resume_mode = settings_.loader_resume == "exact" ? data::ResumeMode::kExact : data::ResumeMode::kCompatible;
  train::LanguageObjective objective(model, *loader, options, [&] {
    train::StageProgress progress;
    progress.epoch = loader->state().get_int("epoch", 1);
    return progress;
  });
  LATHE_TRY(const train::LoopResult result, training_.go(context, {"train", loop_settings, hooks, model, tokenizer, *optimizer, objective,
                                                                   weights, *world, user_settings, run, nullptr, 6, sources}));
  if (!result.interrupted) LATHE_TRY_STATUS(write_section(context, base, model, horizon, result));
  Json figures = Json::object();
  if (core_metric_) figures["core_metric"] = *core_metric_;
  figures["flops_per_token"] = model.flops_per_token();
  figures["parameters"] = model.counts().total;
  figures["parameter_counts"] = train::counts_json(model.counts());
  figures["scaling_parameters"] = horizon.scaling_parameters;
  figures["model_dim"] = config.n_embd;
  figures["num_iterations"] = horizon.plan.num_iterations;
  figures["total_batch_size"] = horizon.plan.total_batch_size;
  figures["tokens"] = horizon.plan.total_batch_size * horizon.plan.num_iterations;
  figures["checkpoint"] = train::checkpoint_folder(run, result.state.step).string();
  return finish_training(context, result, std::move(figures));
}

// lathe plan: what `lathe train` with the same flags would need, without running it.
class PlanVerb : public Verb {
 public:
  VerbInfo info() const override {
    return {"plan", "train", "parameters, FLOPs, memory and time of a training command, before running it", "lathe plan --depth 12 --device-batch-size 8", "", 0};
  }
  void describe(SettingsTable& table) override {
    train::describe(table, settings_);
    table.group("plan");
    table.add("vocab_size", &vocab_size_, "when no tokenizer is trained yet");
    table.add("kv_cache_rows", &kv_cache_rows_, "also the cache of this many sequences");
    table.add("measure", &measure_, "run a small sample of the model to tell the time of a step; --no-measure: skip it");
  }
  Result<Exit> run(Context& context) override {
    int64_t vocab_size = vocab_size_;
    if (!context.given("vocab_size")) {
      LATHE_TRY(const fs::path path, given_or_base(context, settings_.tokenizer, "tokenizer"));
      if (const auto tokenizer = tokenizer::Tokenizer::load(path); tokenizer.ok()) vocab_size = tokenizer.value().vocab_size();
      else if (!settings_.tokenizer.empty()) return tokenizer.error();
    }
    LATHE_TRY(const model::ModelConfig config, train::model_config(settings_, vocab_size));
    const DType dtype = resolved_dtype(context);
    const model::Transformer model(config, dtype, Device::kMeta);
    LATHE_TRY(const train::BaseHorizon horizon, train::base_horizon(settings_, model, 1));
    train::PlanRequest request = train::plan_request(settings_, config, dtype, horizon);
    request.kv_cache_rows = kv_cache_rows_;
    request.kv_cache_positions = settings_.max_seq_len;
    const train::Plan plan = train::make_plan(request);
    context.print(plan.to_text());
    Json out = plan.to_json();
    out["num_iterations"] = horizon.plan.num_iterations;
    out["total_batch_size"] = horizon.plan.total_batch_size;
    out["accumulation"] = horizon.accumulation;
    const double flops = plan.flops_per_token * static_cast<double>(horizon.plan.total_batch_size * horizon.plan.num_iterations);
    out["total_flops"] = flops;
    context.print(with_thousands(horizon.plan.num_iterations), " steps of ", with_thousands(horizon.plan.total_batch_size), " tokens, ",
                  format_text("%.3g", flops), " FLOPs in all");
    if (measure_ && plan.fits()) {
      const train::StepTime time = predicted_time(request, horizon);
      const double hours = time.step_ms() * static_cast<double>(horizon.plan.num_iterations) / 3.6e6;
      context.print(format_text("a step takes about %.0f ms (forward %.0f, head %.0f, backward %.0f, optimizer %.0f; no less than %.0f by the machine's limits): ",
                                time.step_ms(), time.forward_ms, time.head_ms, time.backward_ms, time.optimizer_ms, time.bound_ms),
                    with_thousands(static_cast<int64_t>(time.tokens_per_second())), " tokens/s, ", format_text("%.3g", hours),
                    " hours of training, validation and saving not counted");
      out["time"] = time.to_json();
      out["training_hours"] = hours;
    }
    return context.finish(out);
  }

 private:
  train::StepTime predicted_time(const train::PlanRequest& plan, const train::BaseHorizon& horizon) const {
    train::StepTimeRequest request;
    request.config = plan.config;
    request.dtype = plan.dtype;
    request.batch = plan.batch;
    request.recompute = plan.recompute;
    request.sequence_len = plan.sequence_len;
    request.accumulation = horizon.accumulation;
    request.make_optimizer = [&](const model::Transformer& model) { return train::make_base_optimizer(settings_, model, horizon.plan, nullptr); };
    return train::predict_step_time(request, {bench::measure_gemm_quickly(plan.dtype), bench::measure_stream_quickly()});
  }

  train::BaseSettings settings_;
  int64_t vocab_size_ = 32768, kv_cache_rows_ = 0;
  bool measure_ = true;
};

}  // namespace

std::unique_ptr<Verb> make_train() { return std::make_unique<Train>(); }
std::unique_ptr<Verb> make_plan() { return std::make_unique<PlanVerb>(); }

}  // namespace lathe::cli
