#include "tokenizer/bpe_model.h"

#include <unordered_set>

#include "core/check.h"
#include "tokenizer/base64.h"
#include "tokenizer/bpe_json.h"
#include "tokenizer/nfc.h"

namespace lathe::tokenizer {
namespace {

// Pieces that need merging, with their ids, remembered during one call: text repeats its words. Direct-mapped, so a
// piece may push out another; the pieces point into the texts of the call.
class PieceCache {
 public:
  PieceCache() : slots_(kSlots) {}

  void encode(const BpeEncoder& encoder, std::string_view piece, std::vector<int32_t>& ids) {
    if (const int32_t id = encoder.whole_token(piece); id >= 0) {
      ids.push_back(id);
      return;
    }
    if (piece.size() > kLongestPiece) {
      encoder.encode_piece(piece, ids);
      return;
    }
    Slot& slot = slots_[hash_bytes(piece) & (kSlots - 1)];
    if (slot.piece != piece) {
      if (ids_.size() > kMostIds) clear();
      slot = {piece, static_cast<uint32_t>(ids_.size()), 0};
      encoder.encode_piece(piece, ids_);
      slot.count = static_cast<uint32_t>(ids_.size()) - slot.first;
    }
    ids.insert(ids.end(), ids_.begin() + slot.first, ids_.begin() + slot.first + slot.count);
  }

 private:
  static constexpr size_t kSlots = 1 << 14, kLongestPiece = 32, kMostIds = 1 << 20;
  struct Slot {
    std::string_view piece;
    uint32_t first = 0, count = 0;
  };
  void clear() {
    slots_.assign(kSlots, Slot{});
    ids_.clear();
  }
  std::vector<Slot> slots_;
  std::vector<int32_t> ids_;
};

constexpr size_t kWorthCaching = 4096;  // bytes of text that pay for the cache's memory

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
  for (size_t i = 0; i < texts.size(); ++i)
    for_each_piece(split_, texts[i], [&](std::string_view piece) { cache.encode(encoder_, piece, ids[i]); });
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
