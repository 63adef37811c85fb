// Preference pairs as text and as tokens.
#include "data/preference_pair.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/ref/testing.h"

namespace lathe::data {
namespace {

using lathe::testing::take;
using tokenizer::ChatTemplate;
using tokenizer::Role;
using tokenizer::Tokenizer;

Tokenizer bytes_with(const std::vector<std::string>& special) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  return take(Tokenizer::from_tokens(tokens, special));
}

const std::vector<std::string> kChatmlTokens = {"<s>", "</s>", "<|im_start|>", "<|im_end|>"};

PreferencePair a_pair() { return {{{{Role::kUser, std::string("Which?")}}}, "Yes.", "Not this one."}; }

TEST(PreferencePair, ReadsWhatItWrites) {
  PreferencePair pair{{{{Role::kSystem, std::string("Be kind.")},
                        {Role::kUser, std::string("a\n\"b\"")},
                        {Role::kAssistant, std::string("c")},
                        {Role::kUser, std::string("d")}}},
                      "e",
                      "f"};
  const PreferencePair again = take(preference_pair_from_json(take(parse_json(preference_pair_to_json(pair).dump()))));
  EXPECT_EQ(again.prompt, pair.prompt);
  EXPECT_EQ(again.chosen, "e");
  EXPECT_EQ(again.rejected, "f");
  const PreferencePair text =
      take(preference_pair_from_json(take(parse_json(R"({"prompt": "q", "chosen": "e", "rejected": "f"})"))));
  EXPECT_EQ(text.prompt.messages.at(0).role, Role::kUser);
}

TEST(PreferencePair, RefusesWhatIsNone) {
  for (const char* text :
       {R"([])", R"({"chosen": "a", "rejected": "b"})", R"({"prompt": "q", "chosen": 1, "rejected": "b"})",
        R"({"prompt": "q", "chosen": "a"})", R"({"prompt": [], "chosen": "a", "rejected": "b"})",
        R"({"prompt": [{"role": "assistant", "content": "x"}], "chosen": "a", "rejected": "b"})",
        R"({"prompt": [{"role": "pope", "content": "x"}], "chosen": "a", "rejected": "b"})"})
    EXPECT_FALSE(preference_pair_from_json(take(parse_json(text))).ok()) << text;
}

// L-9.7, L-9.13: one prompt; each answer ends with the stop token and nothing else.
TEST(EncodePair, EndsAnswersWithTheirStopTokenInEveryTemplate) {
  for (const std::string& name : ChatTemplate::names()) {
    SCOPED_TRACE(name);
    const Tokenizer tokenizer =
        name == "chat" ? bytes_with(tokenizer::chat_special_tokens()) : bytes_with(kChatmlTokens);
    const ChatTemplate chat_template = take(ChatTemplate::find(name));
    const EncodedPair pair = take(encode_pair(tokenizer, chat_template, a_pair()));
    EXPECT_EQ(pair.prompt, take(chat_template.prompt(tokenizer, a_pair().prompt)));
    const std::vector<int32_t> stops = chat_template.stop_ids(tokenizer);
    for (const auto& answer : {std::make_pair(pair.chosen, std::string("Yes.")),
                               std::make_pair(pair.rejected, std::string("Not this one."))}) {
      EXPECT_NE(std::find(stops.begin(), stops.end(), answer.first.back()), stops.end());
      EXPECT_TRUE(tokenizer.decode(answer.first).starts_with(answer.second)) << tokenizer.decode(answer.first);
    }
  }
}

// L-9.13
TEST(FitPair, CutsThePromptFromItsFrontAndNeverAnAnswer) {
  EncodedPair whole;
  for (int32_t i = 0; i < 40; ++i) whole.prompt.push_back(100 + i);
  whole.chosen = {1, 2, 3, 9};
  whole.rejected = {4, 5, 9};
  EncodedPair pair = whole;
  EXPECT_EQ(fit_pair(pair, {64, 40}, -1), Fit::kWhole);
  EXPECT_EQ(pair.prompt, whole.prompt);
  EXPECT_EQ(fit_pair(pair, {64, 16}, -1), Fit::kPromptCut);
  EXPECT_EQ(pair.prompt, std::vector<int32_t>(whole.prompt.end() - 16, whole.prompt.end()));
  EXPECT_EQ(pair.chosen, whole.chosen);
  EXPECT_EQ(pair.rejected, whole.rejected);
  pair = whole;
  EXPECT_EQ(fit_pair(pair, {20, 19}, -1), Fit::kPromptCut);  // further, until the longer answer fits
  EXPECT_EQ(pair.longest(), 20);
  pair = whole;
  EXPECT_EQ(fit_pair(pair, {64, 16}, 100), Fit::kPromptCut);  // a leading BOS stays
  EXPECT_EQ(pair.prompt[0], 100);
  EXPECT_EQ(pair.prompt[1], 125);
  EXPECT_EQ(std::ssize(pair.prompt), 16);
  pair = whole;
  EXPECT_EQ(fit_pair(pair, {11, 10}, -1), Fit::kTooLong);
  EXPECT_EQ(pair.prompt, whole.prompt);
  pair = {{7, 8}, {1, 2, 3}, {4}};
  EXPECT_EQ(fit_pair(pair, {5, 4}, -1), Fit::kWhole);  // a short prompt may be shorter than the least
}

TEST(DifferingTokens, AreThoseBetweenWhatTheAnswersShare) {
  EXPECT_EQ(differing_tokens({1, 2, 3, 9}, {1, 2, 3, 9}), 0);
  EXPECT_EQ(differing_tokens({1, 2, 3, 9}, {1, 5, 3, 9}), 1);
  EXPECT_EQ(differing_tokens({1, 2, 3, 9}, {1, 9}), 2);
  EXPECT_EQ(differing_tokens({1, 1, 1}, {1, 1}), 1);
  EXPECT_EQ(differing_tokens({1, 2}, {3, 4, 5}), 3);
}

TEST(ReadPreferencePairs, NamesFileAndLineOfWhatItCannotRead) {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "train_00000.jsonl";
  std::ofstream(file) << R"({"prompt": "q", "chosen": "a", "rejected": "b"})"
                      << "\n\n";
  EXPECT_EQ(take(read_preference_pairs(file)).size(), 1u);
  std::ofstream(file, std::ios::app) << R"({"prompt": "q", "chosen": "a", "rejec)";  // cut off
  const auto cut = read_preference_pairs(file);
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.error().offset, 3);
  EXPECT_EQ(cut.error().path, file.string());
  EXPECT_EQ(take(preference_shards(folder.path(), PreferenceSplit::kTrain)).size(), 1u);
  EXPECT_TRUE(take(preference_shards(folder.path(), PreferenceSplit::kValidation)).empty());
  EXPECT_NE(preference_shards(folder.path() / "none", PreferenceSplit::kTrain).error().message.find("lathe corpus dpo"),
            std::string::npos);
}

}  // namespace
}  // namespace lathe::data
