// The automaton of a grammar: one graph of nodes per rule, with edges over bytes, edges that call a rule and silent ones. Only what
// can be finished is kept: from every node of the program some text leads to the end of its rule.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/result.h"
#include "infer/grammar_rules.h"

namespace lathe::infer {

inline constexpr int64_t kMaxProgramNodes = 200'000;

struct GrammarProgram {
  struct ByteEdge {
    uint8_t first, last;
    int32_t target;
  };
  struct CallEdge {
    int32_t rule, target;
    bool is_tail;  // nothing but the end of the rule follows
  };
  struct Node {
    std::vector<ByteEdge> bytes;
    std::vector<CallEdge> calls;
    std::vector<int32_t> silent;  // targets; calls of rules that the empty text belongs to are among them
    bool ends = false;            // its rule
  };
  std::vector<Node> nodes;
  std::vector<int32_t> starts;  // by rule
  std::vector<int32_t> order;   // rules, those that call others without a byte before come first
  std::vector<int32_t> place;   // of a rule in order
  int32_t root = 0;
  bool root_is_nullable = false;
  std::array<uint8_t, 256> byte_class;   // bytes that no edge tells apart
  std::vector<uint8_t> class_byte;       // one byte of each class
};

// spellable: characters that the vocabulary can write; null: all, by bytes. Errors: bounds, left recursion by the rule's name, rules
// without a body, a grammar that no text belongs to.
Result<GrammarProgram> compile_program(const GrammarRules& rules, const CodeSet* spellable = nullptr);

}  // namespace lathe::infer
