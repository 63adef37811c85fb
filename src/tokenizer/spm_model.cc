#include "tokenizer/spm_model.h"

#include <sentencepiece_processor.h>

#include <stdexcept>

#include "core/text.h"
#include "tokenizer/base64.h"
#include "tokenizer/utf8.h"

namespace lathe::tokenizer {
namespace {

constexpr std::string_view kBlank = "\u2581", kReplacement = "\uFFFD";

void check_library(const sentencepiece::util::Status& status) {
  if (!status.ok()) throw std::runtime_error(join_text("[encode] the SentencePiece library failed: ", status.message()));
}

std::string text_of(const SpmPiece& piece, const SpmProto& proto) {
  switch (piece.type) {
    case SpmPieceType::kControl: return "";
    case SpmPieceType::kUnknown: return proto.unk_surface;
    case SpmPieceType::kByte: return std::string(1, static_cast<char>(std::stoi(piece.text.substr(1, 4), nullptr, 16)));
    default: break;
  }
  std::string text;
  for (size_t at = 0; at < piece.text.size();) {
    const bool blank = piece.text.compare(at, kBlank.size(), kBlank) == 0;
    text += blank ? ' ' : piece.text[at];
    at += blank ? kBlank.size() : 1;
  }
  return text;
}

}  // namespace

struct SpmModel::Library {
  sentencepiece::SentencePieceProcessor processor;
};

SpmModel::SpmModel(std::string bytes, SpmProto proto)
    : bytes_(std::move(bytes)), proto_(std::move(proto)), library_(std::make_unique<Library>()) {
  for (const SpmPiece& piece : proto_.pieces) {
    const auto id = static_cast<int32_t>(texts_.size());
    texts_.push_back(text_of(piece, proto_));
    if (piece.type == SpmPieceType::kUnknown) ids_.unk = id;
    if (piece.type == SpmPieceType::kByte) bytes_of_names_.emplace(piece.text, id);
    if (piece.type != SpmPieceType::kControl) continue;
    if (piece.text == proto_.bos_piece) ids_.bos = id;
    if (piece.text == proto_.eos_piece) ids_.eos = id;
    if (piece.text == proto_.pad_piece) ids_.pad = id;
  }
  if (proto_.unigram) unigram_.emplace(proto_);
}

SpmModel::~SpmModel() = default;

Result<std::shared_ptr<const SpmModel>> SpmModel::make(std::string bytes, const std::string& path) {
  LATHE_TRY(SpmProto proto, read_spm_proto(bytes, path));
  std::shared_ptr<SpmModel> model(new SpmModel(std::move(bytes), std::move(proto)));
  const auto status = model->library_->processor.LoadFromSerializedProto(model->bytes_);
  if (!status.ok()) return error_at(path, -1, "the SentencePiece library refuses the model: ", status.message());
  if (model->library_->processor.GetPieceSize() != model->size())
    return error_at(path, -1, "the SentencePiece library finds another number of pieces");
  return std::shared_ptr<const SpmModel>(std::move(model));
}

std::string SpmModel::normalised(std::string_view text) const {
  std::string normal;
  if (!proto_.has_charsmap && !proto_.remove_extra_whitespaces) {
    // Nothing but blanks changes: not worth the library's round trip through its pieces.
    if (proto_.add_dummy_prefix && !text.empty()) normal = kBlank;
    for (size_t at = 0; at < text.size();) {
      const CodePoint point = read_code_point(text, at);
      normal += point.value == ' ' ? kBlank : point.value == kInvalidByte ? kReplacement : text.substr(at, point.length);
      at += point.length;
    }
    return normal;
  }
  std::vector<std::string> pieces;
  check_library(library_->processor.Encode(text, &pieces));
  for (const std::string& piece : pieces) {
    const auto byte = bytes_of_names_.find(piece);
    normal += byte == bytes_of_names_.end() ? piece : std::string(token(byte->second));
  }
  return normal;
}

void SpmModel::encode(std::span<const std::string_view> texts, std::span<std::vector<int32_t>> ids) const {
  std::vector<int> found;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (unigram_) {
      unigram_->encode(normalised(texts[i]), ids[i]);
      continue;
    }
    check_library(library_->processor.Encode(texts[i], &found));
    ids[i].insert(ids[i].end(), found.begin(), found.end());
  }
}

std::string_view SpmModel::token_at_start(int32_t id) const {
  const SpmPiece& piece = proto_.pieces[static_cast<size_t>(id)];
  std::string_view text = token(id);
  const bool drops = proto_.add_dummy_prefix || proto_.remove_extra_whitespaces;
  if (drops && piece.type != SpmPieceType::kUnknown && piece.text.starts_with(kBlank)) text.remove_prefix(1);
  return text;
}

std::vector<AddedToken> SpmModel::added_tokens() const {
  std::vector<AddedToken> added;
  for (size_t id = 0; id < proto_.pieces.size(); ++id)
    if (proto_.pieces[id].type == SpmPieceType::kControl)
      added.push_back({proto_.pieces[id].text, static_cast<int32_t>(id)});
  return added;
}

std::string SpmModel::vocabulary_text() const {
  std::string text;
  for (const SpmPiece& piece : proto_.pieces) text += join_text(piece.text, "\t", piece.score, "\n");
  return text;
}

Json SpmModel::to_json() const {
  return Json(Json::Object{{"kind", "sentencepiece"}, {"model", to_base64(bytes_)}});
}

Result<std::shared_ptr<const SpmModel>> SpmModel::from_json(const Json& file, const std::string& path) {
  const Json* model = file.find("model");
  if (!model || !model->is_string()) return error_at(path, -1, "\"model\" must be a SentencePiece file in base64");
  std::optional<std::string> bytes = from_base64(model->as_string());
  if (!bytes) return error_at(path, -1, "\"model\" is no base64");
  return make(std::move(*bytes), path);
}

const char* sentencepiece_version() { return LATHE_SENTENCEPIECE_VERSION; }

}  // namespace lathe::tokenizer
