// Masks of a compiled grammar: the token trie is walked with the automaton. What a group of a state allows by itself does not depend
// on the stack below it, so it is found once for all stacks; only tokens that go on after the group's rule has ended are looked up
// from the stack. Both, and whole masks, are kept by state within a bound.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "infer/grammar.h"
#include "infer/grammar_table.h"
#include "infer/token_trie.h"

namespace lathe::infer {

inline constexpr int64_t kGrammarCacheBytes = 8 * 1024 * 1024;  // of states and masks, a grammar
// Steps (items of states that are met) of one walk; past them the mask holds the tokens found and single characters.
inline constexpr int64_t kMaxWalkSteps = 2'000'000;
// Steps of the walks of a state's groups; a state whose groups take more is walked as a whole, once.
inline constexpr int64_t kMaxGroupSteps = 8'000'000;

// Any thread. Positions are numbers of states; those that are registered stay valid and may be changed by any call.
class GrammarRunner {
 public:
  GrammarRunner(GrammarProgram program, std::shared_ptr<const TokenTrie> trie, int64_t cache_bytes = kGrammarCacheBytes);

  void enter(int32_t* position);                       // registers, at the start
  void enter(int32_t* position, const int32_t* other);  // registers, where the other is
  void leave(int32_t* position);
  void fill(int32_t* position, TokenMask& mask);
  bool accept(int32_t* position, int32_t token);
  bool is_complete(const int32_t* position) const;
  int64_t bytes() const;  // of states and masks that are kept
  int64_t forgotten() const { return forgotten_; }  // times the bound was met

 private:
  // Few tokens as a list, many as bits.
  struct Mask {
    bool is_list = false;
    std::vector<uint64_t> bits;
    std::vector<int32_t> list;
    std::vector<int32_t> ends;  // of a group alone: trie nodes after which its rule may end, where tokens go on
    int64_t steps = 0;          // of its walk
  };
  void add(const Mask& from, TokenMask& to) const;
  Mask packed(const TokenMask& mask) const;
  const Mask& alone(int32_t state);
  void walk(int32_t below, int32_t state, TokenMask& mask, std::vector<int32_t>* ends, int64_t* steps);
  void shrink();
  bool is_large() const { return table_.bytes() + mask_bytes_ > cache_bytes_; }

  mutable std::mutex mutex_;
  GrammarTable table_;
  std::shared_ptr<const TokenTrie> trie_;
  int64_t cache_bytes_;
  size_t words_;
  std::unordered_set<int32_t*> positions_;
  std::unordered_map<int32_t, Mask> alone_, whole_;  // by state
  int64_t mask_bytes_ = 0, forgotten_ = 0;
  std::vector<int32_t> path_;  // of walk(): the state at each depth
};

}  // namespace lathe::infer
