#include <gtest/gtest.h>

#include <sstream>

#include "cli/run.h"
#include "sandbox/sandbox.h"
#include "tests/ref/testing.h"

namespace lathe::cli {
namespace {

struct Ran {
  Exit exit;
  std::string out, err;
};

Ran run_file(const std::string& program, std::vector<std::string> flags) {
  const TemporaryFolder folder;
  testing::check(write_file_atomic(folder.path() / "p.py", program));
  std::vector<std::string> words = {"sandbox", (folder.path() / "p.py").string()};
  words.insert(words.end(), flags.begin(), flags.end());
  std::ostringstream out, err;
  const Exit exit = run_words(make_verbs(), words, out, err);
  return {exit, out.str(), err.str()};
}

// C-12.1, C-12.10
TEST(SandboxVerb, RunsAProgramAndSaysHowItWent) {
  if (const auto opened = sandbox::Sandbox::open(); !opened.ok()) GTEST_SKIP() << opened.error().to_string();
  const Ran good = run_file("print('hello')\n", {"--seconds", "20", "--json"});
  EXPECT_EQ(good.exit, Exit::kDone) << good.err;
  const Json figures = testing::take(parse_json(split_text(trim_text(good.out), '\n').back()));
  EXPECT_EQ(figures.at("stdout").as_string(), "hello\n");
  EXPECT_TRUE(figures.at("error").is_null());
  EXPECT_GE(figures.at("walls").size(), 8u);
  const Ran bad = run_file("x = bytearray(200000000)\n", {"--seconds", "20", "--memory", "100MB"});
  EXPECT_EQ(bad.exit, Exit::kBadInput);
  EXPECT_NE(bad.out.find("memory exceeded"), std::string::npos) << bad.out;
}

TEST(SandboxVerb, WrongSettingsAreNamed) {
  for (const char* seconds : {"0", "-1", "nan", "1e9"}) {
    const Ran ran = run_file("", {std::string("--seconds=") + seconds});
    EXPECT_NE(ran.exit, Exit::kDone) << seconds;
    EXPECT_NE(ran.err.find("seconds"), std::string::npos) << ran.err;
  }
  const Ran memory = run_file("", {"--memory", "many"});
  EXPECT_EQ(memory.exit, Exit::kBadInput);
  const Ran python = run_file("", {"--python", "/nonexistent/python3"});
  EXPECT_EQ(python.exit, Exit::kBadInput);
  EXPECT_NE(python.err.find("/nonexistent/python3"), std::string::npos) << python.err;
}

}  // namespace
}  // namespace lathe::cli
