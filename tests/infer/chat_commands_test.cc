#include "infer/chat_commands.h"

#include "tests/infer/mock_model.h"

namespace lathe::infer {
namespace {

using namespace testing;
using lathe::testing::check;
using lathe::testing::take;

// A model that repeats the user's last byte, then ends; at a temperature it draws among the small letters.
struct Chat {
  tokenizer::Tokenizer tokenizer = chat_tokenizer();
  int32_t start = tokenizer.special_id(tokenizer::kAssistantStart), end = tokenizer.special_id(tokenizer::kAssistantEnd);
  bool random = false;
  MockModel model{[this](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) {
                    size_t begin = seen.size();
                    while (begin > 0 && seen[begin - 1] != start) --begin;
                    const size_t step = seen.size() - begin;
                    if (random && step < 12) std::fill(logits.begin() + 'a', logits.begin() + 'z' + 1, 5.0f);
                    else logits[static_cast<size_t>(step == 0 ? seen[begin - 3] : end)] = 50;
                  },
                  tokenizer.vocab_size()};
  Engine engine{model, tokenizer};
  ChatSession session = take(ChatSession::make(engine, {}));
  AnswerFigures figures;

  std::string say(std::string_view text) {
    std::string answer;
    (void)take(session.say(text, [&](std::string_view piece) {
      answer += piece;
      return true;
    }));
    return answer;
  }
  std::string again() {
    (void)take(session.answer_again([](std::string_view) { return true; }));
    return session.messages().back().text;
  }
  std::string run(std::string_view line) { return run_chat_command(line, session, figures).text; }
};

// C-11.29
TEST(ChatCommands, SetAndShowWithThePagesWords) {
  Chat chat;
  EXPECT_EQ(chat.run("/temperature"), "Temperature is 0.6\n");
  EXPECT_EQ(chat.run("/TEMPERATURE 0.25 and more"), "Temperature set to 0.25\n");
  EXPECT_EQ(chat.session.options().sampling.temperature, 0.25);
  for (const char* bad : {"/temperature 2.01", "/temperature -1", "/temperature warm", "/temperature nan", "/temperature 1x"})
    EXPECT_EQ(chat.run(bad), "Temperature must be between 0 and 2\n") << bad;
  EXPECT_EQ(chat.session.options().sampling.temperature, 0.25);
  EXPECT_EQ(chat.run("/topk 7"), "Top-k set to 7\n");
  EXPECT_EQ(chat.run("/topk 201"), "Top-k must be between 0 and 200\n");
  EXPECT_EQ(chat.run("/topp 0.9"), "Top-p set to 0.9\n");
  EXPECT_EQ(chat.run("/seed 5"), "Seed set to 5\n");
  EXPECT_EQ(chat.run("/max 99999"), "Max must be between 1 and 4096\n");
  EXPECT_EQ(chat.run("/max 3"), "Max set to 3\n");
  EXPECT_EQ(chat.session.options().max_tokens, 3);
}

// C-11.29
TEST(ChatCommands, AnUnknownOneIsToldAndHelpListsAll) {
  Chat chat;
  EXPECT_EQ(chat.run("/tempreature 1"), "Unknown command: /tempreature; did you mean /temperature?\nType /help for the list.\n");
  EXPECT_EQ(chat.run("/"), "Unknown command: /\nType /help for the list.\n");
  const std::string help = chat.run("/help");
  for (const std::string& name : chat_command_names()) EXPECT_NE(help.find(name), std::string::npos) << name;
  EXPECT_EQ(run_chat_command("/quit", chat.session, {}).then, CommandOutcome::Then::kLeave);
  EXPECT_EQ(run_chat_command("/regenerate", chat.session, {}).text, "There is no answer yet\n");
  EXPECT_EQ(chat.run("/stats"), "There is no answer yet\n");
}

TEST(ChatCommands, UndoTakesBackAWholeTurn) {
  Chat chat;
  chat.say("one");
  const std::vector<int32_t> before = chat.session.history();
  chat.say("two\nlines");
  EXPECT_EQ(chat.run("/undo"), "Taken back: two\n");
  EXPECT_EQ(chat.session.history(), before);
  chat.run("/undo");
  EXPECT_EQ(chat.session.turns(), 0);
  EXPECT_EQ(chat.run("/undo"), "There is nothing to take back\n");
}

TEST(ChatCommands, RegenerateDrawsAnotherAnswerToTheSameText) {
  Chat chat;
  chat.random = true;
  chat.session.options().sampling = {};
  chat.say("go");
  const std::string first = chat.session.messages().back().text;
  const std::string second = chat.again(), third = chat.again();
  EXPECT_NE(first, second);
  EXPECT_NE(second, third);
  EXPECT_EQ(chat.session.turns(), 1);
  EXPECT_EQ(chat.session.messages()[0].text, "go");
  EXPECT_EQ(run_chat_command("/regenerate", chat.session, {}).then, CommandOutcome::Then::kAnswerAgain);
}

TEST(ChatCommands, SaveAndLoadGiveTheSameConversation) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "talk.json").string();
  Chat chat;
  EXPECT_EQ(chat.run("/save " + path), "There is nothing to save yet\n");
  chat.run("/system Be brief.");
  chat.say("a\nb");
  chat.say("c");
  EXPECT_EQ(chat.run("/save " + path), "Saved to " + path + "\n");
  Chat other;
  EXPECT_EQ(other.run("/load " + path), "Loaded 2 turns\n");
  EXPECT_EQ(other.session.history(), chat.session.history());
  EXPECT_EQ(other.session.system(), "Be brief.");
  EXPECT_EQ(other.say("next"), chat.say("next"));
}

TEST(ChatCommands, FilesThatAreNoConversationAreNamedAndChangeNothing) {
  const TemporaryFolder folder;
  Chat chat;
  chat.say("here");
  const std::vector<int32_t> before = chat.session.history();
  const std::string path = (folder.path() / "bad.json").string();
  for (const char* text : {"", "{", "[]", R"({"messages": 3})", R"({"messages": [{"role": "user", "content": "x"}]})", R"({"messages": [{"role": "assistant", "content": "x"}]})",
                           R"({"messages": [{"role": "tool", "content": "x"}]})", "\xFF\xFE"}) {
    check(write_file_atomic(path, text));
    EXPECT_NE(chat.run("/load " + path).find(path), std::string::npos) << text;
    EXPECT_EQ(chat.session.history(), before) << text;
  }
  EXPECT_NE(chat.run("/load " + folder.path().string()).find("is not a file"), std::string::npos);
  EXPECT_NE(chat.run("/save " + (folder.path() / "bad.json" / "x").string()).find("bad.json"), std::string::npos);
}

TEST(ChatCommands, TheSystemMessageStandsBeforeTheFirstText) {
  Chat chat;
  chat.run("/system Be brief.");
  chat.say("Hi");
  const std::string all = chat.tokenizer.decode(chat.session.history());
  EXPECT_NE(all.find("Be brief.\n\nHi"), std::string::npos) << all;
  EXPECT_EQ(chat.run("/system"), "Be brief.\n");
  chat.run("/system off");
  EXPECT_EQ(chat.session.turns(), 0);
  EXPECT_EQ(chat.run("/system"), "There is no system message\n");
}

TEST(ChatCommands, StatsTellTokensAndSpeed) {
  Chat chat;
  chat.say("Hi");
  chat.figures = {0.5, 2.5, 20, 41};
  const std::string text = chat.run("/stats");
  EXPECT_NE(text.find("41 tokens in 2.50 s, first after 0.50 s, then 20.0 tokens/s"), std::string::npos) << text;
}

// L-10.9
TEST(ChatSession, DropsTheOldestWholeTurnsWhenTheContextIsFull) {
  Chat chat;  // trained on 64 positions, half of them kept for the answer
  chat.run("/system S");
  for (const char* text : {"first text", "second text", "third text"}) chat.say(text);
  const std::string all = chat.tokenizer.decode(chat.session.history());
  EXPECT_EQ(all.find("first"), std::string::npos);
  EXPECT_NE(all.find("third text"), std::string::npos);
  EXPECT_NE(all.find("S\n\n"), std::string::npos) << "the system message must stay: " << all;
  EXPECT_GT(chat.session.dropped_turns(), 0);
  // Every turn that is left is whole.
  const auto count = [&](const char* name) { return std::count(chat.session.history().begin(), chat.session.history().end(), chat.tokenizer.special_id(name)); };
  for (const char* name : {tokenizer::kUserStart, tokenizer::kUserEnd, tokenizer::kAssistantStart, tokenizer::kAssistantEnd}) EXPECT_EQ(count(name), chat.session.turns()) << name;
  EXPECT_LE(static_cast<int64_t>(chat.session.history().size()), 64);
}

}  // namespace
}  // namespace lathe::infer
