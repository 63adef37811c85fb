#include "tokenizer/unigram.h"

#include <algorithm>
#include <limits>
#include <string>

#include "tokenizer/utf8.h"

namespace lathe::tokenizer {
namespace {

constexpr float kUnknownPenalty = 10;  // below the worst piece, as the library has it

uint64_t slot_of(uint64_t key) { return (key * 0x9E3779B97F4A7C15ull) >> 20; }

}  // namespace

Unigram::Unigram(const SpmProto& proto) : children_(1 << 12), mask_((1 << 12) - 1), piece_of_(1, -1) {
  float least = std::numeric_limits<float>::max(), most = std::numeric_limits<float>::lowest();
  if (proto.byte_fallback) byte_ids_.resize(256);
  for (size_t id = 0; id < proto.pieces.size(); ++id) {
    const SpmPiece& piece = proto.pieces[id];
    scores_.push_back(piece.score);
    user_defined_.push_back(piece.type == SpmPieceType::kUserDefined);
    if (piece.type == SpmPieceType::kUnknown) unknown_ = static_cast<int32_t>(id);
    if (piece.type == SpmPieceType::kByte)
      byte_ids_.at(static_cast<size_t>(std::stoi(piece.text.substr(3, 2), nullptr, 16))) = static_cast<int32_t>(id);
    if (piece.type == SpmPieceType::kNormal) {
      least = std::min(least, piece.score);
      most = std::max(most, piece.score);
    }
    if (piece.type != SpmPieceType::kNormal && piece.type != SpmPieceType::kUserDefined) continue;
    int32_t node = 0;
    for (const char byte : piece.text) node = add_child(node, static_cast<uint8_t>(byte));
    piece_of_[static_cast<size_t>(node)] = static_cast<int32_t>(id);
  }
  max_score_ = most;
  unknown_score_ = least - kUnknownPenalty;
}

int32_t Unigram::child(int32_t node, uint8_t byte) const {
  const uint64_t key = static_cast<uint64_t>(node) * 256 + byte;
  for (uint64_t slot = slot_of(key) & mask_;; slot = (slot + 1) & mask_) {
    if (children_[slot].key == key) return children_[slot].node;
    if (children_[slot].key == ~uint64_t{0}) return -1;
  }
}

int32_t Unigram::add_child(int32_t node, uint8_t byte) {
  if (const int32_t found = child(node, byte); found >= 0) return found;
  if (2 * ++used_ > mask_) grow();
  const uint64_t key = static_cast<uint64_t>(node) * 256 + byte;
  uint64_t slot = slot_of(key) & mask_;
  while (children_[slot].key != ~uint64_t{0}) slot = (slot + 1) & mask_;
  children_[slot] = {key, static_cast<int32_t>(piece_of_.size())};
  piece_of_.push_back(-1);
  return children_[slot].node;
}

void Unigram::grow() {
  std::vector<Child> old(2 * children_.size());
  old.swap(children_);
  mask_ = children_.size() - 1;
  for (const Child& entry : old) {
    if (entry.key == ~uint64_t{0}) continue;
    uint64_t slot = slot_of(entry.key) & mask_;
    while (children_[slot].key != ~uint64_t{0}) slot = (slot + 1) & mask_;
    children_[slot] = entry;
  }
}

void Unigram::encode(std::string_view text, std::vector<int32_t>& ids) const {
  struct Best {
    float score = 0;
    int32_t id = -1;
    size_t begin = 0;
  };
  std::vector<Best> ends(text.size() + 1);  // the best path to each place; id -1: none yet
  const auto offer = [&](size_t begin, size_t end, int32_t id, float score) {
    Best& best = ends[end];
    const float total = score + ends[begin].score;
    if (best.id < 0 || total > best.score) best = {total, id, begin};
  };
  for (size_t begin = 0; begin < text.size();) {
    const size_t length = read_code_point(text, begin).length;
    bool covered = false;
    int32_t node = 0;
    for (size_t end = begin; end < text.size();) {
      node = child(node, static_cast<uint8_t>(text[end++]));
      if (node < 0) break;
      const int32_t id = piece_of_[static_cast<size_t>(node)];
      if (id < 0) continue;
      // A user-defined piece must win over whatever else could stand there.
      const auto at = static_cast<size_t>(id);
      offer(begin, end, id, user_defined_[at] ? static_cast<float>(end - begin) * max_score_ - 0.1f : scores_[at]);
      covered = covered || end - begin == length;
    }
    if (!covered) offer(begin, begin + length, unknown_, unknown_score_);
    begin += length;
  }
  const size_t first = ids.size();
  bool after_unknown = false;
  for (size_t end = text.size(); end > 0; end = ends[end].begin) {
    const Best& best = ends[end];
    const bool unknown = best.id == unknown_;
    if (unknown && !byte_ids_.empty()) {
      for (size_t at = end; at > best.begin; --at) ids.push_back(byte_ids_[static_cast<uint8_t>(text[at - 1])]);
    } else if (!unknown || !after_unknown) {
      ids.push_back(best.id);
    }
    after_unknown = unknown;
  }
  std::reverse(ids.begin() + static_cast<std::ptrdiff_t>(first), ids.end());
}

}  // namespace lathe::tokenizer
