// A grammar program run over bytes. A state is a set of (node, frame); a frame is the set of places to return to when its rule ends,
// themselves (node, frame), so that equal stacks are one and the stacks of a state form a shared graph. States and frames are made
// when they are first met and kept under a number; the same text always leads to the same state while it is kept.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "infer/grammar_program.h"

namespace lathe::infer {

inline constexpr int32_t kDeadState = -1;
// Items of one state, returns of one frame. What lies beyond is left out: the language gets smaller, never larger, and has no dead ends,
// as every item can be finished by itself. Grammars for people stay far below.
inline constexpr size_t kMaxStateItems = 4096;

// One thread at a time.
class GrammarTable {
 public:
  explicit GrammarTable(GrammarProgram program);

  int32_t start();
  int32_t next(int32_t state, uint8_t byte);  // kDeadState: the byte may not come
  bool is_complete(int32_t state) const { return states_[static_cast<size_t>(state)].complete; }
  bool has_next(int32_t state) const { return !states_[static_cast<size_t>(state)].items.empty(); }
  int64_t items(int32_t state) const { return static_cast<int64_t>(states_[static_cast<size_t>(state)].items.size()); }

  // A state is the union of its groups, each with one frame. A group's `alone` is the state of its items as if their frame were the
  // bottom: equal for every stack below. frame 0 is the bottom.
  struct Group {
    int32_t frame, alone;
  };
  std::vector<Group> groups(int32_t state);
  int32_t continuation(int32_t frame);  // the state after its rule has ended; not of frame 0

  int64_t bytes() const { return bytes_; }
  // Forgets all states but these; the numbers behind the pointers are changed to the new ones.
  void keep_only(std::span<int32_t* const> states);

 private:
  struct Item {
    int32_t node, frame;
    friend auto operator<=>(const Item&, const Item&) = default;
  };
  using Items = std::vector<Item>;
  struct State {
    Items items;  // sorted by frame, then node; nodes with edges over bytes alone
    bool complete = false;
    std::vector<int32_t> next;  // by byte class; empty until first asked
  };

  int32_t settle(std::vector<Item>& kernel);
  int32_t intern_state(Items items, bool complete);
  int32_t intern_frame(Items returns);
  void expand(bool is_entry);
  void visit(int32_t node, int32_t frame);

  GrammarProgram program_;
  std::vector<State> states_;
  std::vector<Items> frames_;
  std::unordered_multimap<uint64_t, int32_t> state_ids_, frame_ids_;
  int64_t bytes_ = 0;
  int32_t start_ = kDeadState;

  // Scratch of settle().
  std::vector<Item> work_;
  Items items_;
  bool complete_ = false;
  std::vector<Items> returns_;          // by rule
  std::vector<int32_t> called_;         // heap of places in program_.order
  std::vector<uint64_t> seen_;          // open addressing over (target, frame), cleared by size
  size_t seen_count_ = 0;
  bool first_seen(int32_t target, int32_t frame);
};

}  // namespace lathe::infer
