#include "infer/grammar_table.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace lathe::infer {
namespace {

constexpr int32_t kUnknown = -2;
constexpr int32_t kBottom = -1;  // the node and frame of the bottom's only return: the text ends
constexpr uint64_t kFree = ~uint64_t{0};

uint64_t mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
  return hash ^ (hash >> 29);
}

uint64_t packed(int32_t node, int32_t frame) { return uint64_t{static_cast<uint32_t>(frame)} << 32 | static_cast<uint32_t>(node); }

template <class Items>
uint64_t hash_of(const Items& items, uint64_t seed) {
  uint64_t hash = seed;
  for (const auto& item : items) hash = mix(hash, packed(item.node, item.frame));
  return hash;
}

}  // namespace

GrammarTable::GrammarTable(GrammarProgram program) : program_(std::move(program)), returns_(program_.starts.size()), seen_(64, kFree) {
  intern_frame({{kBottom, kBottom}});
}

int32_t GrammarTable::intern_frame(Items returns) {
  if (returns.size() > kMaxStateItems) returns.resize(kMaxStateItems);
  const uint64_t hash = hash_of(returns, 1);
  const auto [begin, end] = frame_ids_.equal_range(hash);
  for (auto it = begin; it != end; ++it)
    if (frames_[static_cast<size_t>(it->second)] == returns) return it->second;
  const auto id = static_cast<int32_t>(frames_.size());
  bytes_ += static_cast<int64_t>(sizeof(Items) + returns.size() * sizeof(Item) + 48);
  frame_ids_.emplace(hash, id);
  frames_.push_back(std::move(returns));
  return id;
}

int32_t GrammarTable::intern_state(Items items, bool complete) {
  if (items.size() > kMaxStateItems) items.resize(kMaxStateItems);
  const uint64_t hash = hash_of(items, complete ? 3 : 2);
  const auto [begin, end] = state_ids_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    const State& state = states_[static_cast<size_t>(it->second)];
    if (state.complete == complete && state.items == items) return it->second;
  }
  const auto id = static_cast<int32_t>(states_.size());
  bytes_ += static_cast<int64_t>(sizeof(State) + items.size() * sizeof(Item) + 48);
  state_ids_.emplace(hash, id);
  states_.push_back({std::move(items), complete, {}});
  return id;
}

bool GrammarTable::first_seen(int32_t target, int32_t frame) {
  if (seen_count_ * 2 >= seen_.size()) {
    std::vector<uint64_t> old(seen_.size() * 2, kFree);
    old.swap(seen_);
    for (const uint64_t key : old)
      if (key != kFree) {
        size_t at = mix(7, key) % seen_.size();
        while (seen_[at] != kFree) at = (at + 1) % seen_.size();
        seen_[at] = key;
      }
  }
  const uint64_t key = packed(target, frame);
  size_t at = mix(7, key) % seen_.size();
  for (; seen_[at] != kFree; at = (at + 1) % seen_.size())
    if (seen_[at] == key) return false;
  seen_[at] = key;
  ++seen_count_;
  return true;
}

void GrammarTable::visit(int32_t node, int32_t frame) {
  // Something has to be found first: a state without items would be a dead end.
  const bool is_enough = seen_count_ >= 16 * kMaxStateItems && (complete_ || !items_.empty());
  if (!is_enough && first_seen(node, frame)) work_.push_back({node, frame});
}

// Follows silent edges, ends and first calls from the items of work_, each once. is_entry: they are the start of a rule that has just
// been called; where it ends at once, its call was stepped over already.
void GrammarTable::expand(bool is_entry) {
  while (!work_.empty()) {
    const Item at = work_.back();
    work_.pop_back();
    const GrammarProgram::Node& node = program_.nodes[static_cast<size_t>(at.node)];
    if (!node.bytes.empty()) items_.push_back(at);
    for (const int32_t to : node.silent) visit(to, at.frame);
    for (const GrammarProgram::CallEdge& edge : node.calls) {
      Items& returns = returns_[static_cast<size_t>(edge.rule)];
      if (returns.empty()) {
        called_.push_back(program_.place[static_cast<size_t>(edge.rule)]);
        std::push_heap(called_.begin(), called_.end(), std::greater<>());
      }
      if (edge.is_tail) {  // whoever waits for this rule waits for the called one instead: stacks of lists do not grow
        const Items& mine = frames_[static_cast<size_t>(at.frame)];
        returns.insert(returns.end(), mine.begin(), mine.end());
      } else {
        returns.push_back({edge.target, at.frame});
      }
    }
    if (!node.ends || is_entry) continue;
    for (const Item& item : frames_[static_cast<size_t>(at.frame)]) {
      if (item.node == kBottom)
        complete_ = true;
      else
        visit(item.node, item.frame);
    }
  }
}

// kernel: (target of an edge, frame). The state of all that may come next; kDeadState when there is nothing and no end.
int32_t GrammarTable::settle(std::vector<Item>& kernel) {
  items_.clear(), work_.clear();
  complete_ = false;
  for (const Item& item : kernel) visit(item.node, item.frame);
  expand(false);
  // Callers come before what they call, so that all returns of a rule are known when its frame is made.
  while (!called_.empty()) {
    std::pop_heap(called_.begin(), called_.end(), std::greater<>());
    const int32_t rule = program_.order[static_cast<size_t>(called_.back())];
    called_.pop_back();
    Items returns = std::exchange(returns_[static_cast<size_t>(rule)], {});
    std::sort(returns.begin(), returns.end());
    returns.erase(std::unique(returns.begin(), returns.end()), returns.end());
    visit(program_.starts[static_cast<size_t>(rule)], intern_frame(std::move(returns)));
    expand(true);
  }
  if (seen_.size() > 4096) seen_.assign(64, kFree);
  else if (seen_count_ > 0) std::fill(seen_.begin(), seen_.end(), kFree);
  seen_count_ = 0;
  if (items_.empty() && !complete_) return kDeadState;
  std::sort(items_.begin(), items_.end(), [](const Item& a, const Item& b) { return a.frame != b.frame ? a.frame < b.frame : a.node < b.node; });
  items_.erase(std::unique(items_.begin(), items_.end()), items_.end());
  return intern_state(items_, complete_);
}

int32_t GrammarTable::start() {
  if (start_ == kDeadState) {
    items_.clear();
    std::vector<Item> kernel = {{program_.starts[static_cast<size_t>(program_.root)], 0}};
    start_ = settle(kernel);
  }
  return start_;
}

int32_t GrammarTable::next(int32_t state, uint8_t byte) {
  const uint8_t byte_class = program_.byte_class[byte];
  {
    State& from = states_[static_cast<size_t>(state)];
    if (from.next.empty()) {
      from.next.assign(program_.class_byte.size(), kUnknown);
      bytes_ += static_cast<int64_t>(from.next.size() * sizeof(int32_t));
    }
    if (from.next[byte_class] != kUnknown) return from.next[byte_class];
  }
  const uint8_t value = program_.class_byte[byte_class];
  std::vector<Item> kernel;
  for (const Item& item : states_[static_cast<size_t>(state)].items)
    for (const GrammarProgram::ByteEdge& edge : program_.nodes[static_cast<size_t>(item.node)].bytes)
      if (edge.first <= value && value <= edge.last) kernel.push_back({edge.target, item.frame});
  const int32_t to = kernel.empty() ? kDeadState : settle(kernel);
  states_[static_cast<size_t>(state)].next[byte_class] = to;
  return to;
}

std::vector<GrammarTable::Group> GrammarTable::groups(int32_t state) {
  std::vector<Group> out;
  const Items items = states_[static_cast<size_t>(state)].items;
  for (size_t begin = 0; begin < items.size();) {
    size_t end = begin;
    Items alone;
    for (; end < items.size() && items[end].frame == items[begin].frame; ++end) alone.push_back({items[end].node, 0});
    out.push_back({items[begin].frame, intern_state(std::move(alone), false)});
    begin = end;
  }
  return out;
}

int32_t GrammarTable::continuation(int32_t frame) {
  std::vector<Item> kernel;
  for (const Item& item : frames_[static_cast<size_t>(frame)])
    if (item.node != kBottom) kernel.push_back(item);
  return kernel.empty() ? kDeadState : settle(kernel);
}

void GrammarTable::keep_only(std::span<int32_t* const> states) {
  std::vector<State> old_states = std::move(states_);
  std::vector<Items> old_frames = std::move(frames_);
  states_.clear(), frames_.clear(), state_ids_.clear(), frame_ids_.clear();
  bytes_ = 0, start_ = kDeadState;
  // A frame only names frames that were made before it: in rising order all of them are known.
  std::vector<uint8_t> needed(old_frames.size(), 0);
  needed[0] = 1;
  for (int32_t* const state : states)
    if (*state >= 0)
      for (const Item& item : old_states[static_cast<size_t>(*state)].items) needed[static_cast<size_t>(item.frame)] = 1;
  for (size_t i = old_frames.size(); i-- > 0;)
    if (needed[i])
      for (const Item& item : old_frames[i])
        if (item.frame >= 0) needed[static_cast<size_t>(item.frame)] = 1;
  std::vector<int32_t> new_frame(old_frames.size(), kBottom);
  for (size_t i = 0; i < old_frames.size(); ++i) {
    if (!needed[i]) continue;
    Items returns = std::move(old_frames[i]);
    for (Item& item : returns)
      if (item.frame >= 0) item.frame = new_frame[static_cast<size_t>(item.frame)];
    std::sort(returns.begin(), returns.end());
    new_frame[i] = intern_frame(std::move(returns));
  }
  for (int32_t* const state : states) {
    if (*state < 0) continue;
    Items items = old_states[static_cast<size_t>(*state)].items;
    for (Item& item : items) item.frame = new_frame[static_cast<size_t>(item.frame)];
    std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.frame != b.frame ? a.frame < b.frame : a.node < b.node; });
    *state = intern_state(std::move(items), old_states[static_cast<size_t>(*state)].complete);
  }
}

}  // namespace lathe::infer
