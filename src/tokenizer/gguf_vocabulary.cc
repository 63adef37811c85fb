#include "tokenizer/gguf_vocabulary.h"

#include <bit>
#include <cmath>
#include <unordered_map>

#include "tokenizer/bpe_model.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/foreign_split.h"
#include "tokenizer/hf_merges.h"
#include "tokenizer/spm_model.h"

namespace lathe::tokenizer {
namespace {

constexpr int32_t kNormal = 1, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6;

// The splits that llama.cpp has under a name and that mean the same here. whole: a piece that is a token is taken whole.
struct KnownPre {
  const char* pre;
  const char* split;  // of split.h; empty: each digit apart, then GPT-2's
  bool whole;
  bool written;       // the name that a tokenizer of this split is written with
};
constexpr KnownPre kPres[] = {
    {"gpt-2", "gpt2", false, true},      {"llama-bpe", "llama3", true, true}, {"llama3", "llama3", true, false},
    {"llama-v3", "llama3", true, false}, {"qwen2", "qwen2", false, true},     {"deepseek-r1-qwen", "qwen2", false, false},
    {"stablelm2", "qwen2", false, false}, {"tekken", "tekken", true, false},  {"gpt-4o", "o200k", false, false},
    {"smollm", "", false, true},         {"olmo", "gpt2", false, false},      {"mpt", "gpt2", false, false},
};

std::string known_pres() {
  std::string names;
  for (const KnownPre& known : kPres) names += join_text(names.empty() ? "" : ", ", known.pre);
  return names;
}

Result<const SplitPattern*> split_of(const KnownPre& known) {
  if (*known.split != '\0') return find_split_name(known.split);
  const Json digits(Json::Object{{"type", "Digits"}, {"individual_digits", true}});
  const Json bytes(Json::Object{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}});
  return sequence_split(Json(Json::Array{digits, bytes}));
}

// Protobuf: what SentencePiece's own file needs of it.
void put_varint(std::string& out, uint64_t value) {
  for (; value >= 128; value >>= 7) out += static_cast<char>(value | 128);
  out += static_cast<char>(value);
}
void put_number(std::string& out, uint64_t field, uint64_t value) {
  put_varint(out, field << 3);
  put_varint(out, value);
}
void put_bytes(std::string& out, uint64_t field, std::string_view bytes) {
  put_varint(out, field << 3 | 2);
  put_varint(out, bytes.size());
  out += bytes;
}
void put_float(std::string& out, uint64_t field, float value) {
  put_varint(out, field << 3 | 5);
  const auto bits = std::bit_cast<uint32_t>(value);
  for (int i = 0; i < 4; ++i) out += static_cast<char>(bits >> (8 * i));
}

// A SentencePiece model file (fields of sentencepiece_model.proto) that means what the vocabulary says.
std::string spm_file(const GgufVocabulary& v) {
  std::string file, trainer, normaliser;
  bool bytes = false;
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    std::string piece;
    const int32_t type = v.types.empty() ? kNormal : v.types[id];
    bytes = bytes || type == kByte;
    put_bytes(piece, 1, v.tokens[id]);
    put_float(piece, 2, v.scores.empty() ? 0.0f : v.scores[id]);
    put_number(piece, 3, static_cast<uint64_t>(type));
    put_bytes(file, 1, piece);
  }
  put_number(trainer, 3, v.model == "t5" ? 1 : 2);
  put_number(trainer, 35, bytes ? 1 : 0);
  const auto name_of = [&](const std::optional<int32_t>& id, uint64_t field) {
    if (id) put_bytes(trainer, field, v.tokens[static_cast<size_t>(*id)]);
  };
  name_of(v.unknown, 45);
  name_of(v.bos, 46);
  name_of(v.eos, 47);
  name_of(v.padding, 48);
  put_bytes(file, 2, trainer);
  put_bytes(normaliser, 1, v.charsmap.empty() ? "identity" : "user_defined");
  if (!v.charsmap.empty()) put_bytes(normaliser, 2, v.charsmap);
  put_number(normaliser, 3, v.add_space_prefix ? 1 : 0);
  put_number(normaliser, 4, v.remove_extra_whitespaces ? 1 : 0);
  put_number(normaliser, 5, 1);
  put_bytes(file, 3, normaliser);
  return file;
}

Result<Tokenizer> from_pieces(const GgufVocabulary& v, const std::string& path) {
  LATHE_TRY(std::shared_ptr<const SpmModel> model, SpmModel::make(spm_file(v), path));
  std::vector<AddedToken> added = model->added_tokens();
  return Tokenizer::from_added(std::move(model), std::move(added));
}

Result<Tokenizer> from_byte_level(const GgufVocabulary& v, const std::string& path) {
  const KnownPre* known = nullptr;
  for (const KnownPre& candidate : kPres)
    if (v.pre == candidate.pre) known = &candidate;
  if (known == nullptr) return error_at(path, -1, "tokenizer.ggml.pre \"", v.pre, "\" names no known split; known are ", known_pres());
  LATHE_TRY(const SplitPattern* split, split_of(*known));
  BpeVocabulary vocabulary;
  std::vector<AddedToken> added;
  std::unordered_map<std::string_view, int32_t> ids;
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    const int32_t type = v.types.empty() ? kNormal : v.types[id];
    const auto number = static_cast<int32_t>(id);
    vocabulary.tokens.emplace_back();
    if (type == kUnused) continue;
    if (type == kNormal || type == kByte) {
      const std::optional<std::string> bytes = tokenizer::from_byte_level(v.tokens[id]);
      if (!bytes || bytes->empty()) return error_at(path, -1, "token ", id, " of tokenizer.ggml.tokens has a letter that stands for no byte");
      vocabulary.tokens.back() = *bytes;
      if (!ids.emplace(v.tokens[id], number).second) return error_at(path, -1, "token ", id, " of tokenizer.ggml.tokens repeats an earlier one");
    } else {
      added.push_back({v.tokens[id], number, type != kUserDefined});
    }
  }
  while (!vocabulary.tokens.empty() && vocabulary.tokens.back().empty()) vocabulary.tokens.pop_back();
  for (const std::string& merge : v.merges) {
    const std::string where = join_text("merge ", vocabulary.merges.size(), " of tokenizer.ggml.merges ");
    const size_t blank = merge.find(' ', 1);
    if (blank == std::string::npos) return error_at(path, -1, where, "is not two tokens");
    const auto left = ids.find(std::string_view(merge).substr(0, blank)), right = ids.find(std::string_view(merge).substr(blank + 1));
    if (left == ids.end() || right == ids.end()) return error_at(path, -1, where, "joins a token that is not in the vocabulary");
    vocabulary.merges.emplace_back(left->second, right->second);
  }
  vocabulary.whole_pieces = known->whole;
  // A list that says no more than the order of the tokens does is left out, so that the hash is the one of the same
  // tokenizer from another file.
  if (vocabulary.merges == merges_of_ranks(vocabulary.tokens)) vocabulary.merges.clear();
  else if (vocabulary.merges.empty()) return error_at(path, -1, "tokenizer.ggml.merges is missing or empty");
  auto model = BpeModel::make(*split, std::move(vocabulary));
  if (!model.ok()) return error_at(path, -1, model.error().message);
  return Tokenizer::from_added(std::move(model).value(), std::move(added));
}

Status check(const GgufVocabulary& v, const std::string& path) {
  const size_t n = v.tokens.size();
  if (n == 0) return error_at(path, -1, "tokenizer.ggml.tokens is missing or empty");
  if (!v.scores.empty() && v.scores.size() != n) return error_at(path, -1, "there are ", v.scores.size(), " scores for ", n, " tokens");
  if (!v.types.empty() && v.types.size() != n) return error_at(path, -1, "there are ", v.types.size(), " types for ", n, " tokens");
  for (const int32_t type : v.types)
    if (type < 1 || type > 6) return error_at(path, -1, "type ", type, " of a token is not known");
  for (const auto& id : {v.bos, v.eos, v.unknown, v.padding})
    if (id && (*id < 0 || static_cast<size_t>(*id) >= n)) return error_at(path, -1, "a special token has the id ", *id, " of ", n, " tokens");
  return {};
}

// Names of added tokens over the model's, and of ids that nothing has.
void fill_up(const Tokenizer& tokenizer, int64_t size, GgufVocabulary& out) {
  for (auto id = static_cast<int64_t>(out.tokens.size()); id < size; ++id) {
    out.tokens.push_back(format_text("[PAD%d]", static_cast<int>(id)));
    out.types.push_back(kUnused);
    if (out.model != "gpt2") out.scores.push_back(-10000);
  }
  for (const AddedToken& token : tokenizer.added_tokens()) {
    const auto id = static_cast<size_t>(token.id);
    out.tokens[id] = token.text;
    out.types[id] = token.special ? kControl : kUserDefined;
  }
}

Result<GgufVocabulary> pieces_of(const SpmModel& model) {
  const SpmProto& proto = model.proto();
  if (proto.has_charsmap || proto.remove_extra_whitespaces)
    return error("the tokenizer normalises text, which llama.cpp's reader of SentencePiece pieces does not do in the same way");
  if (!proto.unigram && !proto.byte_fallback) return error("llama.cpp needs byte fallback in a SentencePiece BPE model");
  GgufVocabulary out;
  out.model = proto.unigram ? "t5" : "llama";
  out.pre = "default";
  for (const SpmPiece& piece : proto.pieces) {
    out.tokens.push_back(piece.text);
    out.scores.push_back(piece.score);
    out.types.push_back(static_cast<int32_t>(piece.type));
  }
  out.add_space_prefix = proto.add_dummy_prefix;
  for (const SpmPiece& piece : proto.pieces)
    if (piece.type == SpmPieceType::kUserDefined && proto.add_dummy_prefix && out.remarks.empty())
      out.remarks.push_back("llama.cpp puts a blank after each user-defined piece, as before a text; SentencePiece does not");
  out.bos = model.ids().bos;
  out.eos = model.ids().eos;
  out.unknown = model.ids().unk;
  out.padding = model.ids().pad;
  if (proto.unigram && proto.byte_fallback)
    out.remarks.push_back("llama.cpp reads unigram pieces without byte fallback: a character that no piece covers is unknown there");
  return out;
}

// Whether merges alone make every token of itself, as llama.cpp has it under this name.
Status check_whole_pieces(const BpeModel& model, const KnownPre& known, const std::vector<std::pair<int32_t, int32_t>>& merges) {
  if (known.whole == model.vocabulary().whole_pieces) return {};
  const BpeEncoder bare(BpeVocabulary{model.vocabulary().tokens, merges, false});
  for (int32_t id = 0; id < model.size(); ++id) {
    std::vector<int32_t> ids;
    if (const std::string_view token = model.token(id); !token.empty()) bare.encode_piece(token, ids);
    if (ids.size() > 1)
      return error("llama.cpp's \"", known.pre, "\" and this tokenizer differ on a piece that is token ", id, ", which merges do not make");
  }
  return {};
}

Result<GgufVocabulary> byte_level_of(const BpeModel& model) {
  const KnownPre* known = nullptr;
  for (const KnownPre& candidate : kPres)
    if (candidate.written) {
      LATHE_TRY(const SplitPattern* split, split_of(candidate));
      if (split == &model.split()) known = &candidate;
    }
  if (known == nullptr)
    return error("the tokenizer splits text by \"", model.split().name, "\", which llama.cpp has no name for; it knows those of gpt2, llama3, "
                 "qwen2 and smollm (lathe tokenizer train --style hf makes gpt2's)");
  GgufVocabulary out;
  out.model = "gpt2";
  out.pre = known->pre;
  const BpeVocabulary& vocabulary = model.vocabulary();
  const auto merges = vocabulary.merges.empty() ? merges_of_ranks(vocabulary.tokens) : vocabulary.merges;
  LATHE_TRY_STATUS(check_whole_pieces(model, *known, merges));
  for (int32_t id = 0; id < model.size(); ++id) {
    const std::string_view token = model.token(id);
    out.tokens.push_back(token.empty() ? format_text("[PAD%d]", static_cast<int>(id)) : to_byte_level(token));
    out.types.push_back(token.empty() ? kUnused : kNormal);
  }
  for (const auto& [left, right] : merges) out.merges.push_back(to_byte_level(model.token(left)) + " " + to_byte_level(model.token(right)));
  if (model.nfc()) out.remarks.push_back("llama.cpp does not bring text into Unicode's form C, as this tokenizer does");
  return out;
}

}  // namespace

Result<Tokenizer> tokenizer_from_gguf(const GgufVocabulary& vocabulary, const std::string& path) {
  LATHE_TRY_STATUS(check(vocabulary, path));
  if (vocabulary.model == "gpt2") return from_byte_level(vocabulary, path);
  if (vocabulary.model == "llama" || vocabulary.model == "t5") return from_pieces(vocabulary, path);
  return error_at(path, -1, "tokenizer.ggml.model \"", vocabulary.model, "\" is not known; llama, t5 and gpt2 are");
}

Result<GgufVocabulary> tokenizer_to_gguf(const Tokenizer& tokenizer, int64_t size) {
  if (tokenizer.vocab_size() > size) return error("the tokenizer has ", tokenizer.vocab_size(), " tokens, the model only ", size);
  GgufVocabulary out;
  if (const auto* spm = dynamic_cast<const SpmModel*>(&tokenizer.model())) {
    LATHE_TRY(out, pieces_of(*spm));
  } else if (const auto* bpe = dynamic_cast<const BpeModel*>(&tokenizer.model())) {
    LATHE_TRY(out, byte_level_of(*bpe));
    out.bos = tokenizer.find_bos();
    out.eos = tokenizer.find_special(kEndOfText);
    if (!out.eos) out.eos = tokenizer.find_special("</s>");
    if (!out.eos) out.eos = tokenizer.find_special(kAssistantEnd);
    if (!out.eos) out.eos = out.bos;
  } else {
    return error("llama.cpp has no tokenizer of this kind; SentencePiece and byte-level BPE are exported");
  }
  fill_up(tokenizer, size, out);
  return out;
}

}  // namespace lathe::tokenizer
