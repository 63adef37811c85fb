// lathe chat: a conversation in the terminal (rows C-11.1 to C-11.6, L-10.9).
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <iterator>

#include "cli/chat_console.h"
#include "cli/chat_format_choice.h"
#include "cli/model_choice.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "core/signals.h"
#include "infer/transformer_model.h"

namespace lathe::cli {
namespace {

// Lines in, text out: conversations through pipes, and terminals that cannot move their cursor.
infer::ChatConsole plain_console() {
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
  console.interrupted = StopSignals::requested;
  return console;
}

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
    table.add("prompt", &prompt_, "answer this one text and leave; -: all of standard input").short_flag = 'p';
    table.add("system", &system_, "stands before the conversation");
    table.add("template", &template_, "chat template instead of the one in the model's record").choices = tokenizer::ChatTemplate::all_names();
  }
  Result<Exit> run(Context& context) override {
    std::string prompt = prompt_;
    if (prompt == "-") {
      prompt.assign(std::istreambuf_iterator<char>(std::cin), {});
      if (prompt.ends_with('\n')) prompt.pop_back();
      if (trim_text(prompt).empty()) return error("--prompt -: standard input holds no text");
    }
    LATHE_TRY(train::LoadedModel loaded, choice_.load(context));
    infer::TransformerModel model(*loaded.model);
    infer::Engine engine(model, loaded.tokenizer);
    infer::ChatOptions options;
    options.sampling = choice_.sampling;
    options.max_tokens = choice_.max_tokens;
    LATHE_TRY(const infer::ChatFormat format, chat_format_of(loaded, train::chat_record(loaded), template_));
    LATHE_TRY(infer::ChatSession session, infer::ChatSession::make(engine, format, options));
    session.set_system(system_);
    infer::ChatLoopOptions loop;
    loop.title = "lathe chat: " + loaded.tag;
    loop.prompt = prompt;
    loop.answer_only = isatty(STDOUT_FILENO) == 0;
    const StopSignals signals;
    LineHistory history;
    const bool at_terminal = is_interactive(STDIN_FILENO, STDOUT_FILENO);
    if (at_terminal && prompt.empty()) {
      LATHE_TRY(const fs::path base, context.base_folder());
      if (const Status status = history.open(base / "chat_history"); !status.ok()) log_warning("chat", status.error().to_string());
    }
    // An answer to --prompt is painted whatever standard input is.
    const bool painted = at_terminal || (!prompt.empty() && shows_colours(STDOUT_FILENO));
    const infer::ChatConsole console = painted ? terminal_console(STDIN_FILENO, STDOUT_FILENO, history) : plain_console();
    LATHE_TRY_STATUS(infer::run_chat_loop(session, console, loop));
    return !prompt.empty() && StopSignals::requested() ? Exit::kInterrupted : Exit::kDone;
  }

 private:
  ModelChoice choice_;
  std::string prompt_, system_, template_;
};

}  // namespace

std::unique_ptr<Verb> make_chat() { return std::make_unique<Chat>(); }

}  // namespace lathe::cli
