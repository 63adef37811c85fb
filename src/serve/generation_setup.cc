#include "serve/generation_setup.h"

#include "core/text.h"

namespace lathe::serve {
namespace {

Result<std::shared_ptr<const infer::Grammar>> compile(const Structure& structure, infer::GrammarCompiler& compiler) {
  switch (structure.kind) {
    case Structure::Kind::kAnyObject: return compiler.any_json();
    case Structure::Kind::kSchema: return compiler.json_schema(structure.schema);
    case Structure::Kind::kRegex: return compiler.regex(structure.text);
    case Structure::Kind::kChoice: return compiler.choice(structure.choices);
    case Structure::Kind::kGrammar: return compiler.ebnf(structure.text);
    case Structure::Kind::kNone: break;
  }
  return std::shared_ptr<const infer::Grammar>();
}

}  // namespace

Wrong set_up(const GenerationBody& body, const ModelTarget& target, uint64_t drawn_seed, infer::Request& request) {
  const ServedModel& model = *target.model;
  request.sampling = model.defaults.sampling;
  infer::SamplingOptions& sampling = request.sampling;
  if (body.temperature) sampling.temperature = *body.temperature;
  if (body.top_p) sampling.top_p = *body.top_p;
  if (body.min_p) sampling.min_p = *body.min_p;
  if (body.top_k) sampling.top_k = *body.top_k < 0 ? 0 : *body.top_k;
  if (body.repetition_penalty) sampling.repetition_penalty = *body.repetition_penalty;
  sampling.presence_penalty = body.presence_penalty;
  sampling.frequency_penalty = body.frequency_penalty;
  sampling.logit_bias = body.logit_bias;
  sampling.seed = body.seed ? static_cast<uint64_t>(*body.seed) : drawn_seed;
  for (const auto& bias : body.logit_bias)
    if (bias.first >= model.vocab_size) return wrong_at("logit_bias", join_text("names token ", bias.first, ", the model has ", model.vocab_size));
  for (const int32_t id : body.stop_token_ids)
    if (id >= model.vocab_size) return wrong_at("stop_token_ids", join_text("names token ", id, ", the model has ", model.vocab_size));

  request.n = body.n;
  request.max_tokens = body.max_tokens.value_or(model.defaults.max_tokens);
  request.min_tokens = body.min_tokens;
  if (body.min_tokens > *request.max_tokens)
    return wrong_at("min_tokens", join_text("is ", body.min_tokens, ", more than max_tokens, which is ", *request.max_tokens));
  request.stop_ids.insert(request.stop_ids.end(), body.stop_token_ids.begin(), body.stop_token_ids.end());
  for (const std::string& stop : body.stop)
    if (!stop.empty()) request.stop_texts.push_back(stop);
  request.ignore_terminal = body.ignore_eos;
  if (body.calculator && !*body.calculator) request.calculator.reset();
  request.adapter = target.adapter;

  if (body.structure.kind == Structure::Kind::kNone) return {};
  Result<std::shared_ptr<const infer::Grammar>> grammar = compile(body.structure, *model.grammars);
  if (!grammar.ok()) return wrong_at(body.structure.place, grammar.error().to_string());
  request.grammar = std::move(grammar).value();
  return {};
}

Wrong check_request(const infer::Request& request, const ModelTarget& target, const std::string& place) {
  const auto length = static_cast<int64_t>(request.prompt.size());
  if (request.prompt.empty()) return wrong_at(place, "has no token");
  if (length >= target.model->context_limit)
    return prompt_too_long(join_text(place, ": has ", length, " tokens; the model's context of ", target.model->context_limit,
                                     " must have room for at least one more"), place);
  if (const Status fits = target.model->worker->check(request); !fits.ok()) return wrong_at("", fits.error().to_string());
  return {};
}

Wrong prompt_ids(const PromptText& prompt, bool add_special, const ServedModel& model, const std::string& place, std::vector<int32_t>& ids) {
  ids.clear();
  if (const auto* given = std::get_if<std::vector<int32_t>>(&prompt)) {
    for (const int32_t id : *given)
      if (id >= model.tokenizer.vocab_size()) return wrong_at(place, join_text("holds token ", id, ", the model has ", model.tokenizer.vocab_size()));
    ids = *given;
    return {};
  }
  tokenizer::EncodeOptions options;
  options.num_threads = 1;
  if (add_special && model.tokenizer.find_bos()) options.prepend = model.tokenizer.bos_id();
  ids = model.tokenizer.encode(std::get<std::string>(prompt), options);
  return {};
}

std::string prompt_place(const std::string& field, size_t index, size_t count) {
  return count == 1 ? field : join_text(field, "[", index, "]");
}

}  // namespace lathe::serve
