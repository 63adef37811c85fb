#include "train/loop.h"

#include <algorithm>
#include <cmath>

#include "core/log.h"
#include "core/machine.h"
#include "core/parallel.h"

namespace lathe::train {
namespace {

constexpr int64_t kUntimedSteps = 10;  // row C-5.22
constexpr double kSmooth = 0.9;        // row C-5.20
constexpr size_t kSavedSteps = 16;     // that the loop remembers

Json optional_number(const std::optional<double>& value) { return value && std::isfinite(*value) ? Json(*value) : Json(); }

std::optional<double> number_or_none(const Json& json, std::string_view key) {
  const Json* value = json.find(key);
  if (value == nullptr || !value->is_number() || !std::isfinite(value->as_double())) return std::nullopt;  // row C-6.19
  return value->as_double();
}

// The average of the weights stands in for them during validation and samples.
class Averaged {
 public:
  Averaged(optim::Ema* ema, bool on) : ema_(on ? ema : nullptr) {
    if (ema_ != nullptr) ema_->swap();
  }
  ~Averaged() {
    if (ema_ != nullptr) ema_->swap();
  }
  Averaged(const Averaged&) = delete;
  Averaged& operator=(const Averaged&) = delete;

 private:
  optim::Ema* ema_;
};

}  // namespace

Json LoopState::to_json() const {
  Json out = Json::object();
  out["tokens"] = tokens;
  out["min_val_bpb"] = optional_number(min_val_bpb);
  out["best_step"] = best_step;
  out["smooth_train_loss"] = smooth_loss;
  out["window_loss"] = window_loss;
  out["window_targets"] = window_targets;
  out["total_training_time"] = total_training_time;
  if (rewinds.size() > 0) out["rewinds"] = rewinds;
  return out;
}

void LoopState::from_json(const Json& json) {
  tokens = json.get_int("tokens", 0);
  min_val_bpb = number_or_none(json, "min_val_bpb");
  best_step = json.get_int("best_step", -1);
  smooth_loss = json.get_double("smooth_train_loss", 0);
  window_loss = json.get_double("window_loss", 0);
  window_targets = json.get_int("window_targets", 0);
  total_training_time = json.get_double("total_training_time", 0);
  const Json* earlier = json.find("rewinds");
  rewinds = earlier != nullptr && earlier->is_array() ? *earlier : Json::array();
  saved.clear();
  if (const Json* steps = json.find("saved"); steps != nullptr && steps->is_array())
    for (const Json& step : steps->as_array())
      if (step.is_int()) saved.push_back(step.as_int());
}

Loop::Loop(LoopSettings settings, LoopHooks hooks, LoopParts parts, const Clock& clock)
    : settings_(std::move(settings)),
      hooks_(std::move(hooks)),
      parts_(std::move(parts)),
      clock_(clock),
      tape_(ctx_, true),
      spikes_(settings_.spike_rule),
      loaded_step_(settings_.resume_from_step),
      step_tokens_(parts_.objective.step_tokens()) {}

Status Loop::reserve_memory() {
  if (reserved_) return {};
  const int64_t bytes = parts_.objective.activation_bytes();
  try {
    ctx_.arena().reserve(bytes);
  } catch (const std::bad_alloc&) {
    return error("not enough memory for the activations (", bytes >> 20,
                 " MiB); take --recompute block, or halve --device-batch-size (accumulation keeps the total batch)");
  }
  reserved_ = true;
  return {};
}

Error Loop::not_finite(const char* what) const {
  std::string last = "no checkpoint was saved yet";
  if (const Result<int64_t> step = latest_step(parts_.run); step.ok()) last = "the last good checkpoint is " + checkpoint_folder(parts_.run, step.value()).string();
  return error("the ", what, " is not finite at step ", state_.step, " (data position: ", parts_.objective.state().dump(), "); ", last,
               ". Lower the learning rates or look at the data there, then go on with --resume-from-step");
}

Result<StepOutcome> Loop::train_step() {
  LATHE_TRY_STATUS(reserve_memory());
  StepScope scope{ctx_, tape_, clock_, performance_.split, parts_.world, state_.step, settings_.seed};
  LATHE_TRY_STATUS(parts_.objective.prepare(scope));
  progress_ = parts_.objective.progress();
  const int64_t updates = parts_.objective.updates();
  StepOutcome outcome;
  double loss = 0;
  for (int64_t update = 0; update < updates; ++update) {
    LATHE_TRY(outcome, parts_.objective.gradients(scope, update));
    if (!std::isfinite(outcome.loss) && settings_.on_spike == OnSpike::kRewind) return outcome;
    if (!std::isfinite(outcome.loss)) return not_finite("loss");
    loss += outcome.loss;
    if (hooks_.schedule) multiplier_ = hooks_.schedule(parts_.optimizer, state_.step, progress_.share);
    const TimedPart part(clock_, performance_.split.optimizer, ctx_, "optimizer");
    LATHE_TRY_STATUS(parts_.optimizer.average_gradients());
    const bool wanted = settings_.grad_clip > 0 || logs(state_.step);
    gradient_norms_ = wanted ? gradient_norms(ctx_, parts_.optimizer.parameters()) : GradientNorms();
    parts_.optimizer.step(ctx_, settings_.grad_clip > 0 ? optim::clip_factor(gradient_norms_.all, settings_.grad_clip) : 1.0f);
  }
  outcome.loss = loss / static_cast<double>(updates);
  const int64_t averaging = state_.step - settings_.ema_start_step;
  if (parts_.ema != nullptr && averaging >= 0 && averaging % settings_.ema_update_every == 0) parts_.ema->update();
  step_tokens_ = outcome.tokens;
  state_.window_loss += outcome.loss * static_cast<double>(outcome.valid_targets);
  state_.window_targets += outcome.valid_targets;
  ++state_.step;
  state_.tokens += step_tokens_;
  return outcome;
}

Status Loop::load(int64_t step) {
  const fs::path folder = checkpoint_folder(parts_.run, step);
  LATHE_TRY(const CheckpointMeta saved, read_meta(parts_.run, step));
  if (saved.tokenizer_hash != parts_.meta.tokenizer_hash)
    return error_at((folder / "meta.json").string(), -1, "the checkpoint was trained with another tokenizer (",
                    saved.tokenizer_hash.substr(0, 12), "..., now ", parts_.meta.tokenizer_hash.substr(0, 12), "...)");
  LATHE_TRY_STATUS(parts_.weights.load(folder));
  LATHE_TRY_STATUS(load_optimizer(folder / "optimizer.safetensors", saved.optimizer, parts_.optimizer));
  if (parts_.ema != nullptr) LATHE_TRY_STATUS(load_average(folder, saved, *parts_.ema));
  state_.from_json(saved.loop_state);
  state_.step = step;
  if (!saved.loop_state.contains("tokens")) state_.tokens = step * step_tokens_;  // of an earlier version
  state_.val_bpb = saved.val_bpb;
  spikes_ = SpikeDetector(settings_.spike_rule);
  if (const Json* spikes = saved.loop_state.find("spikes")) LATHE_TRY_STATUS(spikes_.from_json(*spikes, (folder / "meta.json").string()));
  loaded_step_ = step;
  return {};
}

Status Loop::resume() {
  const int64_t step = settings_.resume_from_step;
  LATHE_TRY_STATUS(load(step));
  LATHE_TRY(const CheckpointMeta saved, read_meta(parts_.run, step));
  LATHE_TRY_STATUS(parts_.objective.restore(saved.loader_state));
  progress_ = parts_.objective.progress();  // the checkpoint may be the one after the data's last batch
  return {};
}

Json Loop::loop_state() const {
  Json out = state_.to_json();
  if (settings_.on_spike != OnSpike::kOff) out["spikes"] = spikes_.to_json();
  if (settings_.on_spike == OnSpike::kRewind) out["saved"] = Json(Json::Array(state_.saved.begin(), state_.saved.end()));
  return out;
}

int64_t Loop::rewind_target(const Spike& spike) const {
  const Result<std::vector<int64_t>> steps = checkpoint_steps(parts_.run);
  int64_t target = -1;  // the loss of step first_step - 1 was still in order, so the weights before it were
  if (!steps.ok()) return target;
  for (const int64_t step : state_.saved)
    if (step < spike.first_step && std::find(steps.value().begin(), steps.value().end(), step) != steps.value().end()) target = step;
  return target;
}

Status Loop::on_spike(const Spike& spike) {
  const int64_t to = may_rewind() ? rewind_target(spike) : -1;
  if (to >= 0) return rewind(spike, to);
  if (!std::isfinite(spike.loss)) return not_finite("loss");
  const char* no_rewind = settings_.on_spike != OnSpike::kRewind ? "" : may_rewind() ? "; there is no checkpoint before it" : "; no rewind is left";
  log_warning(settings_.stage, format_text("loss spike: %.4f at step %lld, above %.4f since step %lld; normal is %.4f%s", spike.loss,
                                           static_cast<long long>(spike.step), spike.limit, static_cast<long long>(spike.first_step), spike.median, no_rewind));
  Json values = Json::object();
  values["spike/loss"] = spike.loss;
  values["spike/median"] = spike.median;
  values["spike/first_step"] = spike.first_step;
  return log_metrics(spike.step, std::move(values));
}

// The data are not set back: what led to the spike is behind them. Checkpoints of the steps that are given up go, so that a resume
// takes this one, which is written again with the position in the data and the record of the rewind.
Status Loop::rewind(const Spike& spike, int64_t to) {
  const int64_t from = spike.step + 1;
  Json record = Json::object();
  record["from"] = from;
  record["to"] = to;
  record["first_step"] = spike.first_step;
  record["loss"] = std::isfinite(spike.loss) ? Json(spike.loss) : Json();
  log_warning(settings_.stage, format_text("loss spike since step %lld (%.4f, normal is %.4f): back to the checkpoint of step %lld, without the data of steps %lld to %lld",
                                           static_cast<long long>(spike.first_step), spike.loss, spike.median, static_cast<long long>(to),
                                           static_cast<long long>(to), static_cast<long long>(spike.step)));
  Json rewinds = state_.rewinds;
  std::vector<int64_t> saved = state_.saved;
  saved.push_back(loaded_step_);  // may be one that a signal asked for
  const double time = state_.total_training_time;
  parts_.optimizer.zero_grad();
  tape_.clear();
  LATHE_TRY_STATUS(load(to));
  rewinds.push_back(record);
  state_.rewinds = std::move(rewinds);
  state_.total_training_time = time;
  if (settings_.save) {
    LATHE_TRY_STATUS(save());
    std::error_code code;
    for (const int64_t step : saved)
      if (step > to) fs::remove_all(checkpoint_folder(parts_.run, step), code);
  }
  if (hooks_.rewound) LATHE_TRY_STATUS(hooks_.rewound(to));
  Json values = Json::object();
  for (const auto& [key, value] : record.as_object()) values["rewind/" + key] = value;
  return log_metrics(to, std::move(values));
}

Status Loop::save() {
  CheckpointMeta& meta = parts_.meta;
  meta.step = state_.step;
  meta.stage = settings_.stage;
  meta.loader_state = parts_.objective.state();
  meta.loop_state = loop_state();
  meta.optimizer = parts_.optimizer.metadata();
  meta.ema_updates = parts_.ema != nullptr ? parts_.ema->updates() : 0;
  meta.val_bpb = state_.val_bpb;
  return save_checkpoint(parts_.run, meta, parts_.weights, &parts_.optimizer, parts_.ema);
}

Status Loop::validate() {
  double value = 0;
  {
    const TimedPart part(clock_, performance_.split.evaluation, ctx_, "evaluation");
    const Averaged swapped(parts_.ema, averaged());
    LATHE_TRY(value, hooks_.validate(state_.step));
  }
  state_.val_bpb = value;
  if (!state_.min_val_bpb || value < *state_.min_val_bpb) {
    state_.min_val_bpb = value;
    state_.best_step = state_.step;
  }
  print(format_text("Step %05lld | Validation %s: %.6f", static_cast<long long>(state_.step), settings_.validation.c_str(), value));
  Json values = Json::object();
  values["val/" + settings_.validation] = value;
  return log_metrics(state_.step, std::move(values));
}

Status Loop::measure() {
  Json values;
  {
    const TimedPart part(clock_, performance_.split.evaluation, ctx_, "evaluation");
    const Averaged swapped(parts_.ema, averaged());
    LATHE_TRY(values, hooks_.measure(state_.step));
  }
  return values.is_object() ? log_metrics(state_.step, std::move(values)) : Status();
}

Status Loop::sample() {
  const TimedPart part(clock_, performance_.split.sampling, ctx_, "sampling");
  const Averaged swapped(parts_.ema, averaged());
  return hooks_.sample(state_.step);
}

// Row C-5.14 puts validation, samples and the checkpoint in this order; the weights are made durable first (trap R9) and
// the validation figure completes the metadata afterwards.
Status Loop::validate_and_sample(bool last) {
  const int64_t step = state_.step;
  const auto due = [&](int64_t every) { return every > 0 && (last || step % every == 0); };
  const bool saves = settings_.save && (last || (step > 0 && step != loaded_step_ &&
                                                (due(settings_.save_every) || (settings_.save_with_eval && due(settings_.eval_every)))));
  TimeSplit& split = performance_.split;
  if (saves) {
    const TimedPart part(clock_, split.saving, ctx_, "saving");
    std::vector<int64_t>& saved = state_.saved;
    saved.push_back(step);
    if (saved.size() > kSavedSteps) saved.erase(saved.begin());
    LATHE_TRY_STATUS(save());
  }
  const bool validates = hooks_.validate && (due(settings_.eval_every) || (last && settings_.eval_at_end));
  if (validates) LATHE_TRY_STATUS(validate());
  if (hooks_.measure && (last || step > 0) && due(settings_.measure_every)) LATHE_TRY_STATUS(measure());
  if (hooks_.sample && step > 0 && due(settings_.sample_every)) LATHE_TRY_STATUS(sample());
  if (!saves) return {};
  const TimedPart part(clock_, split.saving, ctx_, "saving");
  if (validates) {
    parts_.meta.val_bpb = state_.val_bpb;
    parts_.meta.loop_state = loop_state();
    LATHE_TRY_STATUS(update_meta(parts_.run, parts_.meta));
  }
  return hooks_.saved ? hooks_.saved({step, validates && state_.best_step == step, last, state_.best_step}) : Status();
}

Status Loop::log_metrics(int64_t step, Json values) const {
  if (!hooks_.log) return {};
  const int64_t tokens = state_.tokens - (step < state_.step ? step_tokens_ : 0);  // before `step`
  values["total_training_tokens"] = tokens;
  values["total_training_flops"] = settings_.flops_per_token * static_cast<double>(tokens);
  values["total_training_time"] = state_.total_training_time;
  return hooks_.log(step, values);
}

std::string Loop::step_line(double loss, double seconds, const StepOutcome& outcome) const {
  const int64_t n = settings_.num_iterations, done = state_.step - 1;
  std::string line = n > 0 ? format_text("step %05lld/%05lld (%.2f%%)", static_cast<long long>(done), static_cast<long long>(n),
                                         100.0 * static_cast<double>(done) / static_cast<double>(n))
                           : format_text("step %05lld (%.2f%%)", static_cast<long long>(done), 100.0 * std::max(progress_.share, 0.0));
  line += format_text(" | loss: %.6f | lrm: %.2f | dt: %.2fms | tok/sec: %s | mfu: %.2f | epoch: %lld | total time: %.2fm", loss, multiplier_,
                      seconds * 1000, with_thousands(static_cast<int64_t>(static_cast<double>(step_tokens_) / seconds)).c_str(), mfu_percent(seconds),
                      static_cast<long long>(progress_.epoch), state_.total_training_time / 60);
  if (n > 0 && done > kUntimedSteps)
    line += format_text(" | eta: %.1fm", state_.total_training_time / static_cast<double>(done - kUntimedSteps) * static_cast<double>(n - done) / 60);
  return line + outcome.line;
}

double Loop::mfu_percent(double seconds) const {
  return settings_.peak_flops > 0 ? 100 * settings_.flops_per_token * static_cast<double>(step_tokens_) / seconds / settings_.peak_flops : 0;
}

bool Loop::profiles(int64_t steps_done) const {
  if (settings_.profiler == nullptr) return false;
  int64_t from = settings_.profile_from;
  if (settings_.num_iterations >= 0)  // a short run is measured at its end
    from = std::clamp<int64_t>(settings_.num_iterations - std::max<int64_t>(settings_.resume_from_step, 0) - settings_.profile_steps, 0, from);
  return steps_done >= from && settings_.profiler->steps() < settings_.profile_steps;
}

// Memory and use of the processor stand in the metrics, so that no other monitor is needed (row L-14.10).
Status Loop::log_step(int64_t step, double debiased, double seconds, const StepOutcome& outcome) {
  const double now = clock_.seconds(), cpu = process_cpu_seconds(), since = now - logged_at_;
  Json values = Json::object();
  values["train/loss"] = debiased;
  values["train/window_loss"] = state_.window_targets > 0 ? state_.window_loss / static_cast<double>(state_.window_targets) : outcome.loss;
  values["train/grad_norm"] = gradient_norms_.all;
  values["train/lrm"] = multiplier_;
  values["train/dt"] = seconds;
  values["train/tok_per_sec"] = static_cast<double>(step_tokens_) / seconds;
  values["train/mfu"] = mfu_percent(seconds);
  values["train/epoch"] = progress_.epoch;
  values["train/waiting_share"] = performance_.waiting_share();
  const double resident = rss_mb();
  values["system/rss_mb"] = resident;
  values["system/peak_rss_mb"] = std::max(resident, peak_rss_mb());  // the kernel brings its maximum up to date late
  values["system/arena_mb"] = static_cast<double>(ctx_.arena().peak_bytes()) / 1048576;
  values["system/cpu_utilisation"] = since > 0 ? (cpu - cpu_seconds_at_) / since / num_threads() : 0;
  for (const auto& [layer, norm] : gradient_norms_.layers) values["grad_norm/" + layer] = norm;
  for (const auto& [name, value] : outcome.figures) values[name] = value;
  if (hooks_.figures) hooks_.figures(step, values);
  logged_at_ = now;
  cpu_seconds_at_ = cpu;
  state_.window_loss = 0;
  state_.window_targets = 0;
  return log_metrics(step, std::move(values));
}

Status Loop::log_performance() {
  Json values = Json::object();
  const Json all = performance_.to_json();
  for (const auto& [key, value] : all.as_object()) values["performance/" + key] = value;
  return log_metrics(state_.step, std::move(values));
}

// All ranks must come to the same verdict.
Result<double> Loop::loss_of_all_ranks(double loss) const {
  if (parts_.world.size() > 1) LATHE_TRY_STATUS(parts_.world.all_reduce(&loss, 1, dist::ElementType::kFloat64, dist::Reduction::kMean));
  return loss;
}

void Loop::warn_of_waiting() {
  if (warned_of_waiting_ || performance_.waiting_share() <= kWaitingLimit) return;
  warned_of_waiting_ = true;
  log_warning(settings_.stage, format_text("%.0f %% of the time goes to waiting for data (limit %.0f %%): the loader is slower than the model",
                                           100 * performance_.waiting_share(), 100 * kWaitingLimit));
}

Result<LoopResult> Loop::run(const std::function<bool()>& stop) {
  LATHE_TRY_STATUS(reserve_memory());
  LoopResult result;
  result.validation = settings_.validation;
  constexpr int64_t kStepsBeforeWarning = 20;
  performance_.flops_per_token = settings_.flops_per_token;
  performance_.product_flops = settings_.peak_flops;
  logged_at_ = clock_.seconds();
  cpu_seconds_at_ = process_cpu_seconds();
  bool ended = progress_.ended;
  while (true) {
    const bool last = ended || (settings_.num_iterations >= 0 && state_.step >= settings_.num_iterations);
    if (!last && stop && stop()) {
      if (settings_.save) {
        LATHE_TRY_STATUS(save());
        if (hooks_.saved) LATHE_TRY_STATUS(hooks_.saved({state_.step, false, true, state_.best_step}));
      }
      result.interrupted = true;
      break;
    }
    LATHE_TRY_STATUS(validate_and_sample(last));
    if (last) break;
    if (hooks_.before_step) hooks_.before_step(state_.step);
    const bool profiled = profiles(performance_.steps);
    ctx_.set_profiler(profiled ? settings_.profiler : nullptr);
    const double start = clock_.seconds();
    LATHE_TRY(const StepOutcome outcome, train_step());
    ended = progress_.ended;
    const double seconds = std::max(clock_.seconds() - start, 1e-9);
    if (profiled) settings_.profiler->count_step();
    ctx_.set_profiler(nullptr);
    if (!std::isfinite(outcome.loss)) {  // the step was not made; with rewinds only
      LATHE_TRY_STATUS(on_spike(*spikes_.observe(state_.step, outcome.loss)));
      continue;
    }
    const int64_t index = state_.step - 1;
    if (index > kUntimedSteps) state_.total_training_time += seconds;
    performance_.step_seconds.push_back(seconds);
    performance_.step_tokens.push_back(static_cast<double>(step_tokens_));
    if (++performance_.steps == 1) performance_.first_step_waiting = performance_.split.data;
    if (performance_.steps >= kStepsBeforeWarning) warn_of_waiting();
    state_.smooth_loss = kSmooth * state_.smooth_loss + (1 - kSmooth) * outcome.last_micro_loss;
    const double debiased = state_.smooth_loss / (1 - std::pow(kSmooth, static_cast<double>(state_.step)));
    result.last_loss = outcome.loss;
    result.smooth_loss = debiased;
    print(step_line(debiased, seconds, outcome));
    if (hooks_.after_step) hooks_.after_step({index, debiased, multiplier_, seconds, step_tokens_});
    if (logs(index)) LATHE_TRY_STATUS(log_step(index, debiased, seconds, outcome));
    if (settings_.on_spike == OnSpike::kOff) continue;
    LATHE_TRY(const double loss, loss_of_all_ranks(outcome.loss));
    if (const std::optional<Spike> spike = spikes_.observe(index, loss)) LATHE_TRY_STATUS(on_spike(*spike));
  }
  warn_of_waiting();
  if (performance_.steps > 0) LATHE_TRY_STATUS(log_performance());
  result.state = state_;
  result.tokens_per_second = performance_.tokens_per_second_quantile(0.5);
  result.step_ms_p50 = 1000 * performance_.step_seconds_median();
  result.performance = performance_;
  result.arena_bytes = ctx_.arena().peak_bytes();
  return result;
}

}  // namespace lathe::train
