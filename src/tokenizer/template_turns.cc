#include "tokenizer/template_turns.h"

#include <optional>

#include "core/text.h"
#include "tokenizer/template_layout.h"
#include "tokenizer/template_write.h"
#include "tokenizer/template_writer.h"

namespace lathe::tokenizer {

std::string spaced_json(const Json& value) {
  std::string out;
  if (value.is_object()) {
    for (const auto& [key, member] : value.as_object())
      out += join_text(out.empty() ? "" : ", ", Json(key).dump(), ": ", spaced_json(member));
    return "{" + out + "}";
  }
  if (!value.is_array()) return value.dump();
  for (const Json& element : value.as_array()) out += join_text(out.empty() ? "" : ", ", spaced_json(element));
  return "[" + out + "]";
}

namespace {

using Layout = ChatTemplate::Layout;

// A row's frames, whatever its style.
struct Form {
  std::string first, between;
  std::string system_before, system_after, user_before, user_after, assistant_before, assistant_after, tool_before, tool_after;
  SystemPlace place;
  bool joined = false;
};

Form form_of(const Layout& row) {
  Form f;
  f.place = row.system_place;
  if (row.style == Style::kChatFamily) {
    f.first = std::string(1, kBosMark);
    f.user_before = kUserStart, f.user_after = kUserEnd;
    f.assistant_before = kAssistantStart, f.assistant_after = kAssistantEnd;
  } else if (row.style == Style::kMarked) {
    f.system_before = join_text(kImStart, "system\n"), f.user_before = join_text(kImStart, "user\n");
    f.assistant_before = join_text(kImStart, "assistant\n");
    f.system_after = f.user_after = f.assistant_after = join_text(row.after, kImEnd, "\n");
  } else if (row.style == Style::kPlain) {
    f.between = kBetweenTurns;
    f.user_before = row.user;
    f.assistant_before = row.assistant, f.assistant_after = std::string(1, kEndMark);
  } else {
    f.joined = true;
    f.first = row.first;
    f.system_before = row.system_turn.before, f.system_after = row.system_turn.after;
    f.user_before = row.user_turn.before, f.user_after = row.user_turn.after;
    f.assistant_before = row.assistant_turn.before, f.assistant_after = row.assistant_turn.after;
    f.tool_before = row.tool_turn.before, f.tool_after = row.tool_turn.after;
  }
  return f;
}

// A turn's content; literals may name special tokens.
struct Segment {
  std::string text;
  bool is_literal = false;
};
using Segments = std::vector<Segment>;

constexpr const char* kToolsHead =
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function signatures within "
    "<tools></tools> XML tags:\n<tools>";
constexpr const char* kToolsTail =
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within <tool_call></tool_call> XML "
    "tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>";
constexpr const char* kLlamaTools =
    "Given the following functions, please respond with a JSON for a function call with its proper arguments that best answers the "
    "given prompt.\n\nRespond in the format {\"name\": function name, \"parameters\": dictionary of argument name and its value}."
    "Do not use variables.\n\n";

std::string trimmed(const Layout& row, const std::string& text) { return row.trim ? std::string(trim_text(text)) : text; }

class TurnWriter {
 public:
  TurnWriter(const Layout& row, const Tokenizer& tokenizer, std::span<const TemplateTurn> turns, const TurnOptions& options)
      : row_(row), form_(form_of(row)), turns_(turns), options_(options),
        out_(tokenizer, form_.joined ? TemplateWriter::Spans::kJoined : TemplateWriter::Spans::kApart) {}

  Result<Rendered> write(bool header) {
    for (size_t i = 0; i < turns_.size(); ++i) {
      if (turns_[i].speaker == Speaker::kUser) {
        last_user_ = i;
        if (!first_user_) first_user_ = i;
      }
    }
    const bool tools_in_system = !options_.tools.empty() && row_.tools == ToolNotation::kHermes;
    if (!options_.tools.empty() && !tools_in_system && !first_user_)
      return error("template ", row_.name, " describes tools beside a user's message, and there is none");
    if (form_.place == SystemPlace::kLastUser)
      for (const TemplateTurn& turn : turns_)
        if (turn.speaker == Speaker::kSystem) waiting_ += join_text(waiting_.empty() ? "" : kBetweenTurns, trimmed(row_, turn.text));
    out_.literal(form_.first);
    const bool begins = !turns_.empty() && turns_.front().speaker == Speaker::kSystem;
    if (!begins && (tools_in_system || *row_.default_system != 0 || *row_.system_head != 0)) system_turn(row_.default_system, true);
    for (size_t i = 0; i < turns_.size(); ++i) {
      const TemplateTurn& turn = turns_[i];
      const bool open = options_.continues && i + 1 == turns_.size();
      if (turn.speaker == Speaker::kSystem) system_turn(trimmed(row_, turn.text), i == 0);
      else if (turn.speaker == Speaker::kUser) user_turn(i);
      else if (turn.speaker == Speaker::kAssistant) assistant_turn(turn, open);
      else tool_turn(i);
    }
    if (!waiting_.empty()) return error("template ", row_.name, " has no turn for a system message: one must be followed by a user's message, which it is put before");
    if (header && !options_.continues) out_.literal(form_.assistant_before);
    return out_.finish();
  }

 private:
  void put(const Segments& segments, uint8_t mask) {
    for (const Segment& s : segments)
      if (s.is_literal) out_.literal(s.text);
      else out_.text(s.text, mask);
  }
  void between() {
    if (!form_.between.empty() && written_++ > 0) out_.literal(form_.between);
  }

  Segments tool_list() const {
    Segments out = {{kToolsHead, true}};
    for (const Json& tool : options_.tools) out.push_back({"\n" + spaced_json(tool), false});
    out.push_back({kToolsTail, true});
    return out;
  }

  void system_turn(const std::string& text, bool first) {
    Segments content;
    if (first && !options_.tools.empty() && *row_.tools_head != 0) content.push_back({row_.tools_head, true});
    if (first && *row_.system_head != 0) content.push_back({row_.system_head, true});
    if (!text.empty()) content.push_back({text, false});
    if (first && !options_.tools.empty() && row_.tools == ToolNotation::kHermes) {
      if (!text.empty()) content.push_back({kBetweenTurns, true});
      for (Segment& s : tool_list()) content.push_back(std::move(s));
    }
    if (form_.place == SystemPlace::kLastUser) return;  // waits already
    if (form_.place == SystemPlace::kFirstUser) {
      if (!waiting_parts_.empty()) waiting_parts_.push_back({kBetweenTurns, true});
      for (Segment& s : content) waiting_ += s.text, waiting_parts_.push_back(std::move(s));
      return;
    }
    between();
    out_.literal(form_.system_before);
    put(content, 0);
    out_.literal(form_.system_after);
  }

  void user_turn(size_t i) {
    between();
    if (!options_.tools.empty() && row_.tools == ToolNotation::kMistral && i == last_user_) {
      out_.literal("[AVAILABLE_TOOLS] ");
      out_.text(spaced_json(Json(options_.tools)), 0);
      out_.literal("[/AVAILABLE_TOOLS]");
    }
    if (row_.style == Style::kPlain && i == first_user_) out_.literal(row_.opening);
    out_.literal(form_.user_before);
    // Where a whole text is made of two, it is one text: so it is encoded in training (render.h).
    std::string text;
    if (form_.place == SystemPlace::kLastUser && i == last_user_ && !waiting_.empty()) {
      text = waiting_ + kBetweenTurns;
      waiting_.clear();
    }
    if (form_.place == SystemPlace::kFirstUser && !waiting_parts_.empty()) {
      if (!form_.system_before.empty()) {
        out_.literal(form_.system_before);
        put(waiting_parts_, 0);
        out_.literal(form_.system_after);
      } else if (waiting_parts_.size() == 1) {
        text = waiting_ + kBetweenTurns;
      } else {
        put(waiting_parts_, 0);
        out_.literal(kBetweenTurns);
      }
      waiting_.clear();
      waiting_parts_.clear();
    }
    if (!options_.tools.empty() && row_.tools == ToolNotation::kLlama3 && i == first_user_) {
      out_.literal(kLlamaTools);
      for (const Json& tool : options_.tools) out_.text(tool.dump(4) + kBetweenTurns, 0);
    }
    out_.text(text + trimmed(row_, turns_[i].text), 0);
    out_.literal(form_.user_after);
  }

  void assistant_turn(const TemplateTurn& turn, bool open) {
    ++written_;
    out_.literal(form_.assistant_before);
    const std::string text = open ? turn.text : trimmed(row_, turn.text);
    const bool has_prefix = open && *row_.answer_prefix != 0 && text.starts_with(row_.answer_prefix);  // the model wrote it
    if (!text.empty() || turn.calls.empty()) out_.text((has_prefix ? "" : row_.answer_prefix) + text, 1);
    put(calls(turn, !text.empty()), 1);
    if (!open) out_.literal(form_.assistant_after, 1);
  }

  Segments calls(const TemplateTurn& turn, bool after_text) const {
    Segments out;
    const auto call_json = [&](const TemplateCall& call, const char* arguments) {
      return join_text("{\"name\": ", Json(call.name).dump(), ", \"", arguments, "\": ", spaced_json(call.arguments));
    };
    for (size_t i = 0; i < turn.calls.size(); ++i) {
      const TemplateCall& call = turn.calls[i];
      const bool first = i == 0;
      if (row_.tools == ToolNotation::kHermes) {
        out.push_back({first && !after_text ? "<tool_call>\n" : "\n<tool_call>\n", true});
        out.push_back({call_json(call, "arguments") + "}", false});
        out.push_back({"\n</tool_call>", true});
      } else if (row_.tools == ToolNotation::kLlama3) {
        out.push_back({(first && !after_text ? "" : "\n") + call_json(call, "parameters") + "}", false});
      } else {
        out.push_back({first ? "[TOOL_CALLS] [" : ", ", true});
        out.push_back({call_json(call, "arguments") + (call.id.empty() ? "" : ", \"id\": " + Json(call.id).dump()) + "}", false});
      }
    }
    if (row_.tools == ToolNotation::kMistral && !turn.calls.empty()) out.push_back({"]", true});
    return out;
  }

  void tool_turn(size_t i) {
    const TemplateTurn& turn = turns_[i];
    if (row_.tools == ToolNotation::kLlama3) {
      out_.literal(form_.tool_before);
      out_.text(Json(turn.text).dump(), 0);
      out_.literal(form_.tool_after);
      return;
    }
    if (row_.tools == ToolNotation::kMistral) {
      out_.literal("[TOOL_RESULTS] ");
      out_.text(join_text("{\"content\": ", turn.text, ", \"call_id\": ", Json(turn.call_id).dump(), "}"), 0);
      out_.literal("[/TOOL_RESULTS]");
      return;
    }
    const auto is_tool = [&](size_t at) { return at < turns_.size() && turns_[at].speaker == Speaker::kTool; };
    if (i == 0 || !is_tool(i - 1)) {
      between();
      out_.literal(form_.user_before);
    } else {
      out_.literal("\n");
    }
    out_.literal("<tool_response>\n");
    out_.text(turn.text, 0);
    out_.literal("\n</tool_response>");
    if (!is_tool(i + 1)) out_.literal(form_.user_after);
  }

  const Layout& row_;
  const Form form_;
  const std::span<const TemplateTurn> turns_;
  const TurnOptions& options_;
  TemplateWriter out_;
  std::optional<size_t> first_user_, last_user_;
  size_t written_ = 0;
  std::string waiting_;      // the system's words that still need a user's message
  Segments waiting_parts_;
};

}  // namespace

Result<Rendered> write_turns(const Layout& row, const Tokenizer& tokenizer, std::span<const TemplateTurn> turns, const TurnOptions& options,
                             bool header) {
  return TurnWriter(row, tokenizer, turns, options).write(header);
}

}  // namespace lathe::tokenizer
