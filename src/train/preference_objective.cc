#include "train/preference_objective.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/log.h"
#include "core/sha256.h"
#include "train/plan.h"

namespace lathe::train {
namespace {

constexpr int64_t kValidationRows = 16;

// The adapter is off within its life.
class Off {
 public:
  explicit Off(model::Adapter& adapter) : adapter_(adapter) { adapter_.set_enabled(false); }
  ~Off() { adapter_.set_enabled(true); }
  Off(const Off&) = delete;
  Off& operator=(const Off&) = delete;

 private:
  model::Adapter& adapter_;
};

}  // namespace

PairLogps pair_logps(const data::EncodedPair& pair, const AnswerSums& policy, const AnswerSums& reference) {
  return {{double{policy.chosen}, double{reference.chosen}, std::ssize(pair.chosen)},
          {double{policy.rejected}, double{reference.rejected}, std::ssize(pair.rejected)}};
}

PreferenceObjective::PreferenceObjective(model::Transformer& model, std::vector<PreferenceSet> sets,
                                         data::MixedSampler sampler, PreferenceReference reference,
                                         std::vector<autograd::Parameter*> trained, const PreferenceOptions& options)
    : model_(model),
      sets_(std::move(sets)),
      sampler_(std::move(sampler)),
      reference_(std::move(reference)),
      trained_(std::move(trained)),
      options_(options) {
  require(sets_.size() == sampler_.sources().size(), "[PreferenceObjective] ", sets_.size(), " sets, ",
          sampler_.sources().size(), " sources");
  for (size_t i = 0; i < sets_.size(); ++i)
    require(std::ssize(sets_[i].pairs) == sampler_.sources()[i].size, "[PreferenceObjective] set ", i,
            " has another size than its source");
  require(!options_.loss.needs_reference() || !reference_.sums.empty() || reference_.adapter != nullptr,
          "[PreferenceObjective] the loss needs a reference");
  if (!reference_.sums.empty())
    for (size_t i = 0; i < sets_.size(); ++i)
      require(reference_.sums.size() == sets_.size() && reference_.sums[i].size() == sets_[i].pairs.size(),
              "[PreferenceObjective] reference of other pairs");
  for (const autograd::Parameter* p : trained_) {
    start_.push_back(Tensor::empty(p->value.shape(), p->value.dtype()));
    start_.back().copy_from(p->value);
  }
}

int64_t PreferenceObjective::activation_bytes() const {
  int64_t longest = 2;
  for (const PreferenceSet& set : sets_) longest = std::max(longest, set.longest());
  return train::activation_bytes(model_.config(), model_.dtype(), 2 * options_.pairs, longest - 1, model_.recompute());
}

int64_t PreferenceObjective::step_tokens() const {
  int64_t tokens = 0, pairs = 0;
  for (const PreferenceSet& set : sets_) {
    pairs += std::ssize(set.pairs);
    for (const data::EncodedPair& pair : set.pairs) tokens += 2 * pair.longest();
  }
  return tokens / std::max<int64_t>(1, pairs) * options_.pairs * options_.accumulation * world_;
}

StageProgress PreferenceObjective::progress() const {
  int64_t pairs = 0;
  for (const PreferenceSet& set : sets_) pairs += std::ssize(set.pairs);
  StageProgress progress;
  progress.epoch = 1 + taken_ / std::max<int64_t>(1, pairs);
  return progress;
}

Status PreferenceObjective::prepare(StepScope& scope) {
  const TimedPart part(scope.clock, scope.split.data, scope.ctx, "data");
  world_ = scope.world.size();
  const int64_t own = options_.pairs * options_.accumulation;
  std::vector<Taken> taken;
  std::vector<const data::EncodedPair*> pairs;
  for (int64_t i = 0; i < own; ++i) {
    const data::MixedSample sample = sampler_.at(taken_ + scope.world.rank() * own + i);
    const auto set = static_cast<size_t>(sample.source), index = static_cast<size_t>(sample.index);
    taken.push_back({&sets_[set].pairs[index], reference_.sums.empty() ? AnswerSums{} : reference_.sums[set][index]});
    pairs.push_back(taken.back().pair);
  }
  step_pairs_.clear();
  for (const int64_t i : by_length(pairs)) step_pairs_.push_back(taken[static_cast<size_t>(i)]);
  taken_ += own * world_;
  return {};
}

std::vector<AnswerSums> PreferenceObjective::reference_of(std::span<const Taken> taken, PairBatch& batch,
                                                          StepScope& scope) {
  if (by_adapter()) {
    const Off off(*reference_.adapter);
    autograd::Tape tape(scope.ctx, false);
    const autograd::Var hidden = model_.forward(tape, batch.batch());
    return batch.sums(model_.loss(tape, hidden, batch.targets(), Tensor()));
  }
  std::vector<AnswerSums> sums;
  for (const Taken& one : taken) sums.push_back(one.reference);
  return sums;
}

Result<StepOutcome> PreferenceObjective::gradients(StepScope& scope, int64_t) {
  const auto all = static_cast<double>(step_pairs_.size());
  PreferenceFigures figures;
  StepOutcome outcome;
  int64_t padding = 0, tokens = 0;
  for (int64_t m = 0; m < options_.accumulation; ++m) {
    const std::span<const Taken> taken =
        std::span(step_pairs_).subspan(static_cast<size_t>(m * options_.pairs), static_cast<size_t>(options_.pairs));
    std::vector<const data::EncodedPair*> pairs;
    for (const Taken& one : taken) pairs.push_back(one.pair);
    PairBatch batch(pairs);
    std::vector<AnswerSums> reference, policy;
    autograd::Var hidden;
    {
      const TimedPart part(scope.clock, scope.split.forward, scope.ctx, "forward");
      reference = reference_of(taken, batch, scope);
      hidden = model_.forward(scope.tape, batch.batch());
    }
    std::vector<double> by_chosen, by_rejected;
    double sum = 0;
    {
      const TimedPart part(scope.clock, scope.split.head, scope.ctx, "head");
      autograd::Tape silent(scope.ctx, false);
      policy = batch.sums(model_.loss(silent, silent.constant(hidden.value), batch.targets(), Tensor()));
      for (size_t i = 0; i < taken.size(); ++i) {
        const PairLogps logps = pair_logps(*taken[i].pair, policy[i], reference[i]);
        const PairLoss loss = preference_loss(logps, options_.loss);
        figures.add(logps, loss, options_.loss.needs_reference());
        sum += loss.loss;
        by_chosen.push_back(loss.d_chosen / all);
        by_rejected.push_back(loss.d_rejected / all);
      }
      model_.loss(scope.tape, hidden, batch.targets(), batch.factors(by_chosen, by_rejected));
    }
    hidden = {};
    outcome.last_micro_loss = sum / static_cast<double>(taken.size());
    outcome.valid_targets += batch.answer_tokens();
    tokens += batch.tokens();
    padding += batch.padding();
    const TimedPart part(scope.clock, scope.split.backward, scope.ctx, "backward");
    scope.tape.backward();
    scope.tape.clear();
  }
  std::vector<double> sums = figures.values();
  sums.push_back(static_cast<double>(tokens));
  LATHE_TRY_STATUS(
      scope.world.all_reduce(sums.data(), std::ssize(sums), dist::ElementType::kFloat64, dist::Reduction::kMean));
  outcome.tokens = std::llround(sums.back() * static_cast<double>(world_));
  sums.pop_back();
  figures.set_values(sums);

  outcome.loss = figures.mean(figures.loss);
  outcome.figures = figures.named("dpo/");
  outcome.figures.emplace_back("dpo/update_norm", update_norm());
  outcome.figures.emplace_back("dpo/padding_share", static_cast<double>(padding) / static_cast<double>(tokens));
  outcome.figures.insert(outcome.figures.end(), validated_.begin(), validated_.end());
  outcome.line = format_text(" | margin: %.4f | accuracy: %.2f",
                             figures.mean(figures.chosen_reward - figures.rejected_reward), figures.accuracy());
  for (const std::string& warning :
       watch_.observe(scope.step, figures.mean(figures.absolute_margin), figures.mean(figures.chosen_ratio)))
    log_warning("dpo", warning);
  return outcome;
}

Result<PreferenceFigures> PreferenceObjective::validate(ops::Context& ctx, const PreferenceSet& held_out) {
  if (held_out.pairs.empty()) return error("there are no held-out pairs");
  const bool needs = options_.loss.needs_reference();
  if (needs && held_out_reference_.empty()) {
    require(reference_.adapter != nullptr, "[PreferenceObjective] no reference for the held-out pairs");
    const Off off(*reference_.adapter);
    held_out_reference_ = score_pairs(model_, ctx, held_out.pairs, kValidationRows);
  }
  const std::vector<AnswerSums> policy = score_pairs(model_, ctx, held_out.pairs, kValidationRows);
  PreferenceFigures figures;
  for (size_t i = 0; i < policy.size(); ++i) {
    const PairLogps logps = pair_logps(held_out.pairs[i], policy[i], needs ? held_out_reference_[i] : AnswerSums{});
    figures.add(logps, preference_loss(logps, options_.loss), needs);
  }
  validated_ = figures.named("val/");
  return figures;
}

double PreferenceObjective::update_norm() const {
  double sum = 0;
  for (size_t i = 0; i < trained_.size(); ++i) {
    const std::span<const float> now = trained_[i]->value.span<float>(), then = start_[i].span<float>();
    for (size_t k = 0; k < now.size(); ++k) {
      const double moved = static_cast<double>(now[k]) - static_cast<double>(then[k]);
      sum += moved * moved;
    }
  }
  return std::sqrt(sum);
}

std::vector<int64_t> PreferenceObjective::tokens_taken() {
  std::vector<int64_t> out = sampler_.counts(taken_);
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<int64_t>(static_cast<double>(out[i]) * static_cast<double>(sets_[i].tokens()) /
                                  static_cast<double>(sets_[i].pairs.size()));
  return out;
}

std::string PreferenceObjective::fingerprint() const {
  std::string text;
  for (size_t i = 0; i < sets_.size(); ++i)
    text += sets_[i].sha256 + " " + shortest_double(sampler_.shares()[i]) + "\n";
  return sha256_hex(text);
}

Json PreferenceObjective::state() const {
  Json out = Json::object();
  out["kind"] = "preferences";
  out["data_sha256"] = fingerprint();
  out["pairs_taken"] = taken_;
  out["watch"] = watch_.state();
  out["validated"] = Json::object();
  for (const auto& [name, value] : validated_) out["validated"][name] = value;
  return out;
}

Status PreferenceObjective::restore(const Json& state) {
  if (!state.is_object() || state.get_string("kind", "") != "preferences")
    return error("is no state of a preference run");
  if (state.get_string("data_sha256", "") != fingerprint())
    return error("the checkpoint was made with other preference pairs, limits or weights; resume with those");
  const int64_t taken = state.get_int("pairs_taken", -1);
  const Json *watch = state.find("watch"), *validated = state.find("validated");
  if (taken < 0 || watch == nullptr || validated == nullptr || !validated->is_object())
    return error("the state of the preference run is not whole");
  LATHE_TRY_STATUS(watch_.restore(*watch));
  taken_ = taken;
  validated_.clear();
  for (const auto& [name, value] : validated->as_object())
    if (value.is_number()) validated_.emplace_back(name, value.as_double());
  return {};
}

}  // namespace lathe::train
