#include "infer/grammar_runner.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace lathe::infer {
namespace {

void set_bit(TokenMask& mask, int32_t token) { mask[static_cast<size_t>(token) / 64] |= uint64_t{1} << (static_cast<unsigned>(token) % 64); }

}  // namespace

GrammarRunner::GrammarRunner(GrammarProgram program, std::shared_ptr<const TokenTrie> trie, int64_t cache_bytes)
    : table_(std::move(program)), trie_(std::move(trie)), cache_bytes_(cache_bytes),
      words_((static_cast<size_t>(trie_->vocab_size()) + 63) / 64), path_(static_cast<size_t>(trie_->max_depth()) + 1) {}

void GrammarRunner::enter(int32_t* position) {
  const std::lock_guard lock(mutex_);
  *position = table_.start();
  positions_.insert(position);
}

void GrammarRunner::enter(int32_t* position, const int32_t* other) {
  const std::lock_guard lock(mutex_);
  *position = *other;
  positions_.insert(position);
}

void GrammarRunner::leave(int32_t* position) {
  const std::lock_guard lock(mutex_);
  positions_.erase(position);
}

bool GrammarRunner::is_complete(const int32_t* position) const {
  const std::lock_guard lock(mutex_);
  return table_.is_complete(*position);
}

int64_t GrammarRunner::bytes() const {
  const std::lock_guard lock(mutex_);
  return table_.bytes() + mask_bytes_;
}

void GrammarRunner::shrink() {
  const std::vector<int32_t*> kept(positions_.begin(), positions_.end());
  alone_.clear(), whole_.clear();
  mask_bytes_ = 0;
  table_.keep_only(kept);
  ++forgotten_;
}

void GrammarRunner::add(const Mask& from, TokenMask& to) const {
  for (const int32_t token : from.list) set_bit(to, token);
  for (size_t i = 0; i < from.bits.size(); ++i) to[i] |= from.bits[i];
}

GrammarRunner::Mask GrammarRunner::packed(const TokenMask& mask) const {
  Mask out;
  size_t count = 0;
  for (const uint64_t word : mask) count += static_cast<size_t>(std::popcount(word));
  out.is_list = count < words_ * 2;
  if (!out.is_list) {
    out.bits = mask;
    return out;
  }
  out.list.reserve(count);
  for (size_t i = 0; i < mask.size(); ++i)
    for (uint64_t bits = mask[i]; bits != 0; bits &= bits - 1) out.list.push_back(static_cast<int32_t>(i * 64 + static_cast<size_t>(std::countr_zero(bits))));
  return out;
}

// Adds the tokens below a trie node (-1: the root) that may come in `state`, which is where that node leads. ends: see Mask.
void GrammarRunner::walk(int32_t below, int32_t state, TokenMask& mask, std::vector<int32_t>* ends, int64_t* steps) {
  const std::vector<TokenTrie::Node>& nodes = trie_->nodes();
  const int32_t stop = below < 0 ? static_cast<int32_t>(nodes.size()) : nodes[static_cast<size_t>(below)].end;
  const int kept_depth = trie_->writes_every_byte() ? 1 : 4;  // single characters are always found
  path_[below < 0 ? 0 : nodes[static_cast<size_t>(below)].depth] = state;
  for (int32_t i = below + 1; i < stop;) {
    const TokenTrie::Node& node = nodes[static_cast<size_t>(i)];
    const int32_t next = *steps > kMaxWalkSteps && node.depth > kept_depth ? kDeadState : table_.next(path_[static_cast<size_t>(node.depth) - 1], node.byte);
    if (next == kDeadState) {
      i = node.end;
      ++*steps;
      continue;
    }
    *steps += 1 + table_.items(next);
    for (int32_t t = node.first_token; t < node.last_token; ++t) set_bit(mask, trie_->tokens()[static_cast<size_t>(t)]);
    if (ends != nullptr && node.end > i + 1 && table_.is_complete(next)) ends->push_back(i);
    if (!table_.has_next(next)) {
      i = node.end;
      continue;
    }
    path_[node.depth] = next;
    ++i;
  }
}

const GrammarRunner::Mask& GrammarRunner::alone(int32_t state) {
  if (const auto it = alone_.find(state); it != alone_.end()) return it->second;
  TokenMask bits(words_, 0);
  std::vector<int32_t> ends;
  int64_t steps = 0;
  walk(-1, state, bits, &ends, &steps);
  Mask mask = packed(bits);
  mask.ends = std::move(ends);
  mask.steps = steps;
  mask_bytes_ += static_cast<int64_t>(mask.bits.size() * 8 + (mask.list.size() + mask.ends.size()) * 4 + sizeof(Mask) + 32);
  return alone_.emplace(state, std::move(mask)).first->second;
}

void GrammarRunner::fill(int32_t* position, TokenMask& mask) {
  const std::lock_guard lock(mutex_);
  mask.assign(words_, 0);
  if (const auto it = whole_.find(*position); it != whole_.end()) {
    if (it->second.is_list)
      add(it->second, mask);
    else
      mask = it->second.bits;
    return;
  }
  if (is_large()) shrink();
  int64_t steps = 0, group_steps = 0;
  for (const GrammarTable::Group& group : table_.groups(*position)) {
    const Mask& own = alone(group.alone);
    // Counted whether they were kept or not, so that a state's mask is always the same.
    if ((group_steps += own.steps) > kMaxGroupSteps) {
      mask.assign(words_, 0);
      walk(-1, *position, mask, nullptr, &(steps = 0));
      break;
    }
    add(own, mask);
    if (group.frame == 0 || own.ends.empty()) continue;
    const int32_t after = table_.continuation(group.frame);
    if (after == kDeadState) continue;
    for (const int32_t end : own.ends) walk(end, after, mask, nullptr, &steps);
  }
  Mask whole = packed(mask);
  mask_bytes_ += static_cast<int64_t>(whole.bits.size() * 8 + whole.list.size() * 4 + sizeof(Mask) + 32);
  whole_.emplace(*position, std::move(whole));
}

bool GrammarRunner::accept(int32_t* position, int32_t token) {
  const std::lock_guard lock(mutex_);
  const std::string_view bytes = trie_->bytes_of(token);
  if (bytes.empty()) return false;
  if (is_large()) shrink();
  int32_t state = *position;
  for (const char byte : bytes) {
    state = table_.next(state, static_cast<uint8_t>(byte));
    if (state == kDeadState) return false;
  }
  *position = state;
  return true;
}

}  // namespace lathe::infer
