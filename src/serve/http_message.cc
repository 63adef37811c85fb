#include "serve/http_message.h"

#include <algorithm>

#include "core/json.h"

namespace lathe::serve {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const {
  const auto same = [](char a, char b) { return lower(a) == lower(b); };
  for (const auto& [key, value] : headers)
    if (std::equal(key.begin(), key.end(), name.begin(), name.end(), same)) return value;
  return {};
}

std::optional<std::string> HttpRequest::query_value(std::string_view name) const {
  for (std::string_view rest = query; !rest.empty();) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const size_t equals = std::min(pair.find('='), pair.size());
    if (decode_percent(pair.substr(0, equals)) != name) continue;
    std::string value(pair.substr(std::min(pair.size(), equals + 1)));
    std::replace(value.begin(), value.end(), '+', ' ');
    return decode_percent(value);
  }
  return std::nullopt;
}

HttpResponse error_response(int status, std::string_view message, std::string_view type, std::string_view code) {
  Json error = Json::object(), body = Json::object();
  error["message"] = message;
  error["type"] = type;
  error["param"] = nullptr;
  error["code"] = code.empty() ? Json() : Json(code);
  body["error"] = std::move(error);
  body["detail"] = message;
  return {status, "application/json", body.dump(), {}};
}

std::optional<std::string> decode_percent(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1, low = high < 0 ? -1 : hex_digit(text[i + 2]);
    if (low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

}  // namespace lathe::serve
