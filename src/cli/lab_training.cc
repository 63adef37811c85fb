#include "cli/lab_training.h"

#include <algorithm>
#include <cmath>

#include "cli/version.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/manifest.h"
#include "core/sha256.h"
#include "train/lab_objective.h"
#include "train/retention.h"

namespace lathe::cli {
namespace {

constexpr const char* kTokenizerRemedy =
    "make one: lathe 20_train_tokenizer --config config/pretrain/tokenizer/spm32k.json --output-dir data/models/tokenizers/spm_32k";
constexpr const char* kAttention = "tiled, memory-linear";  // row L-5.9
constexpr int64_t kCheckpointsThatMustFit = 2;  // row L-5.48

// Settings that decide the course of every lab stage; what is not here may differ in an exact resume (row L-5.62).
const std::vector<std::string>& deciding_settings() {
  static const std::vector<std::string> names = {
      "learning_rate", "per_device_train_batch_size", "gradient_accumulation_steps", "lr_schedule_origin", "warmup_steps", "warmup_ratio",
      "weight_decay", "max_grad_norm", "optimizer_type", "betas", "eps", "scheduler_type", "num_cycles", "min_lr_ratio",
      "gradient_checkpointing", "seed", "data_seed", "dtype"};
  return names;
}

std::string time_left(double seconds) {
  const auto minutes = static_cast<int64_t>(seconds / 60);
  if (minutes < 1) return format_text("%.0f s", seconds);
  return minutes < 60 ? format_text("%lld min", static_cast<long long>(minutes))
                      : format_text("%lld h %02lld min", static_cast<long long>(minutes / 60), static_cast<long long>(minutes % 60));
}

}  // namespace

std::vector<int64_t> drawn_tokens(const data::PackedLoader& batches, int64_t sequence_length) {
  std::vector<int64_t> tokens = batches.counts();
  for (int64_t& n : tokens) n *= sequence_length;
  return tokens;
}

void LabTraining::describe(SettingsTable& table) {
  train::describe(table, settings_);
  training_.describe(table, false);  // save_total_limit rules
}

Status LabTraining::check(Context& context, const char* data_remedy) const {
  context.print_banner();
  context.print("Settings: ", context.settings().dump(2));
  LATHE_TRY_STATUS(train::check(settings_));
  LATHE_TRY_STATUS(training_.check());
  if (settings_.output_dir.empty()) return error_at("output_dir", -1, "is needed: the folder for the checkpoints");
  if (settings_.data_dirs.empty()) return error_at("data_dirs", -1, "names no data set; ", data_remedy);
  std::error_code code;
  for (const std::string& dir : settings_.data_dirs)
    if (!fs::exists(dir, code)) return error_at(dir, -1, "no such data set; ", data_remedy);
  if (settings_.use_flash_attn) log_info(module_, "use_flash_attn: the ", kAttention, " form of attention runs, it is the only one");
  if (!settings_.deterministic) log_info(module_, "deterministic false: the CPU gives the same bits in every run all the same");
  return {};
}

Result<tokenizer::Tokenizer> LabTraining::tokenizer() const {
  if (settings_.tokenizer_dir.empty()) return error_at("tokenizer_dir", -1, "is needed; ", kTokenizerRemedy);
  std::error_code code;
  if (!fs::exists(settings_.tokenizer_dir, code)) return error_at(settings_.tokenizer_dir, -1, "No tokenizer found; ", kTokenizerRemedy);
  return tokenizer::Tokenizer::load(settings_.tokenizer_dir);
}

Result<DType> LabTraining::dtype(const Context& context) const {
  std::string asked = context.common().mixed_precision;
  if (asked.empty() && context.given("dtype") && context.common().dtype != "auto") asked = context.common().dtype == "fp32" ? "no" : "bf16";
  return train::precision(settings_, asked, context.given("bf16"));
}

Result<train::LabSource> LabTraining::source(const std::string& path, double share, int64_t tokens) {
  const fs::path manifest = fs::path(path) / kManifestFile;
  std::error_code code;
  LATHE_TRY(const std::string id, sha256_file(fs::exists(manifest, code) ? manifest : fs::path(path)));
  return train::LabSource{path, id, share, tokens};
}

Status LabTraining::begin(Context& context, const fs::path& run, Json fixed, std::vector<train::LabSource> sources, const std::vector<std::string>& more) {
  run_ = run;
  started_ = Clock::real().local_time();
  LATHE_TRY(warmup_, train::warmup_steps(settings_));
  for (const std::string& warning : train::interval_warnings(settings_, warmup_)) log_warning(module_, warning);
  LATHE_TRY(lock_, lock_run(run));
  train::CourseRequest request;
  request.run = run;
  request.resume_from = settings_.resume_from_checkpoint;
  request.force = settings_.force;
  request.fixed = std::move(fixed);
  request.sources = std::move(sources);
  request.max_steps = settings_.max_steps;
  request.last_step = settings_.last_step();
  request.settings = Json::object();
  const Json all = context.settings();
  for (const std::vector<std::string>& names : {deciding_settings(), more})
    for (const std::string& name : names) request.settings[name] = all.at(name);
  LATHE_TRY(const DType type, dtype(context));
  request.settings["dtype"] = dtype_name(type);
  LATHE_TRY(course_, train::plan_course(request));
  for (const std::string& warning : course_.warnings) log_warning(module_, warning);
  for (const std::string& line : course_.lines) context.print(line);
  if (done()) return {};
  if (course_.step >= 0) {
    LATHE_TRY(from_, train::read_lab_checkpoint(course_.from));
  }
  for (const std::string& line : rate_lines()) context.print(line);
  return train::prepare_course(course_, run);
}

// Row L-5.35: the rate before and after a border.
std::vector<std::string> LabTraining::rate_lines() const {
  const int64_t step = course_.step;
  if (course_.start != train::CourseStart::kPhase || step < 1) return {};
  train::LabSettings before = settings_;
  SettingsTable table;
  train::describe(table, before);
  const train::LabPhase& phase = from_.record.phases.back();
  for (const auto& [name, value] : phase.settings.as_object())
    if (table.find(name) != nullptr && !table.set_json(name, value).ok()) return {};
  before.max_steps = from_.meta.user_config.get_int("max_steps", settings_.max_steps);
  const Result<int64_t> warmup = train::warmup_steps(before);
  if (!warmup.ok()) return {};
  const double old_rate = before.learning_rate * train::lr_multiplier(before, warmup.value(), step - 1, phase.from_step);
  const double new_rate = settings_.learning_rate * train::lr_multiplier(settings_, warmup_, step, step);
  return {format_text("Learning rate over the border: %.6e at step %lld, %.6e at step %lld", old_rate, static_cast<long long>(step - 1), new_rate,
                      static_cast<long long>(step))};
}

Exit LabTraining::finish_done(Context& context) const {
  Json figures = Json::object();
  figures["already_done"] = true;
  figures["step"] = course_.step;
  figures["checkpoint"] = course_.from.string();
  return context.finish(figures);
}

Json LabTraining::user_config(const Context& context, const Stage& stage) const {
  Json config = context.settings();
  config["attention"] = kAttention;
  const std::vector<std::string> version = split_text(version_text(), '\n');
  config["code_version"] = join_text(version[0], ", ", version[1]);
  config["tokenizer"] = fs::absolute(settings_.tokenizer_dir).string();
  for (const auto& [key, value] : stage.more.as_object()) config[key] = value;
  config[train::kLabRecordKey] = course_.record.to_json();
  return config;
}

// Row L-5.56. The metrics count steps from 0, people from 1.
Status LabTraining::say_step(Context& context, int64_t step, const Json& values) {
  if (!values.contains("train/window_loss")) return {};
  const double now = Clock::real().seconds();
  const int64_t done = step + 1;
  const double per_step = spoke_at_ >= 0 && done > spoke_at_ ? (now - spoke_seconds_) / static_cast<double>(done - spoke_at_) : values.get_double("train/dt", 0);
  spoke_at_ = done;
  spoke_seconds_ = now;
  const auto number = [&](const char* key) { return values.get_double(key, 0); };
  const double rate = settings_.learning_rate * number("train/lrm");
  const auto tokens = static_cast<int64_t>(std::llround(number("total_training_tokens") + number("train/tok_per_sec") * number("train/dt")));
  context.print(format_text("step %lld/%lld (%.2f %%) | loss %.5f | lr %.4e | grad norm %.4f | %s tokens/s | %s tokens | %.0f MB | %s left",
                            static_cast<long long>(done), static_cast<long long>(settings_.max_steps),
                            100.0 * static_cast<double>(done) / static_cast<double>(settings_.max_steps), number("train/window_loss"), rate,
                            number("train/grad_norm"), with_thousands(static_cast<int64_t>(number("train/tok_per_sec"))).c_str(),
                            with_thousands(tokens).c_str(), number("system/rss_mb"),
                            time_left(per_step * static_cast<double>(settings_.last_step() - done)).c_str()));
  return {};
}

Result<double> LabTraining::validate(Context& context, const Stage& stage, int64_t step) {
  LATHE_TRY(const double loss, stage.validate());
  const train::EquivalentEpochs epochs =
      train::equivalent_epochs(course_.record, train::total_consumed(course_.record.phases.back(), stage.drawn()));
  context.print(format_text("Evaluation at step %lld (%.2f %% of max_steps): loss %.5f", static_cast<long long>(step),
                            100.0 * static_cast<double>(step) / static_cast<double>(settings_.max_steps), loss),
                stage.token_loss ? format_text(", perplexity %.3f; ", std::exp(loss)) : "; ", epochs.line());
  if (stage.token_loss)
    if (const std::string warning = watch_.add(std::exp(loss), epochs.total); !warning.empty()) log_warning(module_, warning);
  if (stage.after_validation && step > 0) LATHE_TRY_STATUS(stage.after_validation(step));
  return loss;
}

// The evaluations before the step that the run goes on from, so that rises of the perplexity are counted over a stop.
void LabTraining::read_evaluations() {
  watch_ = train::PerplexityWatch(settings_.perplexity_patience);
  if (course_.start != train::CourseStart::kExact) return;
  const Result<std::string> text = read_file(run_ / "metrics.jsonl");
  if (!text.ok()) return;
  for (const std::string& line : split_text(text.value(), '\n')) {
    if (line.find("\"val/loss\"") == std::string::npos) continue;
    const Result<Json> json = parse_json(line);
    if (!json.ok() || json.value().get_int("step", course_.step) >= course_.step) continue;
    watch_.add(std::exp(json.value().get_double("val/loss", 0)), 0);
  }
}

train::LoopHooks LabTraining::hooks(Context& context, const Stage& stage) {
  train::LoopHooks hooks;
  const int64_t phase_start = course_.record.phases.back().from_step;
  hooks.schedule = [this, &context, &stage, phase_start](optim::Optimizer& optimizer, int64_t step, double) {
    const int64_t every = settings_.log_dataset_mix_steps;
    if (stage.mix && every > 0 && step > 0 && step % every == 0)
      for (const std::string& line : stage.mix()) context.print("Mix at step ", step, ": ", line);
    return train::apply_schedule(settings_, warmup_, phase_start, optimizer, step);
  };
  if (stage.validate) hooks.validate = [this, &context, &stage](int64_t step) { return validate(context, stage, step); };
  hooks.saved = [this](const train::Saved& saved) -> Status {
    if (saved.best) best_ = saved.step;
    LATHE_TRY(const std::vector<int64_t> removed, train::remove_surplus(run_, saved.step, settings_.save_total_limit, best_));
    return {};
  };
  if (stage.shares)
    hooks.figures = [&stage](int64_t, Json& values) {
      for (const auto& [name, share] : stage.shares()) values["mixture/" + name] = share;
    };
  hooks.log = [this, &context](int64_t step, const Json& values) { return say_step(context, step, values); };
  hooks.print = [&context](const std::string& line) {
    if (!line.starts_with("step ") && line.find("| Validation ") == std::string::npos) context.print(line);  // said at logging_steps
  };
  return hooks;
}

Status LabTraining::complete(Context& context, const Stage& stage, const train::LoopResult& result) const {
  const int64_t step = result.state.step;
  if (step < settings_.max_steps) {
    LATHE_TRY_STATUS(train::keep_checkpoint(train::checkpoint_folder(run_, step), "a phase ended here"));
    context.print("Phase ended at step ", step, " of ", settings_.max_steps, ": ", train::checkpoint_folder(run_, step).string());
    return {};
  }
  LATHE_TRY_STATUS(train::write_final(run_, step));
  Manifest manifest;
  manifest.kind = stage.name;
  manifest.settings = user_config(context, stage);
  manifest.config_sha256 = config_hash(context.settings());
  manifest.seed = context.common().seed;
  manifest.tokenizer_sha256 = stage.tokenizer.hash();
  for (const fs::path& input : stage.inputs) {
    LATHE_TRY(FileRecord record, record_file(input));
    manifest.inputs.push_back(std::move(record));
  }
  LATHE_TRY(const std::vector<fs::path> files, list_files(run_ / "final", {""}, false));
  for (const fs::path& file : files) {
    LATHE_TRY(FileRecord record, record_file(file, (fs::path("final") / file.filename()).string()));
    manifest.outputs.push_back(std::move(record));
  }
  manifest.counts["steps"] = step;
  manifest.counts["tokens"] = result.state.tokens;
  manifest.started = started_;
  manifest.ended = Clock::real().local_time();
  manifest.seconds = result.state.total_training_time;
  LATHE_TRY_STATUS(write_manifest(run_, manifest));
  context.print("Finished at step ", step, ": ", (run_ / "final").string());
  return {};
}

Result<Exit> LabTraining::go(Context& context, const Stage& stage) {
  for (const std::string& line : train::group_lines(stage.optimizer)) context.print(line);
  LATHE_TRY_STATUS(train::require_free_space(run_, kCheckpointsThatMustFit * train::checkpoint_bytes(stage.weights, &stage.optimizer)));
  train::LoopSettings loop;
  loop.stage = stage.name;
  loop.num_iterations = settings_.last_step();
  loop.grad_clip = settings_.max_grad_norm;
  loop.eval_every = stage.validate ? settings_.eval_steps : -1;
  loop.validation = "loss";
  loop.save_every = settings_.save_steps;
  loop.log_every = settings_.logging_steps;
  loop.resume_from_step = course_.step;
  loop.flops_per_token = stage.flops_per_token;
  loop.seed = static_cast<uint64_t>(context.common().seed);
  best_ = from_.meta.loop_state.is_object() ? from_.meta.loop_state.get_int("best_step", -1) : -1;
  read_evaluations();
  train::LabObjective objective(stage.objective, course_.start == train::CourseStart::kPhase, stage.drawn);
  TrainingParts parts{module_, loop, hooks(context, stage), stage.model, stage.tokenizer, stage.optimizer, objective, stage.weights, stage.world,
                      user_config(context, stage), run_};
  parts.new_phase = true;  // what decides the course was compared by plan_course()
  parts.digits = 0;
  parts.made_from = stage.inputs;
  parts.go_on = "the same command goes on";
  LATHE_TRY(const train::LoopResult result, training_.go(context, std::move(parts)));
  if (!result.interrupted && result.state.min_val_bpb)
    context.print(format_text("Lowest validation loss: %.6f", *result.state.min_val_bpb));
  if (!result.interrupted) LATHE_TRY_STATUS(complete(context, stage, result));
  Json figures = Json::object();
  figures["phase"] = phase() + 1;
  figures["attention"] = kAttention;
  figures["checkpoint"] = (result.interrupted || result.state.step < settings_.max_steps ? train::checkpoint_folder(run_, result.state.step) : run_ / "final").string();
  return finish_training(context, result, std::move(figures));
}

}  // namespace lathe::cli
