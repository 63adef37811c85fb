// lathe chat: a conversation in the terminal (rows C-11.1 to C-11.6).
#include <cstdio>
#include <iostream>

#include "cli/model_choice.h"
#include "cli/verbs.h"
#include "core/signals.h"
#include "infer/chat_loop.h"
#include "infer/transformer_model.h"

namespace lathe::cli {
namespace {

class Chat : public Verb {
 public:
  Chat() {
    const infer::ChatOptions defaults;
    choice_.sampling = defaults.sampling;
    choice_.max_tokens = defaults.max_tokens;
  }
  VerbInfo info() const override { return {"chat", "use", "talk to a model in the terminal", "lathe chat --prompt 'What is 12 + 30?'", "", 0}; }
  void describe(SettingsTable& table) override {
    choice_.describe(table);
    table.group("conversation");
    table.add("prompt", &prompt_, "answer this one text and leave").short_flag = 'p';
  }
  Result<Exit> run(Context& context) override {
    LATHE_TRY(train::LoadedModel loaded, choice_.load(context));
    infer::TransformerModel model(*loaded.model);
    infer::Engine engine(model, loaded.tokenizer);
    infer::ChatOptions options;
    options.sampling = choice_.sampling;
    options.max_tokens = choice_.max_tokens;
    LATHE_TRY(infer::ChatSession session, infer::ChatSession::make(engine, options));
    const StopSignals signals;
    infer::ChatConsole console;
    console.read_line = []() -> std::optional<std::string> {
      std::string line;
      if (StopSignals::requested() || !std::getline(std::cin, line)) return std::nullopt;
      return line;
    };
    console.write = [](std::string_view text) {
      std::fwrite(text.data(), 1, text.size(), stdout);
      std::fflush(stdout);
    };
    console.interrupted = [] { return StopSignals::requested(); };
    infer::ChatLoopOptions loop;
    loop.title = "lathe chat: " + loaded.tag;
    loop.prompt = prompt_;
    LATHE_TRY_STATUS(infer::run_chat_loop(session, console, loop));
    return Exit::kDone;
  }

 private:
  ModelChoice choice_;
  std::string prompt_;
};

}  // namespace

std::unique_ptr<Verb> make_chat() { return std::make_unique<Chat>(); }

}  // namespace lathe::cli
