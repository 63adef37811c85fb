// Plots of stories and plans of descriptions, as data. A plan is text in this form, one item a line:
//   @name cast        starts a plan; cast is child, animal or none
//   ?template         what the plan is about, for "tell me a story about ..."
//   key = template    a value, drawn once; later values may use earlier ones
//   + template        a part that starts a new paragraph
//   - template        the next part of the same paragraph
//   / template        another wording of the part above
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tasks/synth_people.h"

namespace lathe::tasks {

enum class Cast { kNone, kChild, kAnimal };

struct PlanPart {
  bool new_paragraph = false;
  std::vector<std::string> wordings;
};

struct Plan {
  std::string name;
  Cast cast = Cast::kNone;
  std::string topic;
  std::vector<std::pair<std::string, std::string>> values;
  std::vector<PlanPart> parts;
};

// The text is the program's own, so a mistake in it throws.
std::vector<Plan> parse_plans(std::string_view text);

const std::vector<Plan>& story_plans();
const std::vector<Plan>& description_plans();

// Draws the cast (with `hero` as its first name where given) and the values.
void prepare(const Plan& plan, Scene& scene, const Person* hero = nullptr);
std::string write_parts(const Plan& plan, Scene& scene);

// Data of story_plans().
extern const std::string_view kChildPlots;
extern const std::string_view kMoreChildPlots;
extern const std::string_view kAnimalPlots;

}  // namespace lathe::tasks
