#include "cli/sample_run.h"

#include "cli/training.h"
#include "infer/engine.h"
#include "infer/transformer_model.h"

namespace lathe::cli {
namespace {

Json figure_of(const std::vector<std::string>& texts, Json settings) {
  Json figure = Json::object();
  figure["texts"] = Json::array();
  for (const std::string& text : texts) figure["texts"].push_back(text);
  figure["n"] = static_cast<int64_t>(texts.size());
  figure["settings"] = std::move(settings);
  return figure;
}

void print_texts(Context& context, const char* title, const std::vector<std::string>& texts) {
  context.print(title);
  for (const std::string& text : texts) context.print(std::string(80, '-'), '\n', text);
}

}  // namespace

Result<Samples> draw_samples(model::Transformer& model, const tokenizer::Tokenizer& tokenizer) {
  Samples samples;
  LATHE_TRY(samples.prompted, sample_lines(model, tokenizer));
  infer::TransformerModel language_model(model);
  infer::Engine engine(language_model, tokenizer);
  infer::GenerateOptions options;
  options.num_samples = 8;
  options.max_tokens = 128;
  options.sampling.temperature = 1;
  options.sampling.top_k = 0;
  options.sampling.seed = 42;
  const std::vector<int32_t> nothing = {tokenizer.bos_id()};
  LATHE_TRY(const infer::Generated generated, engine.generate_batch(nothing, options));
  for (const std::vector<int32_t>& tokens : generated.tokens) samples.unconditioned.push_back(tokenizer.decode(tokens));
  return samples;
}

Result<Samples> sample_run(Context& context, const EvaluatedModel& evaluated, const train::LoadedModel& loaded, const BaseResults& results) {
  if (evaluated.foreign()) {
    context.print("Skipping samples of a foreign model");
    return Samples();
  }
  if (context.rank() != 0) return Samples();
  LATHE_TRY(Samples samples, draw_samples(*loaded.model, loaded.tokenizer));
  print_texts(context, "Conditioned samples:", samples.prompted);
  print_texts(context, "Unconditioned samples:", samples.unconditioned);
  LATHE_TRY_STATUS(results.keep("samples", {{"prompted", figure_of(samples.prompted, Json(Json::Object{{"temperature", 0}, {"max_tokens", 16}}))},
                                            {"unconditioned", figure_of(samples.unconditioned, Json(Json::Object{{"temperature", 1}, {"max_tokens", 128}, {"seed", 42}}))}}));
  return samples;
}

}  // namespace lathe::cli
