#include "data/json_text.h"

#include <gtest/gtest.h>

#include "core/json.h"
#include "core/rng.h"
#include "tests/ref/testing.h"

namespace lathe::data {
namespace {

std::string text_of(const std::string& record, std::vector<std::string> keys = {"text"}) {
  JsonTextReader reader(std::move(keys));
  std::string text;
  const RecordText result = reader.read(record, text);
  return result.fault == RecordFault::kNone ? text : "FAULT " + result.why;
}

// L-2.2
TEST(JsonText, FindsTheFirstKeyThatIsThereAlsoInside) {
  EXPECT_EQ(text_of(R"({"a": [1, {"text": "no"}], "text": "yes"})"), "yes");
  EXPECT_EQ(text_of(R"({"b": "2", "a": "1"})", {"a", "b"}), "1");
  EXPECT_EQ(text_of(R"({"b": "2", "a": null})", {"a", "b"}), "2");
  EXPECT_EQ(text_of(R"({"a": {"x": "no", "b": {"c": "deep"}}})", {"a.b.c"}), "deep");
  EXPECT_EQ(text_of(R"({"a": {"b": "inner"}, "a.b": "literal"})", {"a.b"}), "literal");
  EXPECT_EQ(text_of(R"({"text": "first", "text": "second"})"), "first");
  EXPECT_EQ(text_of(R"({"te\u0078t": "escaped key"})"), "escaped key");
  EXPECT_EQ(text_of(R"({"x": "1", "y": 2})"), "FAULT no field \"text\"; its fields are: x, y");
  EXPECT_EQ(text_of(R"({"text": 7})"), "FAULT the field with the text is not text");
}

// L-2.2
TEST(JsonText, UnescapesAsTheStandardSays) {
  EXPECT_EQ(text_of(R"({"text": "\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00"})"), "\"\\/\b\f\n\r\tA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(text_of(R"({"text": "a\ud83dz\ude00\ud83d\u0041"})"), "a\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD""A");
  EXPECT_EQ(text_of(R"({"text": "12345678\n1234567\n123456789012345\u0000"})"), std::string("12345678\n1234567\n123456789012345\0", 34 - 1));
  EXPECT_EQ(text_of("{\"text\": \"bad \xff bytes\"}"), "bad \xff bytes");
}

// L-2.12
TEST(JsonText, BrokenRecordsAreFaultsWithAPlace) {
  for (const char* record : {"", "   ", "[1]", "\"text\"", "{", "{\"text\"", "{\"text\":", "{\"text\": \"abc", "{\"text\": \"abc\"", "{\"text\": \"abc\",}",
                             "{\"text\": \"abc\"} x", "{\"text\": \"a\nb\"}", "{\"text\": \"\\x\"}", "{\"text\": \"\\u12g4\"}", "{\"text\": \"\\", "{\"text\": tru}",
                             "{\"a\": 01, \"text\": \"x\"}", "{\"a\": 1., \"text\": \"x\"}", "{\"a\": -, \"text\": \"x\"}", "{text: \"x\"}", "{\"a\" 1}", "{\"a\": [1,], \"text\": \"x\"}"})
    EXPECT_EQ(text_of(record).substr(0, 35), "FAULT no whole JSON object, byte " + text_of(record).substr(33, 2)) << record;
  const std::string deep = "{\"text\": \"x\", \"a\": " + std::string(100000, '[') + std::string(100000, ']') + "}";
  EXPECT_NE(text_of(deep).find("nested too deep"), std::string::npos);
}

// Random damage to valid records: the same verdict and text as the tree parser.
// L-2.2
TEST(JsonText, AgreesWithTheTreeParserOnDamagedRecords) {
  const std::string record = R"({"id": [12, -0.5e+3, true, null, {}], "m": {"k": "v\u00e9", "text": []}, "text": "one \"two\" \\ \u20ac three\n", "z": ""})";
  int good = 0, bad = 0;
  JsonTextReader reader({"text"});
  for (uint64_t turn = 0; turn < 20000; ++turn) {
    Rng rng(1, "damage", turn);
    std::string changed = record;
    for (uint64_t n = 1 + rng.below(2); n > 0; --n) {
      const size_t at = rng.below(changed.size());
      if (rng.below(3) == 0) changed.erase(at, 1 + rng.below(4));
      else changed[at] = "\"\\{}[],:0e-.un x"[rng.below(16)];
    }
    std::string text;
    const RecordText mine = reader.read(changed, text);
    JsonLimits strict;
    strict.allow_comments = strict.allow_bare_words = false;
    const auto tree = parse_json(changed, "", strict);
    const Json* field = tree.ok() ? tree.value().find("text") : nullptr;
    ASSERT_EQ(mine.fault != RecordFault::kNotJson, tree.ok() && tree.value().is_object()) << changed;
    if (mine.fault == RecordFault::kNone) {
      ASSERT_TRUE(field != nullptr && field->is_string()) << changed;
      ASSERT_EQ(text, field->as_string()) << changed;
      ++good;
    } else {
      ++bad;
    }
  }
  EXPECT_GT(good, 1000);
  EXPECT_GT(bad, 1000);
}

}  // namespace
}  // namespace lathe::data
