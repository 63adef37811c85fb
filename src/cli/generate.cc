// lathe generate: one prompt, one or more continuations; or a file of prompts.
#include <unistd.h>

#include <iostream>
#include <iterator>

#include "cli/batch_file.h"
#include "cli/chat_format_choice.h"
#include "cli/model_choice.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "core/progress.h"
#include "core/sha256.h"
#include "core/signals.h"
#include "infer/engine.h"
#include "infer/transformer_model.h"
#include "serve/api_bodies.h"
#include "tokenizer/chat_template.h"

namespace lathe::cli {
namespace {

class Generate : public Verb {
 public:
  Generate() { choice_.source = "base"; }
  VerbInfo info() const override {
    return {"generate", "use", "continue a prompt, or every prompt of a file", "lathe generate --input prompts.jsonl --output answers.jsonl", "", 0};
  }
  void describe(SettingsTable& table) override {
    choice_.describe(table);
    table.group("prompt");
    table.add("prompt", &prompt_, "text to continue; empty: from nothing").short_flag = 'p';
    table.add("num_samples", &num_samples_, "continuations").short_flag = 'n';
    table.add("chat", &chat_, "wrap the prompt as a user's turn");
    table.add("template", &template_, "chat template instead of the one in the model's record").choices = tokenizer::ChatTemplate::all_names();
    table.group("file");
    table.add("input", &input_, "JSON lines of {\"prompt\"} or {\"messages\"}, \"id\", fields of the API; -: standard input");
    table.add("output", &output_, "JSON lines of answers in the same order; gone on with when it is there");
    table.add("batch", &batch_, "answers generated at the same time; changes no answer");
    table.add("logprobs", &log_probs_, "of every token, with so many alternatives; -1: none");
    table.add("on_error", &on_error_, "a bad line: begin nothing, or note it and go on").choices = {"stop", "skip"};
  }
  Result<Exit> run(Context& context) override {
    if (input_.empty() != output_.empty()) return error("--input and --output belong together");
    if (!input_.empty() && (!prompt_.empty() || num_samples_ != 1)) return error("--input takes the prompts from the file: leave out --prompt and --num-samples");
    LATHE_TRY(train::LoadedModel loaded, choice_.load(context));
    infer::TransformerModel model(*loaded.model);
    return input_.empty() ? continue_one(context, loaded, model) : answer_all(context, loaded, model);
  }

 private:
  Result<Exit> continue_one(Context& context, const train::LoadedModel& loaded, infer::TransformerModel& model) {
    infer::Engine engine(model, loaded.tokenizer);
    const tokenizer::Tokenizer& t = loaded.tokenizer;
    infer::GenerateOptions options;
    std::vector<int32_t> prompt;
    if (chat_) {
      LATHE_TRY(const infer::ChatFormat format, chat_format_of(loaded, train::chat_record(loaded), template_));
      const std::vector<infer::ChatTurn> turns = {{"user", prompt_}};
      LATHE_TRY(infer::ChatPrompt formatted, format.prompt(turns));
      prompt = std::move(formatted.ids);
      options.stop_ids = std::move(formatted.stop_ids);
    } else {
      prompt = t.encode(prompt_);
      prompt.insert(prompt.begin(), t.bos_id());
    }
    options.num_samples = num_samples_;
    options.max_tokens = choice_.max_tokens;
    options.sampling = choice_.sampling;
    const StopSignals signals;
    LATHE_TRY(const infer::Generated generated, engine.generate_batch(prompt, options, [] { return StopSignals::requested(); }));
    Json texts = Json::array();
    for (const std::vector<int32_t>& row : generated.tokens) {
      const std::string text = t.decode(std::span(row).subspan(chat_ ? prompt.size() : 1));
      texts.push_back(text);
      context.print(safe_for(STDOUT_FILENO, text));
      if (generated.tokens.size() > 1) context.print(std::string(80, '-'));
    }
    Json figures = Json::object();
    figures["texts"] = std::move(texts);
    return context.finish(figures, StopSignals::requested() ? Exit::kInterrupted : Exit::kDone);
  }

  // Whatever changes an answer; what only changes its speed (batch, threads) is left out.
  Result<Json> what_answers_rest_on(const Context& context, const train::LoadedModel& loaded) const {
    Json settings = Json::object();
    Json files = Json::array();
    for (const fs::path& file : loaded.files) {
      LATHE_TRY(std::string hash, sha256_file(file));
      files.push_back(std::move(hash));
    }
    settings["weights_sha256"] = std::move(files);
    const Json all = context.settings();
    for (const char* name : {"weights", "dtype", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "max_tokens", "seed", "chat", "template", "logprobs", "on_error"})
      settings[name] = all.at(name);
    return settings;
  }

  Result<Exit> answer_all(Context& context, const train::LoadedModel& loaded, infer::TransformerModel& model) {
    if (batch_ < 1 || batch_ > 4096) return error_at("batch", -1, "must be between 1 and 4096");
    if (log_probs_ < -1 || log_probs_ > serve::kMaxTopLogProbs) return error_at("logprobs", -1, "must be between -1 and ", serve::kMaxTopLogProbs);
    std::error_code code;
    if (input_ != "-" && fs::equivalent(input_, output_, code)) return error_at("output", -1, output_, " is the file of the prompts; name another one");
    std::string held;
    MappedFile map;
    if (input_ == "-") {
      held.assign(std::istreambuf_iterator<char>(std::cin), {});
    } else {
      LATHE_TRY(map, MappedFile::open(input_));
    }
    const std::string_view input = input_ == "-" ? std::string_view(held) : map.view();

    const train::ChatRecord record = train::chat_record(loaded);
    std::optional<infer::ChatFormat> format;
    Result<infer::ChatFormat> found = chat_format_of(loaded, record, template_);
    if (found.ok()) format = std::move(found).value();
    else if (chat_ || !template_.empty()) return found.error();
    const auto served = std::make_shared<serve::ServedModel>(
        serve::ServedModel{loaded.tag, loaded.tokenizer, format, std::make_unique<infer::GrammarCompiler>(loaded.tokenizer), {choice_.sampling, choice_.max_tokens},
                           model.context_limit(), model.vocab_size(), "cpu", {}, {}, {}});

    infer::BatchEngineOptions engine_options;
    engine_options.max_rows = batch_;
    engine_options.max_waiting = engine_options.max_waiting_per_client = 3 * batch_;
    infer::BatchEngine engine(model, loaded.tokenizer, engine_options);
    BatchFileOptions options;
    options.input_name = input_ == "-" ? "standard input" : input_;
    options.output = output_;
    options.wrap_prompts = chat_;
    options.top_log_probs = log_probs_;
    options.skip_bad_lines = on_error_ == "skip";
    options.seed = choice_.sampling.seed;
    LATHE_TRY(options.settings, what_answers_rest_on(context, loaded));
    const StopSignals signals;
    Progress progress("generate", 0, "lines");
    LATHE_TRY(const BatchFileFigures figures, answer_file(engine, served, input, options, [&](int64_t done, int64_t all) {
                progress.update(done, join_text("of ", all));
              }, StopSignals::requested));
    progress.finish();
    const double rate = figures.seconds > 0 ? static_cast<double>(figures.tokens) / figures.seconds : 0;
    context.print(output_, ": ", figures.lines, " lines, ", figures.resumed, " of them there before, ", figures.failed, " bad; ", with_thousands(figures.tokens), " tokens in ",
                  format_text("%.1f s, %.0f tokens/s", figures.seconds, rate));
    if (figures.interrupted) context.print("stopped; the same command goes on from here");
    Json out = Json::object();
    out["lines"] = figures.lines;
    out["resumed"] = figures.resumed;
    out["failed"] = figures.failed;
    out["interrupted"] = figures.interrupted;
    out["prompt_tokens"] = figures.prompt_tokens;
    out["cached_tokens"] = figures.cached_tokens;
    out["tokens"] = figures.tokens;
    out["seconds"] = figures.seconds;
    out["tok_per_s"] = rate;
    return context.finish(out, figures.interrupted ? Exit::kInterrupted : Exit::kDone);
  }

  ModelChoice choice_;
  std::string prompt_, template_, input_, output_, on_error_ = "stop";
  int64_t num_samples_ = 1, batch_ = 32, log_probs_ = -1;
  bool chat_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_generate() { return std::make_unique<Generate>(); }

}  // namespace lathe::cli
