// Damaged grammars, patterns and schemas: an error, or a grammar that runs; never a crash, a hang or much memory.
#include <algorithm>
#include <cstdlib>

#include "tests/infer/grammar_help.h"

namespace lathe::infer::testing {
namespace {

int rounds(int few) { return std::getenv("LATHE_LONG") != nullptr ? 20 * few : few; }

std::string damaged(std::string bytes, Rng& rng, const std::vector<std::string>& words) {
  for (uint64_t count = 1 + rng.below(3); count > 0; --count) {
    const size_t at = rng.below(bytes.size() + 1);
    switch (rng.below(6)) {
      case 0: if (at < bytes.size()) bytes[at] = static_cast<char>(rng.below(256)); break;
      case 1: bytes.resize(at); break;
      case 2: bytes.insert(at, bytes.substr(rng.below(bytes.size() + 1), rng.below(30))); break;
      case 3: bytes.erase(at, rng.below(12)); break;
      default: bytes.insert(at, words[rng.below(words.size())]);
    }
  }
  return bytes;
}

struct Tally {
  int refused = 0, compiled = 0;
};

void run(const GrammarResult& result, Rng& rng, Tally& tally, const std::string& source) {
  if (!result.ok()) {
    EXPECT_FALSE(result.error().message.empty()) << source;
    ++tally.refused;
    return;
  }
  ++tally.compiled;
  const std::unique_ptr<GrammarState> state = result.value()->start();
  TokenMask mask;
  for (int step = 0; step < 12; ++step) {
    state->fill(mask);
    const std::vector<int32_t> allowed = allowed_tokens(mask);
    ASSERT_TRUE(!allowed.empty() || state->is_complete()) << source;
    if (allowed.empty()) return;
    ASSERT_TRUE(state->accept(allowed[rng.below(allowed.size())])) << source;
  }
}

TEST(GrammarFuzz, Ebnf) {
  const std::vector<std::string> words = {"::=", "root", "|", "(", ")", "[", "]", "^", "-", "*", "+", "?", "{", "}", "{2,5}", "{3}", "{0,99999}", "\"", "\\", "\\u00e9", "\\x", ".", "#", "\n", "a ::= ", "\xC3", "\0"};
  const std::vector<std::string> whole = {"root ::= a (\",\" a)*\na ::= [a-z]+ | \"(\" root \")\"\n", "root ::= \"x\"{2,4} [^\\n\"]* # end\n", "root ::= a b? c{1,}\na ::= \"\\u00e9\" | .\nb ::= a a\nc ::= [0-9A-F\\-]\n"};
  GrammarCompiler compiler(piece_tokenizer());
  Rng rng(9, "ebnf");
  Tally tally;
  for (int i = 0; i < rounds(1500); ++i) {
    const std::string source = damaged(whole[rng.below(whole.size())], rng, words);
    run(compiler.ebnf(source), rng, tally, source);
  }
  EXPECT_GT(tally.refused, rounds(1500) / 4);
  EXPECT_GT(tally.compiled, rounds(1500) / 10);
}

TEST(GrammarFuzz, Regex) {
  const std::vector<std::string> words = {"(", ")", "(?:", "(?=", "[", "]", "[^", "-", "*", "+", "?", "{2}", "{1,}", "{0,9}", "{99999}", "|", "^", "$", ".", "\\d", "\\W", "\\s", "\\u{1F600}", "\\x41", "\\", "\\1", "(?<n>", "\xE4\xB8\xAD"};
  const std::vector<std::string> whole = {"^(?:foo|ba[rz]{1,3})+\\d*$", "[^a-z\\s]{2,}@[\\w.-]+", "(a|b)*c?(?<x>\\u00e9.)", "[\\x00-\\x7f]|\\\\|\\]"};
  GrammarCompiler compiler(piece_tokenizer());
  Rng rng(10, "regex");
  Tally tally;
  for (int i = 0; i < rounds(2000); ++i) {
    const std::string source = damaged(whole[rng.below(whole.size())], rng, words);
    run(compiler.regex(source), rng, tally, source);
  }
  EXPECT_GT(tally.refused, rounds(2000) / 5);
  EXPECT_GT(tally.compiled, rounds(2000) / 5);
}

TEST(GrammarFuzz, JsonSchema) {
  const std::vector<std::string> words = {"\"type\":", "\"object\"", "\"string\"", "{}", "[]", "true", "false", "null", "-1", "1e308", "9223372036854775807", "\"$ref\":\"#\"", "\"$ref\":\"#/$defs/a\",", ",",
                                          "\"anyOf\":[{},{\"type\":\"null\"}],", "\"allOf\":[{\"minLength\":2}],", "\"oneOf\":[{\"const\":1},{\"const\":2}],", "\"required\":[\"x\"],", "\"minimum\":", "\"maxItems\":", "\"pattern\":\"[a\",",
                                          "\"enum\":[1,\"a\"],", "\"not\":{},", "\"additionalProperties\":{\"type\":\"integer\"},", "\"patternProperties\":{\"^a\":{}},", "\"prefixItems\":[{}],"};
  const std::vector<std::string> whole = {
      R"({"type":"object","properties":{"a":{"type":"integer","minimum":0,"maximum":9},"b":{"type":"array","items":{"type":"string","maxLength":5},"minItems":1}},"required":["a"]})",
      R"({"$defs":{"a":{"type":"object","properties":{"n":{"anyOf":[{"$ref":"#/$defs/a"},{"type":"null"}]}},"required":["n"]}},"$ref":"#/$defs/a"})",
      R"({"allOf":[{"type":"object","properties":{"x":{"type":"number","exclusiveMinimum":0.5}}},{"properties":{"y":{"enum":["p","q"]}},"additionalProperties":false}]})",
      R"({"oneOf":[{"type":"string","pattern":"^a+$"},{"type":"string","format":"date","title":"t"}],"description":"d"})"};
  GrammarCompiler compiler(piece_tokenizer());
  Rng rng(11, "schema");
  Tally tally;
  int read = 0;
  for (int i = 0; i < rounds(4000); ++i) {
    const std::string source = damaged(whole[rng.below(whole.size())], rng, words);
    const auto json = parse_json(source, "", {100, false, false});
    if (!json.ok()) continue;
    ++read;
    run(compiler.json_schema(json.value()), rng, tally, source);
  }
  EXPECT_GT(read, rounds(200));
  EXPECT_GT(tally.refused, 50);
  EXPECT_GT(tally.compiled, 50);
}

}  // namespace
}  // namespace lathe::infer::testing
