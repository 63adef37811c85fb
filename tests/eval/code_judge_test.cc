#include "eval/code_judge.h"

#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

class CodeJudge : public ::testing::Test {
 protected:
  void SetUp() override {
    Result<sandbox::Sandbox> box = sandbox::Sandbox::open();
    if (!box.ok()) GTEST_SKIP() << box.error().to_string();
    sandbox::Limits limits;
    limits.seconds = 60;  // on a busy machine Python alone may take seconds to begin
    judge_ = eval::code_judge(box.value(), limits);
    item_.conversation.messages = {{tokenizer::Role::kUser, "import math\n\ndef area(r):\n    \"\"\"Area of a circle.\"\"\"\n"}};
    item_.entry_point = "area";
    item_.test = "def check(candidate):\n    assert abs(candidate(1) - 3.14159) < 1e-3\n    assert candidate(0) == 0\n";
  }
  std::vector<tasks::Judged> judge(const std::vector<std::string>& outputs) {
    const std::vector<const tasks::EvaluationItem*> items(outputs.size(), &item_);
    return judge_(items, outputs);
  }

  tasks::EvaluationItem item_;
  tasks::Judge judge_;
};

// C-7.36, C-7.38
TEST_F(CodeJudge, RunsImportsAndCodeWithTheTest) {
  const std::string right = "Here it is:\n```python\ndef area(r):\n    return math.pi * r * r\n```\n";
  const std::vector<tasks::Judged> verdicts = judge({right, "def area(r):\n    return 3 * r", "    return math.pi * r * r\n", ""});
  EXPECT_TRUE(verdicts[0].correct) << verdicts[0].note;
  EXPECT_EQ(verdicts[0].answer, "def area(r):\n    return math.pi * r * r");
  EXPECT_EQ(verdicts[0].note, "");
  EXPECT_FALSE(verdicts[1].correct);
  EXPECT_NE(verdicts[1].note, "");
  EXPECT_FALSE(verdicts[2].correct) << "the signature is not put before the completion";
  EXPECT_FALSE(verdicts[3].correct);
}

// What the origin's criterion lets pass.
TEST_F(CodeJudge, AnEarlyEndAndAnEverEqualObjectAreWrong) {
  const std::vector<tasks::Judged> verdicts = judge({"import sys\nsys.exit(0)", "import os\nos._exit(0)",
                                                    "class E:\n    def __eq__(s, o): return True\n    def __lt__(s, o): return True\n    def __abs__(s): return 0\n    def __sub__(s, o): return s\n"
                                                    "def area(r):\n    return E()"});
  for (const tasks::Judged& verdict : verdicts) EXPECT_FALSE(verdict.correct) << verdict.answer;
}

}  // namespace
}  // namespace lathe::testing
