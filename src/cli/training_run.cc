#include "cli/training_run.h"

#include "cli/training.h"
#include "core/signals.h"
#include "train/metrics.h"

namespace lathe::cli {

void TrainingRun::describe(SettingsTable& table) { measure_.describe(table); }

Status TrainingRun::check() const { return measure_.check(); }

Result<train::LoopResult> TrainingRun::go(Context& context, TrainingParts parts) {
  const fs::path run = parts.run;
  const bool saves = parts.settings.save;
  const int64_t resume = parts.settings.resume_from_step;
  LATHE_TRY_STATUS(make_folders(run));
  measure_.prepare(parts.settings, parts.model.dtype());
  if (!parts.hooks.print) parts.hooks.print = [&](const std::string& line) { context.print(line); };
  parts.hooks.log = [this, told = parts.hooks.log](int64_t step, const Json& values) -> Status {
    LATHE_TRY_STATUS(log(step, values));
    return told ? told(step, values) : Status();
  };

  train::CheckpointMeta meta;
  meta.tokenizer_hash = parts.tokenizer.hash();
  meta.model_config = parts.model.config().to_json();
  meta.user_config = parts.user_config;
  train::Loop loop(parts.settings, parts.hooks,
                   train::LoopParts{parts.objective, parts.optimizer, parts.weights, parts.world, meta, run, parts.ema});
  if (resume >= 0 || saves) LATHE_TRY_STATUS(resume_or_start(parts.module, loop, run, resume, parts.new_phase ? Json::object() : parts.user_config));
  LATHE_TRY(metrics_, train::Metrics::open(run, parts.user_config, resume));
  const StopSignals signals;
  LATHE_TRY(train::LoopResult result, loop.run([] { return StopSignals::requested(); }));
  print_ending(context, result, saves ? run : fs::path(), parts.bpb_digits);
  LATHE_TRY_STATUS(measure_.finish(context, result, saves ? run : fs::path()));
  return result;
}

Exit finish_training(Context& context, const train::LoopResult& result, Json figures) {
  Json all = run_figures(result);
  for (const auto& [key, value] : figures.as_object()) all[key] = value;
  return context.finish(all, result.interrupted ? Exit::kInterrupted : Exit::kDone);
}

}  // namespace lathe::cli
