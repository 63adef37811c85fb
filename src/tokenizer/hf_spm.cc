#include "tokenizer/hf_spm.h"

#include <algorithm>
#include <unordered_map>

namespace lathe::tokenizer {
namespace {

constexpr const char* kBlank = "\u2581";

Json typed(const char* type, Json::Object rest) {
  rest.insert(rest.begin(), {"type", type});
  return Json(std::move(rest));
}

Json replace(const char* from, const char* to) {
  return typed("Replace", {{"pattern", Json(Json::Object{{"String", from}})}, {"content", to}});
}

Json sequence(const char* key, Json::Array items) { return typed("Sequence", {{key, Json(std::move(items))}}); }

Json normaliser(const SpmProto& proto) {
  if (!proto.add_dummy_prefix) return replace(" ", kBlank);
  return sequence("normalizers", {typed("Prepend", {{"prepend", kBlank}}), replace(" ", kBlank)});
}

Json decoder(const SpmProto& proto) {
  Json::Array steps = {replace(kBlank, " ")};
  if (proto.byte_fallback) steps.push_back(typed("ByteFallback", {}));
  steps.push_back(typed("Fuse", {}));
  if (proto.add_dummy_prefix) steps.push_back(typed("Strip", {{"content", " "}, {"start", 1}, {"stop", 0}}));
  return sequence("decoders", std::move(steps));
}

Json unigram(const SpmProto& proto, int32_t unknown) {
  Json vocabulary = Json::array();
  for (const SpmPiece& piece : proto.pieces)
    vocabulary.push_back(Json(Json::Array{Json(piece.text), Json(static_cast<double>(piece.score))}));
  return typed("Unigram", {{"unk_id", int64_t{unknown}}, {"vocab", std::move(vocabulary)}, {"byte_fallback", proto.byte_fallback}});
}

// Every way to join two pieces to a third; the best piece first.
Json merges_of(const SpmProto& proto) {
  std::unordered_map<std::string_view, int32_t> ids;
  for (size_t id = 0; id < proto.pieces.size(); ++id)
    if (proto.pieces[id].type == SpmPieceType::kNormal) ids.emplace(proto.pieces[id].text, static_cast<int32_t>(id));
  struct Merge {
    float score;
    std::string_view left, right;
  };
  std::vector<Merge> merges;
  for (const SpmPiece& piece : proto.pieces) {
    if (piece.type != SpmPieceType::kNormal) continue;
    const std::string_view text = piece.text;
    for (size_t cut = 1; cut < text.size(); ++cut)
      if (ids.contains(text.substr(0, cut)) && ids.contains(text.substr(cut)))
        merges.push_back({piece.score, text.substr(0, cut), text.substr(cut)});
  }
  std::stable_sort(merges.begin(), merges.end(), [](const Merge& a, const Merge& b) { return a.score > b.score; });
  Json list = Json::array();
  for (const Merge& merge : merges) list.push_back(Json(Json::Array{Json(merge.left), Json(merge.right)}));
  return list;
}

Json bpe(const SpmProto& proto, int32_t unknown) {
  Json vocabulary = Json::object();
  for (size_t id = 0; id < proto.pieces.size(); ++id)
    vocabulary.as_object().emplace_back(proto.pieces[id].text, static_cast<int64_t>(id));
  return typed("BPE", {{"dropout", nullptr},
                       {"unk_token", proto.pieces[static_cast<size_t>(unknown)].text},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", true},
                       {"byte_fallback", proto.byte_fallback},
                       {"ignore_merges", false},
                       {"vocab", std::move(vocabulary)},
                       {"merges", merges_of(proto)}});
}

}  // namespace

Result<Json> spm_to_hugging_face(const Tokenizer& tokenizer, const SpmModel& model) {
  const SpmProto& proto = model.proto();
  if (proto.has_charsmap || proto.remove_extra_whitespaces)
    return error("the SentencePiece model normalises text, which tokenizer.json cannot say in the same way; its spm.model is "
                 "read by the sentencepiece library");
  const int32_t unknown = model.ids().unk.value_or(0);
  Json added = Json::array();
  const auto add = [&](const std::string& text, int64_t id, bool special) {
    added.push_back(Json(Json::Object{{"id", id},
                                      {"content", text},
                                      {"single_word", false},
                                      {"lstrip", false},
                                      {"rstrip", false},
                                      {"normalized", false},
                                      {"special", special}}));
  };
  for (size_t id = 0; id < proto.pieces.size(); ++id) {
    const SpmPiece& piece = proto.pieces[id];
    const AddedToken* named = nullptr;
    for (const AddedToken& token : tokenizer.added_tokens())
      if (token.id == static_cast<int32_t>(id)) named = &token;
    if (named)
      add(named->text, static_cast<int64_t>(id), named->special);
    else if (piece.type == SpmPieceType::kUnknown)
      add(piece.text, static_cast<int64_t>(id), true);
    else if (piece.type == SpmPieceType::kUserDefined)
      add(std::string(model.token(static_cast<int32_t>(id))), static_cast<int64_t>(id), false);
  }
  return Json(Json::Object{{"version", "1.0"},
                           {"truncation", nullptr},
                           {"padding", nullptr},
                           {"added_tokens", std::move(added)},
                           {"normalizer", normaliser(proto)},
                           {"pre_tokenizer", nullptr},
                           {"post_processor", nullptr},
                           {"decoder", decoder(proto)},
                           {"model", proto.unigram ? unigram(proto, unknown) : bpe(proto, unknown)}});
}

}  // namespace lathe::tokenizer
