// Grammars of every notation: what they accept, what masks allow, what is refused and how quickly.
#include "infer/grammar.h"

#include <set>
#include <thread>

#include "core/machine.h"
#include "infer/ebnf_parse.h"
#include "infer/grammar_program.h"
#include "infer/grammar_runner.h"
#include "infer/regex_parse.h"
#include "tests/infer/grammar_help.h"

namespace lathe::infer::testing {
namespace {

const tokenizer::Tokenizer& bytes() {
  static const tokenizer::Tokenizer tokenizer = chat_tokenizer();
  return tokenizer;
}
const tokenizer::Tokenizer& pieces() {
  static const tokenizer::Tokenizer tokenizer = piece_tokenizer();
  return tokenizer;
}

std::shared_ptr<const Grammar> ebnf(std::string_view text) { return must(GrammarCompiler(bytes()).ebnf(text)); }
std::shared_ptr<const Grammar> regex(std::string_view text) { return must(GrammarCompiler(bytes()).regex(text)); }
std::string ebnf_error(std::string_view text) {
  const auto result = GrammarCompiler(bytes()).ebnf(text);
  return result.ok() ? "" : result.error().to_string();
}
std::string regex_error(std::string_view text) {
  const auto result = GrammarCompiler(bytes()).regex(text);
  return result.ok() ? "" : result.error().to_string();
}

void expect_language(const std::shared_ptr<const Grammar>& grammar, const std::vector<std::string>& whole, const std::vector<std::string>& not_whole) {
  for (const std::string& text : whole) EXPECT_EQ(reads(grammar, text), "whole") << text;
  for (const std::string& text : not_whole) EXPECT_NE(reads(grammar, text), "whole") << text;
}

TEST(Ebnf, TextsClassesAndOperators) {
  expect_language(ebnf(R"(root ::= "ab" | "cd" "e"?)"), {"ab", "cd", "cde"}, {"", "a", "abe", "abcd"});
  expect_language(ebnf(R"(root ::= [a-c]+ [^x-z\n]* "!")"), {"a!", "abcccq!", "ab\xC3\xA9!"}, {"!", "ax!", "a\n!", "d!"});
  expect_language(ebnf(R"(root ::= ("x" [0-9]){2} "y"{1,3} "z"{0,})"), {"x1x2y", "x1x2yyyzzz"}, {"x1y", "x1x2x3y", "x1x2yyyy", "x1x2"});
  expect_language(ebnf("root ::= . . \"\\u00e9\" [\\U0001F600-\\U0001F64F] \"\\x41\\n\\\"\\\\\""), {"a\xE4\xB8\xAD\xC3\xA9\xF0\x9F\x98\x80" "A\n\"\\"},
                  {"a\xC3\xA9\xF0\x9F\x98\x80" "A\n\"\\"});
  expect_language(ebnf(R"(root ::= "[" [\]a\-b-] "]")"), {"[]]", "[-]", "[a]"}, {"[c]", "[]"});
}

TEST(Ebnf, RulesGoOverLinesWithComments) {
  const auto sums = ebnf("# sums\nroot  ::= term (\n  \"+\" term # more\n  )*\nterm ::= number\n  | \"(\" root \")\"\nnumber ::= [0-9]+");
  expect_language(sums, {"1", "1+23", "(1+2)+((3))"}, {"", "1+", "(1", "1)"});
  EXPECT_EQ(reads(sums, "(1"), "part");
  EXPECT_EQ(reads(sums, "1)"), "no");
}

// Right recursion is a loop, ambiguity one state: the text may be long.
TEST(Ebnf, RecursionOfEveryKindButLeft) {
  const auto list = ebnf(R"(root ::= "a" root | "b")");
  EXPECT_EQ(reads(list, std::string(20000, 'a') + "b"), "whole");
  const auto nested = ebnf(R"x(root ::= "(" root ")" root | "")x");
  EXPECT_EQ(reads(nested, std::string(5000, '(') + std::string(5000, ')')), "whole");
  EXPECT_EQ(reads(nested, "(()())(())"), "whole");
  EXPECT_EQ(reads(nested, "(()"), "part");
  EXPECT_EQ(reads(nested, "())"), "no");
  const auto doubtful = ebnf("root ::= x x x x x\nx ::= \"a\" x \"b\" | \"a\" x \"c\" | \"a\"* | y\ny ::= \"aa\" y | \"a\"");
  EXPECT_EQ(reads(doubtful, std::string(300, 'a')), "whole");
  expect_language(ebnf("root ::= a b a\na ::= \"x\"?\nb ::= (a a)* \"y\"?"), {"", "x", "xyx", "xxxy"}, {"yy", "xyxx"});
}

TEST(Ebnf, LeftRecursionIsRefusedByName) {
  EXPECT_NE(ebnf_error("root ::= sum\nsum ::= sum \"+\" n | n\nn ::= [0-9]").find("left recursion: sum -> sum"), std::string::npos);
  EXPECT_NE(ebnf_error("root ::= a\na ::= b \"x\"\nb ::= c? a | \"y\"\nc ::= \"c\"").find("left recursion"), std::string::npos);
  EXPECT_NE(ebnf_error("root ::= e root \"x\" | \"y\"\ne ::= \"z\"?").find("root -> root"), std::string::npos);
}

TEST(TrapS7, AGrammarThatDoesNotParseIsAnError) {
  for (const char* bad : {"", "root", "root ::=", "root := \"a\"", "root ::= \"a", "root ::= [a", "root ::= (\"a\"", "root ::= \"a\")", "root ::= a", "x ::= \"a\"",
                          "root ::= \"a\"\nroot ::= \"b\"", "root ::= [b-a]", "root ::= \"a\"{3,2}", "root ::= \"a\"{", "root ::= \"a\"{x}", "root ::= \"\\q\"", "root ::= \"\\x4\"",
                          "root ::= \"\\ud800\"", "root ::= *", "root ::= \"a\" ::= \"b\"", "root ::= Regex(\"a\")", "root ::= \"a\" (= \"b\")", "root ::= root", "root ::= \"a\" root",
                          "root ::= []", "root ::= \xFF"}) {
    if (std::string_view(bad) == "root ::=") continue;  // the empty text, a language of its own
    EXPECT_NE(ebnf_error(bad), "") << bad;
  }
  for (const char* bad : {"(", ")", "a)", "[", "[]", "[b-a]", "[a-\\d]", "*", "a**", "a{2,1}", "a{1", "a++", "\\", "\\q", "\\1", "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?P=x)", "(?i)a", "a\\b",
                          "\\p{L}", "a^b", "a$b", "(^a)", "\\xg", "\\ud800", "\\u{110000}", "a{,3}", "[a-", "(?<n", "\xC3", "[^\\s\\S]"})
    EXPECT_NE(regex_error(bad), "") << bad;
  GrammarCompiler compiler(bytes());
  EXPECT_FALSE(compiler.choice({}).ok());
  EXPECT_FALSE(compiler.choice(std::vector<std::string>{"a", ""}).ok());
  EXPECT_FALSE(compiler.choice(std::vector<std::string>{"\xFF"}).ok());
}

TEST(Ebnf, ErrorsNameThePlace) {
  const auto at = [&](std::string_view text) { return GrammarCompiler(bytes()).ebnf(text).error().offset; };
  EXPECT_EQ(at("root ::= \"a\" & \"b\""), 13);
  EXPECT_EQ(at("root ::= \"a\" missing"), 13);
  EXPECT_NE(ebnf_error("root ::= \"a\" missing").find("missing"), std::string::npos);
  EXPECT_EQ(GrammarCompiler(bytes()).regex("abc(?=d)").error().offset, 5);
}

TEST(GrammarRegex, WhatItReads) {
  expect_language(regex("ab*c+d?"), {"ac", "abbbccd"}, {"a", "abd", ""});
  expect_language(regex("^(?:foo|ba(r|z){2})$"), {"foo", "barz"}, {"bar", "foofoo"});
  expect_language(regex(R"([\w.-]+@\d{2,3}\.[^\s@]+)"), {"a.b-c@123.x"}, {"a@1.x", "a@12. ", "@12.x"});
  expect_language(regex("a*?b+?c??"), {"aabb", "bc"}, {"a"});
  expect_language(regex("(?<year>[12][0-9]{3})-(?P<m>\\d\\d)"), {"2024-05"}, {"3024-05"});
  expect_language(regex("a|b|"), {"a", "b", ""}, {"ab"});
  expect_language(regex("x{0}y{2,}"), {"yy", "yyy"}, {"y", "xyy"});
}

TEST(GrammarRegex, ClassesAreOfCodePoints) {
  expect_language(regex("."), {"a", "\xC3\xA9", "\xE4\xB8\xAD", "\xF0\x9F\x98\x80"}, {"\n", "\r", "\xE2\x80\xA8", "ab", "\xC3"});
  EXPECT_EQ(reads(regex("."), "\xC3"), "part");
  EXPECT_EQ(reads(regex("."), "\x80"), "no");
  EXPECT_EQ(reads(regex("."), "\xED\xA0"), "no") << "a surrogate";
  EXPECT_EQ(reads(regex("."), "\xF4\x90"), "no") << "beyond U+10FFFF";
  EXPECT_EQ(reads(regex("."), "\xC0"), "no") << "overlong";
  expect_language(regex("[\\u00e0-\\u00ff\\u{1F600}]"), {"\xC3\xA9", "\xF0\x9F\x98\x80"}, {"\xC3\x9F", "e"});
  expect_language(regex("\\D\\W\\S"), {"a-b"}, {"1-b", "aab", "a- ", "\xD9\xA3-b"});  // an Arabic digit is one to Python
  expect_language(regex("[^\\d\\s]"), {"a", "_"}, {"\xD9\xA3", "\xC2\xA0", "7"});
}

// Every code point is in exactly one of a class and its negation, whatever bytes they are cut into.
TEST(GrammarRegex, ByteRangesOfClassesAreExact) {
  Rng rng(1, "classes");
  for (int round = 0; round < 60; ++round) {
    std::vector<CodeRange> ranges;
    constexpr char32_t kBorders[] = {0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF};
    for (int i = 0; i < 3; ++i) {
      const auto first = static_cast<char32_t>(rng.below(2) ? rng.below(0x110000) : kBorders[rng.below(9)] - rng.below(2));
      ranges.push_back({first, first + static_cast<char32_t>(rng.below(rng.below(2) ? 5 : 5000))});
    }
    const CodeSet set(ranges), rest = set.complement();
    GrammarRules rules;
    const int32_t root = rules.add_rule("root");
    rules.define(root, rules.sequence({rules.char_class(set), rules.literal("+"), rules.char_class(rest)}));
    if (set.empty() || rest.empty()) continue;
    GrammarTable table(lathe::testing::take(compile_program(rules)));
    const auto run = [&](int32_t state, char32_t code) {
      std::string text;
      if (code < 0x80) text = {static_cast<char>(code)};
      else if (code < 0x800) text = {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
      else if (code < 0x10000) text = {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 63)), static_cast<char>(0x80 | (code & 63))};
      else text = {static_cast<char>(0xF0 | code >> 18), static_cast<char>(0x80 | (code >> 12 & 63)), static_cast<char>(0x80 | (code >> 6 & 63)), static_cast<char>(0x80 | (code & 63))};
      for (const char c : text)
        if (state != kDeadState) state = table.next(state, static_cast<uint8_t>(c));
      return state;
    };
    for (int i = 0; i < 300; ++i) {
      auto code = static_cast<char32_t>(rng.below(0x110000));
      if (i % 2) code = ranges[rng.below(3)].first + static_cast<char32_t>(rng.below(4)) - 2;
      if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) continue;
      ASSERT_EQ(run(table.start(), code) != kDeadState, set.contains(code)) << static_cast<uint32_t>(code);
    }
  }
}

TEST(GrammarChoice, OneOfTheTexts) {
  const auto grammar = must(GrammarCompiler(bytes()).choice(std::vector<std::string>{"yes", "no", "not sure", "\xC3\xA9", "\xC3\xA8", "no"}));
  expect_language(grammar, {"yes", "no", "not sure", "\xC3\xA9", "\xC3\xA8"}, {"", "n", "not", "nos", "\xC3"});
  std::vector<std::string> many;
  for (int i = 0; i < 5000; ++i) many.push_back("choice number " + std::to_string(i * 7));
  const auto large = must(GrammarCompiler(bytes()).choice(many));
  for (int i = 0; i < 5000; i += 611) EXPECT_EQ(reads(large, many[static_cast<size_t>(i)]), "whole");
  EXPECT_NE(reads(large, "choice number 1"), "whole");
}

// A mask holds exactly the tokens that accept() takes, and is_complete() what the text is; state by state, cache warm or not.
TEST(GrammarMask, HoldsExactlyWhatAcceptTakes) {
  GrammarCompiler compiler(pieces());
  const std::vector<std::shared_ptr<const Grammar>> grammars = {
      must(compiler.any_json()), must(compiler.regex("(?:the|a+b?c*)(?: the|hello)*")), must(compiler.regex("[^\"]{3,9}")), must(compiler.regex(".{0,200}")),
      must(compiler.ebnf("root ::= \"[\" root* \"]\" | \"{\" root \"}\" | \"ab\"")), must(compiler.choice(std::vector<std::string>{"abc", "ab", "the", "cat", "Cat"})),
      must(compiler.json_schema(json_of(R"({"type":"object","properties":{"name":{"type":"string","maxLength":100},"age":{"type":"integer","minimum":3,"maximum":120}},"required":["age"]})")))};
  Rng rng(2, "mask");
  for (const auto& grammar : grammars)
    for (int round = 0; round < 4; ++round) {
      const std::unique_ptr<GrammarState> state = grammar->start();
      TokenMask mask, again;
      for (int step = 0; step < 25; ++step) {
        state->fill(mask);
        state->clone()->fill(again);
        ASSERT_EQ(mask, again);
        ASSERT_EQ(mask.size(), (static_cast<size_t>(pieces().vocab_size()) + 63) / 64);
        for (int32_t token = 0; token < pieces().vocab_size(); ++token)
          ASSERT_EQ(mask_allows(mask, token), state->clone()->accept(token)) << pieces().token_bytes_of(token) << " at step " << step;
        const std::vector<int32_t> allowed = allowed_tokens(mask);
        ASSERT_TRUE(!allowed.empty() || state->is_complete());
        if (allowed.empty()) break;
        ASSERT_TRUE(state->accept(allowed[rng.below(allowed.size())]));
      }
    }
}

TEST(GrammarMask, SpecialTokensAreNeverAllowed) {
  const auto grammar = must(GrammarCompiler(bytes()).regex("[^x]*"));
  const std::unique_ptr<GrammarState> state = grammar->start();
  TokenMask mask;
  state->fill(mask);
  for (const std::string& name : bytes().special_tokens()) {
    EXPECT_FALSE(mask_allows(mask, bytes().special_id(name))) << name;
    EXPECT_FALSE(state->accept(bytes().special_id(name)));
  }
  EXPECT_FALSE(state->accept(-1));
  EXPECT_FALSE(state->accept(static_cast<int32_t>(bytes().vocab_size())));
  EXPECT_TRUE(state->is_complete());
}

TEST(GrammarMask, RefusedTokensChangeNothingAndClonesAreApart) {
  const auto grammar = regex("ab|cd");
  const std::unique_ptr<GrammarState> state = grammar->start();
  EXPECT_FALSE(state->accept('b'));
  const std::unique_ptr<GrammarState> other = state->clone();
  EXPECT_TRUE(state->accept('a'));
  EXPECT_TRUE(other->accept('c'));
  EXPECT_FALSE(state->accept('d'));
  EXPECT_TRUE(state->accept('b'));
  EXPECT_TRUE(state->is_complete());
  EXPECT_FALSE(other->is_complete());
  EXPECT_FALSE(state->accept('b'));
  TokenMask mask;
  state->fill(mask);
  EXPECT_TRUE(allowed_tokens(mask).empty());
}

// What the automaton keeps is bounded, and forgetting changes no mask of any live state.
TEST(GrammarMask, ForgettingChangesNothing) {
  const auto trie = std::make_shared<TokenTrie>(pieces());
  const auto rules = lathe::testing::take(rules_of_ebnf("root ::= \"[\" (root (\",\" root)*)? \"]\" | \"{\" root \"}\" | [a-z]{1,60} | \"\\\"\" [^\"]* \"\\\"\""));
  GrammarRunner large(lathe::testing::take(compile_program(rules)), trie), small(lathe::testing::take(compile_program(rules)), trie, 20'000);
  Rng rng(4, "forget");
  int32_t a = 0, b = 0, waiting = 0;
  large.enter(&a), small.enter(&b), small.enter(&waiting);
  TokenMask mask_a, mask_b, first;
  small.fill(&waiting, first);
  for (int step = 0; step < 400; ++step) {
    large.fill(&a, mask_a), small.fill(&b, mask_b);
    ASSERT_EQ(mask_a, mask_b) << step;
    ASSERT_EQ(large.is_complete(&a), small.is_complete(&b));
    const std::vector<int32_t> allowed = allowed_tokens(mask_a);
    if (allowed.empty()) {
      large.leave(&a), small.leave(&b);
      large.enter(&a), small.enter(&b);
      continue;
    }
    const int32_t token = allowed[rng.below(allowed.size())];
    ASSERT_TRUE(large.accept(&a, token) && small.accept(&b, token));
  }
  small.fill(&waiting, mask_b);
  EXPECT_EQ(mask_b, first);
  EXPECT_GT(small.forgotten(), 10);
  EXPECT_EQ(large.forgotten(), 0);
  large.leave(&a), small.leave(&b), small.leave(&waiting);
}

TEST(GrammarMask, ManyThreadsShareAGrammar) {
  GrammarCompiler compiler(pieces());
  std::vector<std::string> texts(6);
  const auto go = [&](uint64_t seed) {
    const auto grammar = must(compiler.any_json());
    Rng rng(seed, "threads");
    std::string out;
    for (int i = 0; i < 5; ++i) out += random_walk(*grammar, pieces(), rng, 20, 60).text;
    return out;
  };
  std::vector<std::thread> threads;
  for (size_t i = 0; i < texts.size(); ++i) threads.emplace_back([&, i] { texts[i] = go(i / 2); });
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < texts.size(); i += 2) EXPECT_EQ(texts[i], texts[i + 1]);
}

TEST(GrammarCompiler, KeepsTheLatestGrammars) {
  GrammarCompiler compiler(bytes());
  const auto first = must(compiler.regex("a0"));
  EXPECT_EQ(must(compiler.regex("a0")), first);
  EXPECT_NE(must(compiler.choice(std::vector<std::string>{"a0"})), first);
  for (size_t i = 1; i < kMaxKeptGrammars; ++i) must(compiler.regex("a" + std::to_string(i)));
  EXPECT_NE(must(compiler.regex("a0")), first) << "one more grammar than are kept";
  const auto again = must(compiler.regex("a0"));
  for (size_t i = 0; i < 3 * kMaxKeptGrammars; ++i) {
    must(compiler.regex("b" + std::to_string(i)));
    EXPECT_EQ(must(compiler.regex("a0")), again) << "in use all the time";
  }
  EXPECT_EQ(reads(first, "a0"), "whole") << "what was forgotten still works";
}

// A vocabulary of these tokens alone.
class ListModel : public tokenizer::TokenModel {
 public:
  explicit ListModel(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {}
  int64_t size() const override { return static_cast<int64_t>(tokens_.size()); }
  std::string_view token(int32_t id) const override { return tokens_[static_cast<size_t>(id)]; }
  void encode(std::span<const std::string_view>, std::span<std::vector<int32_t>>) const override {}
  Json to_json() const override { return Json::object(); }
  std::string canonical_bytes() const override { return "list"; }

 private:
  std::vector<std::string> tokens_;
};

// Where not each byte is a token, whole characters are used, and what cannot be written is not asked for.
TEST(GrammarVocabulary, WithoutAllBytesThereIsNoDeadEnd) {
  std::vector<std::string> tokens = {"a", "b", "c", "{", "}", "\"", ":", " ", "1", "2", "\xC3\xA9", "\xC3", "ab", "\xE4\xB8\xAD\xC3\xA9", "a\xC3", "cz"};
  const auto tokenizer = lathe::testing::take(tokenizer::Tokenizer::from_model(std::make_shared<ListModel>(tokens), {}));
  GrammarCompiler compiler(tokenizer);
  const auto grammar = must(compiler.regex("(?:[a-z]|[^\\x00-\\x7f]){2,6}1"));
  Rng rng(5, "missing");
  std::set<std::string> seen;
  for (int i = 0; i < 300; ++i) {
    const Walk walk = random_walk(*grammar, tokenizer, rng, 3);
    ASSERT_FALSE(walk.was_stuck) << walk.text;
    ASSERT_TRUE(walk.is_whole);
    ASSERT_EQ(walk.text.find('z'), std::string::npos);
    seen.insert(walk.text);
  }
  EXPECT_GT(seen.size(), 20u);
  EXPECT_FALSE(compiler.regex("x").ok());
  EXPECT_FALSE(compiler.choice(std::vector<std::string>{"\xE4\xB8\xAD"}).ok());
  EXPECT_TRUE(compiler.choice(std::vector<std::string>{"\xE4\xB8\xAD", "\xC3\xA9"}).ok());
}

// Nested 10,000 deep, stars of stars, counts of counts, alternatives by the million: an answer or an error, soon, in little memory.
TEST(TrapS7, HostileGrammarsEndQuickly) {
  const auto quick = [&](const std::string& what, auto compile, bool must_fail) {
    const double begin = process_cpu_seconds();
    const GrammarResult result = compile();
    if (result.ok()) {
      const std::unique_ptr<GrammarState> state = result.value()->start();
      TokenMask mask;
      for (int i = 0; i < 3; ++i) {
        state->fill(mask);
        const std::vector<int32_t> allowed = allowed_tokens(mask);
        EXPECT_TRUE(!allowed.empty() || state->is_complete()) << what;
        if (allowed.empty() || !state->accept(allowed.back())) break;
      }
    }
    EXPECT_LT(process_cpu_seconds() - begin, 5) << what;
    EXPECT_TRUE(!must_fail || !result.ok()) << what;
  };
  GrammarCompiler compiler(pieces());
  const auto regex = [&](const std::string& text, bool must_fail) { quick(text.substr(0, 60), [&] { return compiler.regex(text); }, must_fail); };
  const auto ebnf = [&](const std::string& text, bool must_fail) { quick(text.substr(0, 60), [&] { return compiler.ebnf(text); }, must_fail); };
  const auto many = [](const std::string& part, size_t count) {
    std::string out;
    for (size_t i = 0; i < count; ++i) out += part;
    return out;
  };
  regex(many("(", 10000) + "a" + many(")", 10000), true);
  ebnf("root ::= " + many("(", 10000) + "\"a\"" + many(")", 10000), true);
  regex("a{0,100000}", true);
  regex("(((a{1000}){1000}){1000}){1000}", false);
  regex("(?:(?:(?:ab?c?){100}[^x]){100}(?:d|e+){100}){20}", false);
  regex("((((((((((a*)*)*)*)*)*)*)*)*)*", true);
  regex("(((((((a*)*)*)*)*)*)*)*b", false);
  regex("(a|aa|aaa|b?)*c", false);
  regex("(a?){20000}", false);
  regex("(?:(?:a|b)*a(?:a|b){30}){50}", false);
  regex(many("a?", 20000) + many("a", 20000), false);
  regex(many("(a|b|c|d|[e-z])?", 900), false);
  regex(".{0,20000}x.{0,20000}y.{20000}", false);
  regex(many("[^a-zA-Z0-9\\u1000-\\u2000]", 9000), false);
  regex(std::string(300'000, 'a'), true);
  ebnf("root ::= a\na ::= b b\nb ::= c c\nc ::= d d\nd ::= e e\ne ::= f f\nf ::= \"x\"{1,99} f?", false);
  std::string doubling = "root ::= r0\n";
  for (int i = 0; i < 200; ++i) doubling += "r" + std::to_string(i) + " ::= r" + std::to_string(i + 1) + " r" + std::to_string(i + 1) + "\n";
  ebnf(doubling + "r200 ::= \"a\"?", false);
  ebnf("root ::= \"a\"" + many("*", 10000), true);
  ebnf("root ::= x{2000}\nx ::= y{2000}\ny ::= z{2000}\nz ::= root? \"a\"{2000}", true);
  std::string alternatives = "root ::= (\"a\"";
  for (int i = 0; i < 9000; ++i) alternatives += "|[a-z]\"" + std::to_string(i) + "\"";
  ebnf(alternatives + ")*", false);
}

// More silent steps than one state may take still lead to what comes after them.
TEST(Grammar, LongRunsOfEmptyPartsAreNoDeadEnd) {
  std::string groups, texts = "root ::= ";
  for (int i = 0; i < 90000; ++i) groups += "()", texts += "\"\"";
  GrammarCompiler compiler(piece_tokenizer());
  for (const auto& grammar : {must(compiler.regex(groups + "x")), must(compiler.ebnf(texts + "\"x\""))}) {
    TokenMask mask;
    grammar->start()->fill(mask);
    EXPECT_EQ(allowed_tokens(mask), std::vector<int32_t>{'x'});
    EXPECT_EQ(reads(grammar, "x"), "whole");
  }
}

// Thousands of rules at work at once: tokens are left out of a mask before it takes seconds, never the way on.
TEST(Grammar, ManyRulesAtOnceStayQuick) {
  std::vector<std::string> tokens = byte_tokens();
  for (int i = 0; i < 26 * 26 * 26; ++i)
    tokens.push_back({static_cast<char>('a' + i / 676), static_cast<char>('a' + i / 26 % 26), static_cast<char>('a' + i % 26)});
  GrammarCompiler compiler(lathe::testing::take(tokenizer::Tokenizer::from_tokens(tokens)));
  std::string source = "root ::= r0 \"!\"", rules;
  for (int i = 0; i < 1500; ++i) {
    if (i > 0) source += "|r" + std::to_string(i) + "\"!\"";
    rules += "\nr" + std::to_string(i) + " ::= [a-z]* \"" + std::to_string(i) + "\"";
  }
  const auto grammar = must(compiler.ebnf(source + rules));
  const auto state = grammar->start();
  TokenMask mask, again;
  const double begin = process_cpu_seconds();
  state->fill(mask);
  EXPECT_LT(process_cpu_seconds() - begin, 2);
  for (const char c : std::string_view("az09")) EXPECT_TRUE(mask_allows(mask, static_cast<uint8_t>(c))) << c;
  grammar->start()->fill(again);
  EXPECT_EQ(mask, again);
  EXPECT_EQ(reads(grammar, "abc1499!"), "whole");
}

}  // namespace
}  // namespace lathe::infer::testing
