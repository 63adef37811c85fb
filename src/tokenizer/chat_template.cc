#include "tokenizer/chat_template.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "core/check.h"
#include "core/text.h"
#include "tokenizer/frozen.h"
#include "tokenizer/template_layout.h"
#include "tokenizer/template_write.h"
#include "tokenizer/template_writer.h"

namespace lathe::tokenizer {

namespace {

std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::optional<int32_t> end_of_text(const Tokenizer& tokenizer) {
  const std::optional<int32_t> end = find_end_of_text(tokenizer);
  return end ? end : tokenizer.find_bos();
}

Result<std::string> text_of(const Message& message, const std::string& name) {
  if (const auto* text = std::get_if<std::string>(&message.content)) return *text;
  std::string joined;
  for (const Part& part : std::get<std::vector<Part>>(message.content)) {
    if (part.type != PartType::kText) return error("template ", name, " has no place for tool calls; \"chat\" has");
    joined += part.text;
  }
  return joined;
}

}  // namespace

ChatTemplate::ChatTemplate(const Layout& layout) : name_(layout.name), layout_(&layout) {}

Result<ChatTemplate> ChatTemplate::find(std::string_view name) {
  for (const Layout& layout : template_layouts())
    if (layout.name == name) return ChatTemplate(layout);
  return error("unknown chat template \"", name, "\"; known: ", listed(all_names()));
}

namespace {

// A text as a literal of that language.
std::string literal_of(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\n') out += "\\n";
    else if (c == '\'' || c == '\\') out += join_text('\\', c);
    else out += c;
  }
  return out + "'";
}

// Turns without tools.
std::string framed_jinja(const ChatTemplate::Layout& row) {
  const auto put = [](const std::string& expression) { return join_text("{{ ", expression, " }}"); };
  const auto literal = [](std::string_view text) {
    std::string out;
    for (; !text.empty() && text.find(kEndMark) != std::string_view::npos; text.remove_prefix(text.find(kEndMark) + 1))
      out += literal_of(text.substr(0, text.find(kEndMark))) + " + eos_token + ";
    return out + literal_of(text);
  };
  const std::string content = row.trim ? "message['content'] | trim" : "message['content']";
  const auto when = [&](const char* role, const std::string& text) { return join_text("{% if message['role'] == '", role, "' %}", text, "{% endif %}"); };
  const auto framed = [&](const Frame& frame, const std::string& text) { return put(literal(frame.before) + " + " + text + " + " + literal(frame.after)); };
  const bool own_turn = row.system_place == SystemPlace::kTurn;
  const bool last_user = row.system_place == SystemPlace::kLastUser;
  const char* between = *row.system_turn.before != 0 ? row.system_turn.after : kBetweenTurns;  // a system's words and the user's
  const std::string head = *row.system_head != 0 ? row.system_head : row.default_system;
  std::string out = join_text(put(literal_of(row.first)), "{% set chat = namespace(system='') %}");
  if (last_user)
    out += "{% set chat.last = 0 %}{% for message in messages %}{% if message['role'] == 'user' %}{% set chat.last = loop.index0 %}{% endif %}{% endfor %}";
  if (!head.empty()) out += join_text("{% if messages[0]['role'] != 'system' %}", framed(row.system_turn, literal_of(head)), "{% endif %}");
  const std::string system_text = *row.system_head == 0 ? content : join_text("((", literal_of(head), " if loop.first else '') + (", content, "))");
  const std::string system = own_turn ? "" : join_text("(", literal(row.system_turn.before), " + chat.system + ", literal(between), " if chat.system",
                                                       last_user ? " and loop.index0 == chat.last" : "", " else '') + ");
  std::string user = put(join_text(literal(row.user_turn.before), " + ", system, "(", content, ") + ", literal(row.user_turn.after)));
  if (!own_turn && !last_user) user += "{% set chat.system = '' %}";
  return join_text(out, "{% for message in messages %}",
                   when("system", own_turn ? framed(row.system_turn, "(" + system_text + ")")
                                           : join_text("{% set chat.system = (chat.system + ", literal(kBetweenTurns), " if chat.system else '') + (", content, ") %}")),
                   when("user", user), when("assistant", framed(row.assistant_turn, literal_of(row.answer_prefix) + " + (" + content + ")")),
                   "{% endfor %}{% if add_generation_prompt %}", put(literal(row.assistant_turn.before)), "{% endif %}");
}

}  // namespace

std::string ChatTemplate::jinja() const {
  const std::string role = "message['role']", content = "message['content']", loop = "{% for message in messages %}";
  const auto when_role = [&](const char* word, const std::string& text) {
    return join_text("{% if ", role, " == '", word, "' %}", text, "{% endif %}");
  };
  const auto put = [](const std::string& expression) { return join_text("{{ ", expression, " }}"); };
  if (layout_->style == Style::kChatFamily) {
    const std::string user = put(literal_of(kUserStart) + " + chat.system + " + content + " + " + literal_of(kUserEnd)) + "{% set chat.system = '' %}";
    const std::string assistant = put(literal_of(kAssistantStart) + " + " + content + " + " + literal_of(kAssistantEnd));
    return join_text("{{ bos_token }}{% set chat = namespace(system='') %}", loop,
                     when_role("system", "{% set chat.system = " + content + " + '\\n\\n' %}"), when_role("user", user),
                     when_role("assistant", assistant), "{% endfor %}{% if add_generation_prompt %}", put(literal_of(kAssistantStart)), "{% endif %}");
  }
  if (layout_->style == Style::kMarked) {
    const std::string turn = put(literal_of(kImStart) + " + " + role + " + '\\n' + " + content + " + " + literal_of(join_text(layout_->after, kImEnd)));
    return join_text(loop, "{% if not loop.first %}{{ '\\n' }}{% endif %}", turn, "{% if loop.last %}",
                     when_role("assistant", "{{ eos_token }}"), "{% endif %}{% endfor %}{% if add_generation_prompt %}",
                     put(literal_of(join_text("\n", kImStart, "assistant\n"))), "{% endif %}");
  }
  if (layout_->style == Style::kFramed) return framed_jinja(*layout_);
  const std::string between = join_text("{% if not loop.first %}", put(literal_of(kBetweenTurns)), "{% endif %}");
  std::string opening;
  if (*layout_->opening != 0) opening = join_text("{% if chat.first %}", put(literal_of(layout_->opening)), "{% set chat.first = false %}{% endif %}");
  return join_text("{% set chat = namespace(first=true) %}", loop, when_role("system", between + put(content)),
                   when_role("user", between + opening + put(literal_of(layout_->user) + " + " + content)),
                   when_role("assistant", put(literal_of(layout_->assistant) + " + " + content + " + eos_token")),
                   "{% endfor %}{% if add_generation_prompt %}", put(literal_of(layout_->assistant)), "{% endif %}");
}

ChatTemplate::Recognised ChatTemplate::recognise(std::string_view jinja) {
  for (const Layout& layout : template_layouts())
    if (jinja == ChatTemplate(layout).jinja()) return {layout.name, true};
  const auto has = [&](std::string_view word) { return jinja.find(word) != std::string_view::npos; };
  if (has(kUserStart) && has(kAssistantEnd)) return {"chat", true};
  if (has(kImStart) && has(kImEnd)) {
    if (has("You are Qwen, created by Alibaba Cloud.")) return {"qwen2.5", true};
    return {has("<tool_call>") ? "hermes" : "chatml_strict", true};
  }
  if (has("<|start_header_id|>")) return {has("Cutting Knowledge Date") ? "llama3.1" : "llama3", true};
  // Each question begins a text, in what was published with Llama 2; others that have its marks may begin one text alone.
  if (has("[INST]") && has("<<SYS>>")) {
    const size_t loop = jinja.find("{% for");
    return {"llama2", has(" [/INST]") && loop != std::string_view::npos && jinja.find("bos_token", loop) != std::string_view::npos};
  }
  if (has("[INST]")) return {has(" [/INST]") ? "mistral_v1" : "mistral", true};
  if (has("<start_of_turn>")) return {"gemma", true};
  if (has("<|user|>") && has("<|assistant|>")) return has("<|end|>") ? Recognised{"phi3", false} : Recognised{"zephyr", true};
  return {};
}

Result<ChatTemplate> ChatTemplate::find_lab(std::string_view name) { return find(name == "chat" ? "human" : name); }

const std::vector<std::string>& ChatTemplate::names() {
  static const std::vector<std::string> list = [] {
    std::vector<std::string> out;
    for (const Layout& layout : template_layouts())
      if (layout.style != Style::kFramed) out.emplace_back(layout.name);
    return out;
  }();
  return list;
}

const std::vector<std::string>& ChatTemplate::all_names() {
  static const std::vector<std::string> list = [] {
    std::vector<std::string> out;
    for (const Layout& layout : template_layouts()) out.emplace_back(layout.name);
    return out;
  }();
  return list;
}

std::vector<std::string> ChatTemplate::markers() const {
  if (layout_->style == Style::kMarked) return {kImStart, kImEnd};
  if (layout_->style == Style::kPlain) return {};
  if (layout_->style == Style::kFramed) {
    std::vector<std::string> marks;
    for (const char* mark : layout_->marks)
      if (mark != nullptr) marks.emplace_back(mark);
    return marks;
  }
  return {chat_special_tokens().begin() + 1, chat_special_tokens().end()};
}

Status ChatTemplate::check(const Tokenizer& tokenizer) const {
  std::vector<std::string> missing;
  for (const std::string& marker : markers())
    if (!tokenizer.find_special(marker)) missing.push_back(marker);
  if (!missing.empty())
    return error("template ", name_, " needs tokens that this tokenizer does not have as single special tokens: ",
                 listed(missing), "; they must be reserved when the tokenizer is trained");
  if (!end_of_text(tokenizer))
    return error("template ", name_, " needs a token that ends a text (</s>, <|endoftext|>), this tokenizer has none: the ",
                 "model would never learn to stop");
  return {};
}

Result<Rendered> ChatTemplate::write_framed(const Tokenizer& tokenizer, const Conversation& conversation, bool prompt) const {
  std::vector<TemplateTurn> turns;
  for (const Message& message : conversation.messages) {
    const bool assistant = message.role == Role::kAssistant;
    LATHE_TRY(std::string text, assistant ? text_of(message, name_) : Result<std::string>(user_text(message)));
    turns.push_back({assistant ? Speaker::kAssistant : message.role == Role::kUser ? Speaker::kUser : Speaker::kSystem, std::move(text)});
  }
  return write_turns(*layout_, tokenizer, turns, {}, prompt);
}

Result<std::vector<int32_t>> ChatTemplate::prompt(const Tokenizer& tokenizer, std::span<const TemplateTurn> turns, const TurnOptions& options) const {
  LATHE_TRY_STATUS(check(tokenizer));
  if (turns.empty()) return error("there is no message");
  if (turns.front().speaker == Speaker::kTool) return error("messages[0] is a tool's answer, and nothing asked for it");
  if (options.continues && (turns.back().speaker != Speaker::kAssistant || !turns.back().calls.empty()))
    return error("messages[", turns.size() - 1, "] must be words of the assistant: it is to be gone on with");
  LATHE_TRY(Rendered rendered, write_turns(*layout_, tokenizer, turns, options, true));
  return std::move(rendered.ids);
}

bool ChatTemplate::has_system_turn() const { return layout_->system_place == SystemPlace::kTurn; }

ToolNotation ChatTemplate::tool_notation() const { return layout_->tools; }

Result<Rendered> ChatTemplate::write(const Tokenizer& tokenizer, const Conversation& conversation, bool prompt) const {
  LATHE_TRY_STATUS(check(tokenizer));
  if (layout_->style == Style::kChatFamily) {
    LATHE_TRY(Rendered rendered, render_conversation(tokenizer, conversation, std::numeric_limits<int64_t>::max()));
    if (prompt) rendered.ids.push_back(tokenizer.special_id(kAssistantStart));
    return rendered;
  }
  LATHE_TRY_STATUS(check_order(conversation.messages));
  if (layout_->style == Style::kFramed) return write_framed(tokenizer, conversation, prompt);
  const bool marked = layout_->style == Style::kMarked;
  const int32_t end = *end_of_text(tokenizer);
  const int32_t im_start = marked ? tokenizer.special_id(kImStart) : -1, im_end = marked ? tokenizer.special_id(kImEnd) : -1;
  TemplateWriter out(tokenizer, TemplateWriter::Spans::kApart);
  const auto open = [&](const char* role) {
    out.mark(im_start, 0);
    out.literal(join_text(role, '\n'));
  };
  const auto close = [&](uint8_t mask) {
    if (*layout_->after != 0) out.text(layout_->after, mask);
    out.mark(im_end, mask);
  };
  bool first_turn = true;
  for (size_t i = 0; i < conversation.messages.size(); ++i) {
    const Message& message = conversation.messages[i];
    const bool assistant = message.role == Role::kAssistant;
    if (marked) {
      if (i > 0) out.literal("\n");
      open(role_name(message.role));
      LATHE_TRY(const std::string text, assistant ? text_of(message, name_) : Result<std::string>(user_text(message)));
      out.text(text, assistant);
      close(assistant);
      if (assistant && i + 1 == conversation.messages.size()) out.mark(end, 1);
      continue;
    }
    if (assistant) {
      out.literal(layout_->assistant);
      LATHE_TRY(const std::string text, text_of(message, name_));
      out.text(text, 1);
      out.mark(end, 1);
      continue;
    }
    if (i > 0) out.literal(kBetweenTurns);
    if (message.role == Role::kSystem) {
      out.text(std::get<std::string>(message.content), 0);
      continue;
    }
    const bool own_input = layout_->input && !message.input.empty();
    if (std::exchange(first_turn, false)) out.literal(own_input ? layout_->opening_with_input : layout_->opening);
    out.literal(layout_->user);
    out.text(own_input ? std::get<std::string>(message.content) : user_text(message), 0);
    if (!own_input) continue;
    out.literal(layout_->input);
    out.text(message.input, 0);
  }
  if (prompt && marked) {
    out.literal("\n");
    open(role_name(Role::kAssistant));
  } else if (prompt) {
    out.literal(layout_->assistant);
  }
  return out.finish();
}

Result<Rendered> ChatTemplate::render(const Tokenizer& tokenizer, const Conversation& conversation, LossOn loss_on) const {
  LATHE_TRY(Rendered rendered, write(tokenizer, conversation, false));
  if (loss_on == LossOn::kAll) std::fill(rendered.mask.begin(), rendered.mask.end(), uint8_t{1});
  return rendered;
}

Result<std::vector<int32_t>> ChatTemplate::prompt(const Tokenizer& tokenizer, const Conversation& conversation) const {
  if (conversation.messages.empty() || conversation.messages.back().role != Role::kUser)
    return error("a prompt ends with the user's message: it is what the assistant answers");
  LATHE_TRY(Rendered rendered, write(tokenizer, conversation, true));
  return std::move(rendered.ids);
}

std::vector<int32_t> ChatTemplate::stop_ids(const Tokenizer& tokenizer) const {
  std::vector<int32_t> ids;
  if (layout_->style == Style::kChatFamily) ids.push_back(tokenizer.special_id(kAssistantEnd));
  if (layout_->style == Style::kMarked) ids.push_back(tokenizer.special_id(kImEnd));
  if (layout_->style == Style::kFramed)
    for (const char* name : {"<|eot_id|>", "<|eom_id|>", "<end_of_turn>", "<|im_end|>"})
      if (const auto id = tokenizer.find_special(name)) ids.push_back(*id);
  const std::optional<int32_t> end = end_of_text(tokenizer);
  require(end.has_value(), "[chat_template] the tokenizer has no token that ends a text");
  ids.push_back(*end);
  return ids;
}

std::string ChatTemplate::shown(std::string answer) const {
  if (*layout_->after != 0 && answer.ends_with(layout_->after)) answer.resize(answer.size() - std::string_view(layout_->after).size());
  return answer;
}

}  // namespace lathe::tokenizer
