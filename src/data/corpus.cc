#include "data/corpus.h"

#include <algorithm>

#include "core/check.h"
#include "core/sha256.h"
#include "data/text_document_file.h"

namespace lathe::data {
namespace {

constexpr int64_t kTailShare = 20;   // one group in twenty validates
constexpr int64_t kTailGroups = 40;  // a small corpus is cut into about as many groups

bool is_parquet(const fs::path& path) { return path.filename().string().ends_with(".parquet"); }

Result<std::vector<fs::path>> corpus_files(const fs::path& path) {
  std::error_code code;
  if (!fs::exists(path, code))
    return error_at(path.string(), -1, "no such file or folder; make a corpus there (lathe synth) or give another path");
  if (fs::is_directory(path, code)) {
    LATHE_TRY(auto shards, list_files(path, {".parquet"}, false));
    if (!shards.empty()) return shards;
  }
  LATHE_TRY(auto files, list_files(path, document_endings(), true));
  std::erase_if(files, [&](const fs::path& file) { return file != path && is_parquet(file); });
  if (files.empty())
    return error_at(path.string(), -1, "the folder holds no .parquet, .jsonl or .txt file",
                    "; fetch a corpus (lathe download), make one (lathe synth) or give another folder");
  return files;
}

}  // namespace

Result<Split> parse_split(std::string_view name) {
  if (name == "train") return Split::kTrain;
  if (name == "val") return Split::kValidation;
  return error("unknown split \"", name, "\"; it is train or val");
}

Result<std::shared_ptr<const Corpus>> Corpus::open(const fs::path& path, SplitRule rule) {
  std::shared_ptr<Corpus> corpus(new Corpus);
  corpus->path_ = path;
  LATHE_TRY(corpus->files_, corpus_files(path));
  if (rule == SplitRule::kAuto) {
    const auto& files = corpus->files_;
    rule = files.size() > 1 && std::all_of(files.begin(), files.end(), is_parquet) ? SplitRule::kLastFile
                                                                                   : SplitRule::kTail;
  }
  if (rule == SplitRule::kLastFile) LATHE_TRY_STATUS(corpus->split_last_file());
  if (rule == SplitRule::kTail) LATHE_TRY_STATUS(corpus->split_tail());
  if (rule == SplitRule::kTrainOnly)
    for (size_t i = 0; i < corpus->files_.size(); ++i) corpus->train_.push_back({static_cast<int64_t>(i), 0, -1});
  LATHE_TRY_STATUS(corpus->sign());
  return std::shared_ptr<const Corpus>(std::move(corpus));
}

Status Corpus::split_last_file() {
  const auto last = static_cast<int64_t>(files_.size()) - 1;
  if (last == 0)
    return error_at(files_[0].string(), -1,
                    "is the only file, and the last file is the validation set: nothing is left ",
                    "to train on; add a file, or let the tail of this one validate");
  for (int64_t i = 0; i < last; ++i) train_.push_back({i, 0, -1});
  validation_.push_back({last, 0, -1});
  return {};
}

Status Corpus::split_tail() {
  std::vector<DocumentFileSize> sizes(files_.size());
  int64_t documents = 0, text_documents = 0;
  for (size_t i = 0; i < files_.size(); ++i) {
    LATHE_TRY(auto file, open_document_file(files_[i]));
    LATHE_TRY(sizes[i], file->measure());
    documents += sizes[i].documents;
    if (!is_parquet(files_[i])) text_documents += sizes[i].documents;
  }
  if (documents == 0)
    return error_at(path_.string(), -1, "the corpus is empty: ", files_.size(), " file(s), no document",
                    "; give files with text, or make a corpus (lathe synth)");
  // A small corpus gets small groups, so that its tail is a small share of it.
  group_documents_ = std::clamp<int64_t>(text_documents / kTailGroups, 1, kGroupDocuments);
  int64_t total = 0;
  for (size_t i = 0; i < files_.size(); ++i) {
    if (!is_parquet(files_[i])) sizes[i].groups = (sizes[i].documents + group_documents_ - 1) / group_documents_;
    total += sizes[i].groups;
  }
  if (total < 2)
    return error_at(path_.string(), -1, "the corpus has ", documents, " document(s) in one group, so none is left to ",
                    "validate on; give more text (a .txt file is cut at blank lines into documents of about ",
                    kGatheredBytes, " bytes), or a second file");
  int64_t train = total - std::max<int64_t>(1, total / kTailShare);
  for (size_t i = 0; i < files_.size(); ++i) {
    const int64_t groups = sizes[i].groups, here = std::min(groups, train), file = static_cast<int64_t>(i);
    if (here > 0) train_.push_back({file, 0, here});
    if (here < groups) validation_.push_back({file, here, groups});
    train -= here;
  }
  return {};
}

Status Corpus::sign() {
  Sha256 hash;
  for (const fs::path& file : files_) {
    std::error_code code;
    const auto bytes = fs::file_size(file, code);
    if (code) return error_at(file.string(), -1, "cannot ask for the size: ", code.message());
    hash.update(
        join_text(file.lexically_relative(path_).generic_string(), ' ', file.filename().string(), ' ', bytes, '\n'));
  }
  for (const auto* parts : {&train_, &validation_}) {
    for (const CorpusPart& part : *parts)
      hash.update(join_text(part.file, ' ', part.first_group, ' ', part.end_group, ';'));
    hash.update("\n");
  }
  hash.update(join_text(group_documents_));
  fingerprint_ = hash.hex_digest().substr(0, 16);
  return {};
}

Result<std::unique_ptr<DocumentFile>> Corpus::open_file(int64_t file) const {
  require(file >= 0 && file < static_cast<int64_t>(files_.size()), "[corpus] no file ", file);
  return open_document_file(files_[static_cast<size_t>(file)], group_documents_);
}

GroupReader::GroupReader(std::shared_ptr<const Corpus> corpus, Split split, int64_t start, int64_t step)
    : corpus_(std::move(corpus)), split_(split), start_(start), step_(step) {
  require(start_ >= 0 && step_ > 0, "[group_reader] start must not be negative and step positive, got ", start_, ", ",
          step_);
}

int64_t GroupReader::first_group(int64_t part) const {
  return corpus_->parts(split_)[static_cast<size_t>(part)].first_group + start_;
}

void GroupReader::seek(int64_t part, int64_t group) {
  require(part >= 0 && part <= parts() && group >= 0, "[group_reader] no place ", part, ", ", group);
  next_part_ = part;
  next_group_ = group;
}

Result<bool> GroupReader::next_group(std::vector<std::string>& texts) {
  for (; next_part_ < parts(); ++next_part_, next_group_ = -1) {
    const CorpusPart& part = corpus_->parts(split_)[static_cast<size_t>(next_part_)];
    if (next_group_ < 0) next_group_ = first_group(next_part_);
    if (part.end_group >= 0 && next_group_ >= part.end_group) continue;
    if (open_index_ != part.file) {
      LATHE_TRY(open_, corpus_->open_file(part.file));
      open_index_ = part.file;
    }
    LATHE_TRY(const bool found, open_->read_group(next_group_, texts));
    if (!found) continue;
    part_ = next_part_;
    group_ = next_group_;
    next_group_ += step_;
    return true;
  }
  texts.clear();
  return false;
}

}  // namespace lathe::data
