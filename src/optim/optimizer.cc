#include "optim/optimizer.h"

#include <set>

#include "core/check.h"

namespace lathe::optim {

Optimizer::Optimizer(std::vector<ParamGroup> groups, OptimizerOptions options, dist::Communicator* communicator)
    : groups_(std::move(groups)), options_(options), communicator_(communicator) {
  std::set<const Parameter*> seen;
  std::set<std::pair<int64_t, int64_t>> shapes;
  for (const ParamGroup& group : groups_) {
    GroupState& state = states_.emplace_back();
    for (Parameter* p : group.parameters) {
      require(seen.insert(p).second, "[optimizer] ", p->name, " is in two groups");
      parameters_.push_back(p);
    }
    if (group.kind == GroupKind::kMuon) {
      state.muon = make_muon_state(group);
      const Shape shape = group.parameters.front()->value.shape();
      require(shapes.emplace(shape[0], shape[1]).second, "[optimizer] two Muon groups of shape ", shape);
    } else if (group.kind == GroupKind::kLion) {
      for (const Parameter* p : group.parameters)
        state.lion.push_back(Tensor::zeros(p->value.shape(), DType::kFloat32, p->value.device()));
    } else {
      for (const Parameter* p : group.parameters) state.adamw.push_back(make_adamw_state(*p, group.kind));
    }
  }
}

void Optimizer::set_lr_multiplier(double multiplier) {
  for (ParamGroup& group : groups_) group.lr = group.initial_lr * multiplier;
}

void Optimizer::set_muon(double momentum, double weight_decay) {
  for (ParamGroup& group : groups_)
    if (group.kind == GroupKind::kMuon) group.momentum = momentum, group.weight_decay = weight_decay;
}

Status Optimizer::average_gradients() {
  if (communicator_ == nullptr || communicator_->size() == 1) return {};
  std::vector<float> present;
  for (const Parameter* p : parameters_) present.push_back(p->has_grad ? 1.0f : 0.0f);
  LATHE_TRY_STATUS(communicator_->all_reduce(present.data(), static_cast<int64_t>(present.size()),
                                             dist::ElementType::kFloat32, dist::Reduction::kMax));
  for (size_t i = 0; i < parameters_.size(); ++i) {
    Parameter& p = *parameters_[i];
    if (present[i] == 0.0f) continue;
    if (!p.has_grad) p.grad.fill_zero();
    p.has_grad = true;
    LATHE_TRY_STATUS(communicator_->all_reduce(p.grad.raw(), p.grad.elements(), dist::ElementType::kFloat32,
                                               dist::Reduction::kMean));
  }
  return {};
}

double Optimizer::gradient_norm(ops::Context& ctx) const { return optim::gradient_norm(ctx, parameters_); }

void Optimizer::step(ops::Context& ctx, float grad_scale) {
  for (size_t i = 0; i < groups_.size(); ++i) {
    if (groups_[i].kind == GroupKind::kMuon)
      muon_step(ctx, groups_[i], states_[i].muon, options_.muon_form, options_.muon_precision, grad_scale);
    else if (groups_[i].kind == GroupKind::kLion)
      lion_step(ctx, groups_[i], states_[i].lion, grad_scale);
    else
      adamw_step(ctx, groups_[i], states_[i].adamw, grad_scale);
  }
  zero_grad();
}

void Optimizer::zero_grad() {
  for (Parameter* p : parameters_) p->has_grad = false;
}

}  // namespace lathe::optim
