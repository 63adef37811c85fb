// Random walks through masks: every one ends in a whole text of its grammar. With LATHE_GRAMMAR_CASES (a folder that
// tests/scripts/grammar_oracle_test.sh fills) the same walks are written down with their masks for an independent engine to compare.
#include <cstdlib>
#include <fstream>

#include "core/clock.h"
#include "core/file.h"
#include "infer/grammar_runner.h"
#include "tests/infer/grammar_help.h"

namespace lathe::infer::testing {
namespace {

GrammarResult compile(GrammarCompiler& compiler, const Json& grammar) {
  const std::string kind = grammar.at("kind").as_string();
  const Json& source = grammar.at("source");
  if (kind == "json_schema") return compiler.json_schema(source);
  if (kind == "regex") return compiler.regex(source.as_string());
  if (kind == "ebnf") return compiler.ebnf(source.as_string());
  std::vector<std::string> choices;
  for (const Json& choice : source.as_array()) choices.push_back(choice.as_string());
  return compiler.choice(choices);
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += format_text("%02x", static_cast<unsigned>(static_cast<uint8_t>(c)));
  return out;
}

std::string hex(const TokenMask& mask) {
  std::string out;
  for (const uint64_t word : mask) out += format_text("%016llx", static_cast<unsigned long long>(word));
  return out;
}

Json tokens_of(const Walk& walk) {
  Json out = Json::array();
  for (const int32_t token : walk.tokens) out.push_back(token);
  return out;
}

constexpr const char* kGrammars = R"json([
  {"kind": "json_schema", "source": {}},
  {"kind": "json_schema", "source": {"type": "object"}},
  {"kind": "json_schema", "source": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 0, "maximum": 130}, "tags": {"type": "array", "items": {"enum": ["ab", "abc", "the"]}, "maxItems": 3}}, "required": ["name", "tags"]}},
  {"kind": "json_schema", "source": {"type": "object", "properties": {"id": {"type": "string", "format": "uuid"}, "when": {"type": "string", "format": "date-time"}, "x": {"type": "number", "minimum": -1.5, "exclusiveMaximum": 2.25}}, "required": ["id", "when", "x"], "additionalProperties": {"type": "boolean"}}},
  {"kind": "json_schema", "source": {"$defs": {"node": {"type": "object", "properties": {"value": {"type": "null"}, "item": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["item"]}}, "$ref": "#/$defs/node"}},
  {"kind": "json_schema", "source": {"type": "array", "prefixItems": [{"type": "string", "pattern": "^[a-c]+$"}, {"type": "string", "minLength": 40, "maxLength": 90}], "items": {"type": ["number", "boolean"]}, "minItems": 2, "maxItems": 4}},
  {"kind": "json_schema", "source": {"oneOf": [{"type": "object", "properties": {"name": {"const": "cat"}}, "required": ["name"]}, {"type": "object", "properties": {"name": {"const": "dog"}, "age": {"type": "integer"}}, "required": ["name", "age"]}]}},
  {"kind": "regex", "source": "(?:the|hello| world){1,4}[^a-y\\s]{0,3}"},
  {"kind": "regex", "source": "\\d{4}-\\d\\d-\\d\\d|[\\w.]+@\\w+\\.com"},
  {"kind": "regex", "source": ".{5,70}!"},
  {"kind": "choice", "source": ["yes", "no", "maybe", "maybe not", "é", "中é"]},
  {"kind": "ebnf", "source": "root ::= expr\nexpr ::= term ([-+*/] term)*\nterm ::= [0-9]+ | \"(\" expr \")\" | \"-\" term"},
  {"kind": "ebnf", "source": "root ::= \"[\" (root (\", \" root)*)? \"]\" | [^\\]\\[, ]{1,9}"}
])json";

void walk_all(const tokenizer::Tokenizer& tokenizer, int rounds, size_t free) {
  GrammarCompiler compiler(tokenizer), bytes(chat_tokenizer());
  const Json grammars = json_of(kGrammars);
  for (const Json& source : grammars.as_array()) {
    const auto grammar = must(compile(compiler, source)), reader = must(compile(bytes, source));
    Rng rng(7, source.dump());
    int whole = 0;
    for (int i = 0; i < rounds; ++i) {
      const Walk walk = random_walk(*grammar, tokenizer, rng, free);
      ASSERT_FALSE(walk.was_stuck) << source.dump() << "\n" << walk.text;
      ASSERT_EQ(reads(reader, walk.text), walk.is_whole ? "whole" : "part") << source.dump() << "\n" << walk.text;
      whole += walk.is_whole;
      if (walk.is_whole && source.at("kind").as_string() == "json_schema") {
        ASSERT_TRUE(parse_json(walk.text, "", {1000, false, false}).ok()) << walk.text;
      }
    }
    EXPECT_GT(whole, rounds / 2) << source.dump();
  }
}

TEST(GrammarWalk, BytesEndInWholeTexts) { walk_all(chat_tokenizer(), 25, 25); }
TEST(GrammarWalk, PiecesEndInWholeTexts) { walk_all(piece_tokenizer(), 40, 12); }

TEST(GrammarWalk, ATrainedVocabularyEndsInWholeTexts) {
  const auto folder = lathe::testing::golden("tok512") / "ranks.tiktoken";
  LATHE_NEEDS(folder);
  walk_all(lathe::testing::take(tokenizer::Tokenizer::load(folder)), 40, 12);
}

// Reads <folder>/cases.json, writes <folder>/<vocabulary>.vocab.json and .walks.jsonl, and the time that masks took.
TEST(GrammarOracle, WritesWalksAndMasks) {
  const char* folder_name = std::getenv("LATHE_GRAMMAR_CASES");
  if (folder_name == nullptr) GTEST_SKIP() << "LATHE_GRAMMAR_CASES is not set";
  const fs::path folder = folder_name;
  const Json cases = lathe::testing::take(read_json(folder / "cases.json"));
  std::vector<std::pair<std::string, tokenizer::Tokenizer>> vocabularies = {{"pieces", piece_tokenizer()}};
  for (const auto& path : {lathe::testing::golden("tok512") / "ranks.tiktoken", lathe::testing::real_data("tokenizers") / "gpt2"})
    if (fs::exists(path)) vocabularies.emplace_back(path.parent_path().filename() == "tok512" ? "tok512" : "gpt2", lathe::testing::take(tokenizer::Tokenizer::load(path)));
  for (const auto& [name, tokenizer] : vocabularies) {
    Json vocabulary = Json::array();
    for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) vocabulary.push_back(tokenizer.is_special(id) ? "" : hex(tokenizer.token_bytes_of(id)));
    ASSERT_TRUE(write_json_atomic(folder / (name + ".vocab.json"), vocabulary, -1).ok());
    std::ofstream out(folder / (name + ".walks.jsonl"));
    double begin = Clock::real().seconds();
    GrammarCompiler compiler(tokenizer);
    Json start = Json::object();
    start["vocabulary_seconds"] = Clock::real().seconds() - begin;
    out << start.dump() << "\n";
    for (size_t i = 0; i < cases.size(); ++i) {
      const Json& source = cases.at(i);
      Json line = Json::object();
      line["case"] = static_cast<int64_t>(i);
      begin = Clock::real().seconds();
      const GrammarResult result = compile(compiler, source);
      line["compile_seconds"] = Clock::real().seconds() - begin;
      if (!result.ok()) {
        line["error"] = result.error().to_string();
        out << line.dump() << "\n";
        continue;
      }
      Rng rng(8, name + std::to_string(i));
      Json walks = Json::array(), cold = Json::array(), warm = Json::array();
      for (int round = 0; round < 4; ++round) {
        const Walk walk = random_walk(*result.value(), tokenizer, rng, name == "gpt2" ? 6 : 15, 120, true);
        Json entry = Json::object(), masks = Json::array(), completes = Json::array();
        for (const TokenMask& mask : walk.masks) masks.push_back(hex(mask));
        for (const uint8_t complete : walk.completes) completes.push_back(complete != 0);
        entry["tokens"] = tokens_of(walk);
        entry["text"] = hex(walk.text);
        entry["whole"] = walk.is_whole;
        entry["stuck"] = walk.was_stuck;
        entry["masks"] = masks;
        entry["completes"] = completes;
        walks.push_back(entry);
      }
      // Times: a grammar that nobody has used, along the first walk, twice.
      GrammarCompiler fresh(tokenizer);
      const auto again = must(compile(fresh, source));
      for (Json* times : {&cold, &warm}) {
        const std::unique_ptr<GrammarState> state = again->start();
        TokenMask mask;
        for (size_t step = 0;; ++step) {
          begin = Clock::real().seconds();
          state->fill(mask);
          times->push_back(Clock::real().seconds() - begin);
          const Json& tokens = walks.at(size_t{0}).at("tokens");
          if (step >= tokens.size() || !state->accept(static_cast<int32_t>(tokens.at(step).as_int()))) break;
        }
      }
      Json texts = Json::array();
      if (const Json* asked = source.find("texts"))
        for (const Json& text : asked->as_array()) {
          const std::unique_ptr<GrammarState> state = result.value()->start();
          bool whole = true;
          for (const int32_t token : tokenizer.encode(text.as_string())) whole = whole && state->accept(token);
          texts.push_back(whole && state->is_complete());
        }
      line["texts"] = texts;
      line["walks"] = walks;
      line["cold_seconds"] = cold;
      line["warm_seconds"] = warm;
      out << line.dump() << "\n";
    }
    ASSERT_TRUE(out.good());
  }
}

}  // namespace
}  // namespace lathe::infer::testing
