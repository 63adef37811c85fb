#include "tokenizer/bpe_encode.h"

#include <limits>
#include <queue>

#include "core/check.h"

namespace lathe::tokenizer {
namespace {
constexpr size_t kShortPiece = 64;  // below, scanning all pairs for each merge beats a heap
constexpr uint32_t kNoMerge = std::numeric_limits<uint32_t>::max();  // PairMap::kAbsent, behind every rank
}  // namespace

BpeEncoder::BpeEncoder(const std::vector<std::string>& tokens) {
  for (const std::string& token : tokens)
    require(!token.empty() && tokens_.insert(token) == tokens_.size() - 1, "[bpe_encoder] token is empty or repeated");
  for (size_t byte = 0; byte < 256; ++byte) {
    const char text = static_cast<char>(byte);
    byte_ids_[byte] = static_cast<int32_t>(tokens_.find({&text, 1}));
    require(byte_ids_[byte] >= 0, "[bpe_encoder] no token for byte ", byte);
  }
  for (size_t id = 0; id < tokens.size(); ++id) {
    const std::string_view token = tokens[id];
    for (size_t cut = 1; cut < token.size(); ++cut) {
      const int64_t left = tokens_.find(token.substr(0, cut));
      if (left < 0) continue;
      const int64_t right = tokens_.find(token.substr(cut));
      if (right >= 0)
        merged_.find_or_insert(static_cast<int32_t>(left), static_cast<int32_t>(right), static_cast<int32_t>(id));
    }
  }
}

int32_t BpeEncoder::whole_token(std::string_view piece) const {
  return piece.size() == 1 ? byte_id(piece[0]) : static_cast<int32_t>(tokens_.find(piece));
}

void BpeEncoder::encode_piece(std::string_view piece, std::vector<int32_t>& ids) const {
  if (piece.empty()) return;
  if (const int32_t id = whole_token(piece); id >= 0) {
    ids.push_back(id);
  } else if (piece.size() <= kShortPiece) {
    merge_short(piece, ids);
  } else {
    require(piece.size() < kNoMerge, "[encode] one unsplittable piece of ", piece.size(), " bytes");
    merge_long(piece, ids);
  }
}

void BpeEncoder::merge_short(std::string_view piece, std::vector<int32_t>& ids) const {
  std::array<int32_t, kShortPiece> parts;
  std::array<uint32_t, kShortPiece> ranks;  // of the pair (i, i + 1)
  size_t count = piece.size();
  const auto rank = [&](size_t i) {
    return i + 1 < count ? static_cast<uint32_t>(merged_.find(parts[i], parts[i + 1])) : kNoMerge;
  };
  for (size_t i = 0; i < count; ++i) parts[i] = byte_id(piece[i]);
  for (size_t i = 0; i < count; ++i) ranks[i] = rank(i);
  while (true) {
    size_t best = 0;
    for (size_t i = 1; i < count; ++i)
      if (ranks[i] < ranks[best]) best = i;
    if (ranks[best] == kNoMerge) break;
    parts[best] = static_cast<int32_t>(ranks[best]);
    --count;
    for (size_t i = best + 1; i < count; ++i) {
      parts[i] = parts[i + 1];
      ranks[i] = ranks[i + 1];
    }
    ranks[best] = rank(best);
    if (best > 0) ranks[best - 1] = rank(best - 1);
  }
  ids.insert(ids.end(), parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(count));
}

void BpeEncoder::merge_long(std::string_view piece, std::vector<int32_t>& ids) const {
  struct Part {
    int32_t id;
    uint32_t previous, next;
    uint32_t rank;  // of the pair with the next part
  };
  const auto end = static_cast<uint32_t>(piece.size());
  std::vector<Part> parts(piece.size());
  std::vector<uint64_t> start;  // (rank, position): the smallest is the leftmost of the lowest rank
  const auto set_rank = [&](uint32_t i) {
    const uint32_t next = parts[i].next;
    parts[i].rank = next == end ? kNoMerge : static_cast<uint32_t>(merged_.find(parts[i].id, parts[next].id));
    return parts[i].rank != kNoMerge;
  };
  const auto key = [&](uint32_t i) { return uint64_t{parts[i].rank} << 32 | i; };
  for (uint32_t i = 0; i < end; ++i) parts[i] = {byte_id(piece[i]), i - 1, i + 1, kNoMerge};
  for (uint32_t i = 0; i < end; ++i)
    if (set_rank(i)) start.push_back(key(i));
  std::priority_queue<uint64_t, std::vector<uint64_t>, std::greater<>> queue(std::greater<>{}, std::move(start));
  while (!queue.empty()) {
    const uint64_t top = queue.top();
    queue.pop();
    const auto i = static_cast<uint32_t>(top);
    if (parts[i].rank != top >> 32) continue;  // merged or changed since it was queued
    const uint32_t gone = parts[i].next, next = parts[gone].next;
    parts[i].id = static_cast<int32_t>(parts[i].rank);
    parts[i].next = next;
    parts[gone].rank = kNoMerge;
    if (next != end) parts[next].previous = i;
    if (set_rank(i)) queue.push(key(i));
    if (i > 0 && set_rank(parts[i].previous)) queue.push(key(parts[i].previous));
  }
  for (uint32_t i = 0; i < end; i = parts[i].next) ids.push_back(parts[i].id);
}

}  // namespace lathe::tokenizer
