// Cases of the built-in tasks: held out for evaluation, or to be learned by trying.
#include <set>
#include <utility>

#include "core/check.h"
#include "tasks/synth.h"

namespace lathe::tasks {
namespace {

using MakeProblem = Problem (*)(Rng&, Split);

MakeProblem maker_of(const std::string& task) {
  static constexpr std::pair<const char*, MakeProblem> kMakers[] = {{"sums", make_sum},
                                                                    {"spelling", make_spelling},
                                                                    {"counting", make_counting},
                                                                    {"reading", make_reading},
                                                                    {"choices", make_choice}};
  for (const auto& [name, make] : kMakers)
    if (task == name) return make;
  return nullptr;
}

}  // namespace

std::vector<TaskCase> synth_cases(const std::string& task, Split split, int64_t count, uint64_t seed) {
  const MakeProblem make = maker_of(task);
  require(make != nullptr, "[synth_cases] no task ", task);
  std::vector<TaskCase> cases;
  std::set<std::string> seen;
  for (uint64_t index = 0; static_cast<int64_t>(cases.size()) < count; ++index) {
    Rng rng(seed, (split == Split::kTest ? "synth/eval/" : "synth/practice/") + task, index);
    Problem problem = make(rng, split);
    if (!seen.insert(problem.question).second) continue;
    Json messages = Json::array();
    messages.push_back(Json(Json::Object{{"role", "user"}, {"content", std::move(problem.question)}}));
    cases.push_back({task, std::move(problem.kind), std::move(messages), std::move(problem.expected), std::move(problem.candidates)});
  }
  return cases;
}

}  // namespace lathe::tasks
