#include "tasks/multiple_choice.h"
#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

std::vector<std::string> strings(const Json& array) {
  std::vector<std::string> out;
  for (const Json& item : array.as_array()) out.push_back(item.as_string());
  return out;
}

// C-7.32
TEST(MultipleChoiceGolden, PromptsAreTheReferenceBytes) {
  const auto path = testing::golden("eval") / "render_mc.jsonl";
  LATHE_NEEDS(path);
  const std::vector<Json> rows = testing::read_jsonl(path);
  ASSERT_FALSE(rows.empty());
  for (const Json& row : rows) {
    EXPECT_EQ(
        render_multiple_choice(row.at("question").as_string(), strings(row.at("letters")), strings(row.at("choices"))),
        row.at("text").as_string());
  }
}

}  // namespace
}  // namespace lathe::tasks
