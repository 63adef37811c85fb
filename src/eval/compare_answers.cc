#include "eval/compare_answers.h"

#include <algorithm>
#include <map>

#include "core/text.h"

namespace lathe::eval {
namespace {

std::vector<std::string> hashes_of(const Json& data) {
  std::vector<std::string> out;
  if (!data.is_array()) return out;
  for (const Json& file : data.as_array())
    if (file.is_object()) out.push_back(file.get_string("sha256", ""));
  return out;
}

bool same_value(const Json& a, const Json& b, const char* key) {
  const Json *x = a.find(key), *y = b.find(key);
  return x == nullptr || y == nullptr ? x == y : *x == *y;
}

Json paired_json(const PairedComparison& p) {
  Json out = Json::object();
  out["n"] = p.n;
  out["a"] = p.mean_a;
  out["b"] = p.mean_b;
  out["difference"] = p.difference;
  out["low"] = p.interval.low;
  out["high"] = p.interval.high;
  out["p_value"] = p.p_value;
  return out;
}

std::string line_of(const std::string& name, const PairedComparison& p, const std::string& only, const std::string& verdict, bool shares) {
  const double scale = shares ? 100 : 1;
  const char* unit = shares ? " %" : "  ";
  return format_text("%-18s %6lld  %7.*f%s  %7.*f%s  %+8.*f  %+8.*f to %+8.*f  %7.4f  %11s  %s", name.c_str(), static_cast<long long>(p.n), shares ? 1 : 4,
                     scale * p.mean_a, unit, shares ? 1 : 4, scale * p.mean_b, unit, shares ? 1 : 4, scale * p.difference, shares ? 1 : 4, scale * p.interval.low,
                     shares ? 1 : 4, scale * p.interval.high, p.p_value, only.c_str(), verdict.c_str());
}

std::string verdict_of(const PairedComparison& p) { return !p.differs() ? "no difference shown" : p.difference > 0 ? "B is better" : "A is better"; }

}  // namespace

std::string TaskComparison::verdict() const { return verdict_of(outcomes ? *outcomes : scores.value()); }

Json TaskComparison::to_json() const {
  Json out = Json::object();
  out["common"] = common;
  out["without_b"] = without_b;
  out["without_a"] = without_a;
  if (outcomes) {
    out["outcomes"] = paired_json(*outcomes);
    out["only_a"] = Json(Json::Array(only_a.begin(), only_a.end()));
    out["only_b"] = Json(Json::Array(only_b.begin(), only_b.end()));
  }
  if (scores) out["scores"] = paired_json(*scores);
  out["verdict"] = verdict();
  return out;
}

Result<TaskComparison> compare_answers(const AnswerFile& a, const AnswerFile& b) {
  if (const auto x = hashes_of(a.data), y = hashes_of(b.data); !x.empty() && !y.empty() && x != y)
    return error_at(b.path.string(), -1, "was made from other files than ", a.path.string(), " (SHA-256 ", y[0].substr(0, 12), " and ", x[0].substr(0, 12),
                    "); evaluate both models on the same set");
  std::map<int64_t, const Json*> of_b;
  for (const Json& answer : b.answers) of_b[answer.at("index").as_int()] = &answer;
  TaskComparison out;
  out.task = a.task;
  std::vector<uint8_t> right_a, right_b;
  std::vector<double> scores_a, scores_b;
  for (const Json& mine : a.answers) {
    const int64_t index = mine.at("index").as_int();
    const auto found = of_b.find(index);
    if (found == of_b.end()) {
      ++out.without_b;
      continue;
    }
    const Json& other = *found->second;
    for (const char* key : {"prompt", "expected"})
      if (!same_value(mine, other, key))
        return error_at(b.path.string(), -1, "item ", index, " has another \"", key, "\" than in ", a.path.string(), "; evaluate both models on the same set");
    ++out.common;
    if (const auto x = is_correct(mine), y = is_correct(other); x && y) {
      right_a.push_back(*x);
      right_b.push_back(*y);
      if (*x && !*y) out.only_a.push_back(index);
      if (*y && !*x) out.only_b.push_back(index);
    }
    if (const auto x = score_of(mine), y = score_of(other); x && y) {
      scores_a.push_back(*x);
      scores_b.push_back(*y);
    }
  }
  out.without_a = std::ssize(b.answers) - out.common;
  if (out.common == 0) return error_at(b.path.string(), -1, "has no item in common with ", a.path.string());
  if (right_a.empty() && scores_a.empty()) return error_at(a.path.string(), -1, "has neither \"correct\" nor \"score\" in common with ", b.path.string());
  if (!right_a.empty()) out.outcomes = compare_outcomes(right_a, right_b);
  if (!scores_a.empty()) out.scores = compare_values(scores_a, scores_b);
  return out;
}

std::vector<std::string> comparison_table(const std::vector<TaskComparison>& tasks) {
  std::vector<std::string> lines = {format_text("%-18s %6s  %9s  %9s  %8s  %20s  %7s  %11s", "task", "items", "A", "B", "B - A", "95 % interval", "p", "only A/B")};
  for (const TaskComparison& task : tasks) {
    if (task.outcomes) lines.push_back(line_of(task.task, *task.outcomes, join_text(task.only_a.size(), "/", task.only_b.size()), task.verdict(), true));
    if (task.scores) lines.push_back(line_of(task.outcomes ? "  score" : task.task, *task.scores, "", verdict_of(*task.scores), false));
  }
  return lines;
}

}  // namespace lathe::eval
