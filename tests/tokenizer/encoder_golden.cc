// The public encodings whole, on what is worst for them and on bytes of any kind.
#include <ctime>

#include "core/rng.h"
#include "tests/ref/testing.h"
#include "tokenizer/bpe_model.h"
#include "tokenizer/stream_decoder.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/utf8.h"

namespace lathe::tokenizer {
namespace {

using testing::take;

fs::path file_of(const char* name) { return testing::real_data("tokenizers") / (std::string(name) + ".tiktoken.zst"); }

std::string repeat(std::string_view unit, size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += unit;
  return text;
}

double cpu_ms() { return 1e3 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// The quickest of a few runs.
double encode_ms(const Tokenizer& tokenizer, const std::string& text) {
  double best = 1e9;
  for (int run = 0; run < 5; ++run) {
    const double start = cpu_ms();
    const std::vector<int32_t> ids = tokenizer.encode(text);
    best = std::min(best, cpu_ms() - start);
    EXPECT_EQ(tokenizer.decode_bytes(ids), text);
  }
  return best;
}

// C-2.17
TEST(TrapT3, AMegabyteOfOneCharacterIsLinear) {
  for (const char* name : {"cl100k_base", "o200k_base"}) {
    LATHE_NEEDS(file_of(name));
    const Tokenizer tokenizer = take(Tokenizer::load(file_of(name)));
    for (const char* unit : {"a", "A", "\U0001F600", "\n", " ", "1", "!", "\xE4\xB8\xAD", "\x80", " \n", "ab", "'"}) {
      SCOPED_TRACE(::testing::PrintToString(std::string(unit)) + " of " + name);
      const double half = encode_ms(tokenizer, repeat(unit, 500'000)), whole = encode_ms(tokenizer, repeat(unit, 1'000'000));
      EXPECT_LE(whole, 3 * half + 5);
      EXPECT_LE(whole, 400);
    }
  }
}

// A long text goes through windows and remembered pieces, its pieces alone do not: a way to the ids without either.
std::vector<int32_t> ids_of_pieces(const Tokenizer& tokenizer, std::string_view text) {
  const auto& model = dynamic_cast<const BpeModel&>(tokenizer.model());
  const BpeEncoder encoder(model.vocabulary());
  std::vector<int32_t> ids;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = model.split().piece_end(CharTable::get(), text, begin);
    encoder.encode_piece(text.substr(begin, end - begin), ids);
    begin = end;
  }
  return ids;
}

// C-2.17, C-2.18, C-2.20
TEST(TrapT5, AnyBytesComeBackFromEveryPublicEncoding) {
  for (const char* name : {"r50k_base", "p50k_base", "cl100k_base", "o200k_base"}) {
    LATHE_NEEDS(file_of(name));
    SCOPED_TRACE(name);
    const Tokenizer tokenizer = take(Tokenizer::load(file_of(name)));
    Rng rng(5, name);
    std::string text;
    for (int i = 0; i < 40000; ++i) {
      const uint64_t kind = rng.below(12);
      if (kind == 0) text += static_cast<char>(rng.below(256));
      if (kind == 1) text += "\xE2\x80\x99s";
      if (kind == 2) text += "\n  \n";
      if (kind == 3) text += std::to_string(rng.below(100000));
      if (kind > 3) {
        text += ' ';
        for (uint64_t n = 1 + rng.below(9); n > 0; --n) text += static_cast<char>('a' + rng.below(26));
      }
    }
    const std::vector<int32_t> ids = tokenizer.encode(text);
    EXPECT_EQ(tokenizer.decode_bytes(ids), text);
    EXPECT_EQ(ids, ids_of_pieces(tokenizer, text));
    EXPECT_EQ(ids, tokenizer.encode(text)) << "the second time, with all pieces remembered";

    // Id by id: every part is whole characters, and together they are the text with its invalid bytes repaired.
    StreamDecoder decoder(tokenizer);
    std::string parts;
    for (const int32_t id : ids) {
      const std::string part = decoder.push(id);
      ASSERT_LT(first_invalid_utf8(part), 0);
      parts += part;
    }
    parts += decoder.flush();
    EXPECT_EQ(parts, tokenizer.decode(ids));
  }
}

}  // namespace
}  // namespace lathe::tokenizer
