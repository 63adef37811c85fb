#include "eval/report_section.h"

#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

void write(const std::filesystem::path& base, const std::string& slug, const std::string& markdown, const std::string& json = "") {
  check(write_file_atomic(base / "report" / (slug + ".md"), markdown));
  if (!json.empty()) check(write_file_atomic(base / "report" / (slug + ".json"), json));
}

// C-13.9
TEST(ReportSection, AllAreReadInTheOrderOfTheReport) {
  const TemporaryFolder base;
  EXPECT_TRUE(take(eval::read_report_sections(base.path())).empty());
  for (const char* slug : {"own-section", "chat-evaluation-sft", "sft", "a-first", "tokenizer-training", "base-model-training"})
    write(base.path(), slug, "## X\n");
  check(write_file_atomic(base.path() / "report" / "header.md", "# header"));
  check(write_file_atomic(base.path() / "report" / "report.md", "# old report"));
  write(base.path(), "tokenizer-evaluation", "## By hand\ntimestamp: 2001-02-03 04:05:06\n\ntext");
  std::vector<std::string> slugs;
  for (const auto& section : take(eval::read_report_sections(base.path()))) {
    slugs.push_back(section.slug);
    if (section.slug == "tokenizer-evaluation") {
      EXPECT_EQ(section.title, "By hand");
      EXPECT_EQ(section.timestamp, "2001-02-03 04:05:06");
      EXPECT_EQ(section.items.size(), 0u);
    }
  }
  EXPECT_EQ(slugs, (std::vector<std::string>{"tokenizer-training", "tokenizer-evaluation", "base-model-training", "sft", "chat-evaluation-sft",
                                             "a-first", "own-section"}));
}

// C-13.10: the figures stand as JSON beside the text.
TEST(ReportSection, FiguresComeFromTheJsonBesideIt) {
  const TemporaryFolder base;
  write(base.path(), "sft", "## SFT\n", R"({"section": "SFT", "items": [{"steps": 12345, "loss": 0.12345678}, "words", {"steps": 3, "bpb": 0.5}]})");
  const Json items = take(eval::read_report_sections(base.path())).at(0).items;
  EXPECT_EQ(items.size(), 3u);
  EXPECT_EQ(items.at("steps").as_int(), 3);
  EXPECT_EQ(items.at("loss").as_double(), 0.12345678);
  EXPECT_EQ(items.at("bpb").as_double(), 0.5);
  for (const char* damaged : {"{", "[]", "{\"items\": 3}"}) {
    write(base.path(), "sft", "## SFT\n", damaged);
    const auto result = eval::read_report_sections(base.path());
    ASSERT_FALSE(result.ok()) << damaged;
    EXPECT_NE(result.error().to_string().find("sft.json"), std::string::npos);
  }
}

}  // namespace
}  // namespace lathe::testing
