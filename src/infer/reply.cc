#include "infer/reply.h"

#include "core/check.h"
#include "infer/stop_text.h"
#include "tokenizer/stream_decoder.h"

namespace lathe::infer {

Result<Reply> stream_reply(Engine& engine, std::span<const int32_t> prompt, const GenerateOptions& options,
                           const OnText& on_text, const IsCancelled& is_cancelled, std::span<const std::string> stop_texts) {
  require(options.num_samples == 1, "[stream_reply] one row is streamed, not ", options.num_samples);
  Reply reply;
  tokenizer::StreamDecoder decoder(engine.tokenizer());
  StopText stop(stop_texts);
  const auto on_column = [&](const Column& column) {
    const int32_t token = column.tokens[0];
    if (engine.is_terminal(token, options)) return true;
    reply.tokens.push_back(token);
    const std::string text = stop.push(decoder.push(token));
    return (text.empty() || on_text(text)) && !stop.found();
  };
  LATHE_TRY(reply.reason, engine.generate(prompt, options, on_column, is_cancelled));
  if (stop.found()) {
    reply.reason = StopReason::kCompleted;
    return reply;
  }
  std::string rest = stop.push(decoder.flush());
  if (!stop.found()) rest += stop.flush();
  if (!rest.empty() && reply.reason != StopReason::kCancelled) on_text(rest);
  return reply;
}

}  // namespace lathe::infer
