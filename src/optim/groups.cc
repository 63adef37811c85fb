#include "optim/groups.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>

#include "core/check.h"

namespace lathe::optim {
namespace {

// Where a parameter stands in the order of row C-4.2.
struct Place {
  enum Role { kHead, kEmbedding, kValueEmbeds, kResidLambdas, kX0Lambdas, kSmearAndBackout, kBlock } role;
  int64_t layer = 0, within = 0;
};

// The number after `prefix` and what follows its dot.
std::optional<std::pair<int64_t, std::string_view>> numbered(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  int64_t number = 0;
  const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (code != std::errc() || end == name.data() + name.size() || *end != '.') return std::nullopt;
  return std::pair(number, name.substr(static_cast<size_t>(end + 1 - name.data())));
}

Place place_of(std::string_view name) {
  static constexpr std::string_view kInBlock[] = {"attn.c_q.weight",    "attn.c_k.weight",     "attn.c_v.weight",
                                                  "attn.c_proj.weight", "attn.ve_gate.weight", "mlp.c_fc.weight",
                                                  "mlp.c_proj.weight"};
  static constexpr std::pair<std::string_view, Place> kSingle[] = {
      {"lm_head.weight", {Place::kHead}},
      {"transformer.wte.weight", {Place::kEmbedding}},
      {"resid_lambdas", {Place::kResidLambdas}},
      {"x0_lambdas", {Place::kX0Lambdas}},
      {"smear_gate.weight", {Place::kSmearAndBackout, 0, 0}},
      {"smear_lambda", {Place::kSmearAndBackout, 0, 1}},
      {"backout_lambda", {Place::kSmearAndBackout, 0, 2}}};
  for (const auto& [single, place] : kSingle)
    if (name == single) return place;
  if (const auto table = numbered(name, "value_embeds."); table && table->second == "weight")
    return {Place::kValueEmbeds, table->first};
  if (const auto block = numbered(name, "transformer.h."))
    for (size_t i = 0; i < std::size(kInBlock); ++i)
      if (block->second == kInBlock[i]) return {Place::kBlock, block->first, static_cast<int64_t>(i)};
  throw std::invalid_argument(
      join_text("[groups] no rule for parameter ", name, "; a chat-family model has none of this name"));
}

ParamGroup adamw_group(double lr, double beta1, double beta2, double weight_decay) {
  ParamGroup group;
  group.lr = group.initial_lr = lr;
  group.beta1 = beta1, group.beta2 = beta2;
  group.weight_decay = weight_decay;
  return group;
}

bool is_embedding(std::string_view name) {
  return name.starts_with("value_embeds.") || name.ends_with("wte.weight") || name.ends_with("wpe.weight") ||
         name.ends_with("embed_tokens.weight") || name.ends_with("embed_positions.weight");
}

// By kind and whether it decays, in the given order; kinds in the order of GroupKind.
template <class KindOf>
std::vector<ParamGroup> plain_groups(std::span<Parameter* const> parameters, const AdamwRates& rates, KindOf kind_of) {
  std::map<std::pair<GroupKind, bool>, ParamGroup> by_kind;
  for (Parameter* parameter : parameters) {
    if (!parameter->trainable) continue;
    const GroupKind kind = kind_of(*parameter);
    const bool decays = rates.decay_vectors || parameter->value.rank() >= 2;
    ParamGroup& group = by_kind[{kind, !decays}];
    group.kind = kind;
    group.lr = group.initial_lr = rates.lr;
    group.beta1 = rates.beta1, group.beta2 = rates.beta2, group.eps = rates.eps;
    group.weight_decay = decays ? rates.weight_decay : 0;
    group.parameters.push_back(parameter);
  }
  std::vector<ParamGroup> groups;
  for (auto& [key, group] : by_kind) groups.push_back(std::move(group));
  check_groups(groups, parameters);
  return groups;
}

}  // namespace

const char* group_kind_name(GroupKind kind) {
  switch (kind) {
    case GroupKind::kAdamW: return "adamw";
    case GroupKind::kMuon: return "muon";
    case GroupKind::kAdamW8: return "adamw8bit";
    case GroupKind::kLion: return "lion";
  }
  return "?";
}

double width_factor(int64_t width) { return std::pow(static_cast<double>(width) / 768.0, -0.5); }

std::vector<ParamGroup> chat_groups(std::span<Parameter* const> parameters, int64_t width, const ChatRates& rates,
                                    ChatRules rules) {
  struct Placed {
    Place place;
    Parameter* parameter;
  };
  std::vector<Placed> placed;
  for (Parameter* parameter : parameters)
    if (parameter->trainable) placed.push_back({place_of(parameter->name), parameter});
  std::stable_sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
    return std::tie(a.place.role, a.place.layer, a.place.within) <
           std::tie(b.place.role, b.place.layer, b.place.within);
  });

  const double s = width_factor(width), head = rates.unembedding * s, embedding = rates.embedding * s;
  const double b1 = rates.adam_beta1, b2 = rates.adam_beta2;
  std::vector<ParamGroup> roles;  // by Place::Role
  if (rules == ChatRules::kSeed)
    roles = {adamw_group(head, b1, b2, 0), adamw_group(embedding, b1, b2, 0), adamw_group(embedding, b1, b2, 0),
             adamw_group(rates.scalar * 0.01, b1, b2, 0), adamw_group(rates.scalar, 0.96, 0.95, 0)};
  else
    roles = {adamw_group(head, 0.8, 0.96, 0.01),
             adamw_group(embedding, 0.8, 0.995, 0.001),
             adamw_group(0.5 * embedding, 0.8, 0.995, 0.01),
             adamw_group(rates.scalar * 0.01, 0.8, 0.95, 0.05),
             adamw_group(rates.scalar, 0.96, 0.95, 0),
             adamw_group(0.2, 0.8, 0.95, 0)};

  std::map<std::pair<int64_t, int64_t>, ParamGroup> by_shape;  // ascending (rows, columns)
  for (const Placed& p : placed) {
    if (p.place.role != Place::kBlock) {
      require(static_cast<size_t>(p.place.role) < roles.size(), "[groups] ", p.parameter->name,
              " needs the rules of the newest state");
      roles[static_cast<size_t>(p.place.role)].parameters.push_back(p.parameter);
      continue;
    }
    const Tensor& value = p.parameter->value;
    require(value.rank() == 2, "[groups] ", p.parameter->name, " must be a matrix for Muon, is ", value.shape());
    ParamGroup& group = by_shape[{value.dim(0), value.dim(1)}];
    group.parameters.push_back(p.parameter);
  }
  std::vector<ParamGroup> groups;
  for (ParamGroup& group : roles)
    if (!group.parameters.empty()) groups.push_back(std::move(group));
  for (auto& [shape, group] : by_shape) {
    group.kind = GroupKind::kMuon;
    group.lr = group.initial_lr = rates.matrix;
    group.weight_decay = rates.weight_decay;
    group.beta2 = rules == ChatRules::kSeed ? 0.95 : 0.9;
    groups.push_back(std::move(group));
  }
  check_groups(groups, parameters);
  return groups;
}

std::vector<ParamGroup> adamw_groups(std::span<Parameter* const> parameters, const AdamwRates& rates) {
  return plain_groups(parameters, rates, [](const Parameter&) { return GroupKind::kAdamW; });
}

std::vector<ParamGroup> adamw8_groups(std::span<Parameter* const> parameters, const AdamwRates& rates) {
  return plain_groups(parameters, rates, [](const Parameter& p) {
    return p.value.elements() < kLeast8Bit || is_embedding(p.name) ? GroupKind::kAdamW : GroupKind::kAdamW8;
  });
}

std::vector<ParamGroup> lion_groups(std::span<Parameter* const> parameters, const AdamwRates& rates) {
  return plain_groups(parameters, rates, [](const Parameter&) { return GroupKind::kLion; });
}

void check_groups(std::span<const ParamGroup> groups, std::span<Parameter* const> parameters) {
  std::map<const Parameter*, int> count;
  for (const ParamGroup& group : groups)
    for (const Parameter* parameter : group.parameters) ++count[parameter];
  for (const Parameter* parameter : parameters) {
    const auto found = count.find(parameter);
    const int times = found == count.end() ? 0 : found->second;
    if (parameter->trainable)
      require(times == 1, "[groups] ", parameter->name, " is in ", times, " groups, must be in exactly one");
    else
      require(times == 0, "[groups] ", parameter->name, " is frozen but in a group");
    if (found != count.end()) count.erase(found);
  }
  if (!count.empty())
    require(false, "[groups] ", count.begin()->first->name, " is in a group but not among the parameters");
}

}  // namespace lathe::optim
