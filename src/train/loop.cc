#include "train/loop.h"

#include <algorithm>
#include <cmath>

#include "core/log.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "train/plan.h"

namespace lathe::train {
namespace {

constexpr int64_t kUntimedSteps = 10;  // row C-5.22
constexpr double kSmooth = 0.9;        // row C-5.20

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

Json optional_number(const std::optional<double>& value) { return value && std::isfinite(*value) ? Json(*value) : Json(); }

std::optional<double> number_or_none(const Json& json, std::string_view key) {
  const Json* value = json.find(key);
  if (value == nullptr || !value->is_number() || !std::isfinite(value->as_double())) return std::nullopt;  // row C-6.19
  return value->as_double();
}

}  // namespace

Json LoopState::to_json() const {
  Json out = Json::object();
  out["min_val_bpb"] = optional_number(min_val_bpb);
  out["smooth_train_loss"] = smooth_loss;
  out["total_training_time"] = total_training_time;
  return out;
}

void LoopState::from_json(const Json& json) {
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
  const int64_t micro = settings_.batch * settings_.sequence_len;
  StepOutcome outcome;
  const auto count_valid = [](const data::TokenBatch& b) {
    return static_cast<double>(std::count_if(b.targets().begin(), b.targets().end(), [](int32_t t) { return t >= 0; }));
  };
  double valid = 0;
  for (data::TokenBatch& batch : batches_) {
    LATHE_TRY_STATUS(data_.loader->next(batch));
    LATHE_CHECK(batch.rows == settings_.batch && batch.columns == settings_.sequence_len, "a batch of ", batch.rows, " x ", batch.columns);
    valid += count_valid(batch);
  }
  if (data_.progress) progress_ = data_.progress();
  outcome.valid_targets = static_cast<int64_t>(valid);
  LATHE_TRY_STATUS(world_.all_reduce(&valid, 1, dist::ElementType::kFloat64, dist::Reduction::kMean));

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
    const autograd::Var hidden = model_.forward(tape_, batch);
    const Tensor nll = model_.loss(tape_, hidden, Tensor::borrow(tokens.targets().data(), {micro}, DType::kInt32), factor_);
    double micro_sum = 0;
    for (const float x : nll.span<float>()) micro_sum += static_cast<double>(x);
    sum += micro_sum;
    outcome.last_micro_loss = micro_valid > 0 ? micro_sum / micro_valid : 0;
    tape_.backward();
    tape_.clear();
  }
  outcome.loss = outcome.valid_targets > 0 ? sum / static_cast<double>(outcome.valid_targets) : 0;
  if (!std::isfinite(outcome.loss)) return not_finite("loss");
  if (hooks_.schedule) multiplier_ = hooks_.schedule(optimizer_, state_.step, progress_.share);
  LATHE_TRY_STATUS(optimizer_.average_gradients());
  float clip = 1;
  if (settings_.grad_clip > 0) clip = optim::clip_factor(optimizer_.gradient_norm(ctx_), settings_.grad_clip);
  optimizer_.step(ctx_, clip);
  ++state_.step;
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
  const bool saves = settings_.save && (last || (settings_.save_every > 0 && step > 0 && step % settings_.save_every == 0 && step != settings_.resume_from_step));
  if (saves) LATHE_TRY_STATUS(save());
  bool validated = false;
  if (hooks_.validate && (due(settings_.eval_every) || (last && settings_.eval_at_end))) {
    LATHE_TRY(const double bpb, hooks_.validate(step));
    validated = true;
    state_.val_bpb = bpb;
    state_.min_val_bpb = std::min(state_.min_val_bpb.value_or(bpb), bpb);
    print(format_text("Step %05lld | Validation bpb: %.6f", static_cast<long long>(step), bpb));
    Json values = Json::object();
    values["val/bpb"] = bpb;
    LATHE_TRY_STATUS(log_metrics(step, std::move(values)));
  }
  if (hooks_.sample && step > 0 && due(settings_.sample_every)) LATHE_TRY_STATUS(hooks_.sample(step));
  if (saves && validated) {
    meta_.val_bpb = state_.val_bpb;
    meta_.loop_state = state_.to_json();
    LATHE_TRY_STATUS(update_meta(run_, meta_));
  }
  return {};
}

double Loop::step_tokens() const {
  return static_cast<double>(settings_.accumulation * settings_.batch * settings_.sequence_len * world_.size());
}

Status Loop::log_metrics(int64_t step, Json values) const {
  if (!hooks_.log) return {};
  values["total_training_flops"] = settings_.flops_per_token * step_tokens() * static_cast<double>(step);
  values["total_training_time"] = state_.total_training_time;
  return hooks_.log(step, values);
}

std::string Loop::step_line(double loss, double multiplier, double seconds) const {
  const double tokens = step_tokens();
  const int64_t n = settings_.num_iterations, done = state_.step - 1;
  std::string line = n > 0 ? format_text("step %05lld/%05lld (%.2f%%)", static_cast<long long>(done), static_cast<long long>(n),
                                         100.0 * static_cast<double>(done) / static_cast<double>(n))
                           : format_text("step %05lld (%.2f%%)", static_cast<long long>(done), 100.0 * std::max(progress_.share, 0.0));
  const double mfu = settings_.peak_flops > 0 ? 100 * settings_.flops_per_token * tokens / seconds / settings_.peak_flops : 0;
  line += format_text(" | loss: %.6f | lrm: %.2f | dt: %.2fms | tok/sec: %s | mfu: %.2f | epoch: %lld | total time: %.2fm", loss, multiplier,
                      seconds * 1000, with_thousands(static_cast<int64_t>(tokens / seconds)).c_str(), mfu,
                      static_cast<long long>(progress_.epoch), state_.total_training_time / 60);
  if (n > 0 && done > kUntimedSteps)
    line += format_text(" | eta: %.1fm", state_.total_training_time / static_cast<double>(done - kUntimedSteps) * static_cast<double>(n - done) / 60);
  return line;
}

Result<LoopResult> Loop::run(const std::function<bool()>& stop) {
  LATHE_TRY_STATUS(reserve_memory());
  LoopResult result;
  std::vector<double> step_seconds;
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
    const double start = clock_.seconds();
    LATHE_TRY(const StepOutcome outcome, train_step());
    ended = progress_.ended;
    const double seconds = std::max(clock_.seconds() - start, 1e-9);
    const int64_t index = state_.step - 1;
    if (index > kUntimedSteps) state_.total_training_time += seconds;
    step_seconds.push_back(seconds);
    state_.smooth_loss = kSmooth * state_.smooth_loss + (1 - kSmooth) * outcome.last_micro_loss;
    const double debiased = state_.smooth_loss / (1 - std::pow(kSmooth, static_cast<double>(state_.step)));
    result.last_loss = outcome.loss;
    result.smooth_loss = debiased;
    print(step_line(debiased, multiplier_, seconds));
    if (settings_.log_every > 0 && index % settings_.log_every == 0) {
      const double tokens = step_tokens();
      Json values = Json::object();
      values["train/loss"] = debiased;
      values["train/lrm"] = multiplier_;
      values["train/dt"] = seconds;
      values["train/tok_per_sec"] = tokens / seconds;
      values["train/mfu"] = settings_.peak_flops > 0 ? 100 * settings_.flops_per_token * tokens / seconds / settings_.peak_flops : 0.0;
      values["train/epoch"] = progress_.epoch;
      LATHE_TRY_STATUS(log_metrics(index, std::move(values)));
    }
  }
  result.state = state_;
  result.step_ms_p50 = 1000 * median(step_seconds);
  result.tokens_per_second = result.step_ms_p50 > 0 ? 1000 * step_tokens() / result.step_ms_p50 : 0;
  result.arena_bytes = ctx_.arena().peak_bytes();
  return result;
}

}  // namespace lathe::train
