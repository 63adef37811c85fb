#include "tasks/conversation_file.h"

#include <array>

#include "core/check.h"
#include "data/record_set.h"

namespace lathe::tasks {
namespace {

class FileSet : public ConversationSet {
 public:
  FileSet(std::unique_ptr<data::RecordSet> records, ConversationForm form, FormOptions options)
      : records_(std::move(records)), form_(form), options_(std::move(options)) {}

  // Lists the conversations of all records, so each one is checked.
  Status list() {
    for (int64_t r = 0; r < records_->size(); ++r) {
      LATHE_TRY(const std::vector<Example> examples, examples_in(r));
      for (size_t i = 0; i < examples.size(); ++i) places_.push_back({r, static_cast<int64_t>(i)});
    }
    return {};
  }

  int64_t size() const override { return static_cast<int64_t>(places_.size()); }

  Result<Example> get(int64_t index) const override {
    require(index >= 0 && index < size(), "[conversations] item ", index, " of ", size());
    const Place& place = places_[static_cast<size_t>(index)];
    LATHE_TRY(std::vector<Example> examples, examples_in(place.record));
    if (place.item >= std::ssize(examples)) return records_->error_in(place.record, "changed while it was in use");
    return std::move(examples[static_cast<size_t>(place.item)]);
  }

 private:
  struct Place {
    int64_t record, item;
  };

  Result<std::vector<Example>> examples_in(int64_t record) const {
    LATHE_TRY(const Json json, records_->record(record));
    Result<std::vector<Example>> examples = examples_of(json, form_, options_);
    if (!examples.ok()) return records_->error_in(record, examples.error().message);
    return examples;
  }

  std::unique_ptr<data::RecordSet> records_;
  ConversationForm form_;
  FormOptions options_;
  std::vector<Place> places_;
};

class EmptySet : public ConversationSet {
 public:
  int64_t size() const override { return 0; }
  Result<Example> get(int64_t index) const override {
    require(false, "[conversations] item ", index, " of 0");
    return error("empty");
  }
};

std::string framed(const std::vector<std::string>& lines) {
  const std::string rule(80, '-');
  std::string out = rule + "\n";
  for (const std::string& line : lines) out += line + "\n";
  return out + rule;
}

}  // namespace

Result<ConversationSetPtr> open_conversations(const fs::path& path, const ConversationFileOptions& options) {
  LATHE_TRY(const std::vector<fs::path> files, list_files(path, data::RecordSet::endings(), false));
  if (files.empty()) return error_at(path.string(), -1, "holds no conversations (.jsonl, .jsonl.gz, .jsonl.zst, .json, .parquet)");
  LATHE_TRY(auto records, data::RecordSet::open(files, true));
  if (records->size() == 0) return error_at(path.string(), -1, "holds no conversation");
  std::optional<ConversationForm> form = options.form;
  if (!form) {
    LATHE_TRY(const Json first, records->record(0));
    form = guess_form(first);
    if (!form) return records->error_in(0, "is of no known form: messages, list, sharegpt, alpaca or tree");
  }
  auto set = std::make_shared<FileSet>(std::move(records), *form, options.options);
  LATHE_TRY_STATUS(set->list());
  if (set->size() == 0) return error_at(path.string(), -1, "holds no conversation that is wanted; see its language and rank");
  return ConversationSetPtr(std::move(set));
}

Result<ConversationSetPtr> open_custom_json(const fs::path& path, std::string* warning) {
  std::error_code code;
  if (fs::exists(path, code)) {
    ConversationFileOptions options;
    options.form = ConversationForm::kList;
    return open_conversations(path, options);
  }
  if (warning != nullptr)
    *warning = framed({"Warning: " + path.string() + " does not exist: the task has no conversations.",
                       "The identity conversations are fetched by", "  lathe download identity"});
  return ConversationSetPtr(std::make_shared<EmptySet>());
}

}  // namespace lathe::tasks
