#include "tasks/human_eval.h"

#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

// C-7.36, C-7.37, C-7.45
TEST(HumanEvalGolden, ProgramsAndImportsAreTheReferences) {
  const auto path = testing::golden("eval") / "humaneval.jsonl";
  LATHE_NEEDS(path);
  const auto set = testing::real_data("chat_eval") / "humaneval/HumanEval.jsonl";
  LATHE_NEEDS(set);
  const std::vector<Json> problems = testing::read_jsonl(set), rows = testing::read_jsonl(path);
  EXPECT_EQ(problems.size(), 164u);
  ASSERT_FALSE(rows.empty());
  for (const Json& row : rows) {
    const std::string& prompt = problems.at(static_cast<size_t>(row.at("problem_row").as_int())).at("prompt").as_string();
    EXPECT_EQ(extract_code(row.at("completion").as_string()), row.at("program").as_string());
    EXPECT_EQ(leading_imports(prompt), row.at("imports").as_string());
  }
}

}  // namespace
}  // namespace lathe::tasks
