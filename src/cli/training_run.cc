#include "cli/training_run.h"

#include "cli/training.h"
#include "core/log.h"
#include "core/signals.h"
#include "serve/dashboard.h"
#include "train/metrics.h"
#include "train/provenance.h"
#include "train/retention.h"

namespace lathe::cli {

namespace {

// Figures that the page shows and that stand in the first line of the metrics.
Json run_facts(const Context& context, const TrainingParts& parts) {
  const train::LoopSettings& settings = parts.settings;
  Json run = Json::object();
  run["name"] = parts.run.filename().string();
  run["stage"] = settings.stage;
  run["verb"] = context.program();
  if (settings.num_iterations > 0) run["steps"] = settings.num_iterations;
  if (settings.peak_flops > 0 && settings.flops_per_token > 0) run["limit_tokens_per_second"] = settings.peak_flops / settings.flops_per_token;
  run["chat_stage"] = settings.stage == "sft" || settings.stage == "dpo" || settings.stage == "rl";
  return run;
}

}  // namespace

TrainingRun::TrainingRun() = default;
TrainingRun::~TrainingRun() = default;

void TrainingRun::describe(SettingsTable& table, bool retention) {
  if (retention) table.add("keep", &keep_, "checkpoints that stay: the newest so many, the best, and one named by --resume-from-step; 0: all");
  table.group("watching");
  table.add("on_spike", &on_spike_, "on a loss spike: off, warn, or rewind: back to the last checkpoint before it, without the data that led to it").choices =
      train::on_spike_names();
  table.add("max_rewinds", &max_rewinds_, "of a run");
  table.add("dashboard", &dashboard_port_, "port of a live page on this machine; 0: a free one, -1: none");
  measure_.describe(table);
}

Status TrainingRun::check() const {
  if (keep_ < 0) return error_at("keep", -1, "must not be negative, is ", keep_);
  if (max_rewinds_ < 0) return error_at("max_rewinds", -1, "must not be negative, is ", max_rewinds_);
  if (dashboard_port_ < -1 || dashboard_port_ > 65535) return error_at("dashboard", -1, dashboard_port_, " is not a port (0 to 65535), and -1 means none");
  return measure_.check();
}

Status TrainingRun::log(int64_t step, const Json& values) {
  if (dashboard_) dashboard_->push(step, values);
  return metrics_ ? metrics_->log(step, values) : Status();
}

Status TrainingRun::show_samples(Context& context, int64_t step, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) context.print(line);
  Json values = Json::object();
  values["samples"] = Json(Json::Array(lines.begin(), lines.end()));
  return log(step, values);
}

Result<std::unique_ptr<serve::Dashboard>> TrainingRun::open_dashboard(Context& context, const TrainingParts& parts) const {
  if (dashboard_port_ < 0 || parts.world.rank() != 0) return std::unique_ptr<serve::Dashboard>();
  serve::DashboardOptions options;
  options.port = static_cast<int>(dashboard_port_);
  options.run = run_facts(context, parts);
  options.tokenizer = parts.tokenizer;
  options.chat_template = parts.user_config.get_string("chat_template", options.chat_template);
  LATHE_TRY(const fs::path base, context.base_folder());
  options.notices = base / serve::kDashboardNotices;
  LATHE_TRY(auto dashboard, serve::Dashboard::open(std::move(options)));
  context.print("Dashboard: ", dashboard->url());
  return dashboard;
}

Result<train::LoopResult> TrainingRun::go(Context& context, TrainingParts parts) {
  const fs::path run = parts.run;
  const bool saves = parts.settings.save;
  const int64_t resume = parts.settings.resume_from_step;
  parts.user_config = with_whole_paths(std::move(parts.user_config));
  LATHE_TRY_STATUS(make_folders(run));
  measure_.prepare(parts.settings, parts.model.dtype());
  parts.settings.on_spike = train::on_spike_of(on_spike_);
  parts.settings.max_rewinds = max_rewinds_;
  if (!parts.hooks.print) parts.hooks.print = [&](const std::string& line) { context.print(line); };
  parts.hooks.log = [this, told = parts.hooks.log](int64_t step, const Json& values) -> Status {
    LATHE_TRY_STATUS(log(step, values));
    return told ? told(step, values) : Status();
  };
  parts.hooks.rewound = [this](int64_t step) { return metrics_->rewind(step); };

  if (keep_ > 0) {
    const bool named = resume >= 0 && saves && context.given("resume_from_step");  // another run may start from it too
    if (named) LATHE_TRY_STATUS(train::keep_checkpoint(train::checkpoint_folder(run, resume), "a run was told to start from it"));
    parts.hooks.saved = [this, run, told = parts.hooks.saved](const train::Saved& saved) -> Status {
      if (told) LATHE_TRY_STATUS(told(saved));
      LATHE_TRY(const std::vector<int64_t> removed, train::remove_surplus(run, saved.step, keep_, saved.best_step));
      return {};
    };
  }

  LATHE_TRY(dashboard_, open_dashboard(context, parts));
  if (dashboard_) {
    parts.hooks.before_step = [this, &parts](int64_t step) {
      const bool averaged = parts.ema != nullptr && parts.ema->started();
      dashboard_->at_border(step, parts.model, averaged ? std::function<void()>([&parts] { parts.ema->swap(); }) : nullptr);
    };
    parts.hooks.after_step = [this](const train::StepFigures& figures) {
      Json values = Json::object();
      values["train/loss"] = figures.loss;
      values["train/lrm"] = figures.multiplier;
      values["train/dt"] = figures.seconds;
      values["train/tok_per_sec"] = static_cast<double>(figures.tokens) / figures.seconds;
      dashboard_->push(figures.step, values);
    };
  }

  train::CheckpointMeta meta;
  if (saves) {
    const std::string own = parts.user_config.get_string("tokenizer", "");
    LATHE_TRY(fs::path tokenizer, given_or_base(context, own, "tokenizer"));
    std::error_code code;  // of an imported model: below the base folder
    if (const fs::path below = run.parent_path().parent_path() / own; tokenizer.is_relative() && fs::exists(below, code)) tokenizer = below;
    parts.beside.push_back(tokenizer);
    LATHE_TRY(train::MadeFrom made_from,
              train::record_sources(run.parent_path().parent_path(), train::checkpoint_folder(run, 0), parts.made_from, parts.beside));
    for (const std::string& source : made_from.not_recorded)
      log_info(parts.module, source, " has no manifest.json and is too large to be hashed now: the checkpoints do not record it");
    meta.inputs = std::move(made_from.inputs);
    meta.sources = std::move(made_from.sources);
    meta.not_recorded = std::move(made_from.not_recorded);
  }
  meta.tokenizer_hash = parts.tokenizer.hash();
  meta.model_config = parts.model.config().to_json();
  meta.user_config = parts.user_config;
  train::Loop loop(parts.settings, parts.hooks,
                   train::LoopParts{parts.objective, parts.optimizer, parts.weights, parts.world, meta, run, parts.ema});
  if (resume >= 0 || saves) LATHE_TRY_STATUS(resume_or_start(parts.module, loop, run, resume, parts.new_phase ? Json::object() : parts.user_config));
  LATHE_TRY(metrics_, train::Metrics::open(run, parts.user_config, resume, run_facts(context, parts)));
  const StopSignals signals;
  Result<train::LoopResult> result = loop.run([] { return StopSignals::requested(); });
  if (dashboard_) dashboard_->end(!result.ok() ? "failed" : result.value().interrupted ? "stopped" : "finished");
  dashboard_.reset();
  metrics_.reset();
  if (!result.ok()) return result;
  print_ending(context, result.value(), saves ? run : fs::path(), parts.digits, parts.go_on);
  LATHE_TRY_STATUS(measure_.finish(context, result.value(), saves ? run : fs::path()));
  return result;
}

Exit finish_training(Context& context, const train::LoopResult& result, Json figures) {
  Json all = run_figures(result);
  for (const auto& [key, value] : figures.as_object()) all[key] = value;
  return context.finish(all, result.interrupted ? Exit::kInterrupted : Exit::kDone);
}

}  // namespace lathe::cli
