#include "tokenizer/quality_report.h"

#include <algorithm>
#include <numeric>

#include "core/text.h"
#include "tokenizer/char_class.h"
#include "tokenizer/utf8.h"

namespace lathe::tokenizer {
namespace {

double ratio(int64_t part, int64_t whole) { return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole); }

// Valid code points in the bytes of one token; bytes at its borders that belong to a split character do not count.
int32_t whole_characters(std::string_view bytes) {
  int32_t count = 0;
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint point = read_code_point(bytes, at);
    if (point.value != kInvalidByte) ++count;
    at += point.length;
  }
  return count;
}

Json figures_json(const QualityFigures& figures) {
  return Json(Json::Object{{"documents", figures.documents},
                           {"bytes", figures.bytes},
                           {"characters", figures.characters},
                           {"words", figures.words},
                           {"tokens", figures.tokens},
                           {"chars_per_token", figures.chars_per_token()},
                           {"bytes_per_token", figures.bytes_per_token()},
                           {"fertility", figures.fertility()},
                           {"coverage", figures.coverage()},
                           {"unknown_rate", figures.unknown_rate()}});
}

std::string row(const std::string& name, const QualityFigures& figures) {
  return join_text("| ", name, " | ", with_thousands(figures.documents), " | ", with_thousands(figures.tokens), " | ",
                   format_text("%.2f | %.2f | %.3f %% | %.3f %% |\n", figures.chars_per_token(), figures.fertility(),
                               100 * figures.coverage(), 100 * figures.unknown_rate()));
}

}  // namespace

double QualityFigures::chars_per_token() const { return ratio(characters, tokens); }
double QualityFigures::bytes_per_token() const { return ratio(bytes, tokens); }
double QualityFigures::fertility() const { return ratio(tokens, words); }
double QualityFigures::coverage() const { return std::min(1.0, ratio(covered, characters)); }
double QualityFigures::unknown_rate() const { return ratio(unknown, tokens); }

QualityFigures& QualityFigures::operator+=(const QualityFigures& other) {
  documents += other.documents;
  bytes += other.bytes;
  tokens += other.tokens;
  characters += other.characters;
  words += other.words;
  covered += other.covered;
  unknown += other.unknown;
  return *this;
}

QualityMeter::QualityMeter(Tokenizer tokenizer, std::optional<int32_t> unknown_id)
    : tokenizer_(std::move(tokenizer)), unknown_id_(unknown_id), uses_(static_cast<size_t>(tokenizer_.vocab_size()), 0) {
  whole_chars_.reserve(uses_.size());
  for (int32_t id = 0; id < tokenizer_.vocab_size(); ++id) {
    const bool none = tokenizer_.is_special(id) || id == unknown_id_;
    whole_chars_.push_back(none ? 0 : whole_characters(tokenizer_.token_bytes_of(id)));
  }
}

QualityFigures QualityMeter::measure(std::string_view text, std::span<const int32_t> ids) {
  const CharTable& table = CharTable::get();
  QualityFigures figures;
  figures.documents = 1;
  figures.bytes = static_cast<int64_t>(text.size());
  figures.tokens = static_cast<int64_t>(ids.size());
  bool in_word = false;
  for (size_t at = 0; at < text.size(); ++figures.characters) {
    const CodePoint point = read_code_point(text, at);
    const bool blank = (table.at(point.value) & kSpace) != 0;
    if (!blank && !in_word) ++figures.words;
    in_word = !blank;
    at += point.length;
  }
  for (const int32_t id : ids) {
    ++uses_[static_cast<size_t>(id)];
    figures.covered += whole_chars_[static_cast<size_t>(id)];
    if (id == unknown_id_) ++figures.unknown;
  }
  return figures;
}

void QualityMeter::add(std::string_view source, std::span<const std::string> texts) {
  auto found = std::find_if(sources_.begin(), sources_.end(), [&](const Source& one) { return one.name == source; });
  if (found == sources_.end()) found = sources_.insert(found, {std::string(source), {}});
  const std::vector<std::vector<int32_t>> ids = tokenizer_.encode_batch(texts);
  for (size_t i = 0; i < texts.size(); ++i) found->figures += measure(texts[i], ids[i]);
}

QualityFigures QualityMeter::total() const {
  QualityFigures total;
  for (const Source& source : sources_) total += source.figures;
  return total;
}

int64_t QualityMeter::pieces_used() const {
  return std::count_if(uses_.begin(), uses_.end(), [](int64_t uses) { return uses > 0; });
}

std::vector<PieceUse> QualityMeter::top_pieces(size_t count) const {
  std::vector<int32_t> ids(uses_.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto uses = [&](int32_t id) { return uses_[static_cast<size_t>(id)]; };
  const auto end = ids.begin() + static_cast<std::ptrdiff_t>(std::min(count, ids.size()));
  std::partial_sort(ids.begin(), end, ids.end(),
                    [&](int32_t a, int32_t b) { return uses(a) != uses(b) ? uses(a) > uses(b) : a < b; });
  std::vector<PieceUse> top;
  for (auto id = ids.begin(); id != end && uses(*id) > 0; ++id)
    top.push_back({*id, std::string(tokenizer_.token_bytes_of(*id)), uses(*id)});
  return top;
}

Json quality_json(const QualityMeter& meter, size_t top) {
  Json sources = Json::object(), pieces = Json::array();
  for (const QualityMeter::Source& source : meter.sources()) sources[source.name] = figures_json(source.figures);
  for (const PieceUse& piece : meter.top_pieces(top))
    pieces.push_back(Json(Json::Object{{"id", int64_t{piece.id}}, {"piece", show_piece(piece.bytes)}, {"count", piece.count}}));
  return Json(Json::Object{{"total", figures_json(meter.total())},
                           {"sources", std::move(sources)},
                           {"pieces_used", meter.pieces_used()},
                           {"top_pieces", std::move(pieces)}});
}

std::string quality_markdown(const QualityMeter& meter, size_t top) {
  std::string text =
      "| source | documents | tokens | characters per token | tokens per word | coverage | unknown tokens |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const QualityMeter::Source& source : meter.sources()) text += row(source.name, source.figures);
  text += row("all", meter.total());
  text += join_text("\nPieces used: ", with_thousands(meter.pieces_used()), ". The most frequent:\n\n| piece | id | count |\n|---|---|---|\n");
  for (const PieceUse& piece : meter.top_pieces(top))
    text += join_text("| `", show_piece(piece.bytes), "` | ", piece.id, " | ", with_thousands(piece.count), " |\n");
  return text;
}

std::string show_piece(std::string_view bytes) {
  std::string shown;
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint point = read_code_point(bytes, at);
    const std::string_view character = bytes.substr(at, point.length);
    at += point.length;
    if (point.value == ' ') {
      shown += "\u2423";
    } else if (point.value == '\n') {
      shown += "\\n";
    } else if (point.value == '\t') {
      shown += "\\t";
    } else if (point.value == kInvalidByte || point.value < 0x20 || point.value == 0x7F) {
      shown += format_text("\\x%02X", static_cast<unsigned>(static_cast<uint8_t>(character[0])));
    } else if (point.value == '|') {
      shown += "\\|";
    } else if (point.value == '`') {
      shown += "\\x60";
    } else {
      shown += character;
    }
  }
  return shown;
}

}  // namespace lathe::tokenizer
