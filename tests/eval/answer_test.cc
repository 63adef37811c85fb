#include "eval/answer.h"

#include <cmath>

#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

eval::Answer voted(std::vector<std::pair<std::string, bool>> answers) {
  eval::Answer out;
  for (auto& [text, correct] : answers) out.samples.push_back({text, text, "", correct, true, 1});
  return out;
}

TEST(Answer, TheMostCommonAnswerWinsTheFirstOfEquals) {
  EXPECT_TRUE(voted({{"7", false}, {"8", true}, {"8", true}}).vote_is_right());
  EXPECT_FALSE(voted({{"7", false}, {"8", true}}).vote_is_right());
  EXPECT_TRUE(voted({{"8", true}, {"7", false}}).vote_is_right());
  EXPECT_TRUE(voted({{"", false}, {"", false}, {"8", true}}).vote_is_right()) << "who says nothing does not vote";
  EXPECT_FALSE(voted({{"", false}, {"", false}}).vote_is_right());
}

TEST(Answer, AChoicesScoreIsTheExpectedLettersShareInNats) {
  eval::Answer answer = voted({{"B", false}});
  answer.expected = "A";
  answer.letters = {{"A", 1.0f}, {"B", 3.0f}, {"C", -2.0f}};
  const double sum = std::exp(1.0) + std::exp(3.0) + std::exp(-2.0);
  EXPECT_NEAR(answer.score(), 1.0 - std::log(sum), 1e-12);
  answer.letters = {{"A", 1000.0f}, {"B", 0.0f}};
  EXPECT_NEAR(answer.score(), 0, 1e-12);
}

TEST(Answer, ReadsBackWhatItWrote) {
  eval::Answer one = voted({{"7", true}});
  one.index = 12;
  one.kind = "k";
  one.prompt = "how many?";
  one.expected = "7";
  one.cut = true;
  eval::Answer choice = voted({{"B", false}});
  choice.letters = {{"A", 0.1f}, {"B", 1e-7f}};
  choice.expected = "A";
  eval::Answer several = voted({{"7", true}, {"8", false}, {"", false}});
  several.samples[1].note = "ValueError: x";
  several.samples[2].finished = false;
  for (const eval::Answer& answer : {one, choice, several}) {
    const Json json = answer.to_json();
    EXPECT_EQ(take(eval::Answer::from_json(take(parse_json(json.dump())))).to_json(), json) << json.dump();
  }
  EXPECT_EQ(one.to_json().at("output").as_string(), "7");
  EXPECT_FALSE(one.to_json().contains("right"));
  EXPECT_EQ(several.to_json().at("answer").size(), 3u);
  for (const char* bad : {"[]", "{}", R"({"output": []})"}) EXPECT_FALSE(eval::Answer::from_json(take(parse_json(bad))).ok()) << bad;
}

}  // namespace
}  // namespace lathe::testing
