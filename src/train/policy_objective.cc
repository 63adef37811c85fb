#include "train/policy_objective.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/check.h"
#include "core/rng.h"
#include "core/text.h"
#include "train/plan.h"

namespace lathe::train {
namespace {

constexpr int64_t kMostAnswers = int64_t{1} << 20;

int64_t position_limit(const model::ModelConfig& config) {
  return config.positions == model::Positions::kRope ? config.table_length() : config.sequence_len;
}

Tensor ids_of(std::vector<int32_t>& ids) {
  return Tensor::borrow(ids.data(), {static_cast<int64_t>(ids.size())}, DType::kInt32);
}

}  // namespace

Status PolicyOptions::validate(int64_t world_size) const {
  if (examples_per_step < 1 || examples_per_step % world_size != 0)
    return error("--examples-per-step ", examples_per_step, " must be a multiple of the ", world_size, " ranks");
  if (num_samples < 1 || device_batch_size < 1) return error("--num-samples and --device-batch-size must be 1 or more");
  if (num_samples > kMostAnswers / examples_per_step)
    return error("--num-samples ", num_samples, " of --examples-per-step ", examples_per_step, " are more than ", kMostAnswers, " answers, the most of one step");
  if (num_samples % device_batch_size != 0)
    return error("--num-samples ", num_samples, " must be a multiple of --device-batch-size ", device_batch_size,
                 ": each pass takes that many answers to one problem");
  if (num_samples < 2) return error("--num-samples 1 can teach nothing: an answer is compared with the others to its problem");
  if (max_new_tokens < 1 || rollout_rows < 1) return error("--max-new-tokens and --rollout-rows must be 1 or more");
  if (!(temperature > 0)) return error("--temperature must be above 0: without chance all answers are alike");
  if (inner_epochs < 1) return error("--inner-epochs must be 1 or more");
  if (!(clip >= 0 && clip < 1)) return error("--clip must lie in [0, 1)");
  if (inner_epochs > 1 && clip == 0)
    return error("--inner-epochs ", inner_epochs, " needs --clip (0.2 is usual): later updates train on answers of an older model");
  if (!(kl >= 0) || !std::isfinite(kl)) return error("--kl must be 0 or more");
  if (!std::isfinite(length_penalty)) return error("--length-penalty must be a number");
  return {};
}

PolicyObjective::PolicyObjective(model::Transformer& model, const tokenizer::Tokenizer& tokenizer,
                                 const tasks::ProblemSet& problems, const PolicyOptions& options, ReferencePolicy reference,
                                 std::function<void(const std::string&)> print)
    : model_(model),
      problems_(problems),
      options_(options),
      reference_(std::move(reference)),
      print_(std::move(print)),
      inference_(model),
      engine_(inference_, tokenizer),
      padding_(tokenizer.find_special(tokenizer::kAssistantEnd).value_or(tokenizer.find_bos().value_or(0))) {
  require(options_.kl == 0 || reference_.model != nullptr, "[policy_objective] a KL term without a reference");
  for (int64_t i = 0; i < problems_.size(); ++i)
    longest_prompt_ = std::max(longest_prompt_, static_cast<int64_t>(problems_.prompt(i).size()));
}

// Row C-9.3: rank r answers examples r, r + W, ... of an endless cycle through the problems.
Result<std::vector<infer::Rollout>> PolicyObjective::sample(const StepScope& scope) {
  std::vector<infer::RolloutRequest> requests;
  for (int64_t i = scope.world.rank(); i < options_.examples_per_step; i += scope.world.size()) {
    const int64_t number = steps_drawn_ * options_.examples_per_step + i;
    requests.push_back({number % problems_.size(), number});
  }
  infer::RolloutOptions rollout;
  rollout.num_samples = options_.num_samples;
  rollout.max_new_tokens = options_.max_new_tokens;
  rollout.sampling.temperature = options_.temperature;
  rollout.sampling.top_k = options_.top_k;
  rollout.sampling.seed = scope.seed;
  rollout.rows = options_.rollout_rows;
  rollout.log_probs = true;
  return infer::roll_out(engine_, problems_, requests, rollout);
}

void PolicyObjective::make_passes(const std::vector<infer::Rollout>& rollouts, int64_t examples) {
  passes_.clear();
  const auto samples = static_cast<size_t>(options_.num_samples), rows = static_cast<size_t>(options_.device_batch_size);
  const int64_t passes = options_.num_samples / options_.device_batch_size;
  for (int64_t example = 0; example < examples; ++example) {
    const std::span<const infer::Rollout> answers = std::span(rollouts).subspan(static_cast<size_t>(example) * samples, samples);
    std::vector<double> rewards;
    for (const infer::Rollout& answer : answers) {
      const double used = static_cast<double>(answer.answer_length()) / static_cast<double>(options_.max_new_tokens);
      rewards.push_back(answer.reward - options_.length_penalty * used);
    }
    const std::vector<double> advantage = advantages(rewards, options_.advantage);
    tally_.flat_examples += std::all_of(advantage.begin(), advantage.end(), [](double a) { return a == 0; });
    for (int64_t p = 0; p < passes; ++p) {
      const size_t begin = static_cast<size_t>(p) * rows;
      PolicyPass pass = make_pass(answers.subspan(begin, rows), std::span(advantage).subspan(begin, rows), padding_, options_.train_stop);
      pass.example = example;
      pass.index = p;
      pass.divisor = static_cast<double>(std::max<int64_t>(pass.valid, 1) * passes * examples);
      passes_.push_back(std::move(pass));
    }
  }
}

Status PolicyObjective::prepare(StepScope& scope) {
  const double start = scope.clock.seconds();
  LATHE_TRY(const std::vector<infer::Rollout> rollouts, sample(scope));
  ++steps_drawn_;
  use(rollouts, scope.clock.seconds() - start);
  if (options_.kl > 0) {
    if (reference_.switch_adapters) reference_.switch_adapters(false);
    for (PolicyPass& pass : passes_) score_reference(scope, pass);
    if (reference_.switch_adapters) reference_.switch_adapters(true);
  }
  return {};
}

void PolicyObjective::use(const std::vector<infer::Rollout>& rollouts, double seconds) {
  const int64_t examples = static_cast<int64_t>(rollouts.size()) / options_.num_samples;
  tally_ = {};
  tally_.seconds = seconds;
  tally_.examples = static_cast<double>(examples);
  log_prob_difference_ = 0;
  for (const infer::Rollout& rollout : rollouts) {
    tally_.reward += rollout.reward;
    tally_.length += static_cast<double>(rollout.length());
    tally_.completed += rollout.completed;
    tally_.sampled_tokens += static_cast<double>(rollout.answer_length() + rollout.completed);
    tally_.rows += 1;
  }
  const auto first = rollouts.begin(), end = first + std::min<int64_t>(options_.num_samples, std::ssize(rollouts));
  const auto [low, high] = std::minmax_element(first, end, [](const infer::Rollout& a, const infer::Rollout& b) { return a.reward < b.reward; });
  shown_.clear();
  if (high != end) shown_.push_back(*high);
  if (low != end && low->reward < high->reward) shown_.push_back(*low);
  make_passes(rollouts, examples);
}

void PolicyObjective::score_reference(StepScope& scope, PolicyPass& pass) {
  autograd::Tape tape(scope.ctx, false);
  model::Batch batch;
  batch.ids = ids_of(pass.inputs);
  batch.batch = pass.rows;
  const Tensor nll = reference_.model->loss(tape, reference_.model->forward(tape, batch), ids_of(pass.targets), Tensor());
  pass.reference.resize(pass.inputs.size());
  for (size_t n = 0; n < pass.reference.size(); ++n) pass.reference[n] = -nll.data<float>()[n];
}

Status PolicyObjective::run_pass(StepScope& scope, int64_t update, PolicyPass& pass, StepOutcome& outcome) {
  PolicyLoss loss;
  if (options_.clip > 0) loss.clip = options_.clip;
  loss.kl = options_.kl;
  const double before = figures_.loss;
  // Answers that are all as good as each other teach nothing, but count in the divisor (row C-9.21).
  if (!pass.has_signal() && options_.kl == 0) {
    if (update == 0) print_pass(scope, pass, 0);
    return {};
  }
  const auto size = static_cast<int64_t>(pass.inputs.size());
  factor_.resize(pass.inputs.size());
  log_probs_.resize(pass.inputs.size());
  model::Batch batch;
  batch.ids = ids_of(pass.inputs);
  batch.batch = pass.rows;
  batch.training = true;
  batch.dropout_key = rng_key(scope.seed, "dropout");
  const int64_t call = ((scope.step * options_.inner_epochs + update) * options_.examples_per_step + pass.example) * options_.num_samples + pass.index;
  batch.dropout_call = static_cast<uint64_t>(call * scope.world.size() + scope.world.rank());
  autograd::Var hidden;
  {
    const TimedPart part(scope.clock, scope.split.forward, scope.ctx, "forward");
    hidden = model_.forward(scope.tape, batch);
  }
  const auto take_log_probs = [&](const Tensor& nll) {
    for (size_t n = 0; n < log_probs_.size(); ++n) log_probs_[n] = -nll.data<float>()[n];
  };
  const Tensor factor = Tensor::borrow(factor_.data(), {size}, DType::kFloat32);
  {
    const TimedPart part(scope.clock, scope.split.head, scope.ctx, "head");
    const bool needs_log_probs = loss.clip || loss.kl > 0;
    if (needs_log_probs) {  // the factors depend on them, so the head runs twice
      autograd::Tape quiet(scope.ctx, false);
      take_log_probs(model_.loss(quiet, quiet.constant(hidden.value), ids_of(pass.targets), Tensor()));
      policy_loss(pass, loss, log_probs_, factor_, figures_);
    } else {
      reinforce_factors(pass, factor_);
    }
    const Tensor nll = model_.loss(scope.tape, hidden, ids_of(pass.targets), factor);
    if (!needs_log_probs) {
      take_log_probs(nll);
      policy_loss(pass, loss, log_probs_, factor_, figures_);  // for the loss; the gradients are taken
    }
  }
  const TimedPart part(scope.clock, scope.split.backward, scope.ctx, "backward");
  scope.tape.backward();
  scope.tape.clear();
  outcome.tokens += size;
  outcome.last_micro_loss = figures_.loss - before;
  if (update == 0) {
    for (size_t n = 0; n < pass.old_log_probs.size(); ++n)
      if (pass.targets[n] >= 0)
        log_prob_difference_ = std::max(log_prob_difference_, std::abs(static_cast<double>(log_probs_[n]) - static_cast<double>(pass.old_log_probs[n])));
    print_pass(scope, pass, figures_.loss - before);
  }
  return {};
}

void PolicyObjective::print_pass(const StepScope& scope, const PolicyPass& pass, double loss) const {
  if (!print_) return;
  print_(format_text("Step %lld | example %lld | pass %lld | loss: %.6f | average reward: %.4f", static_cast<long long>(scope.step),
                     static_cast<long long>(pass.example), static_cast<long long>(pass.index), loss, pass.mean_reward));
}

Result<StepOutcome> PolicyObjective::gradients(StepScope& scope, int64_t update) {
  StepOutcome outcome;
  figures_ = {};
  for (PolicyPass& pass : passes_) {
    LATHE_TRY_STATUS(run_pass(scope, update, pass, outcome));
    outcome.valid_targets += pass.valid;
  }
  outcome.loss = outcome.last_micro_loss = figures_.loss;
  LATHE_TRY_STATUS(add_figures(scope, outcome));
  return outcome;
}

// Row C-9.15: means over all ranks. The roll-outs are the same for all updates; divergence and clipping are of this one.
Status PolicyObjective::add_figures(StepScope& scope, StepOutcome& outcome) const {
  std::array<double, 10> sums = {tally_.reward, tally_.length, tally_.completed, tally_.rows, tally_.sampled_tokens, tally_.flat_examples,
                                 tally_.examples, static_cast<double>(outcome.tokens), figures_.kl, static_cast<double>(outcome.valid_targets)};
  LATHE_TRY_STATUS(scope.world.all_reduce(sums.data(), sums.size(), dist::ElementType::kFloat64, dist::Reduction::kSum));
  outcome.tokens = static_cast<int64_t>(sums[7]);
  const double rows = std::max(sums[3], 1.0);
  outcome.figures = {{"reward", sums[0] / rows},
                     {"sequence_length", sums[1] / rows},
                     {"rl/completed", sums[2] / rows},
                     {"rl/examples_without_signal", sums[5] / std::max(sums[6], 1.0)},
                     {"rl/log_prob_difference", log_prob_difference_},
                     {"rl/rollout_seconds", tally_.seconds},
                     {"rl/rollout_tok_per_sec", sums[4] / std::max(tally_.seconds, 1e-9)}};
  if (options_.kl > 0) outcome.figures.emplace_back("rl/kl", sums[8] / std::max(sums[9], 1.0));
  if (options_.clip > 0) outcome.figures.emplace_back("rl/clipped", static_cast<double>(figures_.clipped) / std::max(sums[9], 1.0));
  outcome.line = format_text(" | reward: %.2f | sequence length: %.2f", sums[0] / rows, sums[1] / rows);
  return {};
}

int64_t PolicyObjective::activation_bytes() const {
  const int64_t columns = std::min(longest_prompt_ + options_.max_new_tokens, position_limit(model_.config()));
  return train::activation_bytes(model_.config(), model_.dtype(), options_.device_batch_size, columns, model_.recompute());
}

int64_t PolicyObjective::step_tokens() const {
  return options_.examples_per_step * options_.num_samples * std::min(longest_prompt_ + options_.max_new_tokens, position_limit(model_.config()));
}

// Steps drawn so far are the position: after a rewind of the loop they go on, with other problems and draws than those that led
// to it. What the problems are is remembered to be compared.
Json PolicyObjective::state() const {
  Json out = Json::object();
  out["steps_drawn"] = steps_drawn_;
  out["problems"] = problems_.size();
  out["fingerprint"] = problems_.fingerprint();
  return out;
}

Status PolicyObjective::restore(const Json& state) {
  if (state.get_string("fingerprint", "") == problems_.fingerprint()) {
    steps_drawn_ = state.get_int("steps_drawn", 0);
    return steps_drawn_ >= 0 ? Status() : Status(error("steps_drawn is ", steps_drawn_));
  }
  return error("the problems are others than those of the checkpoint (", problems_.size(), " now, ", state.get_int("problems", 0),
               " then); give the same --data and --task, or start anew");
}

}  // namespace lathe::train
