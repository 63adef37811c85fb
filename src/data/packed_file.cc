#include "data/packed_file.h"

#include <bit>
#include <cstring>

#include "core/check.h"

namespace lathe::data {
namespace {

static_assert(std::endian::native == std::endian::little, "tokens are used as they stand in the file");

constexpr std::array<char, 7> kMagic = {'L', 'A', 'T', 'H', 'E', 'P', 'K'};
constexpr uint8_t kVersion = 1;
// Offsets of the fields of the header (docs/formats/packed.md).
constexpr int64_t kAtVersion = 7, kAtTokenBytes = 8, kAtSequenceLength = 12, kAtSequences = 16, kAtTokens = 24,
                  kAtTokenizer = 32;

template <class T>
T field(const MappedFile& file, int64_t offset) {
  T value;
  std::memcpy(&value, file.data() + offset, sizeof(T));
  return value;
}

template <class T>
void put(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

fs::path index_of(fs::path bin) { return bin.replace_extension(".idx"); }

// Checks the header against the sizes of both files.
Result<PackedHeader> read_header(const MappedFile& idx, const std::string& idx_path, const MappedFile& bin,
                                 const std::string& bin_path) {
  if (idx.size() < kPackedHeaderBytes)
    return error_at(idx_path, idx.size(), "is cut short: the header has ", kPackedHeaderBytes, " bytes, the file ",
                    idx.size());
  if (std::memcmp(idx.data(), kMagic.data(), kMagic.size()) != 0)
    return error_at(idx_path, 0, "is not an index of packed tokens (it does not begin with LATHEPK)");
  if (const auto version = field<uint8_t>(idx, kAtVersion); version != kVersion)
    return error_at(idx_path, kAtVersion, "has format version ", int{version}, ", this program reads version ",
                    int{kVersion}, "; pack the data again (lathe pack --force), or use the lathe that wrote it");
  const auto token_bytes = field<uint32_t>(idx, kAtTokenBytes);
  if (token_bytes != 2 && token_bytes != 4)
    return error_at(idx_path, kAtTokenBytes, "tokens of ", token_bytes, " bytes; 2 and 4 are known");
  const auto length = field<uint32_t>(idx, kAtSequenceLength);
  if (length == 0) return error_at(idx_path, kAtSequenceLength, "a sequence length of 0");
  const auto sequences = field<uint64_t>(idx, kAtSequences), tokens = field<uint64_t>(idx, kAtTokens);
  uint64_t inputs = 0, expected = 0, bytes = 0;
  if (sequences == 0 || __builtin_mul_overflow(sequences, uint64_t{length}, &inputs) ||
      __builtin_add_overflow(inputs, uint64_t{1}, &expected))
    return error_at(idx_path, kAtSequences, sequences, " sequences of ", length, " tokens cannot be");
  if (tokens != expected)
    return error_at(idx_path, kAtTokens, tokens, " tokens are not ", sequences, " sequences of ", length,
                    " tokens and one more");
  if (__builtin_mul_overflow(tokens, uint64_t{token_bytes}, &bytes) || bytes > static_cast<uint64_t>(INT64_MAX))
    return error_at(idx_path, kAtTokens, tokens, " tokens of ", token_bytes, " bytes cannot be");
  if (static_cast<uint64_t>(bin.size()) != bytes)
    return error_at(bin_path, std::min(bin.size(), static_cast<int64_t>(bytes)),
                    static_cast<uint64_t>(bin.size()) < bytes ? "is cut short" : "is too long", ": it has ", bin.size(),
                    " bytes, its index says ", bytes, " (", tokens, " tokens)");
  PackedHeader header{
      int64_t{token_bytes}, int64_t{length}, static_cast<int64_t>(sequences), static_cast<int64_t>(tokens), {}};
  std::memcpy(header.tokenizer.data(), idx.data() + kAtTokenizer, header.tokenizer.size());
  return header;
}

Status check_starts(std::span<const uint64_t> starts, const PackedHeader& header, const std::string& path) {
  const auto inputs = static_cast<uint64_t>(header.tokens - 1);
  uint64_t least = 0;
  for (size_t i = 0; i < starts.size(); ++i) {
    if (starts[i] < least || starts[i] >= inputs)
      return error_at(path, kPackedHeaderBytes + static_cast<int64_t>(8 * i), "document ", i, " starts at token ",
                      starts[i], "; starts must ascend and lie below ", inputs);
    least = starts[i] + 1;
  }
  return {};
}

}  // namespace

Result<TokenizerHash> parse_tokenizer_hash(const std::string& hex) {
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  TokenizerHash hash{};
  if (hex.size() != 2 * hash.size()) return error("a tokenizer's hash has 64 hex digits, this one ", hex.size());
  for (size_t i = 0; i < hash.size(); ++i) {
    const int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);
    if (high < 0 || low < 0)
      return error("a tokenizer's hash has lower-case hex digits alone, not \"", hex.substr(2 * i, 2), "\"");
    hash[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return hash;
}

std::string to_hex(const TokenizerHash& hash) {
  std::string hex;
  for (const uint8_t byte : hash) hex += format_text("%02x", byte);
  return hex;
}

Result<PackedFile> PackedFile::open(const fs::path& bin) {
  PackedFile file;
  file.path_ = bin;
  const std::string idx_path = index_of(bin).string();
  LATHE_TRY(file.idx_, MappedFile::open(index_of(bin)));
  LATHE_TRY(file.bin_, MappedFile::open(bin));
  LATHE_TRY(file.header_, read_header(file.idx_, idx_path, file.bin_, bin.string()));
  const int64_t table = file.idx_.size() - kPackedHeaderBytes;
  if (table % 8 != 0)
    return error_at(idx_path, file.idx_.size(), "is cut short or too long: the table of documents has ", table,
                    " bytes, not a multiple of 8");
  // A map begins at a page, so the table at byte 64 is aligned.
  file.starts_ = {reinterpret_cast<const uint64_t*>(file.idx_.data() + kPackedHeaderBytes),
                  static_cast<size_t>(table / 8)};
  LATHE_TRY_STATUS(check_starts(file.starts_, file.header_, idx_path));
  return file;
}

void PackedFile::read(int64_t first_token, std::span<int32_t> ids) const {
  const auto count = static_cast<int64_t>(ids.size());
  require(first_token >= 0 && count <= header_.tokens && first_token <= header_.tokens - count, "[packed_file] tokens ",
          first_token, " to ", first_token + count, " of ", header_.tokens);
  const std::byte* from = bin_.data() + first_token * header_.token_bytes;
  if (header_.token_bytes == 4) {
    std::memcpy(ids.data(), from, ids.size() * 4);
    return;
  }
  const auto* tokens = reinterpret_cast<const uint16_t*>(from);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = tokens[i];
}

Result<PackedFileWriter> PackedFileWriter::create(const fs::path& bin, int64_t token_bytes, int64_t sequence_length,
                                                  const TokenizerHash& tokenizer) {
  require(token_bytes == 2 || token_bytes == 4, "[packed_file] tokens of ", token_bytes, " bytes");
  require(sequence_length > 0 && sequence_length <= INT32_MAX, "[packed_file] sequences of ", sequence_length,
          " tokens");
  LATHE_TRY(AtomicFileWriter writer, AtomicFileWriter::open(bin));
  return PackedFileWriter(bin, std::move(writer), PackedHeader{token_bytes, sequence_length, 0, 0, tokenizer});
}

Status PackedFileWriter::add_tokens(std::span<const std::byte> ids) {
  const auto bytes = static_cast<int64_t>(ids.size());
  require(bytes % header_.token_bytes == 0, "[packed_file] ", bytes, " bytes are no whole tokens");
  header_.tokens += bytes / header_.token_bytes;
  return bin_.write(ids.data(), ids.size());
}

Status PackedFileWriter::close() {
  header_.sequences = (header_.tokens - 1) / header_.sequence_length;
  LATHE_CHECK(header_.sequences > 0 && header_.tokens == header_.sequences * header_.sequence_length + 1,
              header_.tokens, " tokens are not sequences of ", header_.sequence_length, " and one more");
  LATHE_CHECK(starts_.empty() || starts_.back() + 1 < static_cast<uint64_t>(header_.tokens),
              "a document starts with the last token");
  std::string idx(kMagic.data(), kMagic.size());
  put(idx, kVersion);
  put(idx, static_cast<uint32_t>(header_.token_bytes));
  put(idx, static_cast<uint32_t>(header_.sequence_length));
  put(idx, static_cast<uint64_t>(header_.sequences));
  put(idx, static_cast<uint64_t>(header_.tokens));
  idx.append(reinterpret_cast<const char*>(header_.tokenizer.data()), header_.tokenizer.size());
  LATHE_CHECK(static_cast<int64_t>(idx.size()) == kPackedHeaderBytes, idx.size(), " bytes of header");
  LATHE_TRY(AtomicFileWriter writer, AtomicFileWriter::open(index_of(path_)));
  LATHE_TRY_STATUS(writer.write(idx));
  LATHE_TRY_STATUS(writer.write(starts_.data(), 8 * starts_.size()));
  LATHE_TRY_STATUS(bin_.commit());
  return writer.commit();
}

}  // namespace lathe::data
