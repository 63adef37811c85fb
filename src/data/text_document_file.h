// The text formats as groups: what .txt and .jsonl share.
#pragma once

#include "data/document_file.h"
#include "data/line_reader.h"

namespace lathe::data {

// Reads documents one after another and counts them into groups; a format says how one document is read.
class TextDocumentFile : public DocumentFile {
 public:
  TextDocumentFile(fs::path path, int64_t group_documents)
      : path_(std::move(path)), group_documents_(group_documents) {}
  Result<bool> read_group(int64_t index, std::vector<std::string>& texts) final;
  Result<DocumentFileSize> measure() final;

 protected:
  // The next document of `lines`; only counted when text is null. False at the end.
  virtual Result<bool> next_document(LineReader& lines, std::string* text) = 0;
  // Called before the first line is read again.
  virtual Status start() { return {}; }
  const fs::path& path() const { return path_; }

 private:
  Status seek(int64_t document);

  fs::path path_;
  int64_t group_documents_;
  std::unique_ptr<LineReader> lines_;
  int64_t position_ = 0;  // documents read so far
  bool at_end_ = false;
};

// One JSON object a line, its text under "text", else "content"; blank lines are skipped. A line must be valid JSON
// (so valid UTF-8) with such a field: an error names the line.
Result<std::unique_ptr<DocumentFile>> open_jsonl(const fs::path& path, int64_t group_documents);

// Where the file has lines that hold only <|endoftext|>, the documents are what stands between them. Else paragraphs
// (split at blank lines) are gathered until a document has 4000 bytes; one that reaches 16000 is cut, at a line end, a
// space or at least between characters. Invalid UTF-8 becomes U+FFFD, with one warning per file, or stays. Lines end in
// LF.
enum class InvalidUtf8 { kReplace, kKeep };
Result<std::unique_ptr<DocumentFile>> open_txt(const fs::path& path, int64_t group_documents,
                                               InvalidUtf8 invalid = InvalidUtf8::kReplace);

constexpr int64_t kGatheredBytes = 4000;
constexpr int64_t kLongestParagraphBytes = 16000;

}  // namespace lathe::data
