#include "core/sha256.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "core/rng.h"
#include "core/sha256_block.h"
#include "core/text.h"

namespace lathe {

// Lets the test compute a digest without the processor's own instructions.
class Sha256Test : public ::testing::Test {
 protected:
  static std::string plain(std::string text) {
    const uint64_t bits = text.size() * 8;
    text += '\x80';
    while (text.size() % 64 != 56) text += '\0';
    for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(bits >> shift);
    Sha256 sha;
    for (size_t at = 0; at < text.size(); at += 64) sha.plain_block(reinterpret_cast<const uint8_t*>(text.data()) + at);
    std::string hex;
    for (const uint32_t word : sha.state_) hex += format_text("%08x", word);
    return hex;
  }
};

// FIPS 180-4's examples and the standard's test of a million letters.
TEST_F(Sha256Test, PublishedExamples) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1000000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}};
  for (const auto& [text, hash] : cases) {
    EXPECT_EQ(sha256_hex(text), hash);
    EXPECT_EQ(plain(text), hash);
  }
}

TEST_F(Sha256Test, ProcessorsInstructionsGiveTheSameOfAnyLengthInAnyPieces) {
  if (!internal::has_sha_instructions()) GTEST_SKIP() << "this processor has none";
  for (uint64_t i = 0; i < 300; ++i) {
    Rng rng(1, "sha", i);
    std::string text(i, '\0');
    for (char& c : text) c = static_cast<char>(rng.next_u32());
    const std::string hash = plain(text);
    EXPECT_EQ(sha256_hex(text), hash) << i;
    Sha256 pieces;
    for (size_t at = 0; at < text.size();) {
      const size_t size = std::min<size_t>(text.size() - at, rng.below(150));
      pieces.update(std::string_view(text).substr(at, size));
      at += size;
    }
    EXPECT_EQ(pieces.hex_digest(), hash) << i;
  }
}

}  // namespace lathe
