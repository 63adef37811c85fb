#include "tokenizer/bpe_json.h"

#include <limits>
#include <optional>

#include "tokenizer/base64.h"

namespace lathe::tokenizer {

Result<std::vector<std::string>> tokens_from_json(const Json& file, const std::string& path) {
  const Json* list = file.find("tokens");
  if (!list || !list->is_array()) return error_at(path, -1, "\"tokens\" must be an array");
  std::vector<std::string> tokens;
  for (const Json& item : list->as_array()) {
    std::optional<std::string> token;
    if (item.is_string()) token = from_base64(item.as_string());
    if (item.is_null()) token = "";
    if (!token) return error_at(path, -1, "\"tokens\": element ", tokens.size(), " is not a base64 string");
    if (token->empty() && !item.is_null()) return error_at(path, -1, "token ", tokens.size(), " is empty");
    tokens.push_back(std::move(*token));
  }
  return tokens;
}

Result<std::vector<std::pair<int32_t, int32_t>>> merges_from_json(const Json& list, const std::string& path) {
  std::vector<std::pair<int32_t, int32_t>> merges;
  if (!list.is_array()) return error_at(path, -1, "\"merges\" must be an array");
  const auto is_id = [](const Json& id) {
    return id.is_int() && id.as_int() >= 0 && id.as_int() <= std::numeric_limits<int32_t>::max();
  };
  for (const Json& pair : list.as_array()) {
    if (!pair.is_array() || pair.size() != 2 || !is_id(pair.at(size_t{0})) || !is_id(pair.at(size_t{1})))
      return error_at(path, -1, "\"merges\": element ", merges.size(), " is not a pair of ids");
    merges.emplace_back(static_cast<int32_t>(pair.at(size_t{0}).as_int()),
                        static_cast<int32_t>(pair.at(size_t{1}).as_int()));
  }
  return merges;
}

Json merges_to_json(const std::vector<std::pair<int32_t, int32_t>>& merges) {
  Json list = Json::array();
  for (const auto& [left, right] : merges) list.push_back(Json(Json::Array{Json(int64_t{left}), Json(int64_t{right})}));
  return list;
}

}  // namespace lathe::tokenizer
