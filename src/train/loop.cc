#include "train/loop.h"

#include <algorithm>
#include <cmath>

#include "core/log.h"
#include "core/machine.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "train/plan.h"

namespace lathe::train {
namespace {

constexpr int64_t kUntimedSteps = 10;  // row C-5.22
constexpr double kSmooth = 0.9;        // row C-5.20

Json optional_number(const std::optional<double>& value) { return value && std::isfinite(*value) ? Json(*value) : Json(); }

std::optional<double> number_or_none(const Json& json, std::string_view key) {
  const Json* value = json.find(key);
  if (value == nullptr || !value->is_number() || !std::isfinite(value->as_double())) return std::nullopt;  // row C-6.19
  return value->as_double();
}

}  // namespace

Json LoopState::to_json() const {
  Json out = Json::object();
  out["tokens"] = tokens;
  out["min_val_bpb"] = optional_number(min_val_bpb);
  out["smooth_train_loss"] = smooth_loss;
  out["total_training_time"] = total_training_time;
  return out;
}

void LoopState::from_json(const Json& json) {
  tokens = json.get_int("tokens", 0);
  min_val_bpb = number_or_none(json, "min_val_bpb");
  smooth_loss = json.get_double("smooth_train_loss", 0);
  total_training_time = json.get_double("total_training_time", 0);
}

Loop::Loop(LoopSettings settings, LoopHooks hooks, model::Transformer& model, optim::Optimizer& optimizer, StageData data, dist::Communicator& world,
           CheckpointMeta meta, fs::path run_folder, const Clock& clock)
    : settings_(std::move(settings)),
      hooks_(std::move(hooks)),
      model_(model),
      optimizer_(optimizer),
      data_(std::move(data)),
      world_(world),
      meta_(std::move(meta)),
      run_(std::move(run_folder)),
      clock_(clock),
      tape_(ctx_, true) {
  batches_.resize(static_cast<size_t>(settings_.accumulation));
  columns_ = settings_.sequence_len;
  factor_ = Tensor::zeros({settings_.batch * settings_.sequence_len}, DType::kFloat32);
}

Status Loop::reserve_memory() {
  if (reserved_) return {};
  const int64_t bytes =
      activation_bytes(model_.config(), model_.dtype(), settings_.batch, settings_.sequence_len, model_.recompute());
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
  if (const Result<int64_t> step = latest_step(run_); step.ok()) last = "the last good checkpoint is " + checkpoint_folder(run_, step.value()).string();
  return error("the ", what, " is not finite at step ", state_.step, " (data position: ", data_.loader->state().dump(), "); ", last,
               ". Lower the learning rates or look at the data there, then go on with --resume-from-step");
}

Result<Loop::StepOutcome> Loop::train_step() {
  LATHE_TRY_STATUS(reserve_memory());
  StepOutcome outcome;
  const auto count_valid = [](const data::TokenBatch& b) {
    return static_cast<double>(std::count_if(b.targets().begin(), b.targets().end(), [](int32_t t) { return t >= 0; }));
  };
  double valid = 0;
  TimeSplit& split = performance_.split;
  for (data::TokenBatch& batch : batches_) {
    {
      const TimedPart part(clock_, split.data, ctx_, "data");
      LATHE_TRY_STATUS(data_.loader->next(batch));
    }
    // The batches of a curriculum are narrower at first; those of one step are of one width.
    LATHE_CHECK(batch.rows == settings_.batch && batch.columns <= settings_.sequence_len && batch.columns == batches_[0].columns,
                "a batch of ", batch.rows, " x ", batch.columns);
    valid += count_valid(batch);
  }
  if (data_.progress) progress_ = data_.progress();
  outcome.valid_targets = static_cast<int64_t>(valid);
  LATHE_TRY_STATUS(world_.all_reduce(&valid, 1, dist::ElementType::kFloat64, dist::Reduction::kMean));

  columns_ = batches_[0].columns;
  const int64_t micro = settings_.batch * columns_;
  double sum = 0;
  for (int64_t m = 0; m < settings_.accumulation; ++m) {
    data::TokenBatch& tokens = batches_[static_cast<size_t>(m)];
    const double micro_valid = count_valid(tokens);
    const double divisor = settings_.normalisation == LossNormalisation::kGlobal ? valid : micro_valid * static_cast<double>(settings_.accumulation);
    const float factor = divisor > 0 ? static_cast<float>(1.0 / divisor) : 0.0f;  // a fully masked batch adds nothing (trap L1)
    std::fill_n(factor_.data<float>(), micro, factor);

    model::Batch batch;
    batch.ids = Tensor::borrow(tokens.inputs().data(), {micro}, DType::kInt32);
    batch.batch = settings_.batch;
    batch.training = true;
    batch.dropout_key = rng_key(settings_.seed, "dropout");
    batch.dropout_call = static_cast<uint64_t>((state_.step * settings_.accumulation + m) * world_.size() + world_.rank());
    autograd::Var hidden;
    {
      const TimedPart part(clock_, split.forward, ctx_, "forward");
      hidden = model_.forward(tape_, batch);
    }
    Tensor nll;
    {
      const TimedPart part(clock_, split.head, ctx_, "head");
      nll = model_.loss(tape_, hidden, Tensor::borrow(tokens.targets().data(), {micro}, DType::kInt32),
                        Tensor::borrow(factor_.data<float>(), {micro}, DType::kFloat32));
    }
    double micro_sum = 0;
    for (const float x : nll.span<float>()) micro_sum += static_cast<double>(x);
    sum += micro_sum;
    outcome.last_micro_loss = micro_valid > 0 ? micro_sum / micro_valid : 0;
    const TimedPart part(clock_, split.backward, ctx_, "backward");
    tape_.backward();
    tape_.clear();
  }
  outcome.loss = outcome.valid_targets > 0 ? sum / static_cast<double>(outcome.valid_targets) : 0;
  if (!std::isfinite(outcome.loss)) return not_finite("loss");
  if (hooks_.schedule) multiplier_ = hooks_.schedule(optimizer_, state_.step, progress_.share);
  const TimedPart part(clock_, split.optimizer, ctx_, "optimizer");
  LATHE_TRY_STATUS(optimizer_.average_gradients());
  float clip = 1;
  if (settings_.grad_clip > 0) clip = optim::clip_factor(optimizer_.gradient_norm(ctx_), settings_.grad_clip);
  optimizer_.step(ctx_, clip);
  ++state_.step;
  state_.tokens += static_cast<int64_t>(step_tokens());
  return outcome;
}

Status Loop::resume() {
  const int64_t step = settings_.resume_from_step;
  LATHE_TRY(const CheckpointMeta saved, read_meta(run_, step));
  if (saved.tokenizer_hash != meta_.tokenizer_hash)
    return error_at((checkpoint_folder(run_, step) / "meta.json").string(), -1, "the checkpoint was trained with another tokenizer (",
                    saved.tokenizer_hash.substr(0, 12), "..., now ", meta_.tokenizer_hash.substr(0, 12), "...)");
  LATHE_TRY_STATUS(load_weights(checkpoint_folder(run_, step) / "model.safetensors", model_));
  LATHE_TRY_STATUS(load_optimizer(checkpoint_folder(run_, step) / "optimizer.safetensors", saved.optimizer, optimizer_));
  LATHE_TRY_STATUS(data_.loader->restore(saved.loader_state, data_.resume_mode));
  state_.from_json(saved.loop_state);
  state_.step = step;
  if (!saved.loop_state.contains("tokens")) state_.tokens = step * static_cast<int64_t>(step_tokens());  // of an earlier version
  state_.val_bpb = saved.val_bpb;
  if (data_.progress) progress_ = data_.progress();  // the checkpoint may be the one after the data's last batch
  return {};
}

Status Loop::save() {
  meta_.step = state_.step;
  meta_.stage = settings_.stage;
  meta_.model_config = model_.config().to_json();
  meta_.loader_state = data_.loader->state();
  meta_.loop_state = state_.to_json();
  meta_.optimizer = optimizer_.metadata();
  meta_.val_bpb = state_.val_bpb;
  return save_checkpoint(run_, meta_, model_, &optimizer_);
}

// Row C-5.14 puts validation, samples and the checkpoint in this order; the weights are made durable first (trap R9) and
// the validation figure completes the metadata afterwards.
Status Loop::validate_and_sample(bool last) {
  const int64_t step = state_.step;
  const auto due = [&](int64_t every) { return every > 0 && (last || step % every == 0); };
  const bool saves = settings_.save && (last || (step > 0 && step != settings_.resume_from_step &&
                                                (due(settings_.save_every) || (settings_.save_with_eval && due(settings_.eval_every)))));
  TimeSplit& split = performance_.split;
  if (saves) {
    const TimedPart part(clock_, split.saving, ctx_, "saving");
    LATHE_TRY_STATUS(save());
  }
  bool validated = false;
  if (hooks_.validate && (due(settings_.eval_every) || (last && settings_.eval_at_end))) {
    double bpb = 0;
    {
      const TimedPart part(clock_, split.evaluation, ctx_, "evaluation");
      LATHE_TRY(bpb, hooks_.validate(step));
    }
    validated = true;
    state_.val_bpb = bpb;
    state_.min_val_bpb = std::min(state_.min_val_bpb.value_or(bpb), bpb);
    print(format_text("Step %05lld | Validation bpb: %.6f", static_cast<long long>(step), bpb));
    Json values = Json::object();
    values["val/bpb"] = bpb;
    LATHE_TRY_STATUS(log_metrics(step, std::move(values)));
  }
  if (hooks_.sample && step > 0 && due(settings_.sample_every)) {
    const TimedPart part(clock_, split.sampling, ctx_, "sampling");
    LATHE_TRY_STATUS(hooks_.sample(step));
  }
  if (saves && validated) {
    meta_.val_bpb = state_.val_bpb;
    meta_.loop_state = state_.to_json();
    const TimedPart part(clock_, split.saving, ctx_, "saving");
    LATHE_TRY_STATUS(update_meta(run_, meta_));
  }
  return {};
}

double Loop::step_tokens() const {
  return static_cast<double>(settings_.accumulation * settings_.batch * columns_ * world_.size());
}

Status Loop::log_metrics(int64_t step, Json values) const {
  if (!hooks_.log) return {};
  const int64_t tokens = state_.tokens - (step < state_.step ? static_cast<int64_t>(step_tokens()) : 0);  // before `step`
  values["total_training_tokens"] = tokens;
  values["total_training_flops"] = settings_.flops_per_token * static_cast<double>(tokens);
  values["total_training_time"] = state_.total_training_time;
  return hooks_.log(step, values);
}

std::string Loop::step_line(double loss, double multiplier, double seconds) const {
  const double tokens = step_tokens();
  const int64_t n = settings_.num_iterations, done = state_.step - 1;
  std::string line = n > 0 ? format_text("step %05lld/%05lld (%.2f%%)", static_cast<long long>(done), static_cast<long long>(n),
                                         100.0 * static_cast<double>(done) / static_cast<double>(n))
                           : format_text("step %05lld (%.2f%%)", static_cast<long long>(done), 100.0 * std::max(progress_.share, 0.0));
  line += format_text(" | loss: %.6f | lrm: %.2f | dt: %.2fms | tok/sec: %s | mfu: %.2f | epoch: %lld | total time: %.2fm", loss, multiplier,
                      seconds * 1000, with_thousands(static_cast<int64_t>(tokens / seconds)).c_str(), mfu_percent(seconds),
                      static_cast<long long>(progress_.epoch), state_.total_training_time / 60);
  if (n > 0 && done > kUntimedSteps)
    line += format_text(" | eta: %.1fm", state_.total_training_time / static_cast<double>(done - kUntimedSteps) * static_cast<double>(n - done) / 60);
  return line;
}

double Loop::mfu_percent(double seconds) const {
  return settings_.peak_flops > 0 ? 100 * settings_.flops_per_token * step_tokens() / seconds / settings_.peak_flops : 0;
}

bool Loop::profiles(int64_t steps_done) const {
  if (settings_.profiler == nullptr) return false;
  int64_t from = settings_.profile_from;
  if (settings_.num_iterations >= 0)  // a short run is measured at its end
    from = std::clamp<int64_t>(settings_.num_iterations - std::max<int64_t>(settings_.resume_from_step, 0) - settings_.profile_steps, 0, from);
  return steps_done >= from && settings_.profiler->steps() < settings_.profile_steps;
}

// Memory and use of the processor stand in the metrics, so that no other monitor is needed (row L-14.10).
Status Loop::log_step(int64_t step, double debiased, double seconds) {
  const double now = clock_.seconds(), cpu = process_cpu_seconds(), since = now - logged_at_;
  Json values = Json::object();
  values["train/loss"] = debiased;
  values["train/lrm"] = multiplier_;
  values["train/dt"] = seconds;
  values["train/tok_per_sec"] = step_tokens() / seconds;
  values["train/mfu"] = mfu_percent(seconds);
  values["train/epoch"] = progress_.epoch;
  values["train/waiting_share"] = performance_.waiting_share();
  const double resident = rss_mb();
  values["system/rss_mb"] = resident;
  values["system/peak_rss_mb"] = std::max(resident, peak_rss_mb());  // the kernel brings its maximum up to date late
  values["system/arena_mb"] = static_cast<double>(ctx_.arena().peak_bytes()) / 1048576;
  values["system/cpu_utilisation"] = since > 0 ? (cpu - cpu_seconds_at_) / since / num_threads() : 0;
  logged_at_ = now;
  cpu_seconds_at_ = cpu;
  return log_metrics(step, std::move(values));
}

Status Loop::log_performance() {
  Json values = Json::object();
  const Json all = performance_.to_json();
  for (const auto& [key, value] : all.as_object()) values["performance/" + key] = value;
  return log_metrics(state_.step, std::move(values));
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
  constexpr int64_t kStepsBeforeWarning = 20;
  performance_.flops_per_token = settings_.flops_per_token;
  performance_.product_flops = settings_.peak_flops;
  logged_at_ = clock_.seconds();
  cpu_seconds_at_ = process_cpu_seconds();
  bool ended = progress_.ended;
  while (true) {
    const bool last = ended || (settings_.num_iterations >= 0 && state_.step >= settings_.num_iterations);
    if (!last && stop && stop()) {
      if (settings_.save) LATHE_TRY_STATUS(save());
      result.interrupted = true;
      break;
    }
    LATHE_TRY_STATUS(validate_and_sample(last));
    if (last) break;
    const bool profiled = profiles(performance_.steps);
    ctx_.set_profiler(profiled ? settings_.profiler : nullptr);
    const double start = clock_.seconds();
    LATHE_TRY(const StepOutcome outcome, train_step());
    ended = progress_.ended;
    const double seconds = std::max(clock_.seconds() - start, 1e-9);
    if (profiled) settings_.profiler->count_step();
    ctx_.set_profiler(nullptr);
    const int64_t index = state_.step - 1;
    if (index > kUntimedSteps) state_.total_training_time += seconds;
    performance_.step_seconds.push_back(seconds);
    performance_.step_tokens.push_back(step_tokens());
    if (++performance_.steps == 1) performance_.first_step_waiting = performance_.split.data;
    if (performance_.steps >= kStepsBeforeWarning) warn_of_waiting();
    state_.smooth_loss = kSmooth * state_.smooth_loss + (1 - kSmooth) * outcome.last_micro_loss;
    const double debiased = state_.smooth_loss / (1 - std::pow(kSmooth, static_cast<double>(state_.step)));
    result.last_loss = outcome.loss;
    result.smooth_loss = debiased;
    print(step_line(debiased, multiplier_, seconds));
    if (settings_.log_every > 0 && index % settings_.log_every == 0) LATHE_TRY_STATUS(log_step(index, debiased, seconds));
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
