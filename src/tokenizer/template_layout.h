// The rows of the table of templates (chat_template.h); for the files of this room that write them.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "tokenizer/chat_template.h"

namespace lathe::tokenizer {

inline constexpr const char* kImStart = "<|im_start|>";
inline constexpr const char* kImEnd = "<|im_end|>";
inline constexpr const char* kBetweenTurns = "\n\n";  // of the plain templates
// In a row's literals: the tokenizer's token that begins a text, and the one that ends it. No text of a row has these bytes.
inline constexpr char kBosMark = '\x02', kEndMark = '\x03';

enum class Style {
  kChatFamily,  // render.h
  kMarked,      // <|im_start|>role ... <|im_end|>
  kPlain,       // headers that are text
  kFramed,      // other programs' templates: each role has a text before and one behind
};

enum class SystemPlace {
  kTurn,       // a turn of its own
  kFirstUser,  // before the text of the user's message that follows it: in the system's frame, or with a blank line between
  kLastUser,   // the same, of the last one
};

struct Frame {
  const char *before = "", *after = "";
};

struct ChatTemplate::Layout {
  const char* name;
  Style style;
  const char* after = "";  // between the end of a text and its end marker (kMarked)
  // kPlain: what stands before the first turn, and before it when that has an input; before the texts.
  const char *opening = "", *opening_with_input = "";
  const char *user = "", *input = nullptr, *assistant = "";
  // kFramed.
  const char* first = "";  // before everything
  Frame system_turn = {}, user_turn = {}, assistant_turn = {}, tool_turn = {};
  const char* answer_prefix = "";  // before the assistant's text; the model writes it itself
  SystemPlace system_place = SystemPlace::kTurn;
  ToolNotation tools = ToolNotation::kHermes;
  bool trim = false;                                                // texts lose the space around them
  const char *system_head = "", *tools_head = "";                   // before every system text, which is then never missing; before that with tools
  const char* default_system = "";                                  // where the conversation begins with none
  std::array<const char*, 4> marks = {};                            // special tokens that the tokenizer must have
};

std::span<const ChatTemplate::Layout> template_layouts();

}  // namespace lathe::tokenizer
