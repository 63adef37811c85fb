#include "tasks/identity_prompt.h"

#include <gmock/gmock.h>

#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

using ::testing::HasSubstr;
using testing::take;

// C-17.12
TEST(IdentityPools, HaveTheSizesThatDrawsDependOn) {
  size_t topics = 0;
  for (const NamedPool& group : identity_topics()) topics += group.items.size();
  EXPECT_EQ(identity_topics().size(), 9u);
  EXPECT_EQ(topics, 58u);
  EXPECT_EQ(identity_personas().size(), 12u);
  EXPECT_EQ(identity_dynamics().size(), 10u);
  std::vector<size_t> openers;
  for (const NamedPool& group : identity_openers()) openers.push_back(group.items.size());
  EXPECT_EQ(openers, (std::vector<size_t>{22, 10, 17, 16, 14, 13, 19, 10}));
}

// C-17.11. Positions drawn by CPython 3.11 with random.Random(i) over lists of these sizes.
TEST(IdentityPrompt, ItemsAreDrawnAsPythonDrawsThem) {
  struct Case {
    uint64_t index;
    size_t group, topic, persona, dynamic;
    std::vector<size_t> groups, openers;
  };
  for (const Case& c : std::vector<Case>{{0, 6, 3, 0, 4, {7, 3, 2}, {7, 11, 6}},
                                         {1, 2, 1, 4, 1, {7, 6, 3}, {7, 12, 6}},
                                         {2, 0, 0, 1, 5, {2, 5, 6}, {9, 4, 6}},
                                         {7, 5, 1, 6, 0, {1, 6, 4}, {1, 11, 9}},
                                         {41, 6, 2, 3, 2, {6, 4, 5}, {9, 8, 4}},
                                         {999, 1, 9, 9, 8, {7, 3, 1}, {5, 3, 3}}}) {
    const IdentityChoice got = choose_identity(c.index);
    EXPECT_EQ(got.topic, identity_topics()[c.group].items[c.topic]) << c.index;
    EXPECT_EQ(got.persona, identity_personas()[c.persona]) << c.index;
    EXPECT_EQ(got.dynamic, identity_dynamics()[c.dynamic]) << c.index;
    ASSERT_EQ(got.openers.size(), 3u);
    for (size_t k = 0; k < 3; ++k) EXPECT_EQ(got.openers[k], identity_openers()[c.groups[k]].items[c.openers[k]]) << c.index;
  }
}

// C-17.11
TEST(IdentityPrompt, HoldsAllItsPartsInOrder) {
  const IdentityChoice choice = choose_identity(5);
  const std::string prompt = identity_prompt(choice, "  FACTS OF THE FILE\n");
  size_t at = 0;
  for (const std::string& part : {std::string("---\nFACTS OF THE FILE\n---"), choice.topic, choice.persona, choice.dynamic, std::string("# Style"),
                                  "- " + choice.openers[0] + "\n- " + choice.openers[1] + "\n- " + choice.openers[2] + "\n", std::string("# Special cases"), std::string("# Output")}) {
    const size_t found = prompt.find(part, at);
    ASSERT_NE(found, std::string::npos) << part;
    at = found;
  }
}

// C-17.13
TEST(IdentityPrompt, TheRequestAsksForAStrictSchema) {
  const Json request = identity_request("some/model", "prompt");
  EXPECT_EQ(request.at("model").as_string(), "some/model");
  EXPECT_FALSE(request.at("stream").as_bool());
  EXPECT_EQ(request.at("temperature").as_double(), 1.0);
  EXPECT_EQ(request.at("messages").at(size_t{0}).at("content").as_string(), "prompt");
  const Json& format = request.at("response_format");
  EXPECT_EQ(format.at("type").as_string(), "json_schema");
  EXPECT_TRUE(format.at("json_schema").at("strict").as_bool());
  const Json& schema = format.at("json_schema").at("schema");
  EXPECT_FALSE(schema.at("additionalProperties").as_bool());
  const Json& item = schema.at("properties").at("messages").at("items");
  EXPECT_FALSE(item.at("additionalProperties").as_bool());
  EXPECT_EQ(item.at("required").dump(), R"(["role", "content"])");
}

std::string answer(const std::string& content) {
  return Json(Json::Object{{"choices", Json(Json::Array{Json(Json::Object{{"message", Json(Json::Object{{"content", content}})}})})}}).dump();
}

// C-17.13, C-17.14
TEST(IdentityPrompt, AnswersAreCheckedBeforeTheyCount) {
  const std::string good = R"({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]})";
  EXPECT_EQ(take(identity_messages(answer(good))).size(), 2u);
  const auto why = [](const std::string& body) {
    const auto out = identity_messages(body);
    return out.ok() ? std::string("fine") : out.error().message;
  };
  EXPECT_THAT(why(R"({"error": {"message": "no credit"}})"), HasSubstr("no credit"));
  EXPECT_THAT(why("{}"), HasSubstr("choices[0]"));
  EXPECT_THAT(why(R"({"choices": []})"), HasSubstr("choices[0]"));
  EXPECT_NE(why("no json"), "fine");
  EXPECT_NE(why(answer("no json")), "fine");
  EXPECT_THAT(why(answer("{}")), HasSubstr("messages"));
  EXPECT_THAT(why(answer(R"({"messages": 1})")), HasSubstr("no list"));
  EXPECT_THAT(why(answer(R"({"messages": [{"role": "user", "content": "hi"}]})")), HasSubstr("too short"));
  EXPECT_THAT(why(answer(R"({"messages": [{"role": "assistant", "content": "hi"}, {"role": "user", "content": "hi"}]})")), HasSubstr("message 0"));
  EXPECT_THAT(why(answer(R"({"messages": [{"role": "user", "content": "hi"}, {"role": "user", "content": "hi"}]})")), HasSubstr("message 1"));
  EXPECT_THAT(why(answer(R"({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": " \n\u00a0\u3000"}]})")), HasSubstr("message 1 is empty"));
  EXPECT_THAT(why(answer(R"({"messages": [7, 8]})")), HasSubstr("message 0"));
}

}  // namespace
}  // namespace lathe::tasks
