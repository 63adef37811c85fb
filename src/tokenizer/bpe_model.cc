#include "tokenizer/bpe_model.h"

#include <charconv>
#include <unordered_set>

#include "core/check.h"
#include "tokenizer/base64.h"

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

Status check_tokens(const std::vector<std::string>& tokens) {
  std::unordered_set<std::string_view> seen;
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id].empty()) return error("token ", id, " is empty");
    if (!seen.insert(tokens[id]).second) return error("token ", id, " repeats an earlier one");
  }
  for (int byte = 0; byte < 256; ++byte) {
    const char text = static_cast<char>(byte);
    if (!seen.contains(std::string_view(&text, 1))) return error("no token for the single byte ", byte);
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const BpeModel>> BpeModel::make(const SplitPattern& split,
                                                       const std::vector<std::string>& tokens) {
  LATHE_TRY_STATUS(check_tokens(tokens));
  return std::make_shared<const BpeModel>(split, tokens);
}

Result<std::shared_ptr<const BpeModel>> BpeModel::from_json(const Json& file, const std::string& path) {
  const Json *regex = file.find("split"), *list = file.find("tokens");
  if (!regex || !regex->is_string()) return error_at(path, -1, "\"split\" must be a string");
  const SplitPattern* split = find_split(regex->as_string());
  if (!split) return error_at(path, -1, "unknown split pattern ", regex->as_string());
  if (!list || !list->is_array()) return error_at(path, -1, "\"tokens\" must be an array");
  std::vector<std::string> tokens;
  for (const Json& item : list->as_array()) {
    std::optional<std::string> token;
    if (item.is_string()) token = from_base64(item.as_string());
    if (!token) return error_at(path, -1, "\"tokens\": element ", tokens.size(), " is not a base64 string");
    tokens.push_back(std::move(*token));
  }
  auto model = make(*split, tokens);
  if (!model.ok()) return error_at(path, -1, model.error().message);
  return model;
}

Result<std::shared_ptr<const BpeModel>> BpeModel::from_ranks(const SplitPattern& split, std::string_view text,
                                                             const std::string& path) {
  std::vector<std::string> tokens;
  for (size_t begin = 0; begin < text.size();) {
    const size_t newline = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, newline - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const size_t space = line.find(' ');
    if (!line.empty()) {
      const auto wrong = [&](std::string_view what) { return error_at(path, static_cast<int64_t>(begin), what); };
      if (space == std::string_view::npos) return wrong("expected a base64 token, a space and its rank");
      std::optional<std::string> token = from_base64(line.substr(0, space));
      if (!token) return wrong("the token is not base64");
      size_t rank = 0;
      const auto [end, code] = std::from_chars(line.data() + space + 1, line.data() + line.size(), rank);
      if (code != std::errc{} || end != line.data() + line.size() || rank != tokens.size())
        return wrong(join_text("expected rank ", tokens.size()));
      tokens.push_back(std::move(*token));
    }
    begin = newline + 1;
  }
  auto model = make(split, tokens);
  if (!model.ok()) return error_at(path, -1, model.error().message);
  return model;
}

void BpeModel::encode(std::span<const std::string_view> texts, std::span<std::vector<int32_t>> ids) const {
  require(texts.size() == ids.size(), "[encode] ", texts.size(), " texts, ", ids.size(), " outputs");
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
  for (int32_t id = 0; id < size(); ++id) tokens.push_back(to_base64(token(id)));
  return Json(Json::Object{{"kind", "bpe"}, {"split", split_.regex}, {"tokens", std::move(tokens)}});
}

std::string BpeModel::canonical_bytes() const {
  std::string bytes = join_text("bpe\n", split_.regex, "\n");
  for (int32_t id = 0; id < size(); ++id) bytes += join_text(to_base64(token(id)), " ", id, "\n");
  return bytes;
}

}  // namespace lathe::tokenizer
