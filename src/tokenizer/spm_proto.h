// SentencePiece's model file, a protobuf message, read with every bound checked before the library sees it: the library
// follows offsets of the normaliser's table unchecked, and stops the process on some contents (row L-3.10).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace lathe::tokenizer {

enum class SpmPieceType { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

struct SpmPiece {
  std::string text;  // as stored: U+2581 for a blank, "<0x0A>" for a byte
  float score = 0;
  SpmPieceType type = SpmPieceType::kNormal;
};

struct SpmProto {
  std::vector<SpmPiece> pieces;  // by id
  bool unigram = true;           // else BPE
  bool byte_fallback = false;
  bool add_dummy_prefix = true;  // a blank is put before each text
  bool remove_extra_whitespaces = true;
  bool has_charsmap = false;     // it changes characters
  std::string unk_surface;       // what the unknown piece decodes to
  std::string bos_piece = "<s>", eos_piece = "</s>", pad_piece = "<pad>";
};

// Everything that SpmModel relies on: the message is whole, pieces are distinct UTF-8 with finite scores, exactly one is
// unknown, byte pieces are there if needed, the normaliser's table stays within itself. What lathe would do otherwise
// than the file asks (word and character models, white space as suffix, decoding rules) is an error too. `path` is for
// messages.
Result<SpmProto> read_spm_proto(std::string_view bytes, const std::string& path);

// The normaliser's table: a double-array trie and the texts it points to. Error unless every walk stays inside.
Status check_charsmap(std::string_view blob);

}  // namespace lathe::tokenizer
