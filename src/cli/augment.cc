// lathe augment: synthetic conversations about the assistant itself, by a model behind a chat-completions endpoint.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <thread>

#include "cli/verbs.h"
#include "core/environment.h"
#include "core/log.h"
#include "core/signals.h"
#include "core/text.h"
#include "net/http.h"
#include "tasks/identity_prompt.h"

namespace lathe::cli {
namespace {

constexpr size_t kTopicCharacters = 40;
constexpr double kAnswerSeconds = 300;  // without a byte from the endpoint

// Whole lines, each in one write; the file keeps what a killed run wrote.
class LineFile {
 public:
  ~LineFile() {
    if (fd_ >= 0) close(fd_);
  }
  LineFile() = default;
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  Status open(const fs::path& path, bool append) {
    path_ = path.string();
    if (path.has_parent_path()) LATHE_TRY_STATUS(make_folders(path.parent_path()));
    std::error_code code;
    if (!append) fs::remove(path, code);
    if (fs::exists(path, code)) LATHE_TRY_STATUS(drop_torn_line(path));
    fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return fd_ < 0 ? error_at(path_, -1, "cannot write: ", std::strerror(errno)) : Status();
  }
  Status add(std::string line) {
    line += '\n';
    for (std::string_view rest = line; !rest.empty();) {
      const ssize_t count = ::write(fd_, rest.data(), rest.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return error_at(path_, -1, "cannot write: ", std::strerror(errno));
      rest.remove_prefix(static_cast<size_t>(count));
    }
    return {};
  }

 private:
  // A run that was killed within a write has left a line without its end.
  Status drop_torn_line(const fs::path& path) {
    LATHE_TRY(const std::string bytes, read_file(path));
    if (bytes.empty() || bytes.back() == '\n') return {};
    const size_t end = bytes.rfind('\n');
    log_warning("augment", path_, " ended within a line; that line is dropped");
    std::error_code code;
    fs::resize_file(path, end == std::string::npos ? 0 : end + 1, code);
    return code ? error_at(path_, -1, "cannot be cut: ", code.message()) : Status();
  }
  std::string path_;
  int fd_ = -1;
};

class Augment : public Verb {
 public:
  VerbInfo info() const override {
    return {"augment", "data", "conversations about the assistant itself, made by a chat-completions server",
            "lathe augment --knowledge self.md --num 100 --endpoint http://localhost:8000/v1", "", 0};
  }
  void describe(SettingsTable& table) override {
    table.group("what");
    table.add("num", &num_, "conversations");
    table.add("knowledge", &knowledge_, "file with all that may be said of the assistant");
    table.add("output", &output_, "empty: identity_conversations.jsonl in the base folder");
    table.add("append", &append_, "to the file; else it is written anew");
    table.add("save_metadata", &save_metadata_, "topic, persona and dynamic beside the messages");
    table.group("endpoint");
    table.add("endpoint", &endpoint_, "address of the chat completions, or of the API above them");
    table.add("model", &model_, "name of the model there");
    table.add("api_key_env", &api_key_env_, "environment variable with the key; none: no key is sent");
    table.add("workers", &workers_, "requests at once");
  }
  Result<Exit> run(Context& context) override;

 private:
  std::string url() const;
  Result<Json> ask(const std::string& key, const tasks::IdentityChoice& choice, const std::string& knowledge) const;

  int64_t num_ = 1000, workers_ = 4;
  std::string knowledge_ = "knowledge/self_knowledge.md", output_, endpoint_ = "https://openrouter.ai/api/v1/chat/completions";
  std::string model_ = "google/gemini-3-flash-preview", api_key_env_ = "OPENROUTER_API_KEY";
  bool append_ = false, save_metadata_ = false;
};

std::string Augment::url() const {
  constexpr std::string_view kPath = "/chat/completions";
  std::string url = endpoint_;
  while (url.ends_with('/')) url.pop_back();
  return url.ends_with(kPath) ? url : url + std::string(kPath);
}

Result<Json> Augment::ask(const std::string& key, const tasks::IdentityChoice& choice, const std::string& knowledge) const {
  net::HttpRequest request;
  request.url = url();
  request.headers = {{"Content-Type", "application/json"}};
  if (!key.empty()) request.headers.emplace_back("Authorization", "Bearer " + key);
  request.body = tasks::identity_request(model_, tasks::identity_prompt(choice, knowledge)).dump();
  request.stall_seconds = kAnswerSeconds;
  LATHE_TRY(const net::HttpText answer, net::http_text(request));
  if (!answer.reply.broken.empty()) return error(net::describe(answer.reply));
  Result<Json> messages = tasks::identity_messages(answer.body);
  if (!messages.ok() && answer.reply.status != 200) return error(net::describe(answer.reply), ": ", messages.error().message);
  return messages;
}

Result<Exit> Augment::run(Context& context) {
  if (num_ < 0) return error("--num must not be negative, got ", num_);
  if (workers_ < 1 || workers_ > 1024) return error("--workers must be 1 to 1024, got ", workers_);
  LATHE_TRY(std::string knowledge, read_file(knowledge_));
  knowledge = trim_text(knowledge);
  std::string key;
  if (!api_key_env_.empty() && api_key_env_ != "none") {
    key = environment(api_key_env_.c_str());
    if (key.empty()) return error_at(api_key_env_, -1, "is not set: it holds the endpoint's key; another variable: --api-key-env NAME, no key: --api-key-env none");
  }
  fs::path output = output_;
  if (output.empty()) {
    LATHE_TRY(const fs::path base, context.base_folder());
    output = base / "identity_conversations.jsonl";
  }
  LineFile file;
  LATHE_TRY_STATUS(file.open(output, append_));
  context.print("Output file: ", output.string());
  context.print("Generating ", num_, " conversations with ", workers_, " workers from ", url(), " (", model_, ")");

  const StopSignals signals;
  std::atomic<int64_t> next{0};
  std::mutex one_at_a_time;
  int64_t saved = 0, errors = 0;
  Status written;
  const auto work = [&] {
    for (int64_t i = next++; i < num_ && !StopSignals::requested(); i = next++) {
      const tasks::IdentityChoice choice = tasks::choose_identity(static_cast<uint64_t>(i));
      const Result<Json> messages = ask(key, choice, knowledge);
      if (StopSignals::requested() && !messages.ok()) return;
      const std::lock_guard<std::mutex> hold(one_at_a_time);
      if (!written.ok()) return;
      if (!messages.ok()) {
        ++errors;
        context.print("[ERROR] item ", i, ": ", messages.error().to_string());
        continue;
      }
      const Json metadata(Json::Object{{"topic", choice.topic}, {"persona", choice.persona}, {"dynamic", choice.dynamic}});
      written = file.add(save_metadata_ ? Json(Json::Object{{"messages", messages.value()}, {"metadata", metadata}}).dump() : messages.value().dump());
      if (!written.ok()) return;
      ++saved;
      const bool cut = choice.topic.size() > kTopicCharacters;
      context.print("[", saved, "/", num_, "] Topic: ", choice.topic.substr(0, kTopicCharacters), cut ? "..." : "");
    }
  };
  std::vector<std::thread> threads;
  for (int64_t i = 1; i < std::min(workers_, num_); ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  LATHE_TRY_STATUS(written);

  context.print("Saved ", saved, " conversations to ", output.string());
  if (errors > 0) context.print("Errors: ", errors);
  const Json figures(Json::Object{{"saved", saved}, {"errors", errors}, {"output", output.string()}});
  if (StopSignals::requested()) return context.finish(figures, Exit::kInterrupted);
  return context.finish(figures, saved == 0 && errors > 0 ? Exit::kBadInput : Exit::kDone);
}

}  // namespace

std::unique_ptr<Verb> make_augment() { return std::make_unique<Augment>(); }

}  // namespace lathe::cli
