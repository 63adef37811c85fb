#include "tokenizer/spm_proto.h"

#include <cmath>
#include <set>

#include "tokenizer/wire_reader.h"

namespace lathe::tokenizer {
namespace {

using Field = WireReader::Field;
using Kind = WireReader::Kind;

constexpr size_t kMostPieces = 1 << 22;
constexpr size_t kMostPieceBytes = 1 << 12;

// Calls take(field) for each field of a message; a field of another wire kind than `take` expects is its own error.
template <class Take>
Status read_fields(std::string_view bytes, const char* what, const Take& take) {
  WireReader reader(bytes);
  Field field;
  while (reader.next(field)) LATHE_TRY_STATUS(take(field));
  if (reader.failed()) return error(what, " is damaged or cut short at its byte ", reader.offset());
  return {};
}

Status expect(const Field& field, Kind kind, const char* name) {
  if (field.kind != kind) return error("field ", name, " has another type than SentencePiece's");
  return {};
}

Status take_flag(const Field& field, const char* name, bool& flag) {
  LATHE_TRY_STATUS(expect(field, Kind::kVarint, name));
  flag = field.value != 0;
  return {};
}

Status take_text(const Field& field, const char* name, std::string& text) {
  LATHE_TRY_STATUS(expect(field, Kind::kBytes, name));
  if (field.bytes.size() > kMostPieceBytes) return error("field ", name, " is longer than ", kMostPieceBytes, " bytes");
  if (first_invalid_utf8(field.bytes) >= 0) return error("field ", name, " is not valid UTF-8");
  text = field.bytes;
  return {};
}

Result<SpmPiece> read_piece(std::string_view bytes) {
  SpmPiece piece;
  LATHE_TRY_STATUS(read_fields(bytes, "a piece", [&](const Field& field) -> Status {
    if (field.number == 1) return take_text(field, "piece", piece.text);
    if (field.number == 2) {
      piece.score = field.as_float();
      return expect(field, Kind::kFixed32, "score");
    }
    if (field.number == 3) {
      LATHE_TRY_STATUS(expect(field, Kind::kVarint, "type"));
      if (field.value < 1 || field.value > 6) return error("a piece has the unknown type ", field.value);
      piece.type = static_cast<SpmPieceType>(field.value);
    }
    return {};
  }));
  if (piece.text.empty()) return error("a piece is empty");
  if (piece.text.find('\0') != std::string::npos) return error("a piece holds a zero byte");
  // Scores are logarithms of probabilities, or ranks: sums over a long text must stay finite.
  if (!std::isfinite(piece.score) || std::abs(piece.score) > 1e9f) return error("piece ", piece.text, " has no finite score");
  return piece;
}

struct TrainerFields {
  uint64_t model_type = 1;
  bool suffix = false;
};

Status read_trainer(std::string_view bytes, SpmProto& proto, TrainerFields& fields) {
  return read_fields(bytes, "the training settings", [&](const Field& field) -> Status {
    switch (field.number) {
      case 3: fields.model_type = field.value; return expect(field, Kind::kVarint, "model_type");
      case 24: return take_flag(field, "treat_whitespace_as_suffix", fields.suffix);
      case 35: return take_flag(field, "byte_fallback", proto.byte_fallback);
      case 44: return take_text(field, "unk_surface", proto.unk_surface);
      case 46: return take_text(field, "bos_piece", proto.bos_piece);
      case 47: return take_text(field, "eos_piece", proto.eos_piece);
      case 48: return take_text(field, "pad_piece", proto.pad_piece);
      default: return {};
    }
  });
}

Status read_normaliser(std::string_view bytes, SpmProto& proto) {
  bool escapes = true;
  LATHE_TRY_STATUS(read_fields(bytes, "the normaliser", [&](const Field& field) -> Status {
    switch (field.number) {
      case 2:
        LATHE_TRY_STATUS(expect(field, Kind::kBytes, "precompiled_charsmap"));
        proto.has_charsmap = !field.bytes.empty();
        return check_charsmap(field.bytes);
      case 3: return take_flag(field, "add_dummy_prefix", proto.add_dummy_prefix);
      case 4: return take_flag(field, "remove_extra_whitespaces", proto.remove_extra_whitespaces);
      case 5: return take_flag(field, "escape_whitespaces", escapes);
      default: return {};
    }
  }));
  if (!escapes) return error("escape_whitespaces false is not supported");
  return {};
}

Status read_denormaliser(std::string_view bytes) {
  return read_fields(bytes, "the decoding rules", [](const Field& field) -> Status {
    if (field.number == 2 && !(field.kind == Kind::kBytes && field.bytes.empty()))
      return error("decoding rules (denormalizer_spec) are not supported");
    return {};
  });
}

// 0x0A of "<0x0A>"; -1 when the name is another.
int byte_of_name(const std::string& name) {
  for (int byte = 0; byte < 256; ++byte)
    if (name == format_text("<0x%02X>", static_cast<unsigned>(byte))) return byte;
  return -1;
}

Status check_pieces(const SpmProto& proto) {
  if (proto.pieces.empty()) return error("the model has no pieces");
  std::set<std::string_view> seen;
  int unknown = 0, bytes = 0;
  for (const SpmPiece& piece : proto.pieces) {
    if (!seen.insert(piece.text).second) return error("piece ", piece.text, " occurs twice");
    unknown += piece.type == SpmPieceType::kUnknown ? 1 : 0;
    if (piece.type != SpmPieceType::kByte) continue;
    if (byte_of_name(piece.text) < 0) return error("byte piece ", piece.text, " names no byte");
    ++bytes;
  }
  if (unknown != 1) return error("the model has ", unknown, " unknown pieces; one is needed");
  if (proto.byte_fallback && bytes != 256) return error("byte_fallback needs 256 byte pieces, there are ", bytes);
  if (!proto.byte_fallback && bytes > 0) return error("there are byte pieces, but byte_fallback is off");
  return {};
}

Result<SpmProto> read_model(std::string_view bytes) {
  SpmProto proto;
  proto.unk_surface = " \u2047 ";
  TrainerFields trainer;
  LATHE_TRY_STATUS(read_fields(bytes, "the file", [&](const Field& field) -> Status {
    if (field.number > 5) return {};
    LATHE_TRY_STATUS(expect(field, Kind::kBytes, "of the model"));
    switch (field.number) {
      case 1: {
        if (proto.pieces.size() == kMostPieces) return error("more than ", kMostPieces, " pieces");
        LATHE_TRY(SpmPiece piece, read_piece(field.bytes));
        proto.pieces.push_back(std::move(piece));
        return {};
      }
      case 2: return read_trainer(field.bytes, proto, trainer);
      case 3: return read_normaliser(field.bytes, proto);
      case 4: return {};
      default: return read_denormaliser(field.bytes);
    }
  }));
  if (trainer.model_type != 1 && trainer.model_type != 2)
    return error("the model is of type ", trainer.model_type, "; only unigram (1) and BPE (2) are supported");
  if (trainer.suffix) return error("treat_whitespace_as_suffix is not supported");
  proto.unigram = trainer.model_type == 1;
  LATHE_TRY_STATUS(check_pieces(proto));
  return proto;
}

}  // namespace

Result<SpmProto> read_spm_proto(std::string_view bytes, const std::string& path) {
  auto proto = read_model(bytes);
  if (!proto.ok()) return error_at(path, -1, "no usable SentencePiece model: ", proto.error().message);
  return proto;
}

}  // namespace lathe::tokenizer
