// Writing of gguf.h.
#include <algorithm>
#include <cstring>
#include <set>

#include "core/check.h"
#include "core/parallel.h"
#include "tensor/gguf.h"

namespace lathe {
namespace {

constexpr int64_t kAlignment = 32;
constexpr size_t kMostName = 63;               // llama.cpp keeps names in 64 bytes
constexpr int64_t kPiece = 4096;               // values one thread encodes at a time; whole blocks of every type
constexpr int64_t kPiecesAtOnce = 256;         // what is held in memory

template <class T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

void append_text(std::string& bytes, std::string_view text) {
  append(bytes, uint64_t{text.size()});
  bytes += text;
}

int64_t padded(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

GgufWritten plan(const GgufSource& source) {
  const BlockCode& code = block_code(source.type);
  require(!source.name.empty() && source.name.size() <= kMostName, "[write_gguf] the name \"", source.name, "\" has ", source.name.size(), " bytes");
  require(!source.extents.empty() && source.extents.size() <= Shape::kMaxRank, "[write_gguf] ", source.name, " has no rank from 1 to 4");
  require(source.extents[0] % code.values == 0, "[write_gguf] rows of ", source.name, " are no whole blocks of ", code.name);
  require((source.raw != nullptr) != (source.read != nullptr), "[write_gguf] ", source.name, " needs values or bytes");
  int64_t values = 1;
  for (const int64_t extent : source.extents) values *= extent;
  return {source.name, source.type, values, values / code.values * code.bytes, 0, 0};
}

std::string header_of(const std::vector<std::pair<std::string, GgufValue>>& metadata, const std::vector<GgufSource>& tensors,
                      const std::vector<GgufWritten>& plans) {
  std::string header = "GGUF";
  append(header, uint32_t{3});
  append(header, uint64_t{tensors.size()});
  append(header, uint64_t{metadata.size()});
  std::set<std::string> seen;
  for (const auto& [key, value] : metadata) {
    require(seen.insert(key).second, "[write_gguf] key ", key, " is given twice");
    require(key != "general.alignment", "[write_gguf] the alignment is the writer's own");
    append_text(header, key);
    append(header, static_cast<uint32_t>(value.kind()));
    header += value.bytes();
  }
  seen.clear();
  int64_t offset = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    require(seen.insert(tensors[i].name).second, "[write_gguf] tensor ", tensors[i].name, " is given twice");
    append_text(header, tensors[i].name);
    append(header, static_cast<uint32_t>(tensors[i].extents.size()));
    for (const int64_t extent : tensors[i].extents) append(header, static_cast<uint64_t>(extent));
    append(header, static_cast<uint32_t>(tensors[i].type));
    append(header, static_cast<uint64_t>(offset));
    offset += padded(plans[i].bytes);
  }
  header.resize(static_cast<size_t>(padded(static_cast<int64_t>(header.size()))), '\0');
  return header;
}

// Encodes and writes in pieces; each piece's error is summed by itself, then in order.
Status write_values(AtomicFileWriter& writer, const GgufSource& source, GgufWritten& written) {
  const BlockCode& code = block_code(source.type);
  std::vector<std::byte> bytes;
  for (int64_t begin = 0; begin < written.values; begin += kPiece * kPiecesAtOnce) {
    const int64_t n = std::min(kPiece * kPiecesAtOnce, written.values - begin), pieces = (n + kPiece - 1) / kPiece;
    bytes.resize(static_cast<size_t>(n / code.values * code.bytes));
    std::vector<double> errors(static_cast<size_t>(pieces)), squares(static_cast<size_t>(pieces));
    parallel_for(pieces, 1, [&](int64_t first, int64_t last) {
      std::vector<float> values, decoded;
      for (int64_t piece = first; piece < last; ++piece) {
        const auto size = static_cast<size_t>(std::min(kPiece, n - piece * kPiece));
        values.resize(size);
        decoded.resize(size);
        source.read(begin + piece * kPiece, values);
        std::byte* out = bytes.data() + piece * kPiece / code.values * code.bytes;
        encode_blocks(source.type, values, out);
        decode_blocks(source.type, out, decoded);
        double error = 0, square = 0;
        for (size_t i = 0; i < size; ++i) {
          const double difference = double{decoded[i]} - double{values[i]};
          error += difference * difference;
          square += double{values[i]} * double{values[i]};
        }
        errors[static_cast<size_t>(piece)] = error;
        squares[static_cast<size_t>(piece)] = square;
      }
    });
    for (size_t piece = 0; piece < errors.size(); ++piece) {
      written.squared_error += errors[piece];
      written.squared_values += squares[piece];
    }
    LATHE_TRY_STATUS(writer.write(bytes.data(), bytes.size()));
  }
  return {};
}

}  // namespace

Result<std::vector<GgufWritten>> write_gguf(const fs::path& path, const std::vector<std::pair<std::string, GgufValue>>& metadata,
                                            const std::vector<GgufSource>& tensors) {
  std::vector<GgufWritten> written;
  for (const GgufSource& source : tensors) written.push_back(plan(source));
  const std::string header = header_of(metadata, tensors, written);
  LATHE_TRY(AtomicFileWriter writer, AtomicFileWriter::open(path));
  LATHE_TRY_STATUS(writer.write(header));
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].raw != nullptr) LATHE_TRY_STATUS(writer.write(tensors[i].raw, static_cast<size_t>(written[i].bytes)));
    else LATHE_TRY_STATUS(write_values(writer, tensors[i], written[i]));
    LATHE_TRY_STATUS(writer.write(std::string(static_cast<size_t>(padded(written[i].bytes) - written[i].bytes), '\0')));
  }
  LATHE_TRY_STATUS(writer.commit());
  return written;
}

}  // namespace lathe
