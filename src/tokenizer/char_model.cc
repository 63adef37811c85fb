#include "tokenizer/char_model.h"

#include "core/log.h"
#include "core/text.h"
#include "tokenizer/base64.h"
#include "tokenizer/bpe_json.h"
#include "tokenizer/utf8.h"

namespace lathe::tokenizer {
namespace {

std::string quoted(std::string_view text, size_t at, const CodePoint& point) {
  if (point.value == kInvalidByte) return format_text("byte 0x%02X", static_cast<unsigned>(static_cast<uint8_t>(text[at])));
  return join_text("\"", text.substr(at, point.length), "\" (", format_text("U+%04X", static_cast<unsigned>(point.value)), ")");
}

}  // namespace

Status CharCounter::add(std::string_view text) {
  if (const int64_t at = first_invalid_utf8(text); at >= 0) return error("the training text is not valid UTF-8 at its byte ", at);
  char32_t last = kInvalidByte;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = read_code_point(text, at);
    if (point.value != last) seen_.insert(point.value);
    last = point.value;
    at += point.length;
  }
  return {};
}

std::vector<std::string> CharCounter::tokens() const {
  std::vector<std::string> tokens;
  for (const char32_t value : seen_) {
    std::string& token = tokens.emplace_back();
    const auto push = [&](char32_t bits) { token.push_back(static_cast<char>(static_cast<uint8_t>(bits))); };
    if (value < 0x80) {
      push(value);
      continue;
    }
    const int more = value < 0x800 ? 1 : value < 0x10000 ? 2 : 3;
    constexpr char32_t kLeads[] = {0, 0xC0, 0xE0, 0xF0};
    push(kLeads[more] | (value >> (6 * more)));
    for (int i = more - 1; i >= 0; --i) push(0x80 | ((value >> (6 * i)) & 0x3F));
  }
  return tokens;
}

Result<std::shared_ptr<const CharModel>> CharModel::make(std::vector<std::string> tokens) {
  auto model = std::make_shared<CharModel>();
  int64_t last = -1;
  for (const std::string& token : tokens) {
    const CodePoint point = token.empty() ? CodePoint{kInvalidByte, 0} : read_code_point(token, 0);
    if (point.value == kInvalidByte || point.length != token.size())
      return error("token ", model->ids_.size(), " of a character tokenizer is not one code point");
    if (int64_t{point.value} <= last) return error("the tokens of a character tokenizer must ascend; token ", model->ids_.size(), " does not");
    last = int64_t{point.value};
    model->ids_.emplace(point.value, static_cast<int32_t>(model->ids_.size()));
  }
  if (tokens.empty()) return error("a character tokenizer needs at least one token: the training text is empty");
  model->tokens_ = std::move(tokens);
  return std::shared_ptr<const CharModel>(std::move(model));
}

Result<std::shared_ptr<const CharModel>> CharModel::from_json(const Json& file, const std::string& path) {
  LATHE_TRY(std::vector<std::string> tokens, tokens_from_json(file, path));
  auto model = make(std::move(tokens));
  if (!model.ok()) return error_at(path, -1, model.error().message);
  return model;
}

void CharModel::encode(std::span<const std::string_view> texts, std::span<std::vector<int32_t>> ids) const {
  int64_t skipped = 0;
  std::string first;
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string_view text = texts[i];
    for (size_t at = 0; at < text.size();) {
      const CodePoint point = read_code_point(text, at);
      const auto found = ids_.find(point.value);
      if (found != ids_.end())
        ids[i].push_back(found->second);
      else if (skipped++ == 0)
        first = quoted(text, at, point);
      at += point.length;
    }
  }
  if (skipped > 0) log_warning("tokenizer", skipped, " characters that training has not seen were left out, the first is ", first);
}

Status CharModel::check(std::string_view text) const {
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = read_code_point(text, at);
    if (!ids_.contains(point.value))
      return error("the tokenizer has no character ", quoted(text, at, point), ", found at byte ", at,
                   "; train it on a text that holds all of them: lathe tokenizer train --kind char");
    at += point.length;
  }
  return {};
}

Json CharModel::to_json() const {
  Json tokens = Json::array();
  for (const std::string& token : tokens_) tokens.push_back(to_base64(token));
  return Json(Json::Object{{"kind", "char"}, {"tokens", std::move(tokens)}});
}

std::string CharModel::canonical_bytes() const {
  std::string bytes = "char\n";
  for (size_t id = 0; id < tokens_.size(); ++id) bytes += join_text(to_base64(tokens_[id]), " ", id, "\n");
  return bytes;
}

}  // namespace lathe::tokenizer
