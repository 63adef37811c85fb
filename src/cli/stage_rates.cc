#include "cli/stage_rates.h"

namespace lathe::cli {

Status check_rates(std::initializer_list<std::pair<const char*, double>> rates) {
  for (const auto& [flag, rate] : rates)
    if (!(rate >= 0)) return error_at(flag, -1, "must not be negative, is ", rate);
  return {};
}

Status check(const StageRates& r) {
  return check_rates({{"embedding_lr", r.embedding},
                      {"unembedding_lr", r.unembedding},
                      {"matrix_lr", r.matrix},
                      {"weight_decay", r.weight_decay},
                      {"init_lr_frac", r.init_lr_frac}});
}

std::unique_ptr<optim::Optimizer> make_stage_optimizer(const StageRates& rates, const model::Transformer& model, dist::Communicator* ranks) {
  train::BaseSettings base;
  base.architecture = model.config().family != model::Family::kChat               ? "llama"
                      : model.config().chat_state == model::ChatState::kNewest ? "chat_newest"
                                                                                : "chat";
  base.embedding_lr = rates.embedding * rates.init_lr_frac;
  base.unembedding_lr = rates.unembedding * rates.init_lr_frac;
  base.matrix_lr = rates.matrix * rates.init_lr_frac;
  base.scalar_lr = 0.5 * rates.init_lr_frac;
  base.learning_rate = 3e-4 * rates.init_lr_frac;
  base.muon_dtype = rates.muon_dtype;
  optim::ScalingPlan plan;  // no batch scaling
  plan.weight_decay = rates.weight_decay;
  return train::make_base_optimizer(base, model, plan, ranks);
}

}  // namespace lathe::cli
