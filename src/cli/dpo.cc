// lathe dpo: learning from preference pairs (rows L-9.6 to L-9.16, for models of the base folder).
#include <algorithm>
#include <cmath>

#include "cli/adapter_flags.h"
#include "cli/preferences.h"
#include "cli/report_section.h"
#include "cli/training.h"
#include "cli/training_run.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "optim/schedule.h"
#include "train/load_model.h"

namespace lathe::cli {
namespace {

struct DpoSettings {
  std::string run = "dummy", val_data, source = "sft", chat_template;
  std::vector<std::string> data;
  std::vector<double> data_weights;
  int64_t model_step = -1, num_iterations = -1, num_epochs = 1, device_batch_size = 8, total_batch_size = 16;
  double learning_rate = 2e-5, warmup_ratio = 0.1, weight_decay = 0, grad_clip = 1;
  std::string recompute = "none";
  int64_t eval_every = 100, save_every = -1, log_every = 10, resume_from_step = -1;
  bool resume = false, dry_run = false;
};

class Dpo : public Verb {
 public:
  VerbInfo info() const override {
    return {"dpo",
            "train",
            "teach a fine-tuned model which of two answers is better",
            "lathe dpo --data dpo/train.jsonl --loss-type sigmoid --beta 0.1",
            "",
            0};
  }
  void describe(SettingsTable& t) override {
    DpoSettings& s = s_;
    t.group("data");
    t.add("data", &s.data, "folders of `lathe corpus dpo` or .jsonl files; empty: <base>/dpo/train.jsonl").aliases = {
        "data_dirs"};
    t.add("data_weights", &s.data_weights, "shares of the sets; empty: by size");
    t.add("val_data", &s.val_data, "held-out pairs, .jsonl; empty: the folders' own, or val.jsonl beside a file");
    t.add("template", &s.chat_template, "chat template; empty: the data's, else by the tokenizer's markers");
    t.group("model");
    t.add("source", &s.source, "checkpoint to start from").choices = train::model_sources();
    t.add("model_step", &s.model_step, "its step; -1: the latest");
    cli::describe(t, flags_);
    adapter_.describe(t);
    t.group("horizon and batch");
    t.add("num_iterations", &s.num_iterations, "optimizer steps; -1: by epochs");
    t.add("num_epochs", &s.num_epochs, "passes over the pairs");
    t.add("device_batch_size", &s.device_batch_size, "pairs of a micro batch");
    t.add("total_batch_size", &s.total_batch_size, "pairs of a step");
    t.add("recompute", &s.recompute, "activations dropped and computed again in the backward pass").choices =
        model::recompute_names();
    t.group("optimizer");
    t.add("learning_rate", &s.learning_rate, "AdamW, peak; a cosine leads to 0; with --lora: --lora-lr");
    t.add("warmup_ratio", &s.warmup_ratio, "share of the steps in which it rises");
    t.add("weight_decay", &s.weight_decay, "AdamW");
    t.add("grad_clip", &s.grad_clip, "global norm of the gradient; 0: none");
    t.group("evaluation and saving");
    t.add("run", &s.run, "name in the metrics");
    t.add("eval_every", &s.eval_every, "steps; -1: only at the end");
    t.add("save_every", &s.save_every, "steps; -1: only at the end");
    t.add("log_every", &s.log_every, "steps between lines of metrics");
    t.add("resume_from_step", &s.resume_from_step, "exact continuation of this step's checkpoint");
    t.add("resume", &s.resume, "continue the latest checkpoint if there is one");
    t.add("dry_run", &s.dry_run, "save nothing");
    training_.describe(t);
  }
  Result<Exit> run(Context& context) override;

 private:
  Status check() const;
  int64_t steps(int64_t pairs) const {
    return s_.num_iterations > 0
               ? s_.num_iterations
               : std::max<int64_t>(1, (pairs * s_.num_epochs + s_.total_batch_size - 1) / s_.total_batch_size);
  }
  DpoSettings s_;
  PreferenceFlags flags_;
  AdapterFlags adapter_;
  TrainingRun training_;
};

Status Dpo::check() const {
  LATHE_TRY_STATUS(training_.check());
  if (s_.device_batch_size < 1 || s_.total_batch_size < 1 || s_.total_batch_size % s_.device_batch_size != 0)
    return error_at("total-batch-size", -1, s_.total_batch_size, " pairs are no whole number of micro batches of ",
                    s_.device_batch_size);
  if (!(s_.learning_rate > 0) || !std::isfinite(s_.learning_rate))
    return error_at("learning-rate", -1, "must be above 0");
  if (!(s_.warmup_ratio >= 0 && s_.warmup_ratio < 1)) return error_at("warmup-ratio", -1, "must be from 0 to below 1");
  if (s_.num_iterations == 0 || s_.num_iterations < -1 || s_.num_epochs < 1)
    return error_at("num-epochs", -1, "a run needs at least one step");
  if (s_.grad_clip < 0 || s_.weight_decay < 0)
    return error_at("grad-clip", -1, "must not be negative, nor weight-decay");
  return {};
}

Result<Exit> Dpo::run(Context& context) {
  context.print_banner();
  LATHE_TRY_STATUS(check());
  LATHE_TRY_STATUS(adapter_.check(context));
  LATHE_TRY(const fs::path base, context.base_folder());
  PreferenceData data{s_.data, s_.data_weights, s_.val_data, s_.chat_template};
  if (data.dirs.empty()) data.dirs = {(base / "dpo" / "train.jsonl").string()};
  const DType dtype = resolved_dtype(context);
  const std::unique_ptr<dist::Communicator> world = dist::single_process();
  LATHE_TRY(train::LoadedModel loaded,
            train::load_model(base, s_.source, context.common().tag, s_.model_step, dtype, !adapter_.wanted()));
  const fs::path from = train::checkpoint_folder(loaded.run, loaded.meta.step);
  model::Transformer& model = *loaded.model;
  model.set_recompute(model::recompute_of(s_.recompute));
  const Json* chain = loaded.meta.user_config.find(kChainKey);
  LATHE_TRY_STATUS(
      require_sft(loaded.meta.stage, chain != nullptr ? *chain : Json(), from.string(), flags_.allow_without_sft));

  const fs::path run = base / "chatdpo_checkpoints" / loaded.tag;
  LATHE_TRY(const FolderLock lock, lock_run(run));
  LATHE_TRY(const int64_t resume, step_to_resume(run, s_.resume_from_step, s_.resume));
  LATHE_TRY(
      const std::unique_ptr<PreferenceStage> stage,
      PreferenceStage::open(flags_, data, loaded.tokenizer, [&](const std::string& line) { context.print(line); }));
  train::ModelWeights whole(model);
  AttachedAdapter attached;
  if (adapter_.wanted()) {  // the template's markers were learned in fine-tuning
    LATHE_TRY(const tokenizer::ChatTemplate form, tokenizer::ChatTemplate::find(stage->chat_template()));
    LATHE_TRY(attached, adapter_.attach(loaded, static_cast<uint64_t>(context.common().seed), form, true));
    context.print(AdapterFlags::summary(*attached.adapter, model));
  }
  train::Weights& weights = attached.weights ? static_cast<train::Weights&>(*attached.weights) : whole;
  const PreferencePolicy policy{loaded, attached.adapter.get()};
  const TemporaryFolder scratch;  // a dry run leaves no reference behind
  LATHE_TRY_STATUS(stage->prepare(policy, s_.device_batch_size, s_.total_batch_size / s_.device_batch_size,
                                  static_cast<uint64_t>(context.common().seed), s_.dry_run ? scratch.path() : run));
  optim::AdamwRates rates;
  rates.lr = s_.learning_rate;
  rates.weight_decay = s_.weight_decay;
  const std::unique_ptr<optim::Optimizer> optimizer =
      attached.adapter ? adapter_.make_optimizer(*attached.adapter, world.get())
                       : std::make_unique<optim::Optimizer>(optim::adamw_groups(policy.trained(), rates),
                                                            optim::OptimizerOptions{}, world.get());
  if (!s_.dry_run) LATHE_TRY_STATUS(train::require_free_space(run, train::checkpoint_bytes(weights, optimizer.get())));

  Json user_config = stage_settings(context, loaded);
  user_config["chat_template"] = stage->chat_template();
  LATHE_TRY(user_config[kChainKey], longer_chain(chain != nullptr ? *chain : Json(), loaded.meta.stage, loaded.files));

  const int64_t n = steps(stage->pairs());
  train::LoopSettings settings;
  settings.stage = "dpo";
  settings.num_iterations = n;
  settings.grad_clip = s_.grad_clip;
  settings.eval_every = s_.eval_every;
  settings.eval_at_end = true;
  settings.validation = "loss";
  settings.save_every = s_.save_every;
  settings.log_every = s_.log_every;
  settings.resume_from_step = resume;
  settings.flops_per_token = model.flops_per_token();
  settings.seed = static_cast<uint64_t>(context.common().seed);
  settings.save = !s_.dry_run;
  train::LoopHooks hooks;
  const int64_t warmup = std::llround(s_.warmup_ratio * static_cast<double>(n));
  hooks.schedule = [n, warmup](optim::Optimizer& o, int64_t step, double) {
    const double multiplier = optim::cosine_with_warmup(step, warmup, n);
    o.set_lr_multiplier(multiplier);
    return multiplier;
  };
  if (stage->has_validation()) hooks.validate = [&](int64_t) { return stage->validate(); };
  settings.sample_every = s_.eval_every;
  hooks.sample = [&](int64_t step) -> Status {
    LATHE_TRY(const std::vector<std::string> lines, stage->samples());
    return training_.show_samples(context, step, lines);
  };
  if (stage->sets().size() > 1)
    hooks.figures = [&](int64_t, Json& values) {
      for (const auto& [name, share] : stage->objective().mix()) values["mixture/" + name] = share;
    };
  std::vector<fs::path> sources = loaded.files;
  sources.insert(sources.end(), data.dirs.begin(), data.dirs.end());
  std::vector<fs::path> beside;
  if (!data.validation.empty()) beside.push_back(data.validation);
  LATHE_TRY(const train::LoopResult result,
            training_.go(context, {"dpo", settings, hooks, model, loaded.tokenizer, *optimizer, stage->objective(),
                                   weights, *world, user_config, run, nullptr, 4, sources, beside}));
  if (!result.interrupted && !s_.dry_run) {
    Json outcome = Json::object();
    outcome["Number of iterations"] = result.state.step;
    outcome["Pairs"] = stage->pairs();
    if (stage->has_validation()) {
      for (const auto& [name, value] : stage->first().named("first validation ")) outcome[name] = value;
      for (const auto& [name, value] : stage->last().named("validation ")) outcome[name] = value;
    }
    LATHE_TRY([[maybe_unused]] const fs::path written,
              write_report_section(base, "Chat DPO", {context.settings(), outcome, report_items(result.performance)}));
  }
  Json figures = Json::object();
  figures["pairs"] = stage->pairs();
  figures["update_norm"] = stage->objective().update_norm();
  for (const auto& [name, value] : stage->first().named("first_validation/")) figures[name] = value;
  for (const auto& [name, value] : stage->last().named("validation/")) figures[name] = value;
  figures["checkpoint"] = s_.dry_run ? Json() : Json(train::checkpoint_folder(run, result.state.step).string());
  return finish_training(context, result, std::move(figures));
}

}  // namespace

std::unique_ptr<Verb> make_dpo() { return std::make_unique<Dpo>(); }

}  // namespace lathe::cli
