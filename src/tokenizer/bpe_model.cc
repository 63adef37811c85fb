#include "tokenizer/bpe_model.h"

#include <algorithm>
#include <unordered_set>

#include "core/check.h"
#include "tokenizer/base64.h"
#include "tokenizer/bpe_json.h"
#include "tokenizer/foreign_split.h"
#include "tokenizer/nfc.h"

namespace lathe::tokenizer {
namespace {

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
  const auto split = split_from_text(regex->as_string());
  if (!split.ok()) return error_at(path, -1, "\"split\": ", split.error().message);
  if (whole && !whole->is_bool()) return error_at(path, -1, "\"whole_pieces\" must be true or false");
  if (normalizer && !(normalizer->is_string() && normalizer->as_string() == "nfc"))
    return error_at(path, -1, "\"normalizer\" must be \"nfc\" when it is there");
  BpeVocabulary vocabulary;
  LATHE_TRY(vocabulary.tokens, tokens_from_json(file, path));
  if (merges) {
    LATHE_TRY(vocabulary.merges, merges_from_json(*merges, path));
  }
  vocabulary.whole_pieces = !whole || whole->as_bool();
  auto model = make(*split.value(), std::move(vocabulary), normalizer != nullptr);
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
  auto cache = caches_.take();
  if (!cache && bytes < kWorthCaching) {
    for (size_t i = 0; i < texts.size(); ++i)
      for_each_piece(split_, texts[i], [&](std::string_view piece) { encoder_.encode_piece(piece, ids[i]); });
    return;
  }
  if (!cache) cache = std::make_unique<PieceCache>();
  for (size_t i = 0; i < texts.size(); ++i) cache->encode(encoder_, split_, texts[i], ids[i]);
  caches_.give(std::move(cache));
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
