#include "tokenizer/render.h"

#include <algorithm>
#include <array>
#include <span>

#include "core/check.h"
#include "tokenizer/utf8.h"

namespace lathe::tokenizer {
namespace {

struct Markers {
  int32_t bos, user_start, user_end, assistant_start, assistant_end, python_start, python_end, output_start, output_end;
};

Result<Markers> find_markers(const Tokenizer& tokenizer) {
  std::array<int32_t, 9> ids;
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::string& name = chat_special_tokens()[i];
    const std::optional<int32_t> id = name == kBos ? tokenizer.find_bos() : tokenizer.find_special(name);
    if (!id) return error("this tokenizer cannot render conversations: it has no special token ", name);
    ids[i] = *id;
  }
  return Markers{ids[0], ids[1], ids[2], ids[3], ids[4], ids[5], ids[6], ids[7], ids[8]};
}

class Renderer {
 public:
  Renderer(const Tokenizer& tokenizer, const Markers& markers) : tokenizer_(tokenizer), markers_(markers) {
    mark(markers_.bos, 0);
  }

  void user(std::string_view text) { enclosed(markers_.user_start, text, markers_.user_end, 0); }

  void assistant(const Message& message) {
    mark(markers_.assistant_start, 0);
    if (const auto* body = std::get_if<std::string>(&message.content)) {
      text(*body, 1);
    } else {
      for (const Part& part : std::get<std::vector<Part>>(message.content)) {
        switch (part.type) {
          case PartType::kText:
            text(part.text, 1);
            break;
          case PartType::kPython:
            enclosed(markers_.python_start, part.text, markers_.python_end, 1);
            break;
          // What the tool answers is never a target.
          case PartType::kPythonOutput:
            enclosed(markers_.output_start, part.text, markers_.output_end, 0);
            break;
        }
      }
    }
    mark(markers_.assistant_end, 1);
  }

  Rendered finish(int64_t max_tokens) {
    const auto kept = std::min(out_.ids.size(), static_cast<size_t>(max_tokens));
    out_.dropped = static_cast<int64_t>(out_.ids.size() - kept);
    out_.ids.resize(kept);
    out_.mask.resize(kept);
    return std::move(out_);
  }

 private:
  void mark(int32_t id, uint8_t mask) {
    out_.ids.push_back(id);
    out_.mask.push_back(mask);
  }
  void text(std::string_view words, uint8_t mask) {
    const std::vector<int32_t> ids = tokenizer_.encode(words);
    out_.ids.insert(out_.ids.end(), ids.begin(), ids.end());
    out_.mask.resize(out_.ids.size(), mask);
  }
  void enclosed(int32_t start, std::string_view words, int32_t end, uint8_t mask) {
    mark(start, mask);
    text(words, mask);
    mark(end, mask);
  }

  const Tokenizer& tokenizer_;
  const Markers& markers_;
  Rendered out_;
};

Result<Rendered> render_messages(const Tokenizer& tokenizer, std::span<const Message> messages, int64_t max_tokens) {
  require(max_tokens >= 0, "[render] max_tokens must not be negative, got ", max_tokens);
  LATHE_TRY(const Markers markers, find_markers(tokenizer));
  LATHE_TRY_STATUS(check_order(messages));
  std::string system;
  if (messages[0].role == Role::kSystem) {
    system = std::get<std::string>(messages[0].content) + "\n\n";
    messages = messages.subspan(1);
  }
  Renderer renderer(tokenizer, markers);
  for (const Message& message : messages) {
    if (message.role == Role::kAssistant)
      renderer.assistant(message);
    else
      renderer.user(system + user_text(message));
    system.clear();
  }
  return renderer.finish(max_tokens);
}

}  // namespace

Result<Rendered> render_conversation(const Tokenizer& tokenizer, const Conversation& conversation, int64_t max_tokens) {
  return render_messages(tokenizer, conversation.messages, max_tokens);
}

Result<Rendered> render_prompt(const Tokenizer& tokenizer, const Conversation& conversation, int64_t max_tokens) {
  const std::span<const Message> messages = conversation.messages;
  if (messages.empty() || messages.back().role != Role::kAssistant)
    return error("the last message must be the assistant's: it is what the prompt asks for");
  LATHE_TRY(Rendered prompt, render_messages(tokenizer, messages.first(messages.size() - 1), max_tokens));
  prompt.ids.push_back(tokenizer.special_id(kAssistantStart));
  prompt.mask.push_back(0);
  return prompt;
}

Result<std::vector<int32_t>> render_for_completion(const Tokenizer& tokenizer, const Conversation& conversation,
                                                   int64_t max_tokens) {
  LATHE_TRY(Rendered prompt, render_prompt(tokenizer, conversation, max_tokens));
  return std::move(prompt.ids);
}

std::string visualize(const Tokenizer& tokenizer, const Rendered& rendered, bool with_ids) {
  require(rendered.ids.size() == rendered.mask.size(), "[visualize] ", rendered.ids.size(), " ids, ",
          rendered.mask.size(), " mask values");
  constexpr const char *kRed = "\033[91m", *kGreen = "\033[92m", *kGrey = "\033[90m", *kReset = "\033[0m";
  std::string text;
  for (size_t i = 0; i < rendered.ids.size(); ++i) {
    if (i > 0) text += '|';
    text += (rendered.mask[i] ? kGreen : kRed) + tokenizer.decode(std::span(&rendered.ids[i], 1)) + kReset;
    if (with_ids) text += join_text('|', kGrey, '(', rendered.ids[i], ')', kReset);
  }
  return text;
}

std::string visualize_pieces(const Tokenizer& tokenizer, std::span<const int32_t> ids, bool with_ids) {
  constexpr const char* kColours[] = {"\033[94m", "\033[93m", "\033[95m", "\033[96m", "\033[92m"};
  constexpr const char *kRed = "\033[91m", *kGrey = "\033[90m", *kReset = "\033[0m";
  std::string text;
  size_t next = 0;
  for (const int32_t id : ids) {
    text += tokenizer.is_special(id) ? kRed : kColours[next++ % std::size(kColours)];
    const std::string_view bytes = tokenizer.token_bytes_of(id);
    bool ends_line = false;
    for (size_t at = 0; at < bytes.size();) {
      const CodePoint point = read_code_point(bytes, at);
      const auto byte = static_cast<uint8_t>(bytes[at]);
      if (point.value == kInvalidByte)
        text += format_text("<%02X>", static_cast<unsigned>(byte));
      else if (byte == '\n' || byte == '\r' || byte == '\t')
        text += byte == '\n' ? "\\n" : byte == '\r' ? "\\r" : "\\t";
      else if (byte < 0x20 || byte == 0x7F || (point.value >= 0x80 && point.value < 0xA0))
        text += format_text("\\x%02X", static_cast<unsigned>(point.value));
      else
        text += bytes.substr(at, point.length);
      ends_line |= byte == '\n';
      at += point.length;
    }
    text += kReset;
    if (with_ids) text += join_text(kGrey, '(', id, ')', kReset);
    if (ends_line) text += '\n';
  }
  return text;
}

}  // namespace lathe::tokenizer
