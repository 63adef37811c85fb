#include "cli/batch_file.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "cli/batch_output.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/sha256.h"
#include "serve/api_bodies.h"
#include "serve/generation_setup.h"

namespace lathe::cli {
namespace {

constexpr int64_t kMostWarnings = 20;

struct Line {
  std::string_view text;
  int64_t number;  // in the file, from 1
};

struct Asked {
  Json id;
  infer::Request request;
};

std::vector<Line> lines_of(std::string_view input) {
  std::vector<Line> lines;
  int64_t number = 0;
  for (size_t at = 0; at < input.size();) {
    const size_t end = std::min(input.find('\n', at), input.size());
    ++number;
    if (const std::string_view text = trim_text(input.substr(at, end - at)); !text.empty()) lines.push_back({text, number});
    at = end + 1;
  }
  return lines;
}

Error fault(const serve::ApiFault& fault) { return error(fault.message); }

// From lines to requests, the same whenever asked.
class LineReader {
 public:
  LineReader(const infer::BatchEngine& engine, std::shared_ptr<serve::ServedModel> model, const BatchFileOptions& options)
      : engine_(engine), target_{std::move(model), -1}, options_(options) {}

  Result<Asked> read(const Line& line) const {
    Json json;
    if (const serve::Wrong wrong = serve::parse_body(line.text, json)) return fault(*wrong);
    Asked asked;
    asked.id = line.number;
    if (const Json* id = json.find("id"); id && !id->is_null()) {
      if (!id->is_string() && !id->is_int()) return error("id: must be a text or a whole number");
      asked.id = *id;
    }
    for (const char* name : {"n", "stream", "stream_options", "echo", "tools", "tool_choice", "model"})
      if (json.contains(name)) return error(name, ": has no meaning in a file of prompts; leave it out");
    const bool chat = json.contains("messages");
    if (chat == json.contains("prompt")) return error("needs \"prompt\" or \"messages\", and not both");
    LATHE_TRY_STATUS(chat ? read_chat(json, asked.request) : read_completion(json, asked.request));
    asked.request.top_log_probs = std::max(asked.request.top_log_probs, options_.top_log_probs);
    if (!json.contains("seed")) asked.request.sampling.seed = options_.seed + static_cast<uint64_t>(line.number) - 1;
    LATHE_TRY_STATUS(engine_.check(asked.request));
    return asked;
  }

 private:
  Status read_chat(const Json& json, infer::Request& request) const {
    serve::ChatBody body;
    if (const serve::Wrong wrong = serve::table_of(body).read(json)) return fault(*wrong);
    if (const serve::Wrong wrong = serve::check_body(body)) return fault(*wrong);
    LATHE_TRY_STATUS(set_conversation(body.turns, body.continue_final_message, "messages", request));
    if (body.log_probs) request.top_log_probs = body.top_log_probs;
    return set_rest(body, request);
  }
  Status read_completion(const Json& json, infer::Request& request) const {
    serve::CompletionBody body;
    if (const serve::Wrong wrong = serve::table_of(body).read(json)) return fault(*wrong);
    if (const serve::Wrong wrong = serve::check_body(body)) return fault(*wrong);
    if (body.prompts.size() != 1) return error("prompt: must be one text or one list of ids");
    const std::string* text = std::get_if<std::string>(&body.prompts[0]);
    if (options_.wrap_prompts && text != nullptr) {
      const std::vector<infer::ChatTurn> turns = {{"user", *text, {}, {}}};
      LATHE_TRY_STATUS(set_conversation(turns, false, "prompt", request));
    } else if (const serve::Wrong wrong = serve::prompt_ids(body.prompts[0], body.add_special_tokens, *target_.model, "prompt", request.prompt)) {
      return fault(*wrong);
    }
    if (body.log_probs) request.top_log_probs = *body.log_probs;
    return set_rest(body, request);
  }
  Status set_conversation(std::span<const infer::ChatTurn> turns, bool continues, const char* place, infer::Request& request) const {
    if (!target_.model->format) return error(place, ": the model has no chat template; give \"prompt\"");
    Result<infer::ChatPrompt> prompt = target_.model->format->prompt(turns, {}, continues);
    if (!prompt.ok()) return error(place, ": ", prompt.error().to_string());
    request.prompt = std::move(prompt.value().ids);
    request.stop_ids = std::move(prompt.value().stop_ids);
    return {};
  }
  Status set_rest(const serve::GenerationBody& body, infer::Request& request) const {
    if (const serve::Wrong wrong = serve::set_up(body, target_, 0, request)) return fault(*wrong);
    return {};
  }

  const infer::BatchEngine& engine_;
  serve::ModelTarget target_;
  const BatchFileOptions& options_;
};

Json log_probs_json(const std::vector<infer::LogProb>& log_probs) {
  Json list = Json::array();
  for (const infer::LogProb& entry : log_probs) {
    Json out = Json::object();
    out["token"] = static_cast<int64_t>(entry.token);
    out["logprob"] = static_cast<double>(entry.log_prob);
    Json top = Json::array();
    for (const auto& other : entry.top) top.push_back(Json(Json::Array{Json(static_cast<int64_t>(other.first)), Json(static_cast<double>(other.second))}));
    out["top"] = std::move(top);
    list.push_back(std::move(out));
  }
  return list;
}

std::string failed_line(const Json& id, const std::string& why) {
  Json out = Json::object();
  out["id"] = id;
  out["error"] = why;
  return out.dump();
}

// One answer as it grows.
class Answer : public infer::RequestListener {
 public:
  Answer(Json id, bool log_probs) : id_(std::move(id)), wants_log_probs_(log_probs) {}
  void delta(const infer::Delta& delta) override {
    text_ += delta.text;
    tokens_.insert(tokens_.end(), delta.tokens.begin(), delta.tokens.end());
    log_probs_.insert(log_probs_.end(), delta.log_probs.begin(), delta.log_probs.end());
  }
  void finished(const infer::Finish& finish) override { reason_ = finish.reason; }
  void done(const Status& status, const infer::Usage& usage) override {
    status_ = status;
    usage_ = usage;
    done_ = true;
  }

  bool is_done() const { return done_; }
  const Status& status() const { return status_; }
  const infer::Usage& usage() const { return usage_; }
  const Json& id() const { return id_; }
  std::string line() const {
    Json out = Json::object();
    out["id"] = id_;
    out["text"] = text_;
    Json tokens = Json::array();
    for (const int32_t token : tokens_) tokens.push_back(static_cast<int64_t>(token));
    out["tokens"] = std::move(tokens);
    out["finish_reason"] = reason_ == infer::FinishReason::kLength ? "length" : "stop";
    if (wants_log_probs_) out["logprobs"] = log_probs_json(log_probs_);
    return out.dump();
  }

 private:
  Json id_;
  bool wants_log_probs_, done_ = false;
  std::string text_;
  std::vector<int32_t> tokens_;
  std::vector<infer::LogProb> log_probs_;
  infer::FinishReason reason_ = infer::FinishReason::kStop;
  infer::Usage usage_;
  Status status_;
};

// One run over the lines that are not answered yet.
class FileRun {
 public:
  FileRun(infer::BatchEngine& engine, const LineReader& reader, const std::vector<Line>& lines, const BatchFileOptions& options, BatchOutput& output)
      : engine_(engine), reader_(reader), lines_(lines), options_(options), output_(output), next_(static_cast<size_t>(output.lines())), written_(next_) {}

  Status run(BatchFileFigures& figures, const std::function<void(int64_t, int64_t)>& on_progress, const std::function<bool()>& is_cancelled) {
    while (written_ < lines_.size()) {
      if (is_cancelled()) {
        figures.interrupted = true;
        engine_.stop(error("interrupted"));
        break;
      }
      submit();
      engine_.step();
      LATHE_TRY_STATUS(write_finished(figures));
      on_progress(static_cast<int64_t>(written_), static_cast<int64_t>(lines_.size()));
    }
    return output_.sync();
  }

 private:
  std::string where(size_t index) const { return join_text(options_.input_name, ":", lines_[index].number, ": "); }

  // Some answers wait for a longer one before them: as many lines are on their way as keep the engine busy all the same.
  void submit() {
    const size_t window = static_cast<size_t>(engine_.options().max_rows + std::min(engine_.options().max_waiting, 3 * engine_.options().max_rows));
    while (next_ < lines_.size() && next_ - written_ < window) {
      Result<Asked> asked = reader_.read(lines_[next_]);
      if (!asked.ok()) {
        bad_[next_++] = asked.error().to_string();
        continue;
      }
      infer::Request& request = asked.value().request;
      const auto answer = std::make_shared<Answer>(std::move(asked.value().id), request.top_log_probs >= 0);
      if (engine_.submit(std::move(request), answer) == infer::Admission::kFull) return;
      answers_[next_++] = answer;
    }
  }
  Status write_finished(BatchFileFigures& figures) {
    for (; written_ < next_; ++written_) {
      std::string text;
      if (const auto bad = bad_.find(written_); bad != bad_.end()) {
        text = failed_line(lines_[written_].number, where(written_) + bad->second);
        bad_.erase(bad);
        ++figures.failed;
      } else {
        const std::shared_ptr<Answer>& answer = answers_.at(written_);
        if (!answer->is_done()) return {};
        if (!answer->status().ok() && !options_.skip_bad_lines) return error(where(written_), answer->status().error().to_string());
        if (!answer->status().ok()) ++figures.failed;
        text = answer->status().ok() ? answer->line() : failed_line(answer->id(), where(written_) + answer->status().error().to_string());
        figures.prompt_tokens += answer->usage().prompt_tokens;
        figures.cached_tokens += answer->usage().cached_tokens;
        figures.tokens += answer->usage().completion_tokens;
        answers_.erase(written_);
      }
      LATHE_TRY_STATUS(output_.write(text));
    }
    return {};
  }

  infer::BatchEngine& engine_;
  const LineReader& reader_;
  const std::vector<Line>& lines_;
  const BatchFileOptions& options_;
  BatchOutput& output_;
  size_t next_, written_;
  std::map<size_t, std::shared_ptr<Answer>> answers_;
  std::map<size_t, std::string> bad_;
};

}  // namespace

Result<BatchFileFigures> answer_file(infer::BatchEngine& engine, std::shared_ptr<serve::ServedModel> model, std::string_view input, const BatchFileOptions& options,
                                     const std::function<void(int64_t, int64_t)>& on_progress, const std::function<bool()>& is_cancelled) {
  const std::vector<Line> lines = lines_of(input);
  if (lines.empty()) return error_at(options.input_name, -1, "holds no line");
  const LineReader reader(engine, std::move(model), options);
  int64_t bad = 0;
  for (const Line& line : lines) {
    const Result<Asked> asked = reader.read(line);
    if (is_cancelled()) break;
    if (asked.ok()) continue;
    const std::string where = join_text(options.input_name, ":", line.number, ": ");
    if (!options.skip_bad_lines) return error(where, asked.error().to_string(), "; mend the line, or go on without such lines with --on-error skip");
    if (++bad <= kMostWarnings) log_warning("generate", where, asked.error().to_string());
  }
  if (bad > kMostWarnings) log_warning("generate", bad - kMostWarnings, " more bad lines");

  Json settings = options.settings;
  settings["input_sha256"] = sha256_hex(input);
  LATHE_TRY(BatchOutput output, BatchOutput::open(options.output, settings));
  BatchFileFigures figures;
  figures.lines = static_cast<int64_t>(lines.size());
  figures.resumed = output.lines();
  if (figures.resumed > figures.lines) return error_at(options.output.string(), -1, "has ", figures.resumed, " lines, more than ", options.input_name);
  const double start = Clock::real().seconds();
  FileRun run(engine, reader, lines, options, output);
  LATHE_TRY_STATUS(run.run(figures, on_progress, is_cancelled));
  figures.seconds = Clock::real().seconds() - start;
  return figures;
}

}  // namespace lathe::cli
