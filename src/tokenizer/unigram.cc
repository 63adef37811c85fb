#include "tokenizer/unigram.h"

#include <algorithm>
#include <limits>
#include <string>

#include "tokenizer/utf8.h"

namespace lathe::tokenizer {
namespace {

constexpr float kUnknownPenalty = 10;  // below the worst piece, as the library has it

}  // namespace

Unigram::Unigram(const SpmProto& proto) {
  std::vector<std::pair<std::string_view, int32_t>> sorted;
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
    sorted.emplace_back(piece.text, static_cast<int32_t>(id));
  }
  std::sort(sorted.begin(), sorted.end());
  build(sorted);
  max_score_ = most;
  unknown_score_ = least - kUnknownPenalty;
}

int32_t Unigram::free_base(const std::vector<uint8_t>& labels) {
  while (first_free_ < units_.size() && units_[first_free_].parent >= 0) ++first_free_;
  int tries = 0;  // bounded, or building a dense table would take quadratic time
  for (size_t place = first_free_;; place = ++tries < 1000 ? place + 1 : std::max(place + 1, units_.size())) {
    const size_t base = place ^ labels[0];
    if ((base | 0xff) >= units_.size()) units_.resize((base | 0xff) + 1);
    const bool fits = base > 0 && std::all_of(labels.begin(), labels.end(), [&](uint8_t label) {
      return (base ^ label) != 0 && units_[base ^ label].parent < 0;
    });
    if (fits) return static_cast<int32_t>(base);
  }
}

// Nodes in the order of their depth; each stands for the pieces [begin, end) that share its bytes.
void Unigram::build(const std::vector<std::pair<std::string_view, int32_t>>& sorted) {
  struct Node {
    int32_t unit;
    size_t begin, end, depth;
  };
  units_.assign(256, {});
  std::vector<Node> nodes = {{0, 0, sorted.size(), 0}};
  for (size_t next = 0; next < nodes.size(); ++next) {
    Node node = nodes[next];
    if (node.begin < node.end && sorted[node.begin].first.size() == node.depth)
      units_[static_cast<size_t>(node.unit)].piece = sorted[node.begin++].second;
    std::vector<uint8_t> labels;
    std::vector<size_t> begins;
    for (size_t i = node.begin; i < node.end; ++i) {
      const auto label = static_cast<uint8_t>(sorted[i].first[node.depth]);
      if (!labels.empty() && labels.back() == label) continue;
      labels.push_back(label);
      begins.push_back(i);
    }
    if (labels.empty()) continue;
    begins.push_back(node.end);
    const int32_t base = free_base(labels);
    units_[static_cast<size_t>(node.unit)].base = base;
    for (size_t i = 0; i < labels.size(); ++i) {
      const int32_t unit = base ^ labels[i];
      units_[static_cast<size_t>(unit)].parent = node.unit;
      nodes.push_back({unit, begins[i], begins[i + 1], node.depth + 1});
    }
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
    int32_t node = 0, base = units_[0].base;
    for (size_t end = begin; end < text.size() && base >= 0;) {
      const int32_t child = base ^ static_cast<uint8_t>(text[end++]);
      const Unit& unit = units_[static_cast<size_t>(child)];
      if (unit.parent != node) break;
      node = child;
      base = unit.base;
      const int32_t id = unit.piece;
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
