// Texts of a model that says what a test tells it to, and what is counted about texts.
#include "eval/generations.h"

#include <algorithm>
#include <map>

#include "eval/smoke_tests.h"
#include "tests/infer/mock_model.h"

namespace lathe::testing {
namespace {

using infer::testing::bytes_of;
using infer::testing::MockModel;

// After "q" of a prompt it says the answer for the byte that follows.
class Generations : public ::testing::Test {
 protected:
  Generations()
      : tokenizer_(infer::testing::chat_tokenizer()),
        model_([this](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) { speak(seen, logits); }, tokenizer_.vocab_size()),
        engine_(model_, tokenizer_) {}
  int32_t special(const char* name) const { return tokenizer_.special_id(name); }
  std::vector<int32_t> prompt(char name) const { return {tokenizer_.bos_id(), 'q', name}; }
  std::vector<eval::Generation> texts(const std::vector<std::vector<int32_t>>& prompts, int64_t max_new = 20) {
    eval::GenerationOptions options;
    options.sampling.temperature = 0;
    options.max_new_tokens = max_new;
    return take(eval::generate_texts(engine_, prompts, options));
  }
  std::map<char, std::vector<int32_t>> answers_;

 private:
  void speak(const std::vector<int32_t>& seen, std::span<float> logits) const {
    const auto at = std::find(seen.begin(), seen.end(), 'q');
    const auto answer = answers_.find(static_cast<char>(at[1]));
    const auto said = static_cast<size_t>(seen.end() - at) - 2;
    const bool ends = answer == answers_.end() || said >= answer->second.size();
    logits[static_cast<size_t>(ends ? special(tokenizer::kAssistantEnd) : answer->second[said])] = 50;
  }

 protected:
  tokenizer::Tokenizer tokenizer_;
  MockModel model_;
  infer::Engine engine_;
};

// L-6.5: whole, and without any special token.
TEST_F(Generations, NoSpecialTokenIsInTheText) {
  answers_['a'] = bytes_of("plain text");
  answers_['b'] = bytes_of("before");
  answers_['b'].push_back(special(tokenizer::kUserStart));
  for (const int32_t byte : bytes_of("after")) answers_['b'].push_back(byte);
  answers_['c'] = bytes_of("a text without an end, it goes on and on");
  const std::vector<eval::Generation> out = texts({prompt('a'), prompt('b'), prompt('c'), prompt('d')});
  EXPECT_EQ(out[0].text, "plain text");
  EXPECT_TRUE(out[0].stopped);
  EXPECT_FALSE(out[0].leaked);
  EXPECT_EQ(out[1].text, "beforeafter");
  EXPECT_TRUE(out[1].leaked);
  EXPECT_EQ(out[1].tokens, 12);
  EXPECT_EQ(out[2].text, "a text without an en");
  EXPECT_FALSE(out[2].stopped);
  EXPECT_EQ(out[3].text, "");
  EXPECT_TRUE(out[3].stopped);
}

TEST_F(Generations, SpelledMarkersAreLeaks) {
  answers_['a'] = bytes_of("x <|im_end|>");
  answers_['b'] = bytes_of("### Response: y");
  answers_['c'] = bytes_of("the Human: z");
  const std::vector<eval::Generation> out = texts({prompt('a'), prompt('b'), prompt('c')});
  EXPECT_TRUE(out[0].leaked);
  EXPECT_TRUE(out[1].leaked);
  EXPECT_FALSE(out[2].leaked);  // not at the beginning of a line
}

// L-6.5: the seed decides; a prompt's text does not depend on the others.
TEST_F(Generations, ATextDependsOnItsPromptItsPlaceAndTheSeedAlone) {
  MockModel uniform({}, tokenizer_.vocab_size());
  infer::Engine engine(uniform, tokenizer_);
  eval::GenerationOptions options;
  options.max_new_tokens = 12;
  options.sampling.seed = 7;
  const auto draw = [&](const std::vector<std::vector<int32_t>>& prompts) { return take(eval::generate_texts(engine, prompts, options)); };
  const std::vector<int32_t> longer(58, 'x');  // leaves room for six tokens: goes in a batch of its own
  const auto both = draw({prompt('a'), prompt('b'), longer}), other = draw({prompt('a'), prompt('c'), longer});
  EXPECT_EQ(both[0].text, other[0].text);
  EXPECT_EQ(both[2].text, other[2].text);
  EXPECT_LE(both[2].tokens, 6);
  EXPECT_EQ(draw({prompt('a')})[0].text, both[0].text);
  options.sampling.seed = 8;
  EXPECT_NE(draw({prompt('a')})[0].text, both[0].text);
}

TEST_F(Generations, APromptThatFillsTheContextHasNoTextAndTheOthersDo) {
  answers_['a'] = bytes_of("an answer");
  const std::vector<eval::Generation> out = texts({std::vector<int32_t>(64, 'x'), prompt('a')});
  EXPECT_TRUE(out[0].no_room);
  EXPECT_EQ(out[0].text, "");
  EXPECT_FALSE(out[0].stopped);
  EXPECT_FALSE(out[1].no_room);
  EXPECT_EQ(out[1].text, "an answer");
  const eval::GenerationQuality q = eval::measure_quality(out, 1, 9);
  EXPECT_EQ(q.no_room, 1);
  EXPECT_EQ(q.empty, 1);
}

eval::Generation text(const std::string& words, bool stopped = true, bool leaked = false) { return {words, 3, stopped, leaked, false}; }

// L-8.5: every part by hand.
TEST(GenerationQuality, ReportsItsParts) {
  const std::vector<eval::Generation> texts = {text("a b c d a b c d a b"), text("", true), text("one two three", false), text("a b <|im_end|>", true, true)};
  const eval::GenerationQuality q = eval::measure_quality(texts, 3, 9);
  EXPECT_EQ(q.n, 4);
  EXPECT_EQ(q.stopped, 3);
  EXPECT_EQ(q.empty, 1);
  EXPECT_EQ(q.in_range, 2);
  EXPECT_EQ(q.leaked, 1);
  EXPECT_DOUBLE_EQ(q.mean_words, 4);
  // Runs of four words: abcd bcda cdab dabc abcd bcda cdab, four of seven new.
  EXPECT_DOUBLE_EQ(q.repeated[0], 1 - 4.0 / 7);
  EXPECT_DOUBLE_EQ(q.repeated[2], 0);
  EXPECT_DOUBLE_EQ(q.distinct[0], 8.0 / 16);          // a b c d one two three <|im_end|>
  EXPECT_DOUBLE_EQ(q.distinct[1], (4 + 2 + 1) / 13.0);  // "a b" of the last text stood in the first
  const Json json = q.to_json();
  for (const char* part : {"stopped_by_itself", "empty", "length_in_range", "template_leakage", "repeated_4_grams", "distinct_1", "distinct_2", "distinct_3"})
    EXPECT_TRUE(json.at(part).contains("value")) << part;
  EXPECT_FALSE(json.contains("score"));
  EXPECT_LT(json.at("stopped_by_itself").at("low").as_double(), 0.75);
}

// L-8.4
TEST(SmokeTests, EightCategoriesOfThree) {
  EXPECT_EQ(eval::smoke_categories(), (std::vector<std::string>{"basic_knowledge", "language_understanding", "reasoning", "creativity", "instruction_following",
                                                               "encyclopedic_style", "conversation", "multilingual"}));
  std::map<std::string, int> count;
  for (const eval::SmokeTest& test : eval::smoke_tests()) ++count[test.category];
  for (const auto& [category, n] : count) EXPECT_EQ(n, 3) << category;
  EXPECT_EQ(take(eval::choose_smoke_tests({"reasoning", "conversation"})).size(), 6u);
  EXPECT_NE(eval::choose_smoke_tests({"reasonin"}).error().to_string().find("did you mean \"reasoning\""), std::string::npos);
}

// L-8.4: each check takes a good answer and refuses silence, loops and another language.
TEST(SmokeTests, EveryCheckCanPassAndFail) {
  const std::vector<std::string> good = {
      "The capital of France is Paris.", "There are seven days in a week.", "Bees make honey.",
      "The opposite of hot is cold.", "Anna has the ball.", "Glad.",
      "2 + 3 = 5.", "Today is Tuesday.", "Two kilograms of feathers are heavier.",
      "Once there was a small cat who lived in a house by the river and slept all day long.", "The sea is wide and blue. Its waves never rest.",
      "Bolt is a small silver robot with round eyes.",
      "Blue.", "Apples, bananas and pears.", "lantern",
      "A volcano is a mountain from which hot lava and ash come out.", "Photosynthesis is how plants make sugar from light, water and air.",
      "Albert Einstein was a physicist who found the theory of relativity.",
      "I am fine, thank you! And you?", "You are welcome!", "You could read a book or bake bread.",
      "Bonjour, je vais bien, merci !", "La capital de Espa\303\261a es Madrid.", "Guten Morgen"};
  const std::vector<eval::SmokeTest>& tests = eval::smoke_tests();
  ASSERT_EQ(good.size(), tests.size());
  std::string loop;
  for (int i = 0; i < 60; ++i) loop += "the same thing ";
  for (size_t i = 0; i < tests.size(); ++i) {
    EXPECT_TRUE(tests[i].passes(text(good[i]))) << tests[i].prompt;
    EXPECT_FALSE(tests[i].passes(text(""))) << tests[i].prompt;
    EXPECT_FALSE(tests[i].passes(text(loop, false))) << tests[i].prompt;
  }
  const eval::SmokeScore score = eval::judge_smoke_tests(take(eval::choose_smoke_tests({"reasoning"})), {text("5"), text("Monday"), text("the 15 feathers")});
  EXPECT_EQ(score.passed, (std::vector<uint8_t>{1, 0, 1}));
  EXPECT_DOUBLE_EQ(score.to_json().at("categories").at("reasoning").at("accuracy").as_double(), 2.0 / 3);
  EXPECT_FALSE(tests[6].passes(text("It is 15.")));  // a part of a number is not the number
}

}  // namespace
}  // namespace lathe::testing
