// Conversations and answers of any bytes, in every template: prompts hold no special token that the template did not put there, and an
// answer is read the same however it is cut.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/text.h"
#include "infer/chat_format.h"

namespace {

using lathe::infer::ChatFormat;
using lathe::infer::ChatTurn;
using lathe::infer::ToolDefinition;

const lathe::tokenizer::Tokenizer& tokenizer() {
  static const lathe::tokenizer::Tokenizer one = [] {
    std::vector<std::string> bytes, special = lathe::tokenizer::chat_special_tokens();
    for (int b = 0; b < 256; ++b) bytes.push_back(std::string(1, static_cast<char>(b)));
    for (const char* name : {"<|im_start|>", "<|im_end|>", "<s>", "</s>", "<bos>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
                             "[INST]", "[/INST]", "[TOOL_CALLS]", "<start_of_turn>", "<end_of_turn>", "<tool_call>"})
      special.emplace_back(name);
    return lathe::tokenizer::Tokenizer::from_tokens(bytes, special).value();
  }();
  return one;
}

int64_t count_special(const std::vector<int32_t>& ids) {
  int64_t n = 0;
  for (const int32_t id : ids) n += tokenizer().is_special(id);
  return n;
}

// Text, then calls.
std::string read(const ChatFormat& format, std::string_view answer, size_t cut, bool is_call) {
  int calls = 0;
  ChatFormat::Reader::Options options;
  options.tools = {"f", "g"};
  options.is_call = is_call;
  options.new_id = [&] { return std::to_string(calls++); };
  ChatFormat::Reader reader(format, options);
  std::string text, called;
  const auto add = [&](const ChatFormat::Reader::Read& piece) {
    text += piece.text;
    for (const auto& call : piece.calls) called += call.id + " " + call.name + " " + call.arguments + "\n";
  };
  for (size_t at = 0; at < answer.size(); at += cut) add(reader.push(answer.substr(at, cut)));
  add(reader.finish());
  return text + "\n" + called;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  const auto& names = lathe::tokenizer::ChatTemplate::all_names();
  const std::string name = names[data[0] % names.size()];
  const std::string_view text(reinterpret_cast<const char*>(data) + 3, size - 3);
  const ChatFormat format = ChatFormat::find(name, tokenizer()).value();
  const std::vector<ToolDefinition> tools(1, {"f", std::string(text), lathe::Json()});

  const auto turns = [&](std::string_view said) {
    std::vector<ChatTurn> out;
    const char* const roles[] = {"system", "user", "assistant", "tool"};
    for (unsigned i = 0, order = data[1] * 256U + data[2]; i < 6; ++i, order /= 4) out.push_back({roles[order % 4], std::string(said)});
    return out;
  };
  const bool blank = lathe::trim_text(text).empty();  // may be no message at all
  const auto hostile = format.prompt(turns(text), tools), plain = format.prompt(turns("x"), tools);
  if (!blank && hostile.ok() != plain.ok()) std::abort();
  if (!blank && hostile.ok() && count_special(hostile.value().ids) != count_special(plain.value().ids)) std::abort();

  (void)lathe::tokenizer::ChatTemplate::recognise(text);
  for (const bool is_call : {false, true}) {
    const std::string whole = read(format, text, text.size() + 1, is_call);
    if (read(format, text, 1, is_call) != whole || read(format, text, 1U + data[1] % 7U, is_call) != whole) std::abort();
  }
  return 0;
}
