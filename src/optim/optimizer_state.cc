// The optimizer's state as named tensors and JSON, and back.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

#include "core/check.h"
#include "optim/optimizer.h"

namespace lathe::optim {
namespace {

struct Field {
  const char* key;
  double ParamGroup::*member;
  double low, high;  // allowed, both included
};
constexpr Field kFields[] = {{"lr", &ParamGroup::lr, 0, 1e6},
                             {"initial_lr", &ParamGroup::initial_lr, 0, 1e6},
                             {"weight_decay", &ParamGroup::weight_decay, 0, 1e6},
                             {"beta1", &ParamGroup::beta1, 0, 1},
                             {"beta2", &ParamGroup::beta2, 0, 1},
                             {"eps", &ParamGroup::eps, 0, 1},
                             {"momentum", &ParamGroup::momentum, 0, 1}};

bool counts_steps(const ParamGroup& group) { return group.kind == GroupKind::kAdamW || group.kind == GroupKind::kAdamW8; }

std::string shape_suffix(const ParamGroup& group) {
  const Tensor& value = group.parameters.front()->value;
  return join_text(value.dim(0), "x", value.dim(1));
}

// Writes the settings of `json` into `group`, whose parameters stay.
Status read_group(const Json& json, const std::string& where, ParamGroup& group) {
  if (!json.is_object()) return error_at(where, -1, "must be an object");
  const Json* kind = json.find("kind");
  if (kind == nullptr || !kind->is_string()) return error_at(where, -1, "has no kind");
  constexpr GroupKind kKinds[] = {GroupKind::kAdamW, GroupKind::kMuon, GroupKind::kAdamW8, GroupKind::kLion};
  if (std::none_of(std::begin(kKinds), std::end(kKinds), [&](GroupKind k) { return kind->as_string() == group_kind_name(k); }))
    return error_at(where, -1, "unknown kind \"", kind->as_string(), "\"; adamw, adamw8bit, lion and muon are known");
  if (kind->as_string() != group_kind_name(group.kind))
    return error_at(where, -1, "is of kind ", kind->as_string(), " in the checkpoint, here it is ",
                    group_kind_name(group.kind));
  const Json* names = json.find("params");
  if (names == nullptr || !names->is_array()) return error_at(where, -1, "has no list params");
  if (names->size() != group.parameters.size())
    return error_at(where, -1, "holds ", names->size(), " parameters in the checkpoint, here ",
                    group.parameters.size());
  for (size_t i = 0; i < names->size(); ++i)
    if (!names->at(i).is_string() || names->at(i).as_string() != group.parameters[i]->name)
      return error_at(where, -1, "parameter ", i, " is ", names->at(i).dump(), " in the checkpoint, here ",
                      group.parameters[i]->name);
  for (const Field& field : kFields) {
    const Json* value = json.find(field.key);
    if (value == nullptr && group.kind == GroupKind::kMuon && field.member == &ParamGroup::beta2) {
      group.beta2 = 0;  // row C-4.22
      continue;
    }
    if (value == nullptr || !value->is_number()) return error_at(where, -1, "has no number ", field.key);
    const double number = value->as_double();
    if (!(number >= field.low && number <= field.high))
      return error_at(where, -1, field.key, " is ", number, ", must be ", field.low, " to ", field.high);
    group.*field.member = number;
  }
  const Json* ns_steps = json.find("ns_steps");
  if (ns_steps == nullptr || !ns_steps->is_int() || ns_steps->as_int() < 0)
    return error_at(where, -1, "has no count ns_steps");
  group.ns_steps = ns_steps->as_int();
  return {};
}

Result<std::vector<int64_t>> read_steps(const Json& json, const std::string& where, size_t count) {
  const Json* steps = json.find("steps");
  if (steps == nullptr || !steps->is_array() || steps->size() != count)
    return error_at(where, -1, "has no list of ", count, " step counts");
  std::vector<int64_t> out;
  for (const Json& step : steps->as_array()) {
    if (!step.is_int() || step.as_int() < 0) return error_at(where, -1, "step count ", step.dump(), " is no count");
    out.push_back(step.as_int());
  }
  return out;
}

}  // namespace

Optimizer::NamedTensors Optimizer::state_tensors() const {
  NamedTensors tensors;
  for (size_t g = 0; g < groups_.size(); ++g) {
    const ParamGroup& group = groups_[g];
    if (group.kind == GroupKind::kMuon) {
      tensors.emplace_back("muon.momentum." + shape_suffix(group), states_[g].muon.momentum);
      tensors.emplace_back("muon.second_moment." + shape_suffix(group), states_[g].muon.second_moment);
      continue;
    }
    const std::string rule = std::string(group_kind_name(group.kind)) + ".";
    for (size_t i = 0; i < group.parameters.size(); ++i) {
      const std::string& name = group.parameters[i]->name;
      if (group.kind == GroupKind::kLion) {
        tensors.emplace_back(rule + "m." + name, states_[g].lion[i]);
        continue;
      }
      const AdamwState& state = states_[g].adamw[i];
      tensors.emplace_back(rule + "m." + name, state.m);
      tensors.emplace_back(rule + "v." + name, state.v);
      if (!state.m_scale) continue;
      tensors.emplace_back(rule + "m_scale." + name, state.m_scale);
      tensors.emplace_back(rule + "v_scale." + name, state.v_scale);
    }
  }
  return tensors;
}

Json Optimizer::metadata() const {
  Json groups = Json::array();
  for (size_t g = 0; g < groups_.size(); ++g) {
    const ParamGroup& group = groups_[g];
    Json json = Json::object();
    json["kind"] = group_kind_name(group.kind);
    for (const Field& field : kFields) json[field.key] = group.*field.member;
    json["ns_steps"] = group.ns_steps;
    json["params"] = Json::array();
    for (const Parameter* p : group.parameters) json["params"].push_back(p->name);
    if (counts_steps(group)) {
      json["steps"] = Json::array();
      for (const AdamwState& state : states_[g].adamw) json["steps"].push_back(state.step);
    }
    groups.push_back(std::move(json));
  }
  Json out = Json::object();
  out["groups"] = std::move(groups);
  return out;
}

Status Optimizer::load(const Json& metadata, const NamedTensors& tensors) {
  const Json* list = metadata.find("groups");
  if (list == nullptr || !list->is_array()) return error_at("optimizer", -1, "has no list groups");
  if (list->size() != groups_.size())
    return error_at("optimizer", -1, "the checkpoint has ", list->size(), " parameter groups, this run has ",
                    groups_.size());
  std::vector<ParamGroup> groups = groups_;
  std::vector<std::vector<int64_t>> steps(groups.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    const std::string where = join_text("optimizer.groups[", g, "]");
    LATHE_TRY_STATUS(read_group(list->at(g), where, groups[g]));
    if (counts_steps(groups[g])) {
      LATHE_TRY(steps[g], read_steps(list->at(g), where, groups[g].parameters.size()));
    }
  }
  std::map<std::string_view, const Tensor*> by_name;
  for (const auto& [name, tensor] : tensors) by_name[name] = &tensor;
  const NamedTensors mine = state_tensors();
  for (const auto& [name, tensor] : mine) {
    const auto found = by_name.find(name);
    if (found == by_name.end()) return error_at(name, -1, "is missing in the optimizer's checkpoint");
    const Tensor& other = *found->second;
    if (other.shape() != tensor.shape() || other.dtype() != tensor.dtype())
      return error_at(name, -1, "is ", other.shape(), " ", dtype_name(other.dtype()), " in the checkpoint, expected ",
                      tensor.shape(), " ", dtype_name(tensor.dtype()));
  }

  for (const auto& [name, tensor] : mine) tensor.copy_from(*by_name.at(name));
  groups_ = std::move(groups);
  for (size_t g = 0; g < steps.size(); ++g)
    for (size_t i = 0; i < steps[g].size(); ++i) states_[g].adamw[i].step = steps[g][i];
  return {};
}

}  // namespace lathe::optim
