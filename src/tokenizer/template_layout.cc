#include "tokenizer/template_layout.h"

namespace lathe::tokenizer {
namespace {

constexpr Frame kImSystem = {"<|im_start|>system\n", "<|im_end|>\n"}, kImUser = {"<|im_start|>user\n", "<|im_end|>\n"},
                kImAssistant = {"<|im_start|>assistant\n", "<|im_end|>\n"};
constexpr Frame kLlamaSystem = {"<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"},
                kLlamaUser = {"<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"},
                kLlamaAssistant = {"<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"},
                kLlamaTool = {"<|start_header_id|>ipython<|end_header_id|>\n\n", "<|eot_id|>"};
constexpr std::array<const char*, 4> kLlamaMarks = {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"};

constexpr ChatTemplate::Layout kLayouts[] = {
    {.name = "chat", .style = Style::kChatFamily, .system_place = SystemPlace::kFirstUser},
    {.name = "chatml", .style = Style::kMarked, .after = "\n"},
    {.name = "chatml_strict", .style = Style::kMarked},
    {.name = "instruct", .style = Style::kPlain, .user = "### Instruction:\n", .assistant = "\n\n### Response:\n"},
    {.name = "human", .style = Style::kPlain, .user = "Human: ", .assistant = "\n\nAssistant: "},
    // github.com/tatsu-lab/stanford_alpaca: the prompts it was trained with.
    {.name = "alpaca", .style = Style::kPlain,
     .opening = "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n",
     .opening_with_input = "Below is an instruction that describes a task, paired with an input that provides further context. "
                           "Write a response that appropriately completes the request.\n\n",
     .user = "### Instruction:\n", .input = "\n\n### Input:\n", .assistant = "\n\n### Response:\n"},
    // Of other programs, by the models that were published with them.
    {.name = "llama3", .style = Style::kFramed, .first = "<|begin_of_text|>", .system_turn = kLlamaSystem, .user_turn = kLlamaUser,
     .assistant_turn = kLlamaAssistant, .tool_turn = kLlamaTool, .tools = ToolNotation::kLlama3, .trim = true, .marks = kLlamaMarks},
    {.name = "llama3.1", .style = Style::kFramed, .first = "<|begin_of_text|>", .system_turn = kLlamaSystem, .user_turn = kLlamaUser,
     .assistant_turn = kLlamaAssistant, .tool_turn = kLlamaTool, .tools = ToolNotation::kLlama3, .trim = true,
     .system_head = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n", .tools_head = "Environment: ipython\n", .marks = kLlamaMarks},
    // Mistral-7B-Instruct-v0.3 and what followed: the marks are tokens; before it they are text.
    {.name = "mistral", .style = Style::kFramed, .first = "<s>", .user_turn = {"[INST] ", "[/INST]"}, .assistant_turn = {"", "\x03"},
     .answer_prefix = " ", .system_place = SystemPlace::kLastUser, .tools = ToolNotation::kMistral, .trim = true, .marks = {"[INST]", "[/INST]"}},
    {.name = "mistral_v1", .style = Style::kFramed, .first = "<s>", .user_turn = {"[INST] ", " [/INST]"}, .assistant_turn = {"", "\x03"},
     .answer_prefix = " ", .system_place = SystemPlace::kFirstUser, .trim = true},
    // Llama-2-chat: each question begins a text.
    {.name = "llama2", .style = Style::kFramed, .system_turn = {"<<SYS>>\n", "\n<</SYS>>\n\n"}, .user_turn = {"<s>[INST] ", " [/INST]"},
     .assistant_turn = {"", " \x03"}, .answer_prefix = " ", .system_place = SystemPlace::kFirstUser, .trim = true},
    {.name = "gemma", .style = Style::kFramed, .first = "<bos>", .user_turn = {"<start_of_turn>user\n", "<end_of_turn>\n"},
     .assistant_turn = {"<start_of_turn>model\n", "<end_of_turn>\n"}, .system_place = SystemPlace::kFirstUser, .trim = true,
     .marks = {"<start_of_turn>", "<end_of_turn>"}},
    {.name = "zephyr", .style = Style::kFramed, .system_turn = {"<|system|>\n", "\x03\n"}, .user_turn = {"<|user|>\n", "\x03\n"},
     .assistant_turn = {"<|assistant|>\n", "\x03\n"}},
    {.name = "hermes", .style = Style::kFramed, .system_turn = kImSystem, .user_turn = kImUser, .assistant_turn = kImAssistant,
     .marks = {kImStart, kImEnd}},
    {.name = "qwen2.5", .style = Style::kFramed, .system_turn = kImSystem, .user_turn = kImUser, .assistant_turn = kImAssistant,
     .default_system = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.", .marks = {kImStart, kImEnd}},
};

}  // namespace

std::span<const ChatTemplate::Layout> template_layouts() { return kLayouts; }

}  // namespace lathe::tokenizer
