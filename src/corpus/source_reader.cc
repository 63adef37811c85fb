#include "corpus/source.h"
#include "data/line_reader.h"
#include "data/parquet_rows.h"
#include "data/text_document_file.h"

namespace lathe::corpus {
namespace {

constexpr int64_t kTextsAtOnce = 16;  // of the formats that are not handed out by line

// The documents of one file, one after another.
class FileDocuments {
 public:
  virtual ~FileDocuments() = default;
  // The next one, valid until the next call; false at the end.
  virtual Result<bool> next(std::string_view& text, int64_t& line) = 0;
  virtual Block::Form form() const { return Block::Form::kText; }
};

class Lines : public FileDocuments {
 public:
  explicit Lines(std::unique_ptr<data::LineReader> lines) : lines_(std::move(lines)) {}
  Result<bool> next(std::string_view& text, int64_t& line) override {
    do {
      LATHE_TRY(const bool found, lines_->next(text));
      if (!found) return false;
    } while (trim_text(text).empty());
    line = lines_->line_number();
    return true;
  }
  Block::Form form() const override { return Block::Form::kRecord; }

 private:
  std::unique_ptr<data::LineReader> lines_;
};

class Txt : public FileDocuments {
 public:
  explicit Txt(std::unique_ptr<data::DocumentFile> file) : file_(std::move(file)) {}
  Result<bool> next(std::string_view& text, int64_t& line) override {
    if (at_ == texts_.size()) {
      LATHE_TRY(const bool found, file_->read_group(group_++, texts_));
      at_ = 0;
      if (!found) return false;
    }
    text = texts_[at_++];
    line = 0;
    return true;
  }

 private:
  std::unique_ptr<data::DocumentFile> file_;
  std::vector<std::string> texts_;
  size_t at_ = 0;
  int64_t group_ = 0;
};

class Rows : public FileDocuments {
 public:
  explicit Rows(std::unique_ptr<data::ParquetTexts> rows) : rows_(std::move(rows)) {}
  Result<bool> next(std::string_view& text, int64_t& line) override {
    if (at_ == texts_.size()) {
      LATHE_TRY_STATUS(rows_->next(kTextsAtOnce, texts_));
      at_ = 0;
      if (texts_.empty()) return false;
    }
    text = texts_[at_++];
    line = 0;
    return true;
  }

 private:
  std::unique_ptr<data::ParquetTexts> rows_;
  std::vector<std::string> texts_;
  size_t at_ = 0;
};

std::string without_compression(std::string name) {
  for (const std::string_view packed : {".gz", ".zst"})
    if (name.ends_with(packed)) name.resize(name.size() - packed.size());
  return name;
}

Result<std::unique_ptr<FileDocuments>> open_file(const fs::path& path, const std::vector<std::string>& columns) {
  const std::string name = without_compression(path.filename().string());
  if (name.ends_with(".parquet")) {
    LATHE_TRY(auto rows, data::ParquetTexts::open(path, columns));
    return std::unique_ptr<FileDocuments>(std::make_unique<Rows>(std::move(rows)));
  }
  if (name.ends_with(".txt")) {
    LATHE_TRY(auto file, data::open_txt(path, kTextsAtOnce, data::InvalidUtf8::kKeep));
    return std::unique_ptr<FileDocuments>(std::make_unique<Txt>(std::move(file)));
  }
  LATHE_TRY(auto lines, data::LineReader::open(path));
  return std::unique_ptr<FileDocuments>(std::make_unique<Lines>(std::move(lines)));
}

}  // namespace

struct SourceReader::State {
  SourceSettings settings;
  std::vector<SourceFile> files;
  size_t next_file = 0;
  int64_t place = 0;
  std::unique_ptr<FileDocuments> open;
  Block::Form form = Block::Form::kText;  // of the file opened last

  Result<bool> next(Block& block, bool keep) {
    block.clear();
    size_t bytes = 0, documents = 0;
    while (bytes < kBlockBytes && documents < kBlockDocuments) {
      if (settings.max_documents > 0 && place == settings.max_documents) break;
      if (open == nullptr) {
        if (documents > 0 || next_file == files.size()) break;
        LATHE_TRY(open, open_file(files[next_file].path, settings.text_keys));
        form = open->form();
        ++next_file;
      }
      std::string_view text;
      int64_t line = 0;
      LATHE_TRY(const bool found, open->next(text, line));
      if (!found) {
        open.reset();
        continue;
      }
      bytes += text.size(), ++documents;
      if (keep) {
        block.documents.push_back({block.bytes.size(), block.bytes.size() + text.size(), place, line});
        block.bytes += text;
      }
      ++place;
    }
    if (documents > 0) block.file = files[next_file - 1].path;
    block.form = form;
    return documents > 0;
  }
};

SourceReader::SourceReader(SourceSettings settings, std::vector<SourceFile> files) : state_(std::make_unique<State>()) {
  state_->settings = std::move(settings);
  state_->files = std::move(files);
}
SourceReader::~SourceReader() = default;
SourceReader::SourceReader(SourceReader&&) noexcept = default;

Result<bool> SourceReader::next(Block& block) { return state_->next(block, true); }

Status SourceReader::skip(int64_t blocks) {
  Block none;
  for (; blocks > 0; --blocks) {
    LATHE_TRY(const bool found, state_->next(none, false));
    if (!found) break;
  }
  return {};
}

int64_t SourceReader::files_read() const { return static_cast<int64_t>(state_->next_file); }

}  // namespace lathe::corpus
