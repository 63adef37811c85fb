// What the server needs of a model: text for a conversation, piece by piece.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "infer/chat_prompt.h"

namespace lathe::serve {

struct GenerationRequest {
  std::vector<infer::ChatMessage> messages;  // user and assistant, not empty
  double temperature = 0.8;
  int64_t top_k = 50;
  int64_t max_tokens = 512;
  uint64_t seed = 0;
  bool continues = false;  // the last message is a text to go on with, not a turn of a chat
};

class Generator {
 public:
  virtual ~Generator() = default;
  virtual std::string device() const = 0;  // for people: "cpu"

  // Whether the request can be answered at all (it fits the model). Any thread, also while generate() runs.
  virtual Status check(const GenerationRequest& request) const = 0;

  // Hands over text in whole characters. Stops within one step once is_cancelled() is true. One call at a time. An
  // error ends this request only; an exception means that the generator is broken for good.
  virtual Status generate(const GenerationRequest& request, const std::function<void(std::string_view)>& on_text,
                          const std::function<bool()>& is_cancelled) = 0;
};

}  // namespace lathe::serve
