// The body of POST /chat/completions, checked (rows C-11.10, C-11.16 to C-11.19, C-11.37).
#pragma once

#include <string_view>
#include <variant>

#include "core/json.h"
#include "serve/generator.h"

namespace lathe::serve {

inline constexpr int64_t kMaxMessages = 500;
inline constexpr int64_t kMaxMessageCharacters = 8000;
inline constexpr int64_t kMaxTotalCharacters = 32000;
inline constexpr double kMaxTemperature = 2;
inline constexpr int64_t kMaxTopK = 200;
inline constexpr int64_t kMaxMaxTokens = 4096;

// Values of omitted parameters.
struct ChatDefaults {
  double temperature = 0.8;
  int64_t top_k = 50;
  int64_t max_tokens = 512;
};

struct Refusal {
  int status;  // 400: out of range, {"detail": text}; 422: malformed, {"detail": [{"loc": [...], "msg", "type"}, ...]}
  Json body;
};
Refusal refusal(int status, std::string_view detail);

// 422 first for all malformed fields together; then 400 for the first of: number of messages, each message (empty, too
// long), total length, roles, temperature, top_k, max_tokens. Lengths are code points. Unknown fields are ignored,
// numbers may be numeric text, null is as good as absent. Never throws, whatever the bytes. The seed is left 0.
std::variant<GenerationRequest, Refusal> parse_chat_request(std::string_view body, const ChatDefaults& defaults);

}  // namespace lathe::serve
