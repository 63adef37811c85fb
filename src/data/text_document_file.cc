#include "data/text_document_file.h"

#include "core/check.h"

namespace lathe::data {

Status TextDocumentFile::seek(int64_t document) {
  if (!lines_ || document < position_) {
    LATHE_TRY_STATUS(start());
    LATHE_TRY(lines_, LineReader::open(path_));
    position_ = 0;
    at_end_ = false;
  }
  while (position_ < document && !at_end_) {
    LATHE_TRY(const bool found, next_document(*lines_, nullptr));
    if (found)
      ++position_;
    else
      at_end_ = true;
  }
  return {};
}

Result<bool> TextDocumentFile::read_group(int64_t index, std::vector<std::string>& texts) {
  require(index >= 0, "[read_group] negative group ", index);
  texts.clear();
  LATHE_TRY_STATUS(seek(index * group_documents_));
  while (!at_end_ && static_cast<int64_t>(texts.size()) < group_documents_) {
    std::string text;
    LATHE_TRY(const bool found, next_document(*lines_, &text));
    if (!found) {
      at_end_ = true;
      break;
    }
    ++position_;
    texts.push_back(std::move(text));
  }
  return !texts.empty();
}

Result<DocumentFileSize> TextDocumentFile::measure() {
  LATHE_TRY_STATUS(seek(INT64_MAX));
  return DocumentFileSize{position_, (position_ + group_documents_ - 1) / group_documents_};
}

}  // namespace lathe::data
