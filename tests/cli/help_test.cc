#include "cli/help.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "cli/command_line.h"
#include "cli/common_options.h"
#include "fake_verb.h"

namespace lathe::cli {
namespace {

int64_t count_lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

size_t longest_line(const std::string& text) {
  size_t longest = 0;
  for (const std::string& line : split_text(text, '\n')) longest = std::max(longest, line.size());
  return longest;
}

TEST(Help, OfAVerbGroupsTheFlagsAndShowsDefaultsAndAnExample) {
  Bench lathe;
  EXPECT_EQ(lathe({"train", "--help"}), Exit::kDone);
  const std::string text = lathe.out.str();
  for (const char* part : {"usage: lathe train [flags] [FILE]", "\nmodel:\n", "  -d, --depth N", "layers [20]", "--window-pattern TEXT", "[SSSL]", "--data-weights X...",
                           "common: --config", "example: lathe train --depth 4"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  EXPECT_EQ(lathe.verb->runs, 0);
}

TEST(Help, OfALargeVerbFitsAScreenAndTheFullFormExplainsEveryFlag) {
  Bench lathe;
  lathe.verb->extra_settings = 100;
  EXPECT_EQ(lathe({"train", "--help"}), Exit::kDone);
  EXPECT_LE(count_lines(lathe.out.str()), kScreenLines);
  EXPECT_LE(longest_line(lathe.out.str()), 110U);
  EXPECT_NE(lathe.out.str().find("--extra-setting-99"), std::string::npos);  // named, though not explained
  lathe.out.str("");
  EXPECT_EQ(lathe({"train", "--help=all"}), Exit::kDone);
  EXPECT_GT(count_lines(lathe.out.str()), 100);
  EXPECT_NE(lathe.out.str().find("JSON file of settings"), std::string::npos);
}

TEST(Help, EveryVerbOfThisBuildFitsAScreenAndIsInAKnownGroup) {
  const VerbList verbs = make_verbs();
  std::set<std::string> names;
  for (const auto& verb : verbs) {
    const VerbInfo info = verb->info();
    EXPECT_TRUE(names.insert(info.name).second) << info.name << " stands twice";
    EXPECT_NE(std::find(kGroups.begin(), kGroups.end(), info.group), kGroups.end()) << info.name;
    EXPECT_NE(info.example.find("lathe "), std::string::npos) << info.name;
    CommonOptions common;
    SettingsTable table;
    verb->describe(table);
    describe_common(table, common);
    const std::string text = help_of_verb(info, table, Found{verb.get(), nullptr, 1, info.name}, false);
    EXPECT_LE(count_lines(text), kScreenLines) << info.name;
    EXPECT_EQ(text.find("\n:\n"), std::string::npos) << info.name << ": a heading without a word";
    EXPECT_LE(longest_line(text), 120U) << info.name;
    std::set<std::string> settings;
    for (const Setting& setting : table.settings()) {
      EXPECT_TRUE(settings.insert(setting.name).second) << info.name << ": " << setting.name << " stands twice";
      EXPECT_FALSE(setting.help.empty()) << info.name << ": " << setting.name;
      EXPECT_EQ(setting.name.find('-'), std::string::npos) << info.name << ": " << setting.name;
    }
  }
  EXPECT_LE(count_lines(help_of_program(verbs)), kScreenLines);
}

// L-15.2
TEST(Help, SpellsFlagsAsTheProgramsDocumentsDo) {
  FakeVerb verb;
  CommonOptions common;
  SettingsTable table;
  verb.describe(table);
  describe_common(table, common);
  const Alias underscored{"70_train_sft", "sft", true}, hyphened{"10_prepare_corpus", "corpus", false};
  const std::string with = help_of_verb(verb.info(), table, Found{&verb, &underscored, 1, "70_train_sft"}, true);
  EXPECT_NE(with.find("--window_pattern"), std::string::npos);
  EXPECT_NE(with.find("--log-level"), std::string::npos);  // always with a hyphen
  EXPECT_NE(with.find("--use-cache"), std::string::npos);
  const std::string without = help_of_verb(verb.info(), table, Found{&verb, &hyphened, 1, "10_prepare_corpus"}, true);
  EXPECT_NE(without.find("--window-pattern"), std::string::npos);
  EXPECT_EQ(without.find("--window_pattern"), std::string::npos);
}

TEST(Help, OfAFamilyListsItsVerbs) {
  Bench lathe("tokenizer train");
  EXPECT_EQ(lathe({"tokenizer", "--help"}), Exit::kDone);
  EXPECT_NE(lathe.out.str().find("tokenizer train"), std::string::npos);
  EXPECT_EQ(lathe({"help", "tokenizer", "train"}), Exit::kDone);
  EXPECT_NE(lathe.out.str().find("usage: lathe tokenizer train"), std::string::npos);
}

TEST(Help, VersionNamesCompilerCpuAndDevices) {
  Bench lathe;
  EXPECT_EQ(lathe({"--version"}), Exit::kDone);
  for (const char* part : {"lathe ", "\ncommit ", "\ncompiler ", "\ncpu ", "\nfeatures", "\ndevices cpu"})
    EXPECT_NE(lathe.out.str().find(part), std::string::npos) << part;
}

}  // namespace
}  // namespace lathe::cli
