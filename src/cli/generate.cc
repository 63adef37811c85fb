// lathe generate: one prompt, one or more continuations.

#include "cli/training.h"
#include "cli/verbs.h"
#include "core/signals.h"
#include "infer/engine.h"
#include "infer/transformer_model.h"
#include "train/load_model.h"

namespace lathe::cli {
namespace {

// Flags that both verbs share.
struct ModelChoice {
  std::string source = "sft";
  int64_t step = -1;
  infer::SamplingOptions sampling;
  int64_t max_tokens = 256;

  void describe(SettingsTable& table) {
    table.group("model");
    Setting& from = table.add("source", &source, "which stage's checkpoint");
    from.choices = {"base", "mid", "sft", "rl"};
    from.short_flag = 'i';
    table.add("step", &step, "-1: the latest").short_flag = 's';
    table.group("sampling");
    table.add("temperature", &sampling.temperature, "0: always the most likely token").short_flag = 't';
    table.add("top_k", &sampling.top_k, "0: the whole vocabulary").short_flag = 'k';
    table.add("top_p", &sampling.top_p, "1: off");
    table.add("min_p", &sampling.min_p, "0: off");
    table.add("repetition_penalty", &sampling.repetition_penalty, "1: off");
    table.add("max_tokens", &max_tokens, "of an answer");
  }
};

class Generate : public Verb {
 public:
  Generate() { choice_.source = "base"; }
  VerbInfo info() const override {
    return {"generate", "use", "continue a prompt", "lathe generate --prompt 'Once upon a time' --num-samples 3", "", 0};
  }
  void describe(SettingsTable& table) override {
    choice_.describe(table);
    table.group("prompt");
    table.add("prompt", &prompt_, "text to continue; empty: from nothing").short_flag = 'p';
    table.add("num_samples", &num_samples_, "continuations").short_flag = 'n';
    table.add("chat", &chat_, "wrap the prompt as a user's turn");
  }
  Result<Exit> run(Context& context) override {
    LATHE_TRY(const fs::path base, context.base_folder());
    choice_.sampling.seed = static_cast<uint64_t>(context.common().seed);
    LATHE_TRY_STATUS(choice_.sampling.validate());
    LATHE_TRY(train::LoadedModel loaded, train::load_model(base, choice_.source, context.common().tag, choice_.step, resolved_dtype(context)));
    infer::TransformerModel model(*loaded.model);
    infer::Engine engine(model, loaded.tokenizer);
    const tokenizer::Tokenizer& t = loaded.tokenizer;
    std::vector<int32_t> prompt = t.encode(prompt_);
    if (chat_) {
      prompt.insert(prompt.begin(), t.special_id(tokenizer::kUserStart));
      prompt.push_back(t.special_id(tokenizer::kUserEnd));
      prompt.push_back(t.special_id(tokenizer::kAssistantStart));
    }
    prompt.insert(prompt.begin(), t.bos_id());
    infer::GenerateOptions options;
    options.num_samples = num_samples_;
    options.max_tokens = choice_.max_tokens;
    options.sampling = choice_.sampling;
    const StopSignals signals;
    LATHE_TRY(const infer::Generated generated, engine.generate_batch(prompt, options, [] { return StopSignals::requested(); }));
    Json texts = Json::array();
    for (const std::vector<int32_t>& row : generated.tokens) {
      const std::string text = t.decode(std::span(row).subspan(chat_ ? prompt.size() : 1));
      texts.push_back(text);
      context.print(text);
      if (generated.tokens.size() > 1) context.print(std::string(80, '-'));
    }
    Json figures = Json::object();
    figures["texts"] = std::move(texts);
    return context.finish(figures, StopSignals::requested() ? Exit::kInterrupted : Exit::kDone);
  }

 private:
  ModelChoice choice_;
  std::string prompt_;
  int64_t num_samples_ = 1;
  bool chat_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_generate() { return std::make_unique<Generate>(); }

}  // namespace lathe::cli
