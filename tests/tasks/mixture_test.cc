#include "tasks/mixture.h"

#include <algorithm>
#include <map>

#include "tasks/mixture_config.h"
#include "tasks/spelling.h"
#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

using testing::check;
using testing::take;

class Numbered : public ConversationSet {
 public:
  Numbered(int64_t task, int64_t size) : task_(task), size_(size) {}
  int64_t size() const override { return size_; }
  Result<Example> get(int64_t index) const override {
    Example example;
    example.about["place"] = 1000 * task_ + index;
    return example;
  }

 private:
  int64_t task_, size_;
};

ConversationSetPtr numbered(int64_t task, int64_t size) { return std::make_shared<Numbered>(task, size); }

std::vector<int64_t> places(const ConversationSet& set) {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < set.size(); ++i) out.push_back(take(set.get(i)).about.at("place").as_int());
  return out;
}

// C-7.39, C-7.46
TEST(Slice, ItemsAreThoseOfTheWhole) {
  const auto whole = numbered(0, 20);
  EXPECT_EQ(places(*take(slice(whole, 5, 10))), (std::vector<int64_t>{5, 6, 7, 8, 9}));
  EXPECT_EQ(places(*take(slice(whole, 5, 11, 3))), (std::vector<int64_t>{5, 8}));
  EXPECT_EQ(places(*take(slice(whole, 5, 12, 3))), (std::vector<int64_t>{5, 8, 11}));
  EXPECT_EQ(take(slice(whole, 3, -1))->size(), 17);
  EXPECT_EQ(take(slice(whole, 4, 4))->size(), 0);
  EXPECT_FALSE(slice(whole, -1, 4).ok());
  EXPECT_FALSE(slice(whole, 5, 4).ok());
  EXPECT_FALSE(slice(whole, 0, 4, 0).ok());
  EXPECT_FALSE(slice(whole, 0, 21).ok());
  EXPECT_THROW((void)take(slice(whole, 5, 10))->get(5), std::invalid_argument);
  EXPECT_EQ(places(*sequence({take(slice(whole, 5, 7)), take(slice(whole, 0, 2))})), (std::vector<int64_t>{5, 6, 0, 1}));
}

// C-8.6
TEST(Mixture, ASetGivenTwiceComesTwice) {
  const auto mixed = places(*mixture({numbered(0, 3), numbered(1, 4), numbered(0, 3)}));
  std::map<int64_t, int> counts;
  for (const int64_t place : mixed) ++counts[place];
  EXPECT_EQ(counts, (std::map<int64_t, int>{{0, 2}, {1, 2}, {2, 2}, {1000, 1}, {1001, 1}, {1002, 1}, {1003, 1}}));
  EXPECT_FALSE(std::is_sorted(mixed.begin(), mixed.end()));
  EXPECT_EQ(mixed, places(*mixture({numbered(0, 3), numbered(1, 4), numbered(0, 3)})));
  EXPECT_THROW((void)mixture({numbered(0, 3)})->get(3), std::invalid_argument);
  EXPECT_EQ(mixture({})->size(), 0);
}

TEST(TrapL5, TwoSeedsGiveTwoOrders) {
  const auto sets = std::vector<ConversationSetPtr>{numbered(0, 50)};
  EXPECT_NE(places(*mixture(sets, 42)), places(*mixture(sets, 43)));
  EXPECT_NE(places(*mixture(sets, 0)), places(*mixture(sets, 1)));
}

// C-8.6
TEST(Mixture, ASequenceKeepsEveryOrder) {
  EXPECT_EQ(places(*sequence({numbered(1, 2), numbered(0, 0), numbered(2, 2)})), (std::vector<int64_t>{1000, 1001, 2000, 2001}));
}

// A task of one's own is this one class, and its name in the list.
class Doubling : public ConversationSet {
 public:
  int64_t size() const override { return 5; }
  Result<Example> get(int64_t index) const override {
    Example example;
    const auto number = std::to_string(index), doubled = std::to_string(2 * index);
    example.conversation.messages = {{tokenizer::Role::kUser, "Twice " + number + "?"}, {tokenizer::Role::kAssistant, doubled}};
    return example;
  }
};

// C-17.18
TEST(Mixture, ATaskOfOnesOwnIsOneClassAndAnEntry) {
  const ConversationSetPtr mixed = mixture({numbered(1, 3), take(slice(std::make_shared<Doubling>(), 1, 4))});
  std::vector<std::string> answers;
  for (int64_t i = 0; i < mixed->size(); ++i) {
    const Example example = take(mixed->get(i));
    if (example.part != 1) continue;
    check(check_turns(example.conversation));
    answers.push_back(std::get<std::string>(example.conversation.messages[1].content));
  }
  std::sort(answers.begin(), answers.end());
  EXPECT_EQ(answers, (std::vector<std::string>{"2", "4", "6"}));
}

class MixtureFile : public ::testing::Test {
 protected:
  // <base> with ten numbered pairs below each name.
  void SetUp() override {
    for (const char* name : {"a", "b"}) {
      std::string lines;
      for (int i = 0; i < 10; ++i) lines += R"({"instruction":")" + std::string(name) + std::to_string(i) + R"(","output":"x"})" + "\n";
      check(write_file_atomic(base() / (std::string(name) + ".jsonl"), lines));
    }
    check(write_file_atomic(base() / "words_alpha.txt", "fig\r\npear\r\n"));
    check(write_file_atomic(base() / "hosted/gsm8k/main/train.jsonl", R"({"question":"q","answer":"<<1+1=2>>2\n#### 2"})"));
  }
  const fs::path& base() const { return folder_.path(); }
  Result<MixtureSets> open(const std::string& text) {
    check(write_file_atomic(base() / "mixture.json", text));
    return open_mixture(base() / "mixture.json", base());
  }
  std::string fault(const std::string& text) {
    const auto sets = open(text);
    return sets.ok() ? "" : sets.error().to_string();
  }
  static std::vector<std::string> questions(const ConversationSet& set) {
    std::vector<std::string> out;
    for (int64_t i = 0; i < set.size(); ++i) out.push_back(std::get<std::string>(take(set.get(i)).conversation.messages[0].content));
    return out;
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(MixtureFile, EntriesAreOpenedSlicedAndRepeated) {
  const MixtureSets sets = take(open(R"({"_comment": "any", "order": "sequence",
    "train": [{"task":"file","path":"a.jsonl","start":2,"stop":6,"step":2,"repeat":2,"_why":"x"}, {"task":"gsm8k"}, {"task":"simple_spelling","size":3}],
    "validation": [{"task":"file","path":"b.jsonl","stop":3}]})"));
  const auto train = questions(*sets.train);
  EXPECT_EQ((std::vector<std::string>(train.begin(), train.begin() + 5)), (std::vector<std::string>{"a2", "a4", "a2", "a4", "q"}));
  EXPECT_EQ(train.size(), 8u);
  EXPECT_EQ(sets.parts, (std::vector<std::string>{"file", "file", "gsm8k", "simple_spelling"}));
  EXPECT_EQ(take(sets.train->get(3)).part, 1u) << "the second time the file comes";
  EXPECT_EQ(take(sets.train->get(5)).part, 3u);
  auto validation = questions(*sets.validation);
  EXPECT_NE(validation, (std::vector<std::string>{"b0", "b1", "b2"}));  // shuffled
  std::sort(validation.begin(), validation.end());
  EXPECT_EQ(validation, (std::vector<std::string>{"b0", "b1", "b2"}));
  EXPECT_EQ(sets.description.at("conversations").as_int(), 8);
  EXPECT_EQ(sets.description.at("train").at(size_t{0}).at("conversations").as_int(), 2);
}

// C-8.35
TEST_F(MixtureFile, TheHashOfTheWordsIsRecorded) {
  const MixtureSets sets = take(open(R"({"train": [{"task":"spelling_bee"}]})"));
  EXPECT_EQ(sets.train->size(), 1000);
  EXPECT_EQ(sets.validation, nullptr);
  EXPECT_EQ(sets.description.at("train").at(size_t{0}).at("words_sha256").as_string(), take(WordList::open(base() / "words_alpha.txt"))->sha256());
}

// C-8.24
TEST_F(MixtureFile, AMissingIdentityFileIsAWarning) {
  const MixtureSets sets = take(open(R"({"train": [{"task":"custom_json","repeat":2}, {"task":"gsm8k"}]})"));
  EXPECT_EQ(sets.train->size(), 1);
  ASSERT_EQ(sets.warnings.size(), 1u);
  EXPECT_NE(sets.warnings[0].find("lathe download identity"), std::string::npos);
  EXPECT_NE(fault(R"({"train": [{"task":"custom_json"}]})").find("no conversation to train on"), std::string::npos);
}

// C-17.18
TEST_F(MixtureFile, AnotherIdentityIsAnotherFile) {
  const auto identity = [&](const char* name) {
    check(write_file_atomic(base() / "identity_conversations.jsonl",
                            std::string(R"([{"role":"user","content":"Who are you?"},{"role":"assistant","content":"I am )") + name + "\"}]\n"));
    const MixtureSets sets = take(open(R"({"train": [{"task":"custom_json"}, {"task":"gsm8k"}], "order": "sequence"})"));
    return std::get<std::string>(take(sets.train->get(0)).conversation.messages[1].content);
  };
  EXPECT_EQ(identity("Ada"), "I am Ada");
  EXPECT_EQ(identity("Grace"), "I am Grace");
}

TEST_F(MixtureFile, MistakesAreNamed) {
  const auto says = [&](const std::string& text, const char* part) {
    const std::string message = fault(text);
    EXPECT_NE(message.find(part), std::string::npos) << text << "\n" << message;
    EXPECT_NE(message.find("mixture.json"), std::string::npos) << message;
  };
  says("[]", "must be a JSON object");
  says("{", "");
  says(R"({"train": {}})", "must be a list");
  says(R"({"train": []})", "no conversation to train on");
  says(R"({"trian": []})", "trian");
  says(R"({"order": "random", "train": []})", "random");
  says(R"({"train": [{"task":"gsm9k"}]})", "did you mean \"gsm8k\"?");
  says(R"({"train": [{"task":"gsm8k","spilt":"test"}]})", "spilt");
  says(R"({"train": [{"task":"gsm8k","size":3}]})", "size");
  says(R"({"train": [{"task":"gsm8k","repeat":0}]})", "repeat");
  says(R"({"train": [{"task":"gsm8k"},{"task":"file","path":"a.jsonl","stop":11}]})", "entry 2: ");
  says(R"({"train": [{"task":"smoltalk"}]})", "lathe download smol-smoltalk");
  says(R"({"train": [{"task":"file","path":"none.jsonl"}]})", "none.jsonl");
  says(R"({"train": [{"task":"file","path":"a.jsonl","form":"alpacca"}]})", "did you mean \"alpaca\"?");
  says(R"({"train": [{"task":"spelling_bee","split":"validation"}]})", "train or test");
}

// Trap L5.
class TrapL5Mixture : public MixtureFile {};

TEST_F(TrapL5Mixture, ValidationThatIsTrainedOnIsRefused) {
  const auto pair = [&](const char* train, const char* validation) {
    return fault(std::string(R"({"train": [{"task":"file","path":"b.jsonl"}, )") + train + R"(], "validation": [)" + validation + "]}");
  };
  EXPECT_NE(pair(R"({"task":"file","path":"a.jsonl"})", R"({"task":"file","path":"a.jsonl","start":9})").find("item 9 that is trained on too"), std::string::npos);
  EXPECT_EQ(pair(R"({"task":"file","path":"a.jsonl","stop":9})", R"({"task":"file","path":"a.jsonl","start":9})"), "");
  EXPECT_EQ(pair(R"({"task":"file","path":"a.jsonl","step":2})", R"({"task":"file","path":"a.jsonl","start":1,"step":2})"), "");
  EXPECT_NE(pair(R"({"task":"file","path":"a.jsonl","step":2})", R"({"task":"file","path":"./a.jsonl","start":1,"step":3})").find("item 4 "), std::string::npos);
  EXPECT_NE(pair(R"({"task":"gsm8k"})", R"({"task":"gsm8k","split":"train"})"), "");
  EXPECT_NE(pair(R"({"task":"spelling_bee"})", R"({"task":"spelling_bee","size":5})"), "");
  EXPECT_EQ(pair(R"({"task":"spelling_bee"})", R"({"task":"spelling_bee","split":"test"})"), "");
  EXPECT_NE(pair(R"({"task":"synth","size":10})", R"({"task":"synth","size":12,"start":9})"), "");
  EXPECT_EQ(pair(R"({"task":"synth","size":10})", R"({"task":"synth","size":12,"start":10})"), "");
}

// L-7.12
TEST_F(TrapL5Mixture, ATreeStaysOnOneSide) {
  std::string lines;
  for (const char* tree : {"t1", "t2"})
    lines += std::string(R"({"message_tree_id":")") + tree + R"(","prompt":{"text":"q","role":"prompter","replies":[{"text":"1","role":"assistant","rank":0},{"text":"2","role":"assistant","rank":1}]}})" + "\n";
  check(write_file_atomic(base() / "trees.jsonl", lines));
  const auto cut_at = [&](int at) {
    const std::string n = std::to_string(at);
    return fault(R"({"train": [{"task":"file","path":"trees.jsonl","stop":)" + n + R"(}], "validation": [{"task":"file","path":"trees.jsonl","start":)" + n + "}]}");
  };
  EXPECT_NE(cut_at(1).find("the tree t1"), std::string::npos);
  EXPECT_EQ(cut_at(2), "");
  EXPECT_NE(cut_at(3).find("the tree t2"), std::string::npos);
}

Json shipped(const char* name) { return testing::read_json_or_fail(fs::path(LATHE_SOURCE_DIR) / "configs/mixtures" / name); }

std::string entries(const Json& config, const char* key) {
  std::string out;
  for (const Json& entry : config.at(key).as_array()) {
    out += entry.at("task").as_string() + " " + entry.get_string("subset", "-") + " " + entry.get_string("split", "-") + " " + std::to_string(entry.get_int("size", 0)) + " " +
           std::to_string(entry.get_int("stop", -1)) + " x" + std::to_string(entry.get_int("repeat", 1)) + "\n";
  }
  return out;
}

// C-8.1, C-8.5, C-8.21
TEST(ShippedMixtures, AreTheOrigins) {
  const std::string head = "smoltalk - train 0 -1 x1\nmmlu auxiliary_train train 0 -1 x1\n";
  const std::string tail = "custom_json - - 0 -1 x2\nsimple_spelling - train 200000 -1 x1\nspelling_bee - train 80000 -1 x1\n";
  const std::string validation = "smoltalk - test 0 -1 x1\nmmlu all test 0 5200 x1\ngsm8k main test 0 420 x1\n";
  EXPECT_EQ(entries(shipped("sft.json"), "train"), head + "gsm8k main train 0 -1 x2\n" + tail);
  EXPECT_EQ(entries(shipped("sft.json"), "validation"), validation);
  EXPECT_EQ(entries(shipped("mid.json"), "train"), head + "gsm8k main train 0 -1 x1\n" + tail);
  EXPECT_EQ(entries(shipped("mid.json"), "validation"), validation);
  EXPECT_EQ(entries(shipped("sft_old.json"), "train"),
            "arc ARC-Easy train 0 -1 x1\narc ARC-Challenge train 0 -1 x1\ngsm8k main train 0 -1 x1\nsmoltalk - train 0 10000 x1\ncustom_json - - 0 -1 x1\n"
            "simple_spelling - train 300 -1 x1\nspelling_bee - train 300 -1 x1\n");
}

// The origin's mixture over sets of the hosted forms: real ones where they are, a few written rows for the others.
// C-8.5
TEST(ShippedMixtures, TheOriginsMixtureOpensOnHostedSets) {
  const fs::path root = testing::real_data("chat_eval");
  LATHE_NEEDS(root);
  const fs::path words = testing::real_data("words") / "words_alpha.txt.zst";
  LATHE_NEEDS(words);
  const TemporaryFolder folder;
  const fs::path base = folder.path();
  const auto link = [&](const fs::path& file, const char* place) {
    fs::create_directories((base / place).parent_path());
    fs::create_symlink(file, base / place);
  };
  link(root / "gsm8k/train.jsonl.zst", "hosted/gsm8k/main/train-00000-of-00001.jsonl.zst");
  link(root / "gsm8k/test.jsonl", "hosted/gsm8k/main/test-00000-of-00001.jsonl");
  link(root / "mmlu/test.jsonl.zst", "hosted/mmlu/all/test-00000-of-00001.jsonl.zst");
  const std::string talk = R"({"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a"}]})";
  check(write_file_atomic(base / "hosted/smol-smoltalk/data/train-00000-of-00001.jsonl", talk + "\n" + talk));
  check(write_file_atomic(base / "hosted/smol-smoltalk/data/test-00000-of-00001.jsonl", talk));
  check(write_file_atomic(base / "hosted/mmlu/auxiliary_train/train-00000-of-00001.jsonl", R"({"train":{"question":"q","subject":"","choices":["a","b","c","d"],"answer":0}})"));
  check(write_file_atomic(base / "identity_conversations.jsonl", R"([{"role":"user","content":"who"},{"role":"assistant","content":"me"}])"));
  // The list in its stored form; the config names it plain.
  Json config = shipped("sft.json");
  for (Json& entry : config.find("train")->as_array())
    if (entry.at("task").as_string().find("spelling") != std::string::npos) entry["path"] = words.string();
  check(write_json_atomic(base / "sft.json", config));
  const MixtureSets sets = take(open_mixture(base / "sft.json", base));
  EXPECT_TRUE(sets.warnings.empty());
  EXPECT_EQ(sets.train->size(), 2 + 1 + 2 * 7473 + 2 + 200000 + 80000);
  EXPECT_EQ(sets.validation->size(), 1 + 5200 + 420);
  for (int64_t i = 0; i < sets.train->size(); i += 97) check(check_turns(take(sets.train->get(i)).conversation));
  for (int64_t i = 0; i < sets.validation->size(); i += 7) check(check_turns(take(sets.validation->get(i)).conversation));
}

TEST(ShippedMixtures, TheBuiltInOneNeedsNoFile) {
  const TemporaryFolder folder;
  const MixtureSets sets = take(open_mixture(fs::path(LATHE_SOURCE_DIR) / "configs/mixtures/builtin.json", folder.path()));
  EXPECT_EQ(sets.train->size(), 60000);
  EXPECT_EQ(sets.validation->size(), 600);
  for (int64_t i = 0; i < 200; ++i) check(check_turns(take(sets.train->get(i)).conversation));
}

}  // namespace
}  // namespace lathe::tasks
