#include "serve/engine_generator.h"

#include "infer/reply.h"

namespace lathe::serve {

Result<std::unique_ptr<EngineGenerator>> EngineGenerator::make(infer::Engine& engine, std::string device) {
  LATHE_TRY(const infer::ChatTokens tokens, infer::ChatTokens::of(engine.tokenizer()));
  return std::unique_ptr<EngineGenerator>(new EngineGenerator(engine, tokens, std::move(device)));
}

Status EngineGenerator::check(const GenerationRequest& request) const {
  const size_t length = infer::chat_prompt(engine_.tokenizer(), tokens_, request.messages).size();
  if (static_cast<int64_t>(length) > context_limit_)
    return error("The conversation has ", length, " tokens, more than the ", context_limit_,
                 " that the model can read. Start a new one.");
  return {};
}

Status EngineGenerator::generate(const GenerationRequest& request, const std::function<void(std::string_view)>& on_text,
                                 const std::function<bool()>& is_cancelled) {
  infer::GenerateOptions options;
  options.max_tokens = request.max_tokens;
  options.sampling.temperature = request.temperature;
  options.sampling.top_k = request.top_k;
  options.sampling.seed = request.seed;
  const auto pass_on = [&](std::string_view text) {
    on_text(text);
    return true;
  };
  const std::vector<int32_t> prompt = infer::chat_prompt(engine_.tokenizer(), tokens_, request.messages);
  LATHE_TRY([[maybe_unused]] const infer::Reply reply,
            infer::stream_reply(engine_, prompt, options, pass_on, is_cancelled));
  return {};
}

}  // namespace lathe::serve
