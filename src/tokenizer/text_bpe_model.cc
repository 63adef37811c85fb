#include "tokenizer/text_bpe_model.h"

#include <algorithm>

#include "core/check.h"
#include "tokenizer/base64.h"
#include "tokenizer/bpe_json.h"
#include "tokenizer/utf8.h"

namespace lathe::tokenizer {
namespace {

constexpr std::string_view kBlank = "\u2581";
constexpr std::pair<TextBpeSettings::Prefix, const char*> kPrefixes[] = {{TextBpeSettings::Prefix::kNever, "never"},
                                                                         {TextBpeSettings::Prefix::kFirst, "first"},
                                                                         {TextBpeSettings::Prefix::kEach, "each"}};

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t next = std::min(text.find(from, at), text.size());
    out += text.substr(at, next - at);
    if (next < text.size()) out += to;
    at = next + from.size();
  }
  return out;
}

const char* prefix_name(TextBpeSettings::Prefix prefix) {
  for (const auto& [value, name] : kPrefixes)
    if (value == prefix) return name;
  return "";
}

}  // namespace

Result<std::shared_ptr<const TextBpeModel>> TextBpeModel::make(TextBpeSettings settings) {
  std::shared_ptr<TextBpeModel> model(new TextBpeModel(std::move(settings)));
  LATHE_TRY_STATUS(model->build());
  return std::shared_ptr<const TextBpeModel>(std::move(model));
}

Status TextBpeModel::build() {
  for (size_t id = 0; id < settings_.tokens.size(); ++id) {
    const std::string& token = settings_.tokens[id];
    bytes_.push_back(replace_all(token, kBlank, " "));
    if (token.empty()) continue;
    if (index_.insert(token) != static_cast<int64_t>(id_of_index_.size()))
      return error("token ", id, " repeats an earlier one");
    id_of_index_.push_back(static_cast<int32_t>(id));
  }
  for (unsigned byte = 0; byte < 256; ++byte) {
    const int64_t index = index_.find(format_text("<0x%02X>", byte));
    if (index < 0) return error("no token for the byte ", format_text("<0x%02X>", byte));
    byte_ids_[byte] = id_of_index_[static_cast<size_t>(index)];
    bytes_[static_cast<size_t>(byte_ids_[byte])] = std::string(1, static_cast<char>(byte));
  }
  std::vector<int32_t> results;
  const auto is_token = [&](int32_t id) {
    return id >= 0 && id < size() && !settings_.tokens[static_cast<size_t>(id)].empty();
  };
  for (const auto& [left, right] : settings_.merges) {
    if (!is_token(left) || !is_token(right)) return error("merge ", results.size(), " joins an id that no token has");
    const int64_t index =
        index_.find(settings_.tokens[static_cast<size_t>(left)] + settings_.tokens[static_cast<size_t>(right)]);
    if (index < 0) return error("merge ", results.size(), " makes a token that is not in the vocabulary");
    results.push_back(id_of_index_[static_cast<size_t>(index)]);
  }
  std::vector<PairRanks::Pair> pairs;
  for (const auto& [left, right] : settings_.merges)
    pairs.push_back({left, right, static_cast<int32_t>(pairs.size())});
  merger_ = BpeMerger(std::move(pairs), std::move(results));
  return {};
}

void TextBpeModel::encode(std::span<const std::string_view> texts, std::span<std::vector<int32_t>> ids) const {
  require(texts.size() == ids.size(), "[encode] ", texts.size(), " texts, ", ids.size(), " outputs");
  for (size_t i = 0; i < texts.size(); ++i) encode_part(texts[i], true, ids[i]);
}

void TextBpeModel::encode_part(std::string_view part, bool at_start, std::vector<int32_t>& ids) const {
  if (part.empty()) return;
  std::string text = replace_all(part, " ", kBlank);
  const bool wanted = settings_.prefix == TextBpeSettings::Prefix::kEach ||
                      (settings_.prefix == TextBpeSettings::Prefix::kFirst && at_start);
  if (wanted && (settings_.doubles_prefix || !text.starts_with(kBlank))) text.insert(0, kBlank);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = settings_.splits_words ? std::min(text.find(kBlank, begin + 1), text.size()) : text.size();
    encode_word(std::string_view(text).substr(begin, end - begin), ids);
    begin = end;
  }
}

void TextBpeModel::encode_word(std::string_view word, std::vector<int32_t>& ids) const {
  std::vector<int32_t> symbols;
  symbols.reserve(word.size());
  for (size_t at = 0; at < word.size();) {
    const CodePoint point = read_code_point(word, at);
    const std::string_view character = word.substr(at, point.length);
    const int64_t index = point.value == kInvalidByte ? -1 : index_.find(character);
    if (index >= 0) {
      symbols.push_back(id_of_index_[static_cast<size_t>(index)]);
    } else {
      for (const char byte : character) symbols.push_back(byte_ids_[static_cast<uint8_t>(byte)]);
    }
    at += point.length;
  }
  merger_.merge(symbols, ids);
}

Json TextBpeModel::to_json() const {
  Json tokens = Json::array();
  for (const std::string& token : settings_.tokens) tokens.push_back(token.empty() ? Json() : Json(to_base64(token)));
  return Json(Json::Object{{"kind", "text_bpe"},
                           {"tokens", std::move(tokens)},
                           {"merges", merges_to_json(settings_.merges)},
                           {"prefix", prefix_name(settings_.prefix)},
                           {"doubles_prefix", settings_.doubles_prefix},
                           {"splits_words", settings_.splits_words},
                           {"drops_first_space", settings_.drops_first_space}});
}

Result<std::shared_ptr<const TextBpeModel>> TextBpeModel::from_json(const Json& file, const std::string& path) {
  TextBpeSettings settings;
  LATHE_TRY(settings.tokens, tokens_from_json(file, path));
  const Json *merges = file.find("merges"), *prefix = file.find("prefix");
  if (!merges) return error_at(path, -1, "\"merges\" must be an array");
  LATHE_TRY(settings.merges, merges_from_json(*merges, path));
  const std::string name = prefix && prefix->is_string() ? prefix->as_string() : "";
  bool known = false;
  for (const auto& [value, text] : kPrefixes)
    if (name == text) {
      settings.prefix = value;
      known = true;
    }
  if (!known) return error_at(path, -1, "\"prefix\" must be never, first or each");
  for (const auto& [key, flag] :
       {std::pair{"doubles_prefix", &settings.doubles_prefix}, std::pair{"splits_words", &settings.splits_words},
        std::pair{"drops_first_space", &settings.drops_first_space}}) {
    const Json* value = file.find(key);
    if (!value || !value->is_bool()) return error_at(path, -1, "\"", key, "\" must be true or false");
    *flag = value->as_bool();
  }
  auto model = make(std::move(settings));
  if (!model.ok()) return error_at(path, -1, model.error().message);
  return model;
}

std::string TextBpeModel::canonical_bytes() const {
  std::string bytes =
      join_text("text_bpe\n", prefix_name(settings_.prefix), settings_.doubles_prefix ? " doubled" : "",
                settings_.splits_words ? " words" : "", settings_.drops_first_space ? " drop" : "", "\n");
  for (size_t id = 0; id < settings_.tokens.size(); ++id)
    if (!settings_.tokens[id].empty()) bytes += join_text(to_base64(settings_.tokens[id]), " ", id, "\n");
  bytes += "merges\n";
  for (const auto& [left, right] : settings_.merges) bytes += join_text(left, " ", right, "\n");
  return bytes;
}

}  // namespace lathe::tokenizer
