#include "tasks/conversation_form.h"

#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

using testing::take;
using tokenizer::Role;

Json json(const char* text) { return take(parse_json(text)); }

// The conversations of a record, as the messages of our own form; the error instead where there is one.
std::string read(const char* record, ConversationForm form, const FormOptions& options = {}) {
  const auto examples = examples_of(json(record), form, options);
  if (!examples.ok()) return "error: " + examples.error().message;
  std::string out;
  for (const Example& example : examples.value()) out += (out.empty() ? "" : "\n") + conversation_to_json(example.conversation).at("messages").dump();
  return out;
}
std::string messages(const char* text) { return json(text).dump(); }
bool says(const std::string& text, const char* part) { return text.starts_with("error: ") && text.find(part) != text.npos; }

// C-8.22
TEST(ConversationForm, TurnsAlternateBehindAnOptionalSystemMessage) {
  const auto form = ConversationForm::kMessages;
  const char* good = R"([{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}])";
  EXPECT_EQ(read((std::string(R"({"other":1,"messages":)") + good + "}").c_str(), form), messages(good));
  EXPECT_TRUE(says(read(R"({"messages":[{"role":"user","content":"u"}]})", form), "at least two"));
  EXPECT_TRUE(says(read(R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}]})", form), "at least two"));
  EXPECT_TRUE(says(read(R"({"messages":[{"role":"user","content":"u"},{"role":"user","content":"v"}]})", form), "message 1 is from user"));
  EXPECT_TRUE(says(read(R"({"messages":[{"role":"assistant","content":"u"},{"role":"user","content":"v"}]})", form), "message 0"));
  EXPECT_TRUE(says(read(R"({"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a"},{"role":"system","content":"s"}]})", form), "message 2"));
}

// C-8.23
TEST(ConversationForm, TheListFormIsABareArrayOfTurns) {
  const auto form = ConversationForm::kList;
  const char* good = R"([{"role":"user","content":"u"},{"role":"assistant","content":"a"}])";
  EXPECT_EQ(read(good, form), messages(good));
  EXPECT_TRUE(says(read(R"({"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a"}]})", form), "must be a list"));
  EXPECT_TRUE(says(read(R"([{"role":"user","content":"u"}])", form), "at least two"));
  EXPECT_TRUE(says(read(R"([{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}])", form), "message 0"));
  EXPECT_TRUE(says(read(R"([{"role":"user","content":"u"},{"role":"assistant","content":[{"type":"text","text":"a"}]}])", form), "content must be a string"));
  EXPECT_TRUE(says(read(R"([{"role":"user"},{"role":"assistant","content":"a"}])", form), "\"content\" is missing"));
  EXPECT_TRUE(says(read(R"([{"content":"u"},{"role":"assistant","content":"a"}])", form), "\"role\""));
}

TEST(ConversationForm, ShareGptNamesSpeakersItsOwnWay) {
  const auto form = ConversationForm::kShareGpt;
  EXPECT_EQ(read(R"({"system":"s","conversations":[{"from":"human","value":"u"},{"from":"gpt","value":"a"}]})", form),
            messages(R"([{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}])"));
  EXPECT_EQ(read(R"({"conversations":[{"from":"system","value":"s"},{"from":"user","value":"u"},{"from":"assistant","value":"a"}]})", form),
            messages(R"([{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}])"));
  EXPECT_TRUE(says(read(R"({"conversations":[{"from":"human","value":"u"},{"from":"bot","value":"a"}]})", form), "\"bot\""));
  EXPECT_TRUE(says(read(R"({"conversations":[{"from":"gpt","value":"a"},{"from":"human","value":"u"}]})", form), "message 0"));
  EXPECT_TRUE(says(read(R"({"conversations":[{"from":"human","value":"u"},{"from":"human","value":"v"},{"from":"gpt","value":"a"}]})", form), "message 1"));
  EXPECT_TRUE(says(read(R"({"conversations":[{"from":"human","value":"u"},{"from":"gpt"}]})", form), "turn 1"));
  EXPECT_TRUE(says(read(R"({"conversations":[3]})", form), "turn 0"));
}

// A call is the assistant's own, its result is given to it; both stand within one turn.
TEST(ConversationForm, CallsAndTheirResultsBecomeParts) {
  const auto form = ConversationForm::kShareGpt;
  EXPECT_EQ(read(R"({"tools":"[{f}]","conversations":[{"from":"human","value":"u"},{"from":"function_call","value":"f(1)."},
                 {"from":"observation","value":"7"},{"from":"gpt","value":"seven"},{"from":"human","value":"v"},{"from":"gpt","value":"b"}]})", form),
            messages(R"([{"role":"system","content":"Functions you may call:\n[{f}]"},{"role":"user","content":"u"},
                 {"role":"assistant","content":[{"type":"python","text":"f(1)."},{"type":"python_output","text":"7"},{"type":"text","text":"seven"}]},
                 {"role":"user","content":"v"},{"role":"assistant","content":"b"}])"));
  EXPECT_EQ(read(R"({"tools":"[]","conversations":[{"from":"human","value":"u"},{"from":"gpt","value":"a"}]})", form),
            messages(R"([{"role":"user","content":"u"},{"role":"assistant","content":"a"}])"));
  EXPECT_TRUE(says(read(R"({"conversations":[{"from":"human","value":"u"},{"from":"observation","value":"7"}]})", form), "was not made"));
}

// L-7.8, L-7.9
TEST(ConversationForm, AlpacasInputStandsApartAndIsReadBehindTheInstruction) {
  const auto form = ConversationForm::kAlpaca;
  const std::string both = messages(R"([{"role":"user","content":"do","input":"this"},{"role":"assistant","content":"done"}])");
  EXPECT_EQ(read(R"({"instruction":"do","input":"this","output":"done"})", form), both);
  EXPECT_EQ(read(R"({"instruction":"do","context":"this","response":"done","category":"qa"})", form), both);
  EXPECT_EQ(tokenizer::user_text(take(examples_of(json(R"({"instruction":"do","input":"this","output":"done"})"), form))[0].conversation.messages[0]), "do\n\nthis");
  FormOptions fields;
  fields.prompt_field = "q", fields.input_field = "about", fields.response_field = "a";
  EXPECT_EQ(read(R"({"q":"do","about":"this","a":"done","output":"no"})", form, fields), both);
  const std::string alone = messages(R"([{"role":"user","content":"do"},{"role":"assistant","content":"done"}])");
  EXPECT_EQ(read(R"({"instruction":"do","input":"","output":"done"})", form), alone);
  EXPECT_EQ(read(R"({"instruction":"do","input":null,"output":"done"})", form), alone);
  EXPECT_EQ(read(R"({"instruction":"do","output":"done"})", form), alone);
  EXPECT_TRUE(says(read(R"({"instruction":"do"})", form), "\"output\" is missing"));
  EXPECT_TRUE(says(read(R"({"instruction":"do","output":7})", form), "must be a string"));
}

TEST(ConversationForm, NamesAreFilledIn) {
  FormOptions options;
  options.name = "Lathe {{name}}";
  EXPECT_EQ(read(R"({"instruction":"hi {{name}}","output":"{{name}} by {{author}}"})", ConversationForm::kAlpaca, options),
            messages(R"([{"role":"user","content":"hi Lathe {{name}}"},{"role":"assistant","content":"Lathe {{name}} by {{author}}"}])"));
}

const char* kTree = R"({"message_tree_id":"t1","prompt":{"text":"q","role":"prompter","lang":"en","replies":[
  {"text":"worse","role":"assistant","lang":"en","rank":1,"replies":[]},
  {"text":"best","role":"assistant","lang":"en","rank":0,"replies":[
    {"text":"and?","role":"prompter","lang":"en","replies":[{"text":"so","role":"assistant","lang":"en","synthetic":true,"replies":[]}]},
    {"text":"thanks","role":"prompter","lang":"en","replies":[]},
    {"text":"warum","role":"prompter","lang":"de","replies":[{"text":"darum","role":"assistant","lang":"de","replies":[]}]}]},
  {"text":"gone","role":"assistant","lang":"en","deleted":true,"rank":2,"replies":[]}]}})";

// L-7.8
TEST(ConversationForm, TreesAreReadFromTheRootToEachLeaf) {
  const auto form = ConversationForm::kTree;
  const std::string worse = messages(R"([{"role":"user","content":"q"},{"role":"assistant","content":"worse"}])");
  const std::string best = messages(R"([{"role":"user","content":"q"},{"role":"assistant","content":"best"}])");
  const std::string so = messages(R"([{"role":"user","content":"q"},{"role":"assistant","content":"best"},{"role":"user","content":"and?"},{"role":"assistant","content":"so"}])");
  const std::string darum = messages(R"([{"role":"user","content":"q"},{"role":"assistant","content":"best"},{"role":"user","content":"warum"},{"role":"assistant","content":"darum"}])");
  EXPECT_EQ(read(kTree, form), worse + "\n" + so + "\n" + darum);
  FormOptions english;
  english.language = "en";
  EXPECT_EQ(read(kTree, form, english), worse + "\n" + so);
  FormOptions first;
  first.max_rank = 0;
  EXPECT_EQ(read(kTree, form, first), so + "\n" + darum);
  FormOptions human;
  human.language = "en", human.skip_synthetic = true;
  EXPECT_EQ(read(kTree, form, human), worse + "\n" + best);  // the last question without its answer is dropped
  FormOptions french;
  french.language = "fr";
  EXPECT_EQ(read(kTree, form, french), "");
}

// L-7.12
TEST(ConversationForm, EveryConversationOfATreeNamesIt) {
  for (const Example& example : take(examples_of(json(kTree), ConversationForm::kTree))) EXPECT_EQ(example.about.get_string("tree", ""), "t1");
  EXPECT_TRUE(says(read(R"({"prompt":{"text":"q","role":"prompter","replies":[]}})", ConversationForm::kTree), "message_tree_id"));
}

TEST(ConversationForm, DamagedTreesAreRefused) {
  const auto form = ConversationForm::kTree;
  EXPECT_TRUE(says(read(R"({"message_tree_id":"t"})", form), "\"prompt\""));
  EXPECT_TRUE(says(read(R"({"message_tree_id":"t","prompt":{"role":"prompter"}})", form), "\"text\""));
  EXPECT_TRUE(says(read(R"({"message_tree_id":"t","prompt":{"text":"q","role":"assistant"}})", form), "answers one of the assistant"));
  EXPECT_TRUE(says(read(R"({"message_tree_id":"t","prompt":{"text":"q","role":"prompter","replies":[{"text":"a","role":"prompter"}]}})", form), "prompter"));
  EXPECT_TRUE(says(read(R"({"message_tree_id":"t","prompt":{"text":"q","role":"prompter","replies":[4]}})", form), "\"text\""));
}

TEST(ConversationForm, FormsAreKnownByNameAndByTheirKeys) {
  for (const char* name : {"messages", "list", "sharegpt", "alpaca", "tree"}) EXPECT_STREQ(form_name(take(find_conversation_form(name))), name);
  EXPECT_EQ(take(find_conversation_form("dolly")), ConversationForm::kAlpaca);
  EXPECT_EQ(take(find_conversation_form("glaive")), ConversationForm::kShareGpt);
  EXPECT_EQ(take(find_conversation_form("oasst")), ConversationForm::kTree);
  const auto unknown = find_conversation_form("alpacca");
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.error().message.find("did you mean \"alpaca\"?"), std::string::npos);
  EXPECT_EQ(guess_form(json("[]")), ConversationForm::kList);
  EXPECT_EQ(guess_form(json(R"({"messages":[]})")), ConversationForm::kMessages);
  EXPECT_EQ(guess_form(json(R"({"conversations":[]})")), ConversationForm::kShareGpt);
  EXPECT_EQ(guess_form(json(R"({"instruction":""})")), ConversationForm::kAlpaca);
  EXPECT_EQ(guess_form(json(R"({"prompt":{}})")), ConversationForm::kTree);
  EXPECT_EQ(guess_form(json(R"({"text":""})")), std::nullopt);
}

}  // namespace
}  // namespace lathe::tasks
