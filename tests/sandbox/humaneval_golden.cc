// Verdicts on HumanEval's programs: the reference solutions, and the reference's verdicts on completions good and bad.
#include <map>
#include <set>

#include "core/text.h"
#include "tests/ref/testing.h"
#include "tests/sandbox/house.h"

namespace lathe::sandbox {
namespace {

using lathe::testing::golden;
using lathe::testing::read_jsonl;
using lathe::testing::real_data;
using testing::house;

std::string text_of(const Json& row, const char* key) { return row.at(key).as_string(); }

Limits patient() {
  Limits limits;
  limits.seconds = 20;  // other work may slow this machine
  return limits;
}

// C-12.11: a checker apart from the program agrees with the tests on every right program.
TEST(HumanEval, AllReferenceSolutionsPass) {
  const fs::path path = real_data("chat_eval") / "humaneval" / "HumanEval.jsonl";
  LATHE_NEEDS(path);
  LATHE_NEEDS_SANDBOX();
  std::vector<CheckedProgram> programs;
  std::vector<std::string> names;
  for (const Json& row : read_jsonl(path)) {
    programs.push_back({text_of(row, "prompt") + text_of(row, "canonical_solution"), text_of(row, "test"), text_of(row, "entry_point"), text_of(row, "prompt")});
    names.push_back(text_of(row, "task_id"));
  }
  EXPECT_EQ(programs.size(), 164u);
  const std::vector<Outcome> outcomes = house().value().run_all(programs, patient());
  for (size_t i = 0; i < outcomes.size(); ++i) EXPECT_TRUE(outcomes[i].success) << names[i] << ": " << outcomes[i].to_string();
}

// C-12.11, C-7.36: the same verdicts as the reference, but for the program whose result equals everything.
TEST(HumanEval, VerdictsAreThoseOfTheReferenceButForOneCheat) {
  const fs::path rows_path = golden("eval") / "humaneval.jsonl";
  const fs::path path = real_data("chat_eval") / "humaneval" / "HumanEval.jsonl";
  LATHE_NEEDS(rows_path);
  LATHE_NEEDS(path);
  LATHE_NEEDS_SANDBOX();
  const std::vector<Json> problems = read_jsonl(path), rows = read_jsonl(rows_path);
  std::vector<CheckedProgram> programs;
  for (const Json& row : rows) {
    const Json& problem = problems.at(static_cast<size_t>(row.at("problem_row").as_int()));
    programs.push_back({text_of(row, "imports") + "\n\n" + text_of(row, "program"), text_of(problem, "test"), text_of(problem, "entry_point"), text_of(problem, "prompt")});
  }
  const std::vector<Outcome> outcomes = house().value().run_all(programs, Limits{});
  int different = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const bool passed = rows[i].at("passed").as_bool();
    // Its class answers every comparison with true: the reference lets it pass.
    const bool cheats = text_of(rows[i], "program").find("__eq__") != std::string::npos;
    EXPECT_EQ(outcomes[i].success, passed && !cheats) << i << ": " << outcomes[i].to_string() << "\n" << programs[i].program;
    different += passed && cheats;
  }
  EXPECT_EQ(different, 1);
}

}  // namespace
}  // namespace lathe::sandbox
