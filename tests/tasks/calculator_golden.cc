// Reference answers of the calculator in compatible mode.
#include "tasks/calculator.h"
#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

// C-10.14, C-10.15, C-10.16
TEST(CalculatorGolden, EveryExpressionHasTheReferenceText) {
  const auto path = testing::golden("chat_render") / "calculator.jsonl";
  LATHE_NEEDS(path);
  const std::vector<Json> rows = testing::read_jsonl(path);
  ASSERT_FALSE(rows.empty());
  for (const Json& row : rows) {
    const std::optional<std::string> result = calculate(row.at("expr").as_string(), CalculatorMode::kCompatible);
    const Json got = result ? Json(*result) : Json();
    EXPECT_EQ(got, row.at("result")) << row.at("expr").dump();
  }
}

}  // namespace
}  // namespace lathe::tasks
