#include "train/preference_loss.h"

#include <cmath>
#include <iterator>

#include "core/check.h"

namespace lathe::train {
namespace {

using Type = PreferenceLossType;

const std::vector<std::pair<std::string, Type>>& table() {
  static const std::vector<std::pair<std::string, Type>> list = {
      {"sigmoid", Type::kSigmoid},      {"ipo", Type::kIpo},
      {"ipo_tokens", Type::kIpoTokens}, {"hinge", Type::kHinge},
      {"robust", Type::kRobust},        {"sigmoid_norm", Type::kSigmoidNorm},
      {"simpo", Type::kSimpo},          {"sppo_hard", Type::kSppoHard},
      {"nca_pair", Type::kNcaPair},     {"apo_zero", Type::kApoZero},
      {"apo_down", Type::kApoDown}};
  return list;
}

double sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
double log_sigmoid(double x) { return x >= 0 ? -std::log1p(std::exp(-x)) : x - std::log1p(std::exp(x)); }

// A loss and its derivatives by the two scores it was computed from.
struct Scored {
  double loss, by_chosen, by_rejected;
};

Scored of_difference(double loss, double derivative) { return {loss, derivative, -derivative}; }

Scored smoothed(double z, double beta, double right, double wrong) {
  return of_difference(-right * log_sigmoid(z) - wrong * log_sigmoid(-z),
                       beta * (-right * sigmoid(-z) + wrong * sigmoid(z)));
}

Scored squared(double distance) { return of_difference(distance * distance, 2 * distance); }

Scored score(double c, double r, const PreferenceLossOptions& o) {
  const double beta = o.beta, d = c - r, e = o.label_smoothing, half = 1 / (2 * beta);
  switch (o.type) {
    case Type::kSigmoid:
    case Type::kSigmoidNorm:
      return smoothed(beta * d, beta, 1 - e, e);
    case Type::kSimpo:
      return smoothed(beta * d - o.gamma, beta, 1, 0);
    case Type::kRobust:
      return smoothed(beta * d, beta, (1 - e) / (1 - 2 * e), -e / (1 - 2 * e));
    case Type::kIpo:
    case Type::kIpoTokens:
      return squared(d - half);
    case Type::kHinge:
      return beta * d < 1 ? of_difference(1 - beta * d, -beta) : Scored{0, 0, 0};
    case Type::kSppoHard:
      return {(c - half) * (c - half) + (r + half) * (r + half), 2 * (c - half), 2 * (r + half)};
    case Type::kNcaPair: {
      const double up = sigmoid(beta * c), down = sigmoid(beta * r);
      return {-log_sigmoid(beta * c) - 0.5 * (log_sigmoid(-beta * c) + log_sigmoid(-beta * r)),
              beta * (up - 1 + 0.5 * up), beta * 0.5 * down};
    }
    case Type::kApoZero: {
      const double up = sigmoid(beta * c), down = sigmoid(beta * r);
      return {1 - up + down, -beta * up * (1 - up), beta * down * (1 - down)};
    }
    case Type::kApoDown: {
      const double up = sigmoid(beta * c), apart = sigmoid(beta * d);
      const double slope = beta * apart * (1 - apart);
      return {up + 1 - apart, beta * up * (1 - up) - slope, slope};
    }
  }
  LATHE_CHECK(false, "loss type ", static_cast<int>(o.type));
  return {};
}

bool per_token(Type type) { return type == Type::kIpoTokens || type == Type::kSigmoidNorm || type == Type::kSimpo; }

using Figures = PreferenceFigures;
constexpr double Figures::*kSums[] = {
    &Figures::pairs,           &Figures::loss,        &Figures::chosen_reward, &Figures::rejected_reward,
    &Figures::correct,         &Figures::chosen_logp, &Figures::rejected_logp, &Figures::chosen_ratio,
    &Figures::absolute_margin, &Figures::kl,          &Figures::ranked};

}  // namespace

std::vector<std::string> preference_loss_names() {
  std::vector<std::string> names;
  for (const auto& entry : table()) names.push_back(entry.first);
  return names;
}

Result<PreferenceLossType> find_preference_loss(std::string_view name) {
  std::string known;
  for (const auto& entry : table()) {
    if (entry.first == name) return entry.second;
    known += (known.empty() ? "" : ", ") + entry.first;
  }
  return error_at("loss_type", -1, "\"", name, "\" is not one of ", known);
}

Status PreferenceLossOptions::check() const {
  if (!(beta > 0) || !std::isfinite(beta)) return error_at("beta", -1, "must be above 0");
  if (!std::isfinite(gamma)) return error_at("gamma", -1, "must be finite");
  const double limit = type == Type::kSigmoid ? 1 : type == Type::kRobust ? 0.5 : 0;
  if (limit == 0 && label_smoothing != 0)
    return error_at("label_smoothing", -1, "is for the losses sigmoid and robust");
  if (limit > 0 && !(label_smoothing >= 0 && label_smoothing < limit))
    return error_at("label_smoothing", -1, "must be from 0 to below ", limit);
  return {};
}

PairLoss preference_loss(const PairLogps& pair, const PreferenceLossOptions& options) {
  require(pair.chosen.tokens > 0 && pair.rejected.tokens > 0, "[preference_loss] a response without tokens");
  const auto ratio = [&](const ResponseLogps& response) {
    return response.policy - (options.needs_reference() ? response.reference : 0);
  };
  const double c = ratio(pair.chosen), r = ratio(pair.rejected);
  const bool mean = per_token(options.type);
  const double chosen_scale = mean ? 1 / static_cast<double>(pair.chosen.tokens) : 1;
  const double rejected_scale = mean ? 1 / static_cast<double>(pair.rejected.tokens) : 1;
  const Scored scored = score(c * chosen_scale, r * rejected_scale, options);
  const bool shown_per_token = options.type == Type::kSimpo;
  PairLoss out;
  out.loss = scored.loss;
  out.d_chosen = scored.by_chosen * chosen_scale;
  out.d_rejected = scored.by_rejected * rejected_scale;
  out.chosen_reward = options.beta * c * (shown_per_token ? chosen_scale : 1);
  out.rejected_reward = options.beta * r * (shown_per_token ? rejected_scale : 1);
  return out;
}

void PreferenceFigures::add(const PairLogps& pair, const PairLoss& of, bool reference) {
  pairs += 1;
  loss += of.loss;
  chosen_reward += of.chosen_reward;
  rejected_reward += of.rejected_reward;
  correct += of.margin() > 0 ? 1 : 0;
  absolute_margin += std::abs(of.margin());
  ranked += pair.chosen.policy > pair.rejected.policy ? 1 : 0;
  chosen_logp += pair.chosen.policy;
  rejected_logp += pair.rejected.policy;
  const double c = pair.chosen.policy - (reference ? pair.chosen.reference : 0);
  chosen_ratio += c;
  if (!reference) return;
  const double r = pair.rejected.policy - pair.rejected.reference;
  kl += (c * c + r * r) / 4;
}

PreferenceFigures& PreferenceFigures::operator+=(const PreferenceFigures& other) {
  for (const auto member : kSums) this->*member += other.*member;
  return *this;
}

std::vector<double> PreferenceFigures::values() const {
  std::vector<double> out;
  for (const auto member : kSums) out.push_back(this->*member);
  return out;
}

void PreferenceFigures::set_values(const std::vector<double>& values) {
  LATHE_CHECK(values.size() == std::size(kSums), values.size(), " sums");
  for (size_t i = 0; i < values.size(); ++i) this->*kSums[i] = values[i];
}

std::vector<std::pair<std::string, double>> PreferenceFigures::named(const std::string& prefix) const {
  return {{prefix + "loss", mean(loss)},
          {prefix + "rewards/chosen", mean(chosen_reward)},
          {prefix + "rewards/rejected", mean(rejected_reward)},
          {prefix + "margin", mean(chosen_reward - rejected_reward)},
          {prefix + "accuracy", accuracy()},
          {prefix + "ranking_accuracy", mean(ranked)},
          {prefix + "logps/chosen", mean(chosen_logp)},
          {prefix + "logps/rejected", mean(rejected_logp)},
          {prefix + "kl", mean(kl)}};
}

}  // namespace lathe::train
