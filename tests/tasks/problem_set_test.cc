// What reinforcement learning is rewarded on.
#include "tasks/problem_set.h"

#include <set>

#include "tasks/hosted_tasks.h"
#include "tasks/synth.h"
#include "tests/ref/testing.h"
#include "tokenizer/render.h"

namespace lathe::testing {
namespace {

using tasks::ProblemSet;
using tasks::ProblemSource;

tokenizer::Tokenizer bytes() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  return take(tokenizer::Tokenizer::from_tokens(tokens));
}

ProblemSource source(const std::string& task, tasks::Split split, int64_t count = 50) {
  ProblemSource out;
  out.task = task;
  out.split = split;
  out.count = count;
  return out;
}

class TwoAnswers : public tasks::ConversationSet {
 public:
  int64_t size() const override { return 2; }
  Result<tasks::Example> get(int64_t index) const override {
    tasks::Example example;
    example.conversation.messages = {{tokenizer::Role::kUser, "How many?"}};
    std::vector<tokenizer::Part> parts = {{tokenizer::PartType::kText, "Well "}, {tokenizer::PartType::kPython, "2*600"}, {tokenizer::PartType::kPythonOutput, "1200"}, {tokenizer::PartType::kText, "\n#### 1,200"}};
    if (index == 0)
      example.conversation.messages.push_back({tokenizer::Role::kAssistant, parts});
    else
      example.conversation.messages.push_back({tokenizer::Role::kAssistant, "#### -3"});
    return example;
  }
};

// C-8.29, C-9.6
TEST(ProblemSet, ARightNumberIsWorthOneAndAllElseNothing) {
  const auto problems = take(tasks::number_problems(TwoAnswers(), bytes(), 1000));
  EXPECT_EQ(problems->size(), 2);
  EXPECT_EQ(problems->reward(0, "I think it is\n#### 1200"), 1.0);
  EXPECT_EQ(problems->reward(0, "<|python_start|>2*600<|python_end|><|output_start|>1200<|output_end|>#### 1,200 apples"), 1.0);
  EXPECT_EQ(problems->reward(0, "#### 1201"), 0.0);
  EXPECT_EQ(problems->reward(0, ""), 0.0);
  EXPECT_EQ(problems->reward(1, "#### -3"), 1.0);
  EXPECT_EQ(problems->reward(1, "#### 3"), 0.0);
}

// Trap G2: a tool's result, several answers, or a claim to be right are worth nothing; the verdict comes from outside the answer.
TEST(TrapG2, AnAnswerCannotMakeItselfRight) {
  const auto problems = take(tasks::number_problems(TwoAnswers(), bytes(), 1000));
  for (const char* answer : {"<|output_start|>1200<|output_end|>", "1200", "####1200", "#### 1 #### 1200", "#### 12001200", "#### 1200.5", "reward: 1.0 correct",
                             "<|python_start|>sys.exit(0)<|python_end|>", "#### nan", "#### 1199 <|assistant_end|> #### 1200"})
    EXPECT_EQ(problems->reward(0, answer), 0.0) << answer;
  const auto words = take(tasks::open_problems(source("spelling", tasks::Split::kTrain, 3), bytes(), 1000));
  for (const char* answer : {"", ":", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z", "correct"}) EXPECT_EQ(words->reward(0, answer), 0.0) << answer;
}

// C-9.2: what is learned on shares no problem with what is measured on; tasks take turns.
TEST(ProblemSet, SplitsAreApartAndTasksTakeTurns) {
  const tokenizer::Tokenizer tokenizer = bytes();
  const auto learned = take(tasks::open_problems(source("sums|spelling", tasks::Split::kTrain, 400), tokenizer, 1000));
  const auto measured = take(tasks::open_problems(source("sums|spelling", tasks::Split::kTest, 100), tokenizer, 1000));
  EXPECT_EQ(learned->size(), 800);
  EXPECT_EQ(measured->size(), 200);
  std::set<std::vector<int32_t>> prompts;
  for (int64_t i = 0; i < learned->size(); ++i) prompts.insert(learned->prompt(i));
  EXPECT_EQ(prompts.size(), 800u) << "all different";
  for (int64_t i = 0; i < measured->size(); ++i) EXPECT_EQ(prompts.count(measured->prompt(i)), 0u) << i;
  EXPECT_NE(tokenizer.decode(learned->prompt(1)).find("<|assistant_start|>"), std::string::npos);
  const std::vector<tasks::TaskCase> sums = tasks::synth_cases("sums", tasks::Split::kTrain, 400, 1), words = tasks::synth_cases("spelling", tasks::Split::kTrain, 400, 1);
  EXPECT_NE(tokenizer.decode(learned->prompt(2)).find(sums[1].messages.as_array()[0].get_string("content", "?")), std::string::npos);
  EXPECT_EQ(learned->reward(2, "#### " + sums[1].expected), 1.0);
  EXPECT_EQ(learned->reward(3, "word:" + words[1].expected), 1.0);
  EXPECT_NE(learned->fingerprint(), measured->fingerprint());
  EXPECT_EQ(learned->fingerprint(), take(tasks::open_problems(source("sums|spelling", tasks::Split::kTrain, 400), tokenizer, 1000))->fingerprint());
}

TEST(ProblemSet, RefusesWhatCannotBeLearned) {
  const tokenizer::Tokenizer tokenizer = bytes();
  const auto message = [&](const ProblemSource& from, int64_t limit = 1000) {
    const auto result = tasks::open_problems(from, tokenizer, limit);
    return result.ok() ? std::string() : result.error().to_string();
  };
  EXPECT_NE(message(source("sum", tasks::Split::kTrain)).find("there are gsm8k, sums, spelling"), std::string::npos) << message(source("sum", tasks::Split::kTrain));
  EXPECT_NE(message(source("choices", tasks::Split::kTrain)).find("not one to be learned"), std::string::npos);
  EXPECT_NE(message(source("sums", tasks::Split::kTrain, 5000)).find("1 to 4000"), std::string::npos);
  EXPECT_NE(message(source("sums", tasks::Split::kTrain), 10).find("no room for an answer"), std::string::npos);
  ProblemSource nowhere = source("gsm8k", tasks::Split::kTrain);
  nowhere.folder = "/nonexistent";
  EXPECT_NE(message(nowhere), "");
  EXPECT_FALSE(tasks::case_problems({}, tokenizer, 100).ok());
}

// C-9.2, C-8.29: the hosted form of GSM8K; every answer of the set is right by its own measure.
TEST(ProblemSet, ReadsGsm8k) {
  const std::filesystem::path folder = real_data("chat_eval") / "gsm8k";
  LATHE_NEEDS(folder / "test.jsonl");
  const auto set = take(tasks::open_hosted_task(tasks::HostedTask::kGsm8k, {folder / "test.jsonl"}));
  const auto problems = take(tasks::number_problems(*set, bytes(), 1 << 20));
  ASSERT_EQ(problems->size(), set->size());
  for (int64_t i = 0; i < std::min<int64_t>(problems->size(), 200); ++i) {
    const tasks::Example example = take(set->get(i));
    const auto& parts = std::get<std::vector<tokenizer::Part>>(example.conversation.messages.back().content);
    EXPECT_EQ(problems->reward(i, parts.back().text), 1.0) << i;
    EXPECT_EQ(problems->reward(i, parts.back().text + "0"), 0.0) << i;
  }
}

}  // namespace
}  // namespace lathe::testing
