// Every notation of structured output: any bytes are an error or a grammar whose masks are never empty before a text is whole.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "infer/grammar.h"

namespace {

const lathe::tokenizer::Tokenizer& vocabulary() {
  static const lathe::tokenizer::Tokenizer tokenizer = [] {
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    for (const char* piece : {"{\"", "\":", "\",", "\"}", "ab", "the", "12", "\xC3\xA9", "\xE4\xB8", "  ", "]}"}) tokens.emplace_back(piece);
    auto made = lathe::tokenizer::Tokenizer::from_tokens(tokens);
    if (!made.ok()) std::abort();
    return std::move(made).value();
  }();
  return tokenizer;
}

}  // namespace

// The first byte chooses the notation and the walk.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static lathe::infer::GrammarCompiler compiler(vocabulary());
  const std::string_view source(reinterpret_cast<const char*>(data) + 1, size - 1);
  lathe::Result<std::shared_ptr<const lathe::infer::Grammar>> grammar = lathe::error("none");
  switch (data[0] % 3) {
    case 0: grammar = compiler.ebnf(source); break;
    case 1: grammar = compiler.regex(source); break;
    default:
      if (const auto schema = lathe::parse_json(source, "", {100, false, false}); schema.ok()) grammar = compiler.json_schema(schema.value());
  }
  if (!grammar.ok()) return 0;
  const auto state = grammar.value()->start();
  lathe::infer::TokenMask mask;
  uint32_t draw = data[0];
  for (int step = 0; step < 8; ++step) {
    state->fill(mask);
    std::vector<int32_t> allowed;
    for (int32_t token = 0; token < vocabulary().vocab_size(); ++token)
      if (lathe::infer::mask_allows(mask, token)) allowed.push_back(token);
    if (allowed.empty() && !state->is_complete()) std::abort();
    if (allowed.empty()) break;
    draw = draw * 1664525u + 1013904223u;
    if (!state->accept(allowed[(draw >> 8) % allowed.size()])) std::abort();
  }
  return 0;
}
