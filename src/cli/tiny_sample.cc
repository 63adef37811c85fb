#include "cli/tiny_sample.h"

#include "cli/training.h"
#include "core/log.h"
#include "infer/transformer_model.h"
#include "optim/ema.h"
#include "tokenizer/tokenizer_file.h"
#include "train/checkpoint_names.h"

namespace lathe::cli {
namespace {

// Row L-11.55: whether the checkpoint's average stands in for its weights.
Result<bool> use_average(const train::TinySettings& settings, const fs::path& folder, const train::CheckpointMeta& meta, optim::Ema& average) {
  if (!settings.use_ema.value_or(true)) return false;
  if (meta.ema_updates == 0) {
    if (settings.use_ema) log_warning("train", "use_ema: the checkpoint has no average of the weights; the weights themselves are used");
    return false;
  }
  LATHE_TRY_STATUS(train::load_average(folder, meta, average));
  average.swap();
  return true;
}

}  // namespace

SampleStart sample_start(const train::TinySettings& settings, const tokenizer::Tokenizer& tokenizer) {
  if (!settings.prompt.empty())
    if (std::vector<int32_t> tokens = tokenizer.encode(settings.prompt); !tokens.empty()) return {std::move(tokens), "the prompt"};
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id)
    if (tokenizer.decode(std::vector<int32_t>{id}) == "\n") return {{id}, "a line break"};
  return {{0}, "the vocabulary's first token"};
}

infer::GenerateOptions sample_options(const train::TinySettings& settings, uint64_t seed, std::vector<std::string>* ignored) {
  infer::GenerateOptions options;
  infer::SamplingOptions& sampling = options.sampling;
  sampling.temperature = settings.temperature;
  sampling.top_k = settings.top_k;
  sampling.top_p = settings.top_p;
  sampling.repetition_penalty = settings.repetition_penalty;
  sampling.repetition_window = settings.repetition_window;
  sampling.no_repeat_ngram_size = settings.no_repeat_ngram_size;
  sampling.seed = seed;
  if (!settings.do_sample) sampling = sampling.greedy(ignored);
  options.max_tokens = settings.sample_chars;
  options.overflow = settings.context_overflow == "slide" ? infer::Overflow::kSlide : infer::Overflow::kStop;
  return options;
}

Result<std::string> draw_sample(const train::TinySettings& settings, model::Transformer& model, const tokenizer::Tokenizer& tokenizer,
                                const SampleStart& start, uint64_t seed) {
  infer::TransformerModel language_model(model);
  infer::Engine engine(language_model, tokenizer);
  LATHE_TRY(const infer::Generated generated, engine.generate_batch(start.tokens, sample_options(settings, seed)));
  return tokenizer.decode(generated.tokens.at(0));
}

Result<Exit> generate_only(Context& context, const train::TinySettings& settings) {
  const fs::path run = settings.out_dir;
  const auto which = settings.checkpoint == "best"   ? train::WhichCheckpoint::kBest
                     : settings.checkpoint == "last" ? train::WhichCheckpoint::kLast
                                                     : train::WhichCheckpoint::kAuto;
  LATHE_TRY(const train::NamedCheckpoint found, train::find_named_checkpoint(run, which));
  const fs::path folder = train::checkpoint_folder(run, found.step);
  LATHE_TRY(const train::CheckpointMeta meta, train::read_meta(run, found.step));
  LATHE_TRY(const model::ModelConfig config, model::ModelConfig::from_json(meta.model_config, folder.string()));
  LATHE_TRY(const tokenizer::Tokenizer tokenizer, tokenizer::Tokenizer::load(run));
  if (tokenizer.hash() != meta.tokenizer_hash || tokenizer.vocab_size() != config.vocab_size)
    return error_at((run / tokenizer::kTokenizerFile).string(), -1, "is not the tokenizer that the checkpoint was trained with; put it back");
  model::Transformer model(config, settings.amp ? resolved_dtype(context) : DType::kFloat32);
  LATHE_TRY_STATUS(train::ModelWeights(model).load(folder));
  optim::Ema average(model.parameters(), 0);
  LATHE_TRY(const bool averaged, use_average(settings, folder, meta, average));

  const SampleStart start = sample_start(settings, tokenizer);
  const auto seed = static_cast<uint64_t>(context.common().seed);
  std::vector<std::string> ignored;
  const infer::GenerateOptions options = sample_options(settings, seed, &ignored);
  for (const std::string& name : ignored) log_info("train", name, " has no effect: do_sample is off");
  context.print("Checkpoint ", found.name, ", step ", found.step, averaged ? ", averaged weights" : "", "; starts from ", start.description);
  LATHE_TRY(const std::string text, draw_sample(settings, model, tokenizer, start, seed));
  context.print(text);
  Json figures = Json::object();
  figures["checkpoint"] = folder.string();
  figures["step"] = found.step;
  figures["averaged"] = averaged;
  figures["text"] = text;
  return context.finish(figures, Exit::kDone);
}

}  // namespace lathe::cli
