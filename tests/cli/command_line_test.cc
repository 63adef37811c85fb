#include <gtest/gtest.h>

#include "fake_verb.h"
#include "tests/ref/testing.h"

namespace lathe::cli {
namespace {

// L-15.2
TEST(CommandLine, HyphensAndUnderscoresAreTheSameFlag) {
  for (const char* spelling : {"--window-pattern", "--window_pattern"}) {
    Bench lathe;
    EXPECT_EQ(lathe({"train", spelling, "L"}), Exit::kDone) << lathe.err.str();
    EXPECT_EQ(lathe.verb->window_pattern, "L");
  }
  Bench lathe;
  EXPECT_EQ(lathe({"train", "--log_level", "WARNING", "--data-dirs=x"}), Exit::kDone) << lathe.err.str();
  EXPECT_EQ(lathe.verb->settings.at("log_level").as_string(), "WARNING");
}

// L-15.4
TEST(CommandLine, ListsTakeAllWordsUpToTheNextFlag) {
  Bench lathe;
  EXPECT_EQ(lathe({"train", "--data_dirs", "a", "b", "--data_weights", "0.7", "-0.3", "--depth", "4"}), Exit::kDone) << lathe.err.str();
  EXPECT_EQ(lathe.verb->data_dirs, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(lathe.verb->data_weights, (std::vector<double>{0.7, -0.3}));
  EXPECT_EQ(lathe.verb->depth, 4);
  EXPECT_TRUE(lathe.verb->operands.empty());
}

TEST(CommandLine, ARepeatedListIsJoinedAndARepeatedValueReplaced) {
  Bench lathe;
  EXPECT_EQ(lathe({"train", "--data-dirs", "a", "--depth", "3", "--data-dirs", "b", "c", "--depth", "5"}), Exit::kDone);
  EXPECT_EQ(lathe.verb->data_dirs, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(lathe.verb->depth, 5);
}

TEST(CommandLine, EveryFormOfOneValueIsRead) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"--depth", "7"}, {"--depth=7"}, {"-d", "7"}, {"-d7"}, {"-d=7"}}) {
    Bench lathe;
    std::vector<std::string> line = {"train"};
    line.insert(line.end(), words.begin(), words.end());
    EXPECT_EQ(lathe(line), Exit::kDone) << lathe.err.str();
    EXPECT_EQ(lathe.verb->depth, 7) << words[0];
  }
}

TEST(CommandLine, NegativeNumbersAreValues) {
  Bench lathe;
  EXPECT_EQ(lathe({"train", "--temperature", "-1.5", "--depth", "-1"}), Exit::kDone) << lathe.err.str();
  EXPECT_EQ(lathe.verb->temperature, -1.5);
  EXPECT_EQ(lathe.verb->depth, -1);
}

TEST(CommandLine, SwitchesTurnOnAndOff) {
  for (const auto& [flag, expected] : std::vector<std::pair<std::string, bool>>{
           {"--use-cache", true}, {"--no-use-cache", false}, {"--no_use_cache", false}, {"--use-cache=false", false}}) {
    Bench lathe;
    lathe.verb->use_cache = !expected;
    EXPECT_EQ(lathe({"train", flag, "file"}), Exit::kDone) << lathe.err.str();
    EXPECT_EQ(lathe.verb->use_cache, expected) << flag;
    EXPECT_EQ(lathe.verb->operands, (std::vector<std::string>{"file"}));  // not eaten as the switch's value
  }
}

TEST(CommandLine, AfterTwoDashesEverythingIsAnOperand) {
  Bench lathe;
  EXPECT_EQ(lathe({"train", "--data-dirs", "a", "--", "--depth"}), Exit::kDone) << lathe.err.str();
  EXPECT_EQ(lathe.verb->operands, (std::vector<std::string>{"--depth"}));
  EXPECT_EQ(lathe.verb->depth, 20);
}

TEST(CommandLine, NumbersOfAListMayBeParted) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"0.5", "2", "1"}, {"0.5,2", "1"}, {"0.5,2,1"}}) {
    Bench lathe;
    std::vector<std::string> line = {"train", "--data-weights"};
    line.insert(line.end(), words.begin(), words.end());
    EXPECT_EQ(lathe(line), Exit::kDone) << lathe.err.str();
    EXPECT_EQ(lathe.verb->data_weights, (std::vector<double>{0.5, 2, 1}));
  }
  Bench lathe;
  EXPECT_EQ(lathe({"train", "--data-weights", "1,,2"}), Exit::kUsage);
}

struct BadLine {
  std::vector<std::string> words;
  const char* message;
};

TEST(CommandLine, WrongUsageNamesTheNearestFlagAndEndsWithStatus2) {
  const std::vector<BadLine> lines = {
      {{"--dept", "3"}, "unknown flag --dept; did you mean --depth?"},
      {{"--widow_pattern", "L"}, "did you mean --window-pattern?"},
      {{"-q"}, "unknown flag -q"},
      {{"--no-depth"}, "unknown flag --no-depth"},
      {{"--depth"}, "--depth needs a value"},
      {{"--depth", "--use-cache"}, "--depth needs a value"},
      {{"--data-dirs", "--use-cache"}, "--data-dirs needs a value"},
      {{"--temperature", "nan"}, "\"nan\" is not a number"},
      {{"--depth", "four"}, "\"four\" is not a whole number"},
      {{"--depth", "4.5"}, "\"4.5\" is not a whole number"},
      {{"--dtype", "fp8"}, "is not one of auto, bf16, fp32"},
      {{"one", "two"}, "unexpected word \"two\""},
  };
  for (const BadLine& bad : lines) {
    Bench lathe;
    std::vector<std::string> words = {"train"};
    words.insert(words.end(), bad.words.begin(), bad.words.end());
    EXPECT_EQ(lathe(words), Exit::kUsage) << bad.words[0];
    EXPECT_NE(lathe.err.str().find(bad.message), std::string::npos) << lathe.err.str();
    EXPECT_EQ(lathe.verb->runs, 0);
    EXPECT_EQ(lathe.out.str(), "");
  }
}

}  // namespace
}  // namespace lathe::cli
