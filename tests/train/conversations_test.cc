#include "train/conversations.h"

#include "tasks/conversation_file.h"
#include "tasks/mixture.h"
#include "tasks/synth_set.h"
#include "tests/ref/testing.h"
#include "tests/train/tiny_run.h"

namespace lathe::train {
namespace {

using lathe::testing::check;
using lathe::testing::take;

// The texts of the trained tokens of a conversation, run by run.
std::vector<std::string> trained(const tokenizer::Tokenizer& tokenizer, const data::RenderedConversation& c) {
  std::vector<std::string> runs;
  for (size_t i = 0; i < c.ids.size(); ++i) {
    if (c.mask[i] == 0) continue;
    if (i == 0 || c.mask[i - 1] == 0) runs.emplace_back();
    runs.back() += tokenizer.decode(std::span(&c.ids[i], 1));
  }
  return runs;
}

// C-8.31
TEST(RenderedSet, CallsAreTrainedAndTheirResultsAreNot) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "calls.jsonl";
  check(write_file_atomic(path, std::string(R"({"conversations":[{"from":"human","value":"hi"},{"from":"gpt","value":"yes"},{"from":"human","value":"sum"},)") +
                                    R"({"from":"function_call","value":"1+1"},{"from":"observation","value":"2"},{"from":"gpt","value":"two"}]})"));
  const tokenizer::Tokenizer tokenizer = lathe::testing::tiny_tokenizer();
  RenderedSet set(take(tasks::open_conversations(path)), tokenizer, 1000);
  data::RenderedConversation c;
  check(set.get(0, c));
  EXPECT_EQ(trained(tokenizer, c),
            (std::vector<std::string>{"yes<|assistant_end|>", "<|python_start|>1+1<|python_end|>", "two<|assistant_end|>"}));
}

// C-2.28
TEST(RenderedSet, LongConversationsAreCutOnTheRight) {
  const tokenizer::Tokenizer tokenizer = lathe::testing::tiny_tokenizer();
  RenderedSet whole(tasks::synth_conversations(1, 3), tokenizer, 10000), cut(tasks::synth_conversations(1, 3), tokenizer, 20);
  data::RenderedConversation a, b;
  for (int64_t i = 0; i < 3; ++i) {
    check(whole.get(i, a));
    check(cut.get(i, b));
    ASSERT_GT(a.ids.size(), 20u);
    EXPECT_EQ(b.ids, std::vector<int32_t>(a.ids.begin(), a.ids.begin() + 20));
    EXPECT_EQ(b.mask.size(), 20u);
  }
}

// What was given out so far, by the parts of a mixture; one that comes twice counts as one.
TEST(RenderedSet, SaysWhichPartsWereTaken) {
  const auto a = tasks::synth_conversations(1, 2), b = tasks::synth_conversations(2, 4);
  RenderedSet set(tasks::sequence({a, b, a}), lathe::testing::tiny_tokenizer(), 1000, {"a", "b", "a"});
  using Mix = std::vector<std::pair<std::string, double>>;
  EXPECT_EQ(set.mix(), (Mix{{"a", 0}, {"b", 0}}));
  data::RenderedConversation c;
  for (const int64_t i : {0, 2, 3, 7}) check(set.get(i, c));
  EXPECT_EQ(set.mix(), (Mix{{"a", 0.5}, {"b", 0.5}}));
  check(set.get(1, c));
  EXPECT_DOUBLE_EQ(set.mix().at(0).second, 0.6);
}

// Trap L4: the stop token behind every answer is trained.
TEST(TrapL4, EveryAnswerEndsWithATrainedStopToken) {
  const tokenizer::Tokenizer tokenizer = lathe::testing::tiny_tokenizer();
  const int32_t stop = tokenizer.special_id("<|assistant_end|>");
  const auto set = tasks::synth_conversations(1, 200);
  RenderedSet rendered(set, tokenizer, 100000);
  for (int64_t i = 0; i < set->size(); ++i) {
    data::RenderedConversation c;
    check(rendered.get(i, c));
    int64_t stops = 0;
    for (size_t t = 0; t < c.ids.size(); ++t) stops += c.ids[t] == stop && c.mask[t] == 1;
    EXPECT_EQ(stops, std::ssize(take(set->get(i)).conversation.messages) / 2) << i;
    EXPECT_EQ(c.ids.back(), stop);
  }
}

TEST(RenderedSet, ATokenizerWithoutMarkersIsAnError) {
  std::vector<std::string> bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.emplace_back(1, static_cast<char>(byte));
  RenderedSet set(tasks::synth_conversations(1, 1), take(tokenizer::Tokenizer::from_tokens(bytes, {"<|bos|>"})), 100);
  data::RenderedConversation c;
  const Status status = set.get(0, c);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("conversation 0: "), std::string::npos) << status.error().message;
}

}  // namespace
}  // namespace lathe::train
