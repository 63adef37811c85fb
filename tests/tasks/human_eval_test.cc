#include "tasks/human_eval.h"

#include "tasks/hosted_tasks.h"
#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

// C-7.37
TEST(HumanEval, TheFirstFenceHoldsTheCode) {
  EXPECT_EQ(extract_code("Here:\n```python\n  def f():\n    return 1\n\n```\nand ```\nmore\n```"), "def f():\n    return 1");
  EXPECT_EQ(extract_code("```\nx = 1\n```"), "x = 1");
  EXPECT_EQ(extract_code("```python  \t\n\n x = 1\n```"), "x = 1");
  EXPECT_EQ(extract_code("  x = 1 \n"), "x = 1");
  EXPECT_EQ(extract_code("```python\nx = 1"), "```python\nx = 1") << "never closed";
  EXPECT_EQ(extract_code("``` python\nx\n```"), "``` python\nx\n```") << "a blank before the word";
  EXPECT_EQ(extract_code("```py\nx\n```"), "```py\nx\n```");
  EXPECT_EQ(extract_code("```cpp\nint x;\n```\nSee\n```python\ny = 2\n```"), "See") << "the closing fence of another language opens one";
  EXPECT_EQ(extract_code("```python x = 1```"), "```python x = 1```");
  EXPECT_EQ(extract_code("```\n```"), "```\n```") << "no line between";
  EXPECT_EQ(extract_code("```\n\n```"), "");
  EXPECT_EQ(extract_code("\xc2\xa0x\xe3\x80\x80"), "x");
  EXPECT_EQ(extract_code(""), "");
}

// C-7.37
TEST(HumanEval, ImportsAreThoseBeforeTheFirstOtherLine) {
  EXPECT_EQ(leading_imports("import os\n# note\n\n  from typing import List  \ndef f():\n  import re\n"), "import os\nfrom typing import List");
  EXPECT_EQ(leading_imports("def f(): pass\nimport os"), "");
  EXPECT_EQ(leading_imports("importlib.reload(x)\nimport os"), "") << "import is a word";
  EXPECT_EQ(leading_imports(""), "");
}

// C-7.36, C-7.38
TEST(HumanEval, TheProgramIsImportsAndCodeWithoutTheSignature) {
  EXPECT_EQ(human_eval_program("import math\n\ndef f(x):\n    \"\"\"doc\"\"\"\n", "```python\ndef f(x):\n    return math.pi\n```"), "import math\n\ndef f(x):\n    return math.pi");
  EXPECT_EQ(human_eval_program("def f(x):\n", "    return 1\n"), "\n\nreturn 1") << "a body alone is no program";
}

// C-7.45
TEST(HumanEval, ARowIsAConversationWithItsChecker) {
  const Json row = testing::take(parse_json(R"({"task_id": "t/0", "prompt": "def f():\n", "canonical_solution": "    return 1\n", "entry_point": "f", "test": "def check(c): pass"})"));
  const Example example = testing::take(hosted_example(HostedTask::kHumanEval, row));
  ASSERT_EQ(example.conversation.messages.size(), 2u);
  EXPECT_EQ(std::get<std::string>(example.conversation.messages[0].content), "def f():\n");
  EXPECT_EQ(std::get<std::string>(example.conversation.messages[1].content), "def f():\n\n    return 1\n");
  EXPECT_EQ(example.about.at("entry_point").as_string(), "f");
  EXPECT_EQ(example.about.at("test").as_string(), "def check(c): pass");
  for (const char* key : {"prompt", "canonical_solution", "entry_point", "test"}) {
    Json bad = row;
    bad[key] = 3;
    EXPECT_FALSE(hosted_example(HostedTask::kHumanEval, bad).ok()) << key;
  }
}

}  // namespace
}  // namespace lathe::tasks
