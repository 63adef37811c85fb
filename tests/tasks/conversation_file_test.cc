#include "tasks/conversation_file.h"

#include <set>

#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

using testing::check;
using testing::take;
using tokenizer::Part;
using tokenizer::PartType;
using tokenizer::Role;

const std::string& text_of(const tokenizer::Message& message) { return std::get<std::string>(message.content); }

// C-8.23
TEST(ConversationFile, ADamagedRecordNamesItsLineBeforeAnythingStarts) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "identity.jsonl";
  const std::string good = R"([{"role":"user","content":"u"},{"role":"assistant","content":"a"}])";
  for (const char* bad : {R"([{"role":"user","content":"u"}])", R"({"messages":[]})", "[", R"([{"role":"user","content":"u"},{"role":"assistant"}])"}) {
    check(write_file_atomic(path, good + "\n\n" + bad + "\n" + good + "\n"));
    const auto set = open_custom_json(path, nullptr);
    ASSERT_FALSE(set.ok()) << bad;
    EXPECT_NE(set.error().to_string().find("identity.jsonl: line 3"), std::string::npos) << set.error().to_string();
  }
  check(write_file_atomic(path, "\n" + good + "\n  \n" + good));
  EXPECT_EQ(take(open_custom_json(path, nullptr))->size(), 2);
}

// C-8.24
TEST(ConversationFile, AMissingIdentityFileIsAWarningAndAnEmptySet) {
  const TemporaryFolder folder;
  std::string warning;
  const auto set = take(open_custom_json(folder.path() / "identity_conversations.jsonl", &warning));
  EXPECT_EQ(set->size(), 0);
  EXPECT_TRUE(warning.starts_with("-----")) << warning;
  EXPECT_TRUE(warning.ends_with("-----")) << warning;
  EXPECT_NE(warning.find("identity_conversations.jsonl"), std::string::npos);
  EXPECT_NE(warning.find("lathe download identity"), std::string::npos);
  EXPECT_THROW((void)set->get(0), std::invalid_argument);
}

TEST(ConversationFile, FilesOfAFolderFollowEachOtherByName) {
  const TemporaryFolder folder;
  check(write_file_atomic(folder.path() / "b.jsonl", R"({"instruction":"b","output":"2"})"));
  check(write_file_atomic(folder.path() / "a.json", R"([{"instruction":"a","output":"1"}])"));
  check(write_file_atomic(folder.path() / "README.md", "no data"));
  const auto set = take(open_conversations(folder.path()));
  ASSERT_EQ(set->size(), 2);
  EXPECT_EQ(text_of(take(set->get(0)).conversation.messages[0]), "a");
  EXPECT_EQ(text_of(take(set->get(1)).conversation.messages[0]), "b");
  EXPECT_THROW((void)set->get(2), std::invalid_argument);
  EXPECT_THROW((void)set->get(-1), std::invalid_argument);
}

TEST(ConversationFile, WhatHoldsNoConversationIsAnError) {
  const TemporaryFolder folder;
  EXPECT_FALSE(open_conversations(folder.path()).ok());
  EXPECT_FALSE(open_conversations(folder.path() / "none.jsonl").ok());
  check(write_file_atomic(folder.path() / "empty.jsonl", "\n"));
  EXPECT_FALSE(open_conversations(folder.path() / "empty.jsonl").ok());
  check(write_file_atomic(folder.path() / "texts.jsonl", R"({"text":"no conversation"})"));
  const auto texts = open_conversations(folder.path() / "texts.jsonl");
  ASSERT_FALSE(texts.ok());
  EXPECT_NE(texts.error().message.find("no known form"), std::string::npos) << texts.error().message;
}

struct RealSet {
  const char* file;
  int64_t conversations;
  const char* first;  // beginning of the first user's message
};

// L-7.8
TEST(ConversationFile, RealSetsAreReadWhole) {
  const fs::path chat = testing::real_data("chat");
  LATHE_NEEDS(chat);
  for (const RealSet& real : {RealSet{"alpaca_random_9k.jsonl.zst", 9229, ""}, RealSet{"alpaca_en_demo.jsonl.zst", 999, "Describe a process of making crepes."},
                              RealSet{"dolly_3k.jsonl.zst", 2996, "How do I start running?"}, RealSet{"glaive_toolcall_en_demo.jsonl.zst", 300, "Hi, I have some"},
                              RealSet{"identity.jsonl.zst", 91, "hi"}}) {
    const auto set = take(open_conversations(chat / real.file));
    ASSERT_EQ(set->size(), real.conversations) << real.file;
    const auto first = take(set->get(0)).conversation.messages;
    EXPECT_TRUE(text_of(first[first[0].role == Role::kSystem]).starts_with(real.first)) << real.file;
    for (int64_t i = 0; i < set->size(); ++i) check(check_turns(take(set->get(i)).conversation));
  }
}

TEST(ConversationFile, RealToolCallsComeBeforeTheirResults) {
  const fs::path chat = testing::real_data("chat");
  LATHE_NEEDS(chat);
  const auto set = take(open_conversations(chat / "glaive_toolcall_en_demo.jsonl.zst"));
  int64_t calls = 0, results = 0, with_tools = 0;
  for (int64_t i = 0; i < set->size(); ++i) {
    const Example example = take(set->get(i));
    with_tools += example.about.contains("tools");
    EXPECT_EQ(example.about.contains("tools"), example.conversation.messages[0].role == Role::kSystem);
    for (const tokenizer::Message& message : example.conversation.messages) {
      const auto* parts = std::get_if<std::vector<Part>>(&message.content);
      if (parts == nullptr) continue;
      EXPECT_EQ(message.role, Role::kAssistant);
      for (size_t p = 0; p < parts->size(); ++p) {
        calls += (*parts)[p].type == PartType::kPython;
        if ((*parts)[p].type != PartType::kPythonOutput) continue;
        ++results;
        EXPECT_EQ((*parts)[p - 1].type, PartType::kPython) << "conversation " << i;
      }
    }
  }
  EXPECT_EQ(calls, results);
  EXPECT_GT(calls, 200);
  EXPECT_GT(with_tools, 100);
}

// L-7.8, L-7.12
TEST(ConversationFile, RealTreesBecomeDifferentConversations) {
  const fs::path chat = testing::real_data("chat");
  LATHE_NEEDS(chat);
  const auto set = take(open_conversations(chat / "oasst_en_100_tree.jsonl.zst"));
  std::set<std::string> trees, texts;
  for (int64_t i = 0; i < set->size(); ++i) {
    const Example example = take(set->get(i));
    trees.insert(example.about.get_string("tree", ""));
    texts.insert(conversation_to_json(example.conversation).dump());
    EXPECT_EQ(example.conversation.messages.back().role, Role::kAssistant);
  }
  EXPECT_EQ(trees.size(), 100u);
  EXPECT_GT(std::ssize(texts), set->size() * 99 / 100);
  ConversationFileOptions best;
  best.options.max_rank = 0;
  const auto few = take(open_conversations(chat / "oasst_en_100_tree.jsonl.zst", best));
  EXPECT_LT(few->size(), set->size());
}

}  // namespace
}  // namespace lathe::tasks
