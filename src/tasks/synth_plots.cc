#include "tasks/synth_plots.h"

#include "core/check.h"
#include "core/text.h"

namespace lathe::tasks {
namespace {

Cast cast_of(std::string_view word) {
  if (word == "child") return Cast::kChild;
  if (word == "animal") return Cast::kAnimal;
  require(word == "none", "[synth] unknown cast ", word);
  return Cast::kNone;
}

}  // namespace

std::vector<Plan> parse_plans(std::string_view text) {
  std::vector<Plan> plans;
  for (const std::string& raw : split_text(text, '\n')) {
    const std::string line(trim_text(raw));
    if (line.empty()) continue;
    if (line[0] == '@') {
      const size_t blank = line.find(' ');
      require(blank != std::string::npos, "[synth] plan without cast: ", line);
      plans.push_back({line.substr(1, blank - 1), cast_of(line.substr(blank + 1)), {}, {}, {}});
      continue;
    }
    require(!plans.empty(), "[synth] text before the first plan: ", line);
    Plan& plan = plans.back();
    if (line[0] == '?') {
      plan.topic = line.substr(1);
    } else if (line.starts_with("+ ") || line.starts_with("- ")) {
      plan.parts.push_back({line[0] == '+', {line.substr(2)}});
    } else if (line.starts_with("/ ")) {
      require(!plan.parts.empty(), "[synth] wording before the first part: ", line);
      plan.parts.back().wordings.push_back(line.substr(2));
    } else {
      const size_t sign = line.find(" = ");
      require(sign != std::string::npos, "[synth] not a line of a plan: ", line);
      plan.values.emplace_back(line.substr(0, sign), line.substr(sign + 3));
    }
  }
  return plans;
}

const std::vector<Plan>& story_plans() {
  static const std::vector<Plan> kPlans = [] {
    std::vector<Plan> out;
    for (const std::string_view text : {kChildPlots, kMoreChildPlots, kAnimalPlots}) {
      for (Plan& plan : parse_plans(text)) out.push_back(std::move(plan));
    }
    return out;
  }();
  return kPlans;
}

void prepare(const Plan& plan, Scene& scene, const Person* hero) {
  if (plan.cast == Cast::kChild) set_child_cast(scene, hero);
  if (plan.cast == Cast::kAnimal) set_animal_cast(scene, hero);
  for (const auto& [key, value] : plan.values) scene.set(key, scene.expand(value));
}

std::string write_parts(const Plan& plan, Scene& scene) {
  std::string out;
  for (const PlanPart& part : plan.parts) {
    const std::string sentence = scene.expand(pick(part.wordings, scene.rng()));
    if (sentence.empty()) continue;
    if (!out.empty()) out += part.new_paragraph ? "\n\n" : " ";
    out += sentence;
  }
  return out;
}

}  // namespace lathe::tasks
