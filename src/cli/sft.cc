// lathe mid and lathe sft: mid-training and supervised fine-tuning on conversations (rows C-8.1 to C-8.4, C-8.13 to C-8.21,
// C-8.31 to C-8.33).
#include <algorithm>
#include <limits>

#include "cli/adapter_flags.h"
#include "cli/choice_checks.h"
#include "cli/report_section.h"
#include "cli/sft_data.h"
#include "cli/stage_rates.h"
#include "cli/stage_samples.h"
#include "cli/training.h"
#include "cli/training_run.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "core/machine.h"
#include "eval/bits_per_byte.h"
#include "optim/schedule.h"
#include "optim/scaling.h"
#include "train/base_settings.h"
#include "tokenizer/chat_template.h"
#include "train/load_model.h"
#include "train/language_objective.h"

namespace lathe::cli {
namespace {

// What tells the stages apart.
struct StageNames {
  ChatStage stage;
  const char *verb, *checkpoints, *section;
};
constexpr StageNames kMid = {ChatStage::kMid, "mid", "mid_checkpoints", "Midtraining"};
constexpr StageNames kSft = {ChatStage::kSft, "sft", "chatsft_checkpoints", "SFT"};

class Sft : public Verb {
 public:
  explicit Sft(const StageNames& names) : names_(names) {}
  VerbInfo info() const override {
    if (names_.stage == ChatStage::kMid)
      return {"mid", "train", "train on from base towards conversations: one flat stream, every token a target", "lathe mid --mixture builtin --max-seq-len 512", "", 0};
    return {"sft", "train", "fine-tune a model on conversations", "lathe sft --data chats.jsonl --max-seq-len 512", "", 0};
  }
  void describe(SettingsTable& table) override {
    cli::describe(table, names_.stage, &s_);
    adapter_.describe(table);
    training_.describe(table);
  }
  Result<Exit> run(Context& context) override;

 private:
  struct Horizon {
    int64_t iterations = -1;  // optimizer steps; -1: until the data end
    int64_t accumulation = 1;
  };
  Result<Horizon> horizon(const Context& context, int64_t conversations, int64_t ranks) const;
  std::function<double(optim::Optimizer&, int64_t, double)> schedule(const Horizon& horizon) const;
  Result<double> validate(model::Transformer& model, const tokenizer::Tokenizer& tokenizer, train::RenderedSet& set, uint64_t seed,
                          const dist::Communicator& world) const;

  const StageNames& names_;
  SftSettings s_;
  AdapterFlags adapter_;
  TrainingRun training_;
};

StageRates rates_of(const SftSettings& s) {
  return {s.embedding_lr, s.unembedding_lr, s.matrix_lr, s.weight_decay, s.init_lr_frac, s.muon_dtype};
}

constexpr int64_t kOldValidationBatches = 100, kOldCheckEvery = 200, kOldCheckProblems = 1024;  // rows C-8.20, C-8.21

Result<Sft::Horizon> Sft::horizon(const Context& context, int64_t conversations, int64_t ranks) const {
  Horizon out;
  out.iterations = s_.num_iterations > 0 ? s_.num_iterations : -1;
  if (s_.style == "old") {
    const int64_t rows = s_.device_batch_size * ranks;
    if (s_.target_examples_per_step < 1 || rows < 1 || s_.target_examples_per_step % rows != 0)
      return error("--target-examples-per-step ", s_.target_examples_per_step, " must be a multiple of the ", rows, " rows of a micro batch on all ranks");
    out.accumulation = s_.target_examples_per_step / rows;
    if (out.iterations < 0) out.iterations = conversations / s_.target_examples_per_step * s_.num_epochs;
    if (out.iterations < 2) return error(conversations, " conversations are less than two steps of ", s_.target_examples_per_step);
    return out;
  }
  // The total batch has a default: only one that was given speaks against the rows.
  const bool total_given = s_.target_global_batch < 0 || context.given("total_batch_size");
  LATHE_TRY(const int64_t total_batch, optim::total_batch_tokens(total_given ? s_.total_batch_size : -1, s_.target_global_batch, s_.max_seq_len));
  LATHE_TRY(out.accumulation, optim::accumulation_steps(total_batch, s_.device_batch_size, s_.max_seq_len, ranks));
  return out;
}

std::function<double(optim::Optimizer&, int64_t, double)> Sft::schedule(const Horizon& horizon) const {
  const bool old = s_.style == "old";
  const int64_t n = horizon.iterations;
  return [this, old, n](optim::Optimizer& o, int64_t step, double share) {
    const double progress = n > 0 ? static_cast<double>(step) / static_cast<double>(n) : std::max(share, 0.0);
    const double multiplier = old ? 1.0 - progress : optim::sft_lr_multiplier(progress);
    o.set_lr_multiplier(multiplier);
    // The older way has no ramp of the momentum: it is what the ramp ends with (row C-8.20).
    o.set_muon(optim::muon_momentum(old ? std::numeric_limits<int32_t>::max() : step), s_.weight_decay);
    return multiplier;
  };
}

Result<double> Sft::validate(model::Transformer& model, const tokenizer::Tokenizer& tokenizer, train::RenderedSet& set, uint64_t seed,
                             const dist::Communicator& world) const {
  const bool old = s_.style == "old";
  const int64_t wanted = old ? kOldValidationBatches : std::max<int64_t>(1, s_.eval_tokens / (s_.device_batch_size * s_.max_seq_len * world.size()));
  LATHE_TRY(const auto loader, sft_loader(s_, tokenizer, set, old ? 0 : 1, seed, world.rank(), world.size()));
  const std::vector<int32_t> token_bytes = tokenizer.token_byte_lengths();
  ops::Context ctx;
  eval::ByteSums sums;
  double losses = 0;
  data::TokenBatch batch;
  for (int64_t i = 0; i < wanted && !loader->progress().last_step; ++i) {
    LATHE_TRY_STATUS(loader->next(batch));
    if (old) losses += eval::measure_loss(model, ctx, batch);
    else sums += eval::measure_batch(model, ctx, batch.inputs(), batch.targets(), batch.rows, token_bytes);
  }
  return old ? losses / static_cast<double>(wanted) : sums.bits_per_byte();
}

Result<Exit> Sft::run(Context& context) {
  context.print_banner();
  LATHE_TRY_STATUS(training_.check());
  LATHE_TRY_STATUS(adapter_.check(context));
  LATHE_TRY(const fs::path base, context.base_folder());
  resolve_style(context, &s_);
  LATHE_TRY_STATUS(cli::check(rates_of(s_)));
  const DType dtype = resolved_dtype(context);
  const std::unique_ptr<dist::Communicator> world = dist::single_process();
  const auto enough_memory = [&](const model::ModelConfig& config) -> Status {
    train::PlanRequest request;
    request.config = config;
    request.dtype = dtype;
    request.batch = s_.device_batch_size;
    request.sequence_len = s_.max_seq_len;
    request.recompute = model::recompute_of(s_.recompute);
    if (adapter_.wanted()) {
      LATHE_TRY(request.trained_parameters, adapter_.count(config));
      return train::require_memory(train::make_plan(request));
    }
    const model::Transformer shape(config, dtype, Device::kMeta);
    request.optimizer_bytes = train::state_bytes(*make_stage_optimizer(rates_of(s_), shape, nullptr));
    return train::require_memory(train::make_plan(request));
  };
  LATHE_TRY(train::LoadedModel loaded,
            train::load_model(base, s_.source, context.common().tag, s_.model_step, dtype, !adapter_.wanted(), enough_memory));
  model::Transformer& model = *loaded.model;
  model.set_recompute(model::recompute_of(s_.recompute));
  const tokenizer::Tokenizer& tokenizer = loaded.tokenizer;
  if (const int64_t rows = loaded.meta.user_config.get_int("device_batch_size", 0); rows > 0 && s_.device_batch_size > rows)
    log_warning(names_.verb, "footgun: --device-batch-size ", s_.device_batch_size, " exceeds the ", rows, " of base training");

  const std::string tag = loaded.run.filename().string();
  const fs::path run = base / names_.checkpoints / tag;
  LATHE_TRY(const FolderLock lock, lock_run(run));
  LATHE_TRY(const int64_t resume, step_to_resume(run, s_.resume_from_step, s_.resume));
  std::unique_ptr<optim::Optimizer> optimizer;
  std::unique_ptr<train::Weights> whole;
  AttachedAdapter attached;
  if (adapter_.wanted()) {
    LATHE_TRY(const tokenizer::ChatTemplate form, tokenizer::ChatTemplate::find("chat"));
    LATHE_TRY(attached, adapter_.attach(loaded, static_cast<uint64_t>(context.common().seed), form));
    optimizer = adapter_.make_optimizer(*attached.adapter, world.get(), s_.init_lr_frac);
    context.print(AdapterFlags::summary(*attached.adapter, model));
  } else {
    optimizer = make_stage_optimizer(rates_of(s_), model, world.get());
    whole = std::make_unique<train::ModelWeights>(model);
  }
  train::Weights& weights = whole ? *whole : static_cast<train::Weights&>(*attached.weights);
  if (!s_.dry_run) LATHE_TRY_STATUS(train::require_free_space(run, train::checkpoint_bytes(weights, optimizer.get())));

  const auto seed = static_cast<uint64_t>(context.common().seed);
  LATHE_TRY(SftData data, open_sft_data(context, s_, tokenizer));
  LATHE_TRY(const Horizon horizon, this->horizon(context, data.train->size(), world->size()));
  LATHE_TRY(const auto packer, sft_loader(s_, tokenizer, *data.train, horizon.iterations > 0 ? 0 : s_.num_epochs, seed, world->rank(), world->size()));

  Json user_config = stage_settings(context, loaded);
  if (!data.description.is_null()) user_config["mixture_entries"] = data.description;

  train::LoopSettings loop_settings;
  loop_settings.stage = names_.verb;
  // The older way's last step only evaluates (row C-8.20).
  loop_settings.num_iterations = s_.style == "old" ? horizon.iterations - 1 : horizon.iterations;
  if (s_.style == "old") loop_settings.validation = "loss";
  loop_settings.eval_every = s_.eval_every;
  loop_settings.eval_at_end = true;
  loop_settings.save_every = s_.save_every;
  loop_settings.log_every = 10;
  loop_settings.resume_from_step = resume;
  loop_settings.flops_per_token = model.flops_per_token();
  loop_settings.seed = seed;
  loop_settings.save = !s_.dry_run;

  train::LoopHooks hooks;
  hooks.schedule = schedule(horizon);
  if (data.validation) hooks.validate = [&](int64_t) { return validate(model, tokenizer, *data.validation, seed, *world); };
  std::vector<std::vector<int32_t>> prompts;
  if (s_.style == "old" && !s_.mixture.empty()) {
    loop_settings.sample_every = kOldCheckEvery;
    hooks.sample = [&](int64_t step) { return print_choice_checks(context, base, model, tokenizer, step, kOldCheckProblems); };
  } else {
    LATHE_TRY(prompts, first_prompts(data.validation ? *data.validation : *data.train));
    loop_settings.sample_every = s_.eval_every;
    hooks.sample = [&](int64_t step) -> Status {
      LATHE_TRY(const std::vector<std::string> lines, answer_lines(model, tokenizer, prompts));
      return training_.show_samples(context, step, lines);
    };
  }
  if (!s_.mixture.empty())
    hooks.figures = [&](int64_t, Json& values) {
      for (const auto& [name, share] : data.train->mix()) values["mixture/" + name] = share;
    };
  train::LanguageOptions options;
  options.batch = s_.device_batch_size;
  options.sequence_len = s_.max_seq_len;
  options.accumulation = horizon.accumulation;
  options.normalisation = loss_normalisation(s_.loss_normalisation);
  train::LanguageObjective objective(model, *packer, options, [&] {
    const data::PackerProgress& p = packer->progress();
    return train::StageProgress{p.progress, p.epoch, horizon.iterations <= 0 && p.last_step};
  });
  std::vector<fs::path> sources = loaded.files;
  sources.insert(sources.end(), data.files.begin(), data.files.end());
  LATHE_TRY(const train::LoopResult result, training_.go(context, {names_.verb, loop_settings, hooks, model, tokenizer, *optimizer, objective, weights,
                                                                   *world, user_config, run, nullptr, 4, sources, data.beside}));

  if (!result.interrupted && !s_.dry_run) {  // rows C-8.18, C-13.19
    Json outcome = Json::object();
    outcome["Number of iterations"] = result.state.step;
    outcome["DDP world size"] = int64_t{world->size()};
    outcome["Minimum validation " + loop_settings.validation] = result.state.min_val_bpb ? Json(*result.state.min_val_bpb) : Json();
    LATHE_TRY(const fs::path written, write_report_section(base, names_.section, {context.settings(), outcome, report_items(result.performance)}));
    log_debug("report", "wrote ", written.string());
  }
  Json figures = Json::object();
  figures["conversations"] = data.train->size();
  figures["cut"] = packer->progress().cut;
  figures["checkpoint"] = s_.dry_run ? Json() : Json(train::checkpoint_folder(run, result.state.step).string());
  return finish_training(context, result, std::move(figures));
}

}  // namespace

std::unique_ptr<Verb> make_mid() { return std::make_unique<Sft>(kMid); }
std::unique_ptr<Verb> make_sft() { return std::make_unique<Sft>(kSft); }

}  // namespace lathe::cli
