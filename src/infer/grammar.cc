#include "infer/grammar.h"

#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "infer/ebnf_parse.h"
#include "infer/grammar_program.h"
#include "infer/grammar_runner.h"
#include "infer/json_schema.h"
#include "infer/regex_parse.h"
#include "infer/token_trie.h"

namespace lathe::infer {
namespace {

class RunnerState : public GrammarState {
 public:
  explicit RunnerState(std::shared_ptr<GrammarRunner> runner) : runner_(std::move(runner)) { runner_->enter(&position_); }
  RunnerState(const RunnerState& other) : runner_(other.runner_) { runner_->enter(&position_, &other.position_); }
  RunnerState& operator=(const RunnerState&) = delete;
  ~RunnerState() override { runner_->leave(&position_); }

  void fill(TokenMask& mask) override { runner_->fill(&position_, mask); }
  bool accept(int32_t token) override { return runner_->accept(&position_, token); }
  bool is_complete() const override { return runner_->is_complete(&position_); }
  std::unique_ptr<GrammarState> clone() const override { return std::make_unique<RunnerState>(*this); }

 private:
  std::shared_ptr<GrammarRunner> runner_;
  int32_t position_ = kDeadState;
};

class RunnerGrammar : public Grammar {
 public:
  explicit RunnerGrammar(std::shared_ptr<GrammarRunner> runner) : runner_(std::move(runner)) {}
  std::unique_ptr<GrammarState> start() const override { return std::make_unique<RunnerState>(runner_); }

 private:
  std::shared_ptr<GrammarRunner> runner_;
};

}  // namespace

struct GrammarCompiler::Impl {
  explicit Impl(const tokenizer::Tokenizer& tokenizer) : trie(std::make_shared<TokenTrie>(tokenizer)) {}

  // key: the notation's letter and the source. read: makes the rules.
  template <class Read>
  Result<std::shared_ptr<const Grammar>> get(std::string key, Read&& read) {
    if (key.size() > kMaxGrammarBytes) return error("the grammar has ", key.size(), " bytes, more than ", kMaxGrammarBytes);
    {
      const std::lock_guard lock(mutex);
      if (const auto it = by_key.find(key); it != by_key.end()) {
        latest.splice(latest.begin(), latest, it->second);
        return it->second->second;
      }
    }
    LATHE_TRY(const GrammarRules rules, read());
    LATHE_TRY(GrammarProgram program, compile_program(rules, trie->writes_every_byte() ? nullptr : &trie->spellable()));
    std::shared_ptr<const Grammar> grammar = std::make_shared<RunnerGrammar>(std::make_shared<GrammarRunner>(std::move(program), trie));
    const std::lock_guard lock(mutex);
    if (const auto it = by_key.find(key); it != by_key.end()) return it->second->second;  // another thread was faster
    latest.emplace_front(key, grammar);
    by_key.emplace(std::move(key), latest.begin());
    if (latest.size() > kMaxKeptGrammars) {
      by_key.erase(latest.back().first);
      latest.pop_back();
    }
    return grammar;
  }

  using Entry = std::pair<std::string, std::shared_ptr<const Grammar>>;
  std::shared_ptr<const TokenTrie> trie;
  std::mutex mutex;
  std::list<Entry> latest;
  std::unordered_map<std::string, std::list<Entry>::iterator> by_key;
};

GrammarCompiler::GrammarCompiler(const tokenizer::Tokenizer& tokenizer) : impl_(std::make_unique<Impl>(tokenizer)) {}
GrammarCompiler::~GrammarCompiler() = default;

Result<std::shared_ptr<const Grammar>> GrammarCompiler::json_schema(const Json& schema) {
  return impl_->get("s" + schema.dump(), [&] { return rules_of_json_schema(schema); });
}

Result<std::shared_ptr<const Grammar>> GrammarCompiler::any_json() {
  return json_schema(Json(Json::Object{{"type", "object"}}));
}

Result<std::shared_ptr<const Grammar>> GrammarCompiler::regex(std::string_view pattern) {
  return impl_->get("r" + std::string(pattern), [&] { return rules_of_regex(pattern); });
}

Result<std::shared_ptr<const Grammar>> GrammarCompiler::choice(std::span<const std::string> choices) {
  std::string key = "c";
  for (const std::string& choice : choices) key += std::to_string(choice.size()) + ":" + choice;
  return impl_->get(std::move(key), [&] { return rules_of_choice(choices); });
}

Result<std::shared_ptr<const Grammar>> GrammarCompiler::ebnf(std::string_view grammar) {
  return impl_->get("e" + std::string(grammar), [&] { return rules_of_ebnf(grammar); });
}

}  // namespace lathe::infer
