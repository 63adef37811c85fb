#include "tokenizer/bpe_model.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "core/check.h"
#include "tokenizer/base64.h"
#include "tokenizer/bpe_json.h"
#include "tokenizer/nfc.h"

namespace lathe::tokenizer {
namespace {

// Pieces with their ids, remembered during one call: text repeats its words. Direct-mapped, so a piece may push out
// another; one cache line answers for a piece of at most 15 bytes, and those of up to 32 point into the call's texts.
class PieceCache {
 public:
  PieceCache() : slots_(kSlots), long_pieces_(kSlots) {}

  void encode(const BpeEncoder& encoder, std::string_view piece, std::vector<int32_t>& ids) {
    if (piece.size() > kLongestPiece) {
      encoder.encode_piece(piece, ids);
      return;
    }
    const Key key = key_of(piece);
    const uint64_t mixed = (key.low ^ (key.high * 0xC2B2AE3D27D4EB4F)) * 0x9E3779B97F4A7C15;
    const size_t index = mixed >> (64 - kSlotBits);
    Slot& slot = slots_[index];
    if (slot.key != key || (piece.size() > kInKey && long_pieces_[index] != piece)) {
      const size_t before = ids.size();
      encoder.encode_piece(piece, ids);
      remember(slot, key, std::span(ids).subspan(before));
      long_pieces_[index] = piece;
      return;
    }
    if (slot.count == 1) {
      ids.push_back(slot.ids[0]);
      return;
    }
    const int32_t* first = slot.count <= kInSlot ? slot.ids : many_.data() + slot.ids[0];
    ids.insert(ids.end(), first, first + slot.count);
  }

 private:
  static constexpr size_t kSlotBits = 14, kSlots = 1 << kSlotBits, kInKey = 15, kLongestPiece = 32;
  static constexpr size_t kMostIds = 1 << 20;
  static constexpr int32_t kInSlot = 3;
  struct Key {
    uint64_t low, high;  // up to 15 bytes of the piece and in the last one its length; else its hash and length
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Slot {
    Key key{0, 0};              // no piece has the length 0
    int32_t ids[kInSlot] = {};  // with more: ids[0] is where they begin in many_
    int32_t count = 0;
  };

  static Key key_of(std::string_view piece) {
    const size_t n = piece.size();
    const uint64_t length = uint64_t{n} << 56;
    const auto load = [&](size_t at, auto word) {
      std::memcpy(&word, piece.data() + at, sizeof word);
      return uint64_t{word};
    };
    if (n > kInKey) return {hash_bytes(piece), length};
    if (n > 8) return {load(0, uint64_t{}), load(n - 8, uint64_t{}) >> (16 - n) * 8 | length};
    if (n == 8) return {load(0, uint64_t{}), length};
    if (n >= 4) return {load(0, uint32_t{}) | load(n - 4, uint32_t{}) << (n - 4) * 8, length};
    return {load(0, uint8_t{}) | load(n / 2, uint8_t{}) << (n / 2) * 8 | load(n - 1, uint8_t{}) << (n - 1) * 8, length};
  }

  void remember(Slot& slot, const Key& key, std::span<const int32_t> ids) {
    if (many_.size() > kMostIds) {
      slots_.assign(kSlots, Slot{});
      many_.clear();
    }
    slot.key = key;
    slot.count = static_cast<int32_t>(ids.size());
    if (slot.count <= kInSlot) {
      std::copy(ids.begin(), ids.end(), slot.ids);
    } else {
      slot.ids[0] = static_cast<int32_t>(many_.size());
      many_.insert(many_.end(), ids.begin(), ids.end());
    }
  }

  std::vector<Slot> slots_;
  std::vector<std::string_view> long_pieces_;
  std::vector<int32_t> many_;
};

constexpr size_t kWorthCaching = 32768;  // bytes of text that pay for the cache's memory

Status check_vocabulary(const BpeVocabulary& vocabulary) {
  const std::vector<std::string>& tokens = vocabulary.tokens;
  std::unordered_set<std::string_view> seen;
  for (size_t id = 0; id < tokens.size(); ++id)
    if (!tokens[id].empty() && !seen.insert(tokens[id]).second) return error("token ", id, " repeats an earlier one");
  for (int byte = 0; byte < 256; ++byte) {
    const char text = static_cast<char>(byte);
    if (!seen.contains(std::string_view(&text, 1))) return error("no token for the single byte ", byte);
  }
  for (size_t rank = 0; rank < vocabulary.merges.size(); ++rank) {
    const auto [left, right] = vocabulary.merges[rank];
    const auto is_token = [&](int32_t id) {
      return id >= 0 && static_cast<size_t>(id) < tokens.size() && !tokens[static_cast<size_t>(id)].empty();
    };
    if (!is_token(left) || !is_token(right)) return error("merge ", rank, " joins an id that no token has");
    if (!seen.contains(tokens[static_cast<size_t>(left)] + tokens[static_cast<size_t>(right)]))
      return error("merge ", rank, " gives bytes that no token has");
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const BpeModel>> BpeModel::make(const SplitPattern& split, BpeVocabulary vocabulary, bool nfc) {
  LATHE_TRY_STATUS(check_vocabulary(vocabulary));
  return std::make_shared<const BpeModel>(split, std::move(vocabulary), nfc);
}

Result<std::shared_ptr<const BpeModel>> BpeModel::make(const SplitPattern& split,
                                                       const std::vector<std::string>& tokens) {
  for (size_t id = 0; id < tokens.size(); ++id)
    if (tokens[id].empty()) return error("token ", id, " is empty");
  return make(split, BpeVocabulary{tokens});
}

Result<std::shared_ptr<const BpeModel>> BpeModel::from_json(const Json& file, const std::string& path) {
  const Json *regex = file.find("split"), *whole = file.find("whole_pieces");
  const Json *merges = file.find("merges"), *normalizer = file.find("normalizer");
  if (!regex || !regex->is_string()) return error_at(path, -1, "\"split\" must be a string");
  const SplitPattern* split = find_split(regex->as_string());
  if (!split) return error_at(path, -1, "unknown split pattern ", regex->as_string());
  if (whole && !whole->is_bool()) return error_at(path, -1, "\"whole_pieces\" must be true or false");
  if (normalizer && !(normalizer->is_string() && normalizer->as_string() == "nfc"))
    return error_at(path, -1, "\"normalizer\" must be \"nfc\" when it is there");
  BpeVocabulary vocabulary;
  LATHE_TRY(vocabulary.tokens, tokens_from_json(file, path));
  if (merges) {
    LATHE_TRY(vocabulary.merges, merges_from_json(*merges, path));
  }
  vocabulary.whole_pieces = !whole || whole->as_bool();
  auto model = make(*split, std::move(vocabulary), normalizer != nullptr);
  if (!model.ok()) return error_at(path, -1, model.error().message);
  return model;
}

void BpeModel::encode(std::span<const std::string_view> texts, std::span<std::vector<int32_t>> ids) const {
  require(texts.size() == ids.size(), "[encode] ", texts.size(), " texts, ", ids.size(), " outputs");
  std::vector<std::string> normal;
  std::vector<std::string_view> normal_views;
  if (nfc_) {
    for (const std::string_view text : texts) normal.push_back(to_nfc(text));
    normal_views.assign(normal.begin(), normal.end());
    texts = normal_views;
  }
  size_t bytes = 0;
  for (const std::string_view text : texts) bytes += text.size();
  if (bytes < kWorthCaching) {
    for (size_t i = 0; i < texts.size(); ++i)
      for_each_piece(split_, texts[i], [&](std::string_view piece) { encoder_.encode_piece(piece, ids[i]); });
    return;
  }
  PieceCache cache;
  for (size_t i = 0; i < texts.size(); ++i) {
    ids[i].reserve(ids[i].size() + texts[i].size() / 4);
    for_each_piece(split_, texts[i], [&](std::string_view piece) { cache.encode(encoder_, piece, ids[i]); });
  }
}

Json BpeModel::to_json() const {
  Json tokens = Json::array();
  for (int32_t id = 0; id < size(); ++id) {
    const std::string_view bytes = token(id);
    tokens.push_back(bytes.empty() ? Json() : Json(to_base64(bytes)));
  }
  Json file(Json::Object{{"kind", "bpe"}, {"split", split_.regex}, {"tokens", std::move(tokens)}});
  if (!vocabulary_.merges.empty()) file["merges"] = merges_to_json(vocabulary_.merges);
  if (!vocabulary_.whole_pieces) file["whole_pieces"] = false;
  if (nfc_) file["normalizer"] = "nfc";
  return file;
}

std::string BpeModel::canonical_bytes() const {
  std::string bytes = join_text("bpe\n", split_.regex, "\n");
  for (int32_t id = 0; id < size(); ++id)
    if (const std::string_view one = token(id); !one.empty()) bytes += join_text(to_base64(one), " ", id, "\n");
  if (!vocabulary_.merges.empty()) bytes += "merges\n";
  for (const auto& [left, right] : vocabulary_.merges) bytes += join_text(left, " ", right, "\n");
  if (!vocabulary_.whole_pieces) bytes += "whole_pieces false\n";
  if (nfc_) bytes += "normalizer nfc\n";
  return bytes;
}

}  // namespace lathe::tokenizer
