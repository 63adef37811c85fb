#include "train/language_objective.h"

#include <algorithm>

#include "core/check.h"
#include "core/rng.h"
#include "train/plan.h"

namespace lathe::train {
namespace {

double count_valid(const data::TokenBatch& batch) {
  return static_cast<double>(std::count_if(batch.targets().begin(), batch.targets().end(), [](int32_t t) { return t >= 0; }));
}

}  // namespace

LanguageObjective::LanguageObjective(model::Transformer& model, data::TokenLoader& loader, const LanguageOptions& options,
                                     std::function<StageProgress()> progress)
    : model_(model),
      loader_(loader),
      options_(options),
      progress_(std::move(progress)),
      batches_(static_cast<size_t>(options.accumulation)),
      columns_(options.sequence_len),
      factor_(Tensor::zeros({options.batch * options.sequence_len}, DType::kFloat32)) {}

int64_t LanguageObjective::activation_bytes() const {
  return train::activation_bytes(model_.config(), model_.dtype(), options_.batch, options_.sequence_len, model_.recompute());
}

int64_t LanguageObjective::step_tokens() const { return options_.accumulation * options_.batch * columns_ * world_; }

Status LanguageObjective::prepare(StepScope& scope) {
  valid_ = 0;
  for (data::TokenBatch& batch : batches_) {
    {
      const TimedPart part(scope.clock, scope.split.data, scope.ctx, "data");
      LATHE_TRY_STATUS(loader_.next(batch));
    }
    // The batches of a curriculum are narrower at first; those of one step are of one width.
    LATHE_CHECK(batch.rows == options_.batch && batch.columns <= options_.sequence_len && batch.columns == batches_[0].columns,
                "a batch of ", batch.rows, " x ", batch.columns);
    valid_ += count_valid(batch);
  }
  columns_ = batches_[0].columns;
  world_ = scope.world.size();
  return scope.world.all_reduce(&valid_, 1, dist::ElementType::kFloat64, dist::Reduction::kMean);
}

Result<StepOutcome> LanguageObjective::gradients(StepScope& scope, int64_t) {
  const int64_t micro = options_.batch * columns_;
  StepOutcome outcome;
  double sum = 0, targets = 0;
  for (int64_t m = 0; m < options_.accumulation; ++m) {
    data::TokenBatch& tokens = batches_[static_cast<size_t>(m)];
    const double micro_valid = count_valid(tokens);
    targets += micro_valid;
    const double divisor =
        options_.normalisation == LossNormalisation::kGlobal ? valid_ : micro_valid * static_cast<double>(options_.accumulation);
    const float factor = divisor > 0 ? static_cast<float>(1.0 / divisor) : 0.0f;  // a fully masked batch adds nothing (trap L1)
    std::fill_n(factor_.data<float>(), micro, factor);

    model::Batch batch;
    batch.ids = Tensor::borrow(tokens.inputs().data(), {micro}, DType::kInt32);
    batch.batch = options_.batch;
    if (!tokens.documents.empty()) batch.documents = Tensor::borrow(tokens.documents.data(), {micro}, DType::kInt32);
    batch.training = true;
    batch.dropout_key = rng_key(scope.seed, "dropout");
    batch.dropout_call = static_cast<uint64_t>((scope.step * options_.accumulation + m) * scope.world.size() + scope.world.rank());
    autograd::Var hidden;
    {
      const TimedPart part(scope.clock, scope.split.forward, scope.ctx, "forward");
      hidden = model_.forward(scope.tape, batch);
    }
    Tensor nll;
    {
      const TimedPart part(scope.clock, scope.split.head, scope.ctx, "head");
      nll = model_.loss(scope.tape, hidden, Tensor::borrow(tokens.targets().data(), {micro}, DType::kInt32),
                        Tensor::borrow(factor_.data<float>(), {micro}, DType::kFloat32));
    }
    double micro_sum = 0;
    for (const float x : nll.span<float>()) micro_sum += static_cast<double>(x);
    sum += micro_sum;
    outcome.last_micro_loss = micro_valid > 0 ? micro_sum / micro_valid : 0;
    const TimedPart part(scope.clock, scope.split.backward, scope.ctx, "backward");
    scope.tape.backward();
    scope.tape.clear();
  }
  outcome.valid_targets = static_cast<int64_t>(targets);
  outcome.tokens = step_tokens();
  outcome.loss = targets > 0 ? sum / targets : 0;
  return outcome;
}

}  // namespace lathe::train
