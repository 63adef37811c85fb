// Writing a corpus: documents are made in parallel, in blocks, and written in the order of their index.
#include <algorithm>
#include <optional>

#include "core/clock.h"
#include "core/environment.h"
#include "core/parallel.h"
#include "core/sha256.h"
#include "tasks/repeat_counter.h"
#include "tasks/synth.h"
#include "tasks/task.h"

namespace lathe::tasks {
namespace {

constexpr int64_t kBlock = 2048;             // documents made at a time
constexpr int64_t kShardBytes = 32'000'000;  // of text
constexpr int64_t kMegabyte = 1'000'000;
constexpr int kSchema = 1;

// A file that hashes what it writes and remembers its place in the manifest.
class HashedFile {
 public:
  static Result<HashedFile> open(const fs::path& folder, const std::string& name) {
    LATHE_TRY(AtomicFileWriter writer, AtomicFileWriter::open(folder / name));
    return HashedFile(std::move(writer), name);
  }
  Status write(std::string_view bytes) {
    hash_.update(bytes);
    ++records_;
    return writer_.write(bytes);
  }
  Status commit(Json& outputs) {
    LATHE_TRY_STATUS(writer_.commit());
    Json entry = Json::object();
    entry["path"] = name_;
    entry["bytes"] = writer_.bytes_written();
    entry["records"] = records_;
    entry["sha256"] = hash_.hex_digest();
    outputs.push_back(std::move(entry));
    return {};
  }

 private:
  HashedFile(AtomicFileWriter writer, std::string name) : writer_(std::move(writer)), name_(std::move(name)) {}
  AtomicFileWriter writer_;
  std::string name_;
  Sha256 hash_;
  int64_t records_ = 0;
};

// One document as it goes to a file.
struct Record {
  std::string line;
  int kind = 0;
  int64_t text_bytes = 0;
  uint64_t text_hash = 0, key_hash = 0;
};

struct Counts {
  int64_t records = 0, text_bytes = 0;
  std::vector<int64_t> of_kind, bytes_of_kind;
  RepeatCounter texts, keys;
  explicit Counts(int kinds) : of_kind(static_cast<size_t>(kinds)), bytes_of_kind(static_cast<size_t>(kinds)) {}
  void add(const Record& record) {
    ++records;
    text_bytes += record.text_bytes;
    ++of_kind[static_cast<size_t>(record.kind)];
    bytes_of_kind[static_cast<size_t>(record.kind)] += record.text_bytes;
    texts.add(record.text_hash);
    if (record.key_hash != 0) keys.add(record.key_hash);
  }
};

Record page_record(uint64_t seed, uint64_t index) {
  Page page = base_page(seed, index);
  Record record;
  record.kind = static_cast<int>(page.kind);
  record.text_bytes = static_cast<int64_t>(page.text.size());
  record.text_hash = RepeatCounter::hash(page.text);
  record.line = Json(Json::Object{{"text", std::move(page.text)}}).dump() + "\n";
  return record;
}

Json part_json(const Part& part) {
  static constexpr const char* kTypes[] = {"text", "python", "python_output"};
  return Json(Json::Object{{"type", kTypes[static_cast<size_t>(part.kind)]}, {"text", part.text}});
}

Record chat_record(const Chat& chat) {
  Record record;
  Json messages = Json::array();
  for (const Turn& turn : chat.conversation) {
    messages.push_back(Json(Json::Object{{"role", "user"}, {"content", turn.user}}));
    Json content = turn.answer.size() == 1 ? Json(turn.answer[0].text) : Json::array();
    record.text_bytes += static_cast<int64_t>(turn.user.size());
    for (const Part& part : turn.answer) {
      record.text_bytes += static_cast<int64_t>(part.text.size());
      if (turn.answer.size() > 1) content.push_back(part_json(part));
    }
    messages.push_back(Json(Json::Object{{"role", "assistant"}, {"content", std::move(content)}}));
  }
  record.kind = static_cast<int>(chat.kind);
  record.line = Json(Json::Object{{"messages", std::move(messages)}}).dump() + "\n";
  record.text_hash = RepeatCounter::hash(record.line);
  if (!chat.key.empty()) record.key_hash = RepeatCounter::hash(chat.key);
  return record;
}

// Records first, first + 1, ... in order, made in parallel; `take` returns false when it has enough.
template <class Make, class Take>
Status stream_records(uint64_t first, Make&& make, Take&& take) {
  std::vector<Record> block(kBlock);
  for (;; first += kBlock) {
    parallel_for(kBlock, 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) block[static_cast<size_t>(i)] = make(first + static_cast<uint64_t>(i));
    });
    for (const Record& record : block) {
      LATHE_TRY(const bool more, take(record));
      if (!more) return {};
    }
  }
}

std::string shard_name(int64_t number) {
  return format_text("base_data/shard_%05lld.jsonl", static_cast<long long>(number));
}

// Shards of an earlier, larger corpus would be read as part of this one.
Status remove_shards_from(const fs::path& folder, int64_t number) {
  std::error_code code;
  while (fs::remove(folder / shard_name(number), code)) ++number;
  if (code) return error_at((folder / shard_name(number)).string(), -1, "cannot remove the old shard: ", code.message());
  return {};
}

Status write_base(const SynthSettings& settings, const fs::path& folder, Counts& counts, Json& outputs,
                  const SynthProgress& progress) {
  const int64_t total = settings.size_mb * kMegabyte;
  const int64_t validation = std::clamp<int64_t>(total / 50, 50'000, 16 * kMegabyte);
  const int64_t training = total - validation;
  const int64_t shards = std::max<int64_t>(1, (training + kShardBytes - 1) / kShardBytes);
  // Bytes of text at which shard i ends; the last one is the validation split.
  const auto end_of = [&](int64_t shard) { return shard == shards ? total : training * (shard + 1) / shards; };
  const auto seed = static_cast<uint64_t>(settings.seed);
  int64_t shard = 0;
  LATHE_TRY(HashedFile first, HashedFile::open(folder, shard_name(0)));
  std::optional<HashedFile> file(std::move(first));
  LATHE_TRY_STATUS(stream_records(
      0, [&](uint64_t i) { return page_record(seed, i); },
      [&](const Record& record) -> Result<bool> {
        LATHE_TRY_STATUS(file->write(record.line));
        counts.add(record);
        if (progress) progress(counts.text_bytes, 0);
        if (counts.text_bytes < end_of(shard)) return true;
        LATHE_TRY_STATUS(file->commit(outputs));
        file.reset();
        if (++shard > shards) return false;
        LATHE_TRY(HashedFile next, HashedFile::open(folder, shard_name(shard)));
        file.emplace(std::move(next));
        return true;
      }));
  return remove_shards_from(folder, shards + 1);
}

Status write_chats(const SynthSettings& settings, const fs::path& folder, const std::string& name, Chat (*make)(uint64_t, uint64_t),
                   int64_t first, int64_t count, Counts& counts, Json& outputs, const SynthProgress& progress) {
  LATHE_TRY(HashedFile file, HashedFile::open(folder, name));
  const auto seed = static_cast<uint64_t>(settings.seed);
  if (count > 0) {
    LATHE_TRY_STATUS(stream_records(
        static_cast<uint64_t>(first), [&](uint64_t i) { return chat_record(make(seed, i)); },
        [&](const Record& record) -> Result<bool> {
          LATHE_TRY_STATUS(file.write(record.line));
          counts.add(record);
          if (progress) progress(0, first + counts.records);
          return --count > 0;
        }));
  }
  return file.commit(outputs);
}

Status write_cases(const SynthSettings& settings, const fs::path& folder, Json& evaluation, Json& outputs) {
  for (const BuiltinTask& task : builtin_tasks()) {
    const std::string& name = task.name;
    const std::vector<TaskCase> cases = synth_cases(name, Split::kTest, settings.eval_cases, static_cast<uint64_t>(settings.seed));
    LATHE_TRY(HashedFile file, HashedFile::open(folder, "eval/" + name + ".jsonl"));
    for (const TaskCase& task_case : cases) LATHE_TRY_STATUS(file.write(task_case_to_json(task_case).dump() + "\n"));
    LATHE_TRY_STATUS(file.commit(outputs));
    const Baselines base = baselines(cases);
    evaluation[name] = Json(Json::Object{{"cases", static_cast<int64_t>(cases.size())},
                                         {"majority_baseline", base.majority},
                                         {"random_baseline", base.random}});
  }
  return {};
}

template <class Name>
Json counts_json(const Counts& counts, int kinds, const Name& name_of) {
  Json json = Json::object();
  json["records"] = counts.records;
  json["text_bytes"] = counts.text_bytes;
  json["repeated_records"] = counts.texts.repeats();
  json["repeats_exact"] = counts.texts.exact();
  Json by_kind = Json::object();
  for (int kind = 0; kind < kinds; ++kind) {
    by_kind[name_of(kind)] = Json(Json::Object{{"records", counts.of_kind[static_cast<size_t>(kind)]},
                                               {"text_bytes", counts.bytes_of_kind[static_cast<size_t>(kind)]}});
  }
  json["kinds"] = std::move(by_kind);
  return json;
}

Status check_settings(const SynthSettings& settings) {
  if (settings.size_mb < 1 || settings.size_mb > 10'000)
    return error_at("size_mb", -1, "is ", settings.size_mb, "; choose 1 to 10000");
  if (settings.conversations < 0) return error_at("conversations", -1, "is negative");
  // Spelling has the fewest cases: held-out words times questions. Far above this the draw would rarely find a new one.
  if (settings.eval_cases < 1 || settings.eval_cases > 4000)
    return error_at("eval_cases", -1, "is ", settings.eval_cases, "; choose 1 to 4000");
  return {};
}

}  // namespace

Status write_corpus(const SynthSettings& settings, const fs::path& folder, Json* manifest,
                    const SynthProgress& progress) {
  LATHE_TRY_STATUS(check_settings(settings));
  const double start = Clock::real().seconds();
  Json outputs = Json::array(), evaluation = Json::object();
  Counts base(kPageKinds), course(kChatKinds), train(kChatKinds), validation(kChatKinds);
  LATHE_TRY_STATUS(write_base(settings, folder, base, outputs, progress));
  const int64_t held = settings.conversations == 0 ? 0 : settings.conversations / 100 + 1;
  LATHE_TRY_STATUS(write_chats(settings, folder, "sft/first.jsonl", first_chat, 0, settings.conversations / 8, course, outputs, nullptr));
  LATHE_TRY_STATUS(write_chats(settings, folder, "sft/train.jsonl", chat, 0, settings.conversations, train, outputs, progress));
  LATHE_TRY_STATUS(
      write_chats(settings, folder, "sft/val.jsonl", chat, settings.conversations, held, validation, outputs, progress));
  LATHE_TRY_STATUS(write_cases(settings, folder, evaluation, outputs));

  const auto page_name = [](int kind) { return page_kind_name(static_cast<PageKind>(kind)); };
  const auto chat_name = [](int kind) { return chat_kind_name(static_cast<ChatKind>(kind)); };
  SynthSettings resolved = settings;
  SettingsTable table;
  describe(table, &resolved);
  Json out = Json::object();
  out["schema"] = kSchema;
  out["kind"] = "synth";
  out["tool"] = "lathe";
  out["tool_version"] = tool_version();
  out["settings"] = table.to_json();
  out["seed"] = settings.seed;
  out["base"] = counts_json(base, kPageKinds, page_name);
  out["sft_first"] = counts_json(course, kChatKinds, chat_name);
  out["sft"] = counts_json(train, kChatKinds, chat_name);
  out["sft"]["repeated_problems"] = train.keys.repeats();
  out["sft_val"] = counts_json(validation, kChatKinds, chat_name);
  out["eval"] = std::move(evaluation);
  out["outputs"] = std::move(outputs);
  out["seconds"] = Clock::real().seconds() - start;
  LATHE_TRY_STATUS(write_json_atomic(folder / "manifest.json", out));
  if (manifest != nullptr) *manifest = std::move(out);
  return {};
}

}  // namespace lathe::tasks
