#include "core/log.h"
#include "data/text_document_file.h"

namespace lathe::data {
namespace {

constexpr std::string_view kSeparator = "<|endoftext|>";

// Where to cut `text` so that the head has at most `limit` bytes: after the last line end or space of its second half,
// else before the first byte of a character.
size_t cut_position(std::string_view text, size_t limit) {
  if (text.size() <= limit) return text.size();
  for (size_t i = limit; i > limit / 2; --i)
    if (text[i - 1] == '\n' || text[i - 1] == ' ') return i;
  size_t cut = limit;
  while (cut > limit - 4 && (static_cast<uint8_t>(text[cut]) & 0xC0) == 0x80) --cut;
  return cut;
}

class TxtFile : public TextDocumentFile {
 public:
  TxtFile(fs::path path, int64_t group_documents, InvalidUtf8 invalid)
      : TextDocumentFile(std::move(path), group_documents), invalid_(invalid) {}

 private:
  Status start() override {
    pending_.clear();
    rest_.clear();
    rest_used_ = 0;
    if (!separated_known_) {
      LATHE_TRY(auto lines, LineReader::open(path()));
      std::string_view line;
      while (!separated_) {
        LATHE_TRY(const bool found, lines->next(line));
        if (!found) break;
        separated_ = trim_text(line) == kSeparator;
      }
      separated_known_ = true;
    }
    return {};
  }

  Result<bool> next_document(LineReader& lines, std::string* text) override {
    while (true) {
      std::string document;
      LATHE_TRY(const bool found, separated_ ? next_separated(lines, document) : next_gathered(lines, document));
      if (!found) return false;
      const std::string_view trimmed = trim_text(document);
      if (trimmed.empty()) continue;
      if (text != nullptr) *text = repaired(trimmed, lines.line_number());
      return true;
    }
  }

  Result<bool> next_separated(LineReader& lines, std::string& document) {
    std::string_view line;
    bool any = false;
    while (true) {
      LATHE_TRY(const bool found, lines.next(line));
      if (!found) return any;
      any = true;
      if (trim_text(line) == kSeparator) return true;
      document.append(line) += '\n';
    }
  }

  Result<bool> next_gathered(LineReader& lines, std::string& document) {
    std::string_view line;
    while (true) {
      if (rest_used_ < rest_.size()) {
        const std::string_view rest = std::string_view(rest_).substr(rest_used_);
        const size_t cut = cut_position(rest, kLongestParagraphBytes);
        rest_used_ += cut;
        if (rest_used_ < rest_.size()) {
          document = rest.substr(0, cut);
          return true;
        }
        pending_ = rest.substr(0, cut);
        pending_ += '\n';
        rest_.clear();
        rest_used_ = 0;
      }
      LATHE_TRY(const bool found, lines.next(line));
      if (!found) {
        document = std::move(pending_);
        pending_.clear();
        return !document.empty();
      }
      const bool blank = trim_text(line).empty();
      if (blank ? pending_.size() >= kGatheredBytes : pending_.size() + line.size() > kLongestParagraphBytes) {
        if (!blank) rest_ = line;
        document = std::move(pending_);
        pending_.clear();
        if (!document.empty()) return true;
        continue;
      }
      pending_.append(blank ? std::string_view() : line) += '\n';
    }
  }

  std::string repaired(std::string_view bytes, int64_t line) {
    if (invalid_ == InvalidUtf8::kKeep || first_invalid_utf8(bytes) < 0) return std::string(bytes);
    if (!warned_)
      log_warning("data", path().string(), ": invalid UTF-8 in the document that ends near line ", line,
                  "; such bytes become U+FFFD (said once per file)");
    warned_ = true;
    return repair_utf8(bytes);
  }

  InvalidUtf8 invalid_;
  bool separated_ = false, separated_known_ = false, warned_ = false;
  std::string pending_;  // the document being gathered
  std::string rest_;     // a line longer than a document may be
  size_t rest_used_ = 0;
};

}  // namespace

Result<std::unique_ptr<DocumentFile>> open_txt(const fs::path& path, int64_t group_documents, InvalidUtf8 invalid) {
  return std::unique_ptr<DocumentFile>(std::make_unique<TxtFile>(path, group_documents, invalid));
}

}  // namespace lathe::data
