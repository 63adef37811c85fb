#include "tokenizer/comparison.h"

#include "core/text.h"
#include "tests/ref/testing.h"
#include "tokenizer/bpe_merges.h"

namespace lathe::tokenizer {
namespace {

using testing::take;

Tokenizer bytes_only() { return take(Tokenizer::from_tokens(tokens_of_merges({}))); }
Tokenizer with_ab() { return take(Tokenizer::from_tokens(tokens_of_merges({{'a', 'b'}}))); }

const std::vector<NamedText> kTexts = {{"one", "abab"}, {"two", "xyz"}, {"three", "abx"}};

// C-2.31
TEST(ComparisonTexts, AreOfFiveKindsAndValidUtf8) {
  std::vector<std::string> names;
  for (const NamedText& text : comparison_texts()) {
    names.push_back(text.name);
    EXPECT_GT(text.text.size(), 700u) << text.name;
    EXPECT_EQ(first_invalid_utf8(text.text), -1) << text.name;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"news", "korean", "code", "math", "science"}));
  const std::string& korean = comparison_texts()[1].text;
  EXPECT_GT(static_cast<int64_t>(korean.size()), 2 * count_code_points(korean)) << "mostly three bytes a character";
  EXPECT_NE(comparison_texts()[2].text.find("def "), std::string::npos);
  EXPECT_NE(comparison_texts()[3].text.find("\\begin{align*}"), std::string::npos);
}

// C-2.32
TEST(Comparison, RatioIsBytesPerTokenAndTheDifferenceIsRelativeToTheBaseline) {
  const auto theirs = take(measure_compression(bytes_only(), "bytes", kTexts));
  const auto ours = take(measure_compression(with_ab(), "ours", kTexts));
  EXPECT_EQ(theirs[0].tokens, 4);
  EXPECT_EQ(ours[0].tokens, 2);
  EXPECT_DOUBLE_EQ(ours[0].ratio(), 2.0);
  const Comparison comparison{"GPT-2", kTexts, theirs, ours};
  EXPECT_DOUBLE_EQ(comparison.relative_difference(0), 50.0);
  EXPECT_DOUBLE_EQ(comparison.relative_difference(1), 0.0);
  EXPECT_DOUBLE_EQ(comparison.relative_difference(2), 100.0 / 3);
  EXPECT_EQ(comparison.winner(0), 1);
  EXPECT_EQ(comparison.winner(1), 0);
  const Comparison turned{"GPT-2", kTexts, ours, theirs};
  EXPECT_DOUBLE_EQ(turned.relative_difference(0), -100.0);
  EXPECT_EQ(turned.winner(0), -1);
}

std::string line_with(const std::string& text, const std::string& start) {
  for (const std::string& line : split_text(text, '\n'))
    if (line.starts_with(start)) return line;
  return "";
}

// C-2.32
TEST(Comparison, TheTableIsGreenForTheBetterAndRedForTheWorse) {
  const auto bytes = take(measure_compression(bytes_only(), "bytes", kTexts));
  const auto merged = take(measure_compression(with_ab(), "ours", kTexts));
  const std::string won = comparison_table({"GPT-4", kTexts, bytes, merged});
  EXPECT_TRUE(won.starts_with("Comparison with GPT-4:\n"));
  EXPECT_EQ(line_with(won, "one"),
            "one        4            \033[91m4         1.00   \033[0m \033[92m2         2.00   \033[0m \033[92m+50.0%      \033[0m \033[92mours\033[0m");
  EXPECT_EQ(line_with(won, "two"), "two        3            3         1.00    3         1.00    +0.0%        Tie");
  const std::string lost = comparison_table({"GPT-4", kTexts, merged, bytes});
  EXPECT_EQ(line_with(lost, "one"),
            "one        4            \033[92m2         2.00   \033[0m \033[91m4         1.00   \033[0m \033[91m-100.0%     \033[0m \033[92mGPT-4\033[0m");
}

// C-2.32
TEST(Comparison, MarkdownHasRatiosWithTwoDecimalsAndSignedPercentWithOne) {
  const auto bytes = take(measure_compression(bytes_only(), "bytes", kTexts));
  const auto merged = take(measure_compression(with_ab(), "ours", kTexts));
  const std::string text = comparison_markdown({"GPT-2", kTexts, bytes, merged});
  EXPECT_TRUE(text.starts_with("### Comparison with GPT-2\n\n| Text Type | Bytes | GPT-2 Tokens |")) << text;
  EXPECT_NE(text.find("| one | 4 | 4 | 1.00 | 2 | 2.00 | +50.0% |\n"), std::string::npos) << text;
  EXPECT_NE(text.find("| three | 3 | 3 | 1.00 | 2 | 1.50 | +33.3% |\n"), std::string::npos) << text;
  EXPECT_NE(comparison_markdown({"GPT-2", kTexts, merged, bytes}).find("| -100.0% |"), std::string::npos);
  const Json json = comparison_json({"GPT-2", kTexts, bytes, merged});
  EXPECT_EQ(json.size(), 3u);
  EXPECT_EQ(json.at(size_t{0}).at("baseline_tokens").as_int(), 4);
}

// C-2.31, C-2.37
TEST(Comparison, ATokenizerThatLosesTextIsRefused) {
  class Lossy : public TokenModel {
    int64_t size() const override { return 1; }
    std::string_view token(int32_t) const override { return "x"; }
    void encode(std::span<const std::string_view> texts, std::span<std::vector<int32_t>> ids) const override {
      for (size_t i = 0; i < texts.size(); ++i) ids[i].assign(texts[i].size(), 0);
    }
    Json to_json() const override { return Json::object(); }
    std::string canonical_bytes() const override { return "lossy"; }
  };
  const auto result = measure_compression(take(Tokenizer::from_model(std::make_shared<Lossy>(), {})), "lossy", kTexts);
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("\"one\""), std::string::npos) << result.error().message;
}

}  // namespace
}  // namespace lathe::tokenizer
