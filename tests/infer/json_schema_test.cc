// JSON schemas as grammars: what is written, what never is, and what is refused with its JSON pointer.
#include "infer/json_schema.h"

#include <cmath>

#include "infer/number_range.h"
#include "infer/regex_facts.h"
#include "infer/string_formats.h"
#include "tests/infer/grammar_help.h"

namespace lathe::infer::testing {
namespace {

const tokenizer::Tokenizer& bytes() {
  static const tokenizer::Tokenizer tokenizer = chat_tokenizer();
  return tokenizer;
}

GrammarResult compile(std::string_view schema) { return GrammarCompiler(bytes()).json_schema(json_of(schema)); }

void expect_texts(std::string_view schema, const std::vector<std::string>& whole, const std::vector<std::string>& not_whole) {
  const GrammarResult grammar = compile(schema);
  ASSERT_TRUE(grammar.ok()) << schema << ": " << grammar.error().to_string();
  for (const std::string& text : whole) EXPECT_EQ(reads(grammar.value(), text), "whole") << schema << "\n" << text;
  for (const std::string& text : not_whole) EXPECT_NE(reads(grammar.value(), text), "whole") << schema << "\n" << text;
}

// The error's text; it must name the pointer.
void expect_refused(std::string_view schema, const std::string& pointer, const std::string& part = "") {
  const GrammarResult grammar = compile(schema);
  ASSERT_FALSE(grammar.ok()) << schema;
  EXPECT_EQ(grammar.error().path, pointer) << schema << ": " << grammar.error().to_string();
  EXPECT_NE(grammar.error().message.find(part), std::string::npos) << grammar.error().to_string();
}

TEST(JsonSchema, PlainTypes) {
  expect_texts(R"({"type":"null"})", {"null"}, {"", "nul", "true"});
  expect_texts(R"({"type":"boolean"})", {"true", "false"}, {"null", "tru"});
  expect_texts(R"({"type":"integer"})", {"0", "-1", "1234567890123456789012"}, {"-0", "01", "1.0", "+1", "-", "1e3"});
  expect_texts(R"({"type":"number"})", {"0", "-0", "1.50", "-12e+3", "0.1E-22"}, {"1e100", "01", ".5", "1.", "1e", "NaN", "Infinity", "- 1"});
  expect_texts(R"({"type":["string","null"]})", {"null", "\"\"", "\"a\""}, {"1"});
  expect_texts(R"({"type":"integer","nullable":true})", {"null", "3"}, {"true"});
  for (const char* any : {"{}", "true", R"({"description":"anything"})"})
    expect_texts(any, {"null", "[1, {\"a\": [\"\"]}]", "{}", "\"x\"", "-1.5"}, {"", "[1,]", "{\"a\"}", "{,}", "[1 2]", "nullnull"});
}

TEST(JsonSchema, StringsAreJsonStrings) {
  expect_texts(R"({"type":"string"})",
               {"\"\"", "\"a b\xC3\xA9\xF0\x9F\x98\x80\"", R"("\n\"\\\/\u00e9")", R"("\ud83d\ude00")", "\"\x7F\""},
               {"\"", "\"a", "\"\n\"", "\"\x01\"", R"("\x")", R"("\u12")", R"("\ud83d")", R"("\ude00")", R"("\ud83d\u0041")", "\"\xC3\"", "\"\xED\xA0\x80\""});
}

// Lengths count characters, whichever way they are written; long ones are told exactly, too.
TEST(JsonSchema, LengthsOfStrings) {
  expect_texts(R"({"type":"string","minLength":2,"maxLength":3})", {"\"ab\"", "\"\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\"", R"("\u00e9\n")", R"("\ud83d\ude00ab")"},
               {"\"a\"", "\"abcd\"", R"("\ud83d\ude00")"});
  for (const auto& [low, high] : {std::pair{0, 31}, {0, 32}, {0, 33}, {0, 34}, {31, 40}, {32, 32}, {33, 64}, {63, 64}, {64, 65}, {70, 100}, {96, 96}, {5, 1000}, {1000, 1031}, {0, 300}}) {
    const auto grammar = must(compile("{\"type\":\"string\",\"minLength\":" + std::to_string(low) + ",\"maxLength\":" + std::to_string(high) + "}"));
    for (const int n : {low - 1, low, low + 1, (low + high) / 2, high - 1, high, high + 1}) {
      if (n < 0) continue;
      EXPECT_EQ(reads(grammar, "\"" + std::string(static_cast<size_t>(n), 'x') + "\"") == "whole", n >= low && n <= high) << low << " " << high << " " << n;
    }
    EXPECT_EQ(reads(grammar, "\"" + std::string(static_cast<size_t>(high) + 1, 'x')), "no");
  }
  const auto open = must(compile(R"({"type":"string","minLength":100})"));
  EXPECT_EQ(reads(open, "\"" + std::string(99, 'x') + "\""), "no");
  EXPECT_EQ(reads(open, "\"" + std::string(100, 'x') + "\""), "whole");
  EXPECT_EQ(reads(open, "\"" + std::string(9000, 'x') + "\""), "whole");
}

TEST(JsonSchema, ObjectsHoldTheirPropertiesInOrder) {
  const char* schema = R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"null"},"c":{"type":"boolean"}},"required":["b"]})";
  expect_texts(schema, {R"({"b":null})", R"({"a":1,"b":null})", R"({"b":null,"c":true})", "{ \"a\" : 1 ,\n\t\"b\": null, \"c\": false }"},
               {"{}", R"({"a":1})", R"({"b":null,"a":1})", R"({"b":null,"b":null})", R"({"b":null,})", R"({"b":null,"d":1})", R"({"a":1 "b":null})"});
  expect_texts(R"({"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"}}})", {"{}", R"({"a":null})", R"({"b":null})", R"({"a":null,"b":null})"},
               {R"({"b":null,"a":null})", R"({,"b":null})"});
  expect_texts(R"({"properties":{"q\"uote":{"const":1},"\u00e9":{"const":2}},"required":["\u00e9"]})", {"{\"\xC3\xA9\":2}", "{\"q\\\"uote\":1,\"\xC3\xA9\":2}"}, {"2"});
  expect_texts(R"({"type":"object","properties":{"a":false,"b":{"type":"null"}}})", {"{}", R"({"b":null})"}, {R"({"a":null})"});
  EXPECT_EQ(reads(must(compile(schema)), "{" + std::string(21, ' ')), "no") << "blanks are bounded";
}

// A key that is declared never comes again as an additional one, where it would hide the first.
TEST(JsonSchema, AdditionalProperties) {
  expect_texts(R"({"type":"object"})", {"{}", R"({"a":1,"b":[{}]})"}, {"[]"});
  expect_texts(R"({"type":"object","additionalProperties":{"type":"integer"}})", {"{}", R"({"a":1,"b":2})", R"({"\u0061":1})"}, {R"({"a":"b"})"});
  expect_texts(R"({"type":"object","additionalProperties":false})", {"{}", "{ }"}, {R"({"a":1})"});
  const char* mixed = R"({"type":"object","properties":{"name":{"type":"string"},"nb":{"type":"null"}},"required":["name"],"additionalProperties":{"type":"integer"}})";
  expect_texts(mixed, {R"({"name":"x"})", R"({"name":"x","names":1,"nam":2,"n":3,"":4})", R"({"name":"x","nb":null,"z":1})"},
               {R"({"name":"x","name":1})", R"({"name":"x","z":1,"name":2})", R"({"name":"x","nb":7})", R"({"name":"x","n\u0061me":1})", R"({"z":1,"name":"x"})"});
  expect_texts(R"({"type":"object","required":["k"],"additionalProperties":{"type":"integer"}})", {R"({"k":1})", R"({"k":1,"l":2})"}, {"{}", R"({"l":2})"});
  expect_texts(R"({"type":"object","required":["k"],"properties":{"a":{"const":1}}})", {R"({"a":1,"k":[]})"}, {R"({"a":1})"});
  expect_texts(R"({"type":"object","patternProperties":{"^x-":{"type":"integer"}},"properties":{"a":{"const":1}}})", {R"({"a":1,"x-y":2})", "{}"}, {R"({"y":2})", R"({"x-y":"2"})"});
  expect_texts(R"({"type":"object","propertyNames":{"pattern":"^[a-z]{2}$"},"additionalProperties":{"const":0}})", {R"({"ab":0})"}, {R"({"abc":0})"});
  expect_texts(R"({"type":"object","maxProperties":2,"minProperties":1})", {R"({"a":0})", R"({"a":0,"b":1})"}, {"{}", R"({"a":0,"b":1,"c":2})"});
}

TEST(JsonSchema, Arrays) {
  expect_texts(R"({"type":"array"})", {"[]", "[1, \"a\", []]"}, {"[1,]", "[,1]"});
  expect_texts(R"({"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":4})", {"[1,2]", "[1,2,3,4]"}, {"[]", "[1]", "[1,2,3,4,5]", "[1,null]"});
  expect_texts(R"({"type":"array","items":{"const":0},"maxItems":0})", {"[]", "[ ]"}, {"[0]"});
  expect_texts(R"({"type":"array","items":{"const":0},"minItems":100})", {"[0" + [] { std::string s; for (int i = 0; i < 99; ++i) s += ",0"; return s; }() + "]"}, {"[0,0]"});
  expect_texts(R"({"type":"array","prefixItems":[{"type":"null"},{"type":"boolean"}],"items":{"type":"integer"}})", {"[]", "[null]", "[null,true]", "[null,true,1,2]"},
               {"[true]", "[null,1]", "[null,true,null]"});
  expect_texts(R"({"type":"array","prefixItems":[{"type":"null"},{"const":1}],"minItems":2})", {"[null,1]"}, {"[null]", "[null,1,1]"});
  expect_texts(R"({"type":"array","prefixItems":[{"const":0},{"const":1},{"const":2}],"minItems":1,"maxItems":2,"items":true})", {"[0]", "[0,1]"}, {"[]", "[0,1,2]"});
  expect_texts(R"({"items":[{"const":0}],"additionalItems":{"const":1},"maxItems":3})", {"[]", "[0]", "[0,1,1]"}, {"[1]", "[0,1,1,1]"});
}

TEST(JsonSchema, ConstantsAndChoices) {
  expect_texts(R"({"enum":["a","ab",1,1.5,null,{"x":[1,2]}]})", {"\"a\"", "\"ab\"", "1", "1.5", "null", R"({"x":[1,2]})", "{ \"x\": [1, 2] }"}, {R"({"x":[1]})", "\"b\"", "2", "1.50", "{}"});
  expect_texts(R"({"type":"string","enum":["a",1,null]})", {"\"a\""}, {"1", "null"});
  expect_texts(R"({"const":"\u00e9\"\n"})", {"\"\xC3\xA9\\\"\\n\""}, {});
  expect_texts(R"({"anyOf":[{"type":"integer"},{"type":"array","items":{"type":"null"}}]})", {"1", "[null]"}, {"[1]"});
  expect_texts(R"({"type":"object","properties":{"k":{"type":"string"}},"anyOf":[{"required":["k"]},{"properties":{"z":{"const":1}},"required":["z"]}]})",
               {R"({"k":"x"})", R"({"z":1})", R"({"k":"","z":1})"}, {"{}"});
  expect_texts(R"({"oneOf":[{"type":"string"},{"type":"integer"},{"const":null}]})", {"\"\"", "1", "null"}, {"[]"});
  expect_texts(R"({"oneOf":[{"type":"object","properties":{"t":{"const":"a"},"x":{"type":"null"}},"required":["t"]},{"type":"object","properties":{"t":{"enum":["b","c"]}},"required":["t"]}]})",
               {R"({"t":"a","x":null})", R"({"t":"c"})"}, {R"({"t":"b","x":null})"});
  expect_refused(R"({"oneOf":[{"type":"integer"},{"type":"number"}]})", "/oneOf/1", "anyOf");
  expect_refused(R"({"properties":{"a":{"oneOf":[{"type":"string","minLength":1},{"type":"string"}]}}})", "/properties/a/oneOf/1");
}

TEST(JsonSchema, AllOfIsMerged) {
  expect_texts(R"({"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"b":{"type":"null"},"a":{"minimum":5}}}]})",
               {R"({"a":5})", R"({"a":7,"b":null})"}, {"{}", R"({"a":4})"});
  expect_texts(R"({"allOf":[{"type":["integer","string"]},{"type":["number","null"]},{"maximum":3,"minimum":1},{"minimum":2}]})", {"2", "3"}, {"1", "4", "2.5", "null"});
  expect_texts(R"({"allOf":[{"properties":{"a":{"const":1}},"additionalProperties":false},{"properties":{"b":{"const":2}}}],"type":"object"})", {"{}", R"({"a":1})"}, {R"({"b":2})"});
  expect_texts(R"({"allOf":[{"anyOf":[{"type":"integer"},{"type":"null"}]},{"anyOf":[{"type":"null"},{"type":"string"}]}]})", {"null"}, {"1", "\"\""});
  expect_texts(R"({"allOf":[{"enum":[1,2,3]},{"enum":[2,3,4]}]})", {"2", "3"}, {"1", "4"});
  expect_texts(R"({"$defs":{"s":{"type":"string"}},"$ref":"#/$defs/s","maxLength":1})", {"\"a\""}, {"\"ab\""});
  expect_refused(R"({"allOf":[{"pattern":"a"},{"pattern":"b"}]})", "/allOf/1/pattern");
}

TEST(JsonSchema, ReferencesAndRecursion) {
  const char* tree = R"({"$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["v","next"]}},"$ref":"#/$defs/node"})";
  expect_texts(tree, {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":{"v":3,"next":null}}})"}, {R"({"v":1})"});
  expect_texts(R"({"type":"array","items":{"$ref":"#"}})", {"[]", "[[],[[]]]"}, {"[1]"});
  expect_texts(R"({"definitions":{"a/b":{"const":1},"c~d e":{"$ref":"#/definitions/a~1b"}},"$ref":"#/definitions/c~0d%20e"})", {"1"}, {"2"});
  expect_texts(R"({"$ref":"#/anyOf/0","anyOf":[{"const":1}]})", {"1"}, {});
  expect_refused(R"({"$ref":"#/$defs/x"})", "/$ref", "#/$defs/x");
  expect_refused(R"({"properties":{"a":{"$ref":"http://x/y"}}})", "/properties/a/$ref");
  for (const char* circle : {R"({"$defs":{"a":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"})", R"({"$defs":{"a":{"$ref":"#/$defs/a","type":"string"}},"$ref":"#/$defs/a"})",
                             R"({"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/a"},{"type":"null"}]}},"$ref":"#/$defs/a"})",
                             R"({"$defs":{"a":{"type":"object","properties":{"b":{"$ref":"#/$defs/a"}},"required":["b"]}},"$ref":"#/$defs/a"})",
                             R"({"$defs":{"a":{"properties":{"b":{"allOf":[{"$ref":"#/$defs/a"},{"minProperties":1}]}}}},"$ref":"#/$defs/a"})"})
    EXPECT_FALSE(compile(circle).ok()) << circle;
}

TEST(JsonSchema, PatternsAreSearchedAndEscaped) {
  expect_texts(R"({"type":"string","pattern":"^ab+c$"})", {"\"abbc\""}, {"\"xabc\"", "\"abcx\""});
  expect_texts(R"({"type":"string","pattern":"b+"})", {"\"b\"", "\"abba\"", "\"\\nb\\u0001\""}, {"\"a\"", "\"\""});
  expect_texts(R"({"type":"string","pattern":"^a|b$"})", {"\"ax\"", "\"xb\""}, {"\"xa\"", "\"bx\""});
  expect_texts(R"({"pattern":"^[\"\\\\\\n\\u0000]+$"})", {R"("\"\\\n\u0000")"}, {"\"a\"", "\"\\\""});
  expect_texts(R"({"pattern":"^[a-z]{3,5}$","minLength":2,"maxLength":5})", {"\"abc\""}, {"\"ab\""});
  expect_refused(R"({"properties":{"a":{"pattern":"(?=a)b"}}})", "/properties/a/pattern", "look-ahead");
  expect_refused(R"({"pattern":"(a)\\1"})", "/pattern", "back-references");
  expect_refused(R"({"pattern":"^a*$","maxLength":5})", "/maxLength");
}

TEST(JsonSchema, Formats) {
  expect_texts(R"({"type":"string","format":"date"})", {"\"2024-02-28\"", "\"1999-12-31\""}, {"\"2024-02-30\"", "\"2024-04-31\"", "\"2024-13-01\"", "\"24-01-01\""});
  expect_texts(R"({"format":"date-time","type":"string"})", {"\"2024-01-31T23:59:59Z\"", "\"2024-01-31T00:00:00.123+01:30\""}, {"\"2024-01-31 00:00:00Z\"", "\"2024-01-31T24:00:00Z\""});
  expect_texts(R"({"format":"time"})", {"\"12:30:00Z\""}, {"\"12:30\""});
  expect_texts(R"({"format":"uuid"})", {"\"123e4567-e89b-12d3-a456-426614174000\""}, {"\"123e4567e89b12d3a456426614174000\""});
  expect_texts(R"({"format":"ipv4"})", {"\"0.0.0.0\"", "\"192.168.1.255\""}, {"\"256.1.1.1\"", "\"1.2.3\"", "\"01.2.3.4\""});
  expect_texts(R"({"format":"ipv6"})", {"\"::\"", "\"::1\"", "\"fe80:1:2:3:4:5:6:7\"", "\"fe80::1\""}, {"\":1\"", "\"12345::\""});
  expect_texts(R"({"format":"email"})", {"\"a.b+c@d-e.com\""}, {"\"a@\"", "\"@b\"", "\"a@b.-c\""});
  expect_texts(R"({"format":"hostname"})", {"\"a.example\""}, {"\"-a\"", "\"\""});
  expect_texts(R"({"format":"uri"})", {"\"https://a.example:80/x?y=1\""}, {"\"x\""});
  expect_texts(R"({"format":"duration"})", {"\"P1DT2H\"", "\"PT5S\"", "\"P3W\""}, {"\"P\"", "\"PT\""});
  expect_refused(R"({"type":"string","format":"regex"})", "/format", "date-time");
}

TEST(JsonSchema, BoundsOfIntegersAndNumbers) {
  Rng rng(6, "bounds");
  for (int round = 0; round < 60; ++round) {
    const auto pick = [&] { return static_cast<int64_t>(rng.below(rng.below(2) ? 40 : 20000)) - static_cast<int64_t>(rng.below(2) ? 20 : 10000); };
    int64_t low = pick(), high = pick();
    if (low > high) std::swap(low, high);
    const bool no_low = rng.below(6) == 0, no_high = rng.below(6) == 0;
    std::string schema = R"({"type":"integer")";
    if (!no_low) schema += ",\"minimum\":" + std::to_string(low);
    if (!no_high) schema += ",\"maximum\":" + std::to_string(high);
    const auto grammar = must(compile(schema + "}"));
    for (const int64_t n : {low - 1, low, low + 1, high - 1, high, high + 1, int64_t{0}, int64_t{-1}, int64_t{1}, low * 10, high * 10, (low + high) / 2, int64_t{9}, int64_t{10}, int64_t{99}, int64_t{100}})
      ASSERT_EQ(reads(grammar, std::to_string(n)) == "whole", (no_low || n >= low) && (no_high || n <= high)) << schema << " " << n;
    ASSERT_NE(reads(grammar, "-0"), "whole");
  }
  for (int round = 0; round < 120; ++round) {
    const auto pick = [&] {
      const double scale = rng.below(2) ? 1000 : rng.below(2) ? 10 : 1;
      return (static_cast<double>(rng.below(4001)) - 2000) / scale;
    };
    double low = pick(), high = pick();
    if (low > high) std::swap(low, high);
    if (low == high) continue;
    const bool open_low = rng.below(2) == 0, open_high = rng.below(2) == 0, no_low = rng.below(8) == 0, no_high = rng.below(8) == 0;
    std::string schema = R"({"type":"number")";
    if (!no_low) schema += std::string(open_low ? ",\"exclusiveMinimum\":" : ",\"minimum\":") + shortest_double(low);
    if (!no_high) schema += std::string(open_high ? ",\"exclusiveMaximum\":" : ",\"maximum\":") + shortest_double(high);
    const auto grammar = must(compile(schema + "}"));
    for (int i = 0; i < 60; ++i) {
      std::string text;
      const double near = rng.below(2) ? low : high;
      switch (rng.below(5)) {
        case 0: text = format_text("%.0f", near + static_cast<double>(rng.below(3)) - 1); break;
        case 1: text = format_text("%.1f", near + (static_cast<double>(rng.below(3)) - 1) / 10); break;
        case 2: text = format_text("%.3f", near + (static_cast<double>(rng.below(3)) - 1) / 1000); break;
        case 3: text = format_text("%.5f", near + (static_cast<double>(rng.below(3)) - 1) / 100000); break;
        default: text = format_text("%.2f", low + (high - low) * rng.uniform());
      }
      const double value = std::strtod(text.c_str(), nullptr);
      const bool inside = (no_low || (open_low ? value > low : value >= low)) && (no_high || (open_high ? value < high : value <= high));
      // "-0" is not written where 0 is the end of what is negative; the value is another spelling's.
      if (text.starts_with("-0") && value == 0 && inside) continue;
      ASSERT_EQ(reads(grammar, text) == "whole", inside) << schema << " " << text;
    }
  }
  expect_texts(R"({"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":3})", {"1", "2"}, {"0", "3"});
  expect_texts(R"({"type":"integer","minimum":0,"exclusiveMinimum":true,"maximum":2.5})", {"1", "2"}, {"0", "3"});
  expect_refused(R"({"type":"integer","minimum":5,"maximum":4})", "/minimum");
  expect_refused(R"({"type":"number","minimum":1e300})", "/minimum");
  expect_refused(R"({"type":"integer","multipleOf":5})", "/multipleOf");
}

// Keywords that cannot be kept are never left out silently; what only describes is.
TEST(JsonSchema, WhatIsNotSupportedIsRefusedWithItsPointer) {
  expect_refused(R"({"properties":{"a":{"type":"object","properties":{"b/c":{"not":{"type":"null"}}}}}})", "/properties/a/properties/b~1c/not", "not");
  for (const char* key : {"not", "if", "then", "contains", "dependentRequired", "dependentSchemas", "$dynamicRef", "minContains", "propertiesTypo"})
    expect_refused("{\"" + std::string(key) + "\": {}}", std::string("/") + key);
  expect_refused(R"({"type":"array","uniqueItems":true})", "/uniqueItems");
  expect_refused(R"({"type":"object","minProperties":2})", "/minProperties");
  expect_refused(R"({"type":"strin"})", "/type");
  expect_refused(R"({"items":{"minLength":-1}})", "/items/minLength");
  expect_refused(R"({"minLength":1.5})", "/minLength");
  expect_refused(R"({"maxLength":100000})", "/maxLength");
  expect_refused(R"({"anyOf":[]})", "/anyOf");
  expect_refused(R"({"items":3})", "/items");
  expect_refused(R"({"patternProperties":{"a":{},"b":{}}})", "/patternProperties");
  expect_refused(R"({"patternProperties":{"a":{}},"properties":{"bab":{}}})", "/patternProperties/a", "bab");
  expect_refused(R"({"enum":["a"],"pattern":"b"})", "/pattern");
  expect_texts(R"({"title":"t","description":"d","default":1,"examples":[2],"$schema":"s","$id":"i","$comment":"c","deprecated":true,"readOnly":true,"x-own":1,"type":"null"})", {"null"}, {});
}

TEST(JsonSchema, NothingToWriteIsAnError) {
  for (const char* schema : {"false", R"({"enum":[]})", R"({"type":"string","enum":[1]})", R"({"type":"object","properties":{"a":{"enum":[]}},"required":["a"]})",
                             R"({"type":"string","minLength":3,"maxLength":2})", R"({"type":"array","items":false,"minItems":1})", R"({"allOf":[{"type":"string"},{"type":"null"}]})"})
    EXPECT_FALSE(compile(schema).ok()) << schema;
  expect_texts(R"({"type":"object","properties":{"a":{"enum":[]},"b":{"const":1}}})", {"{}", R"({"b":1})"}, {});
}

TEST(TrapS7, HostileSchemasEndQuickly) {
  Json deep = Json::object();
  for (int i = 0; i < 3000; ++i) deep = Json(Json::Object{{"items", deep}});
  GrammarCompiler compiler(bytes());
  EXPECT_FALSE(compiler.json_schema(deep).ok());
  std::string doubling = R"({"$defs":{"d0":{"type":"null"})";
  for (int i = 1; i < 60; ++i) {
    const std::string before = "{\"$ref\":\"#/$defs/d" + std::to_string(i - 1) + "\"}";
    doubling += ",\"d" + std::to_string(i) + "\":{\"anyOf\":[{\"allOf\":[" + before + ",{\"title\":\"x\"}]},{\"allOf\":[" + before + ",{\"minLength\":1}]}]}";
  }
  EXPECT_FALSE(compile(doubling + "},\"$ref\":\"#/$defs/d59\"}").ok());
  std::string wide = R"({"type":"object","properties":{)";
  for (int i = 0; i < 1500; ++i) wide += (i ? ",\"p" : "\"p") + std::to_string(i) + "\":{\"type\":\"string\",\"maxLength\":20000}";
  const auto grammar = compile(wide + "}}");
  if (grammar.ok()) {
    TokenMask mask;
    const auto state = grammar.value()->start();
    state->accept('{');
    state->fill(mask);
    EXPECT_FALSE(allowed_tokens(mask).empty());
  }
}

// What speaks of "all other" items or names of its own schema would mean something else after merging.
TEST(JsonSchema, SchemasThatLimitTheRestAreNotMerged) {
  for (const char* schema : {R"({"type":"object","allOf":[{"patternProperties":{"^x":{"type":"integer"}}},{"additionalProperties":false}]})",
                             R"({"type":"object","allOf":[{"additionalProperties":{"type":"null"}},{"patternProperties":{"^x":{"type":"integer"}}}]})",
                             R"({"type":"object","allOf":[{"properties":{"a":{}},"unevaluatedProperties":false},{"properties":{"b":{}}}]})",
                             R"({"$defs":{"s":{"type":"object","properties":{"a":{}},"unevaluatedProperties":false}},"$ref":"#/$defs/s","properties":{"b":{}}})",
                             R"({"allOf":[{"type":"array","prefixItems":[{"type":"integer"}]},{"items":{"type":"string"}}]})",
                             R"({"allOf":[{"type":"array","items":{"type":"string"}},{"prefixItems":[{"type":"integer"}]}]})",
                             R"({"allOf":[{"items":[{"type":"integer"}]},{"additionalItems":{"type":"string"}}]})"})
    EXPECT_FALSE(compile(schema).ok()) << schema;
  expect_texts(R"({"allOf":[{"properties":{"a":{"const":1}}},{"properties":{"b":{"const":2}}}],"unevaluatedProperties":false})", {R"({"a":1,"b":2})"}, {R"({"c":1})"});
  expect_texts(R"({"type":"array","prefixItems":[{"const":1}],"items":{"const":2},"allOf":[{"minItems":1},{"maxItems":2}]})", {"[1]", "[1,2]"}, {"[]", "[1,2,2]"});
  expect_texts(R"({"allOf":[{"type":"string","nullable":true},{"type":"string","maxLength":1}]})", {"\"a\""}, {"null"});
  expect_texts(R"({"allOf":[{"type":"string","nullable":true},{"type":"integer","nullable":true}]})", {"null"}, {"1", "\"\""});
  expect_refused(R"({"oneOf":[{"enum":[{"a":1,"b":[1]}]},{"enum":[{"b":[1.0],"a":1}]}]})", "/oneOf/1", "anyOf");
}

TEST(JsonSchema, BoundsOfSixteenDigitsStaySmall) {
  expect_texts(R"({"type":"integer","minimum":-9007199254740992})", {"-9007199254740992", "0", "12345678901234567890"}, {"-9007199254740993", "-10000000000000000"});
  expect_texts(R"({"type":"integer","minimum":1234567890123456,"maximum":9007199254740991})", {"1234567890123456", "9007199254740991", "5555555555555555"},
               {"1234567890123455", "9007199254740992", "1"});
}

TEST(JsonSchema, MergingManyLargeSchemasIsRefused) {
  std::string properties, all;
  for (int i = 0; i < 3000; ++i) properties += (i ? ",\"a" : "\"a") + std::to_string(i) + "\":{}";
  for (int i = 0; i < 5000; ++i) all += std::string(i ? "," : "") + R"({"$ref":"#/$defs/b"})";
  expect_refused(R"({"$defs":{"b":{"properties":{)" + properties + R"(}}},"properties":{"z":{}},"allOf":[)" + all + "]}", "/allOf/6", "more than");
}

TEST(JsonSchema, AnyJsonIsAnObject) {
  const auto grammar = must(GrammarCompiler(bytes()).any_json());
  for (const char* text : {"{}", R"({"a": {"b": [1, 2.5e3, "x\u00e9", true, null]}})", "{\n  \"k\": []\n}"}) EXPECT_EQ(reads(grammar, text), "whole") << text;
  for (const char* text : {"[]", "1", " {}", "{} ", "{\"a\":1"}) EXPECT_NE(reads(grammar, text), "whole") << text;
  EXPECT_EQ(reads(grammar, "{\"a\":" + std::string(2000, '[') + std::string(2000, ']') + "}"), "whole");
}

}  // namespace
}  // namespace lathe::infer::testing
