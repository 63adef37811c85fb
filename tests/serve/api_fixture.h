// A whole server over a small scripted model: real sockets, router, pool, worker and engine.
#pragma once

#include <atomic>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.h"
#include "serve/http_server.h"
#include "serve/router.h"
#include "tests/infer/mock_model.h"
#include "tests/ref/testing.h"
#include "tests/serve/raw_client.h"

namespace lathe::serve::testing {

// What the model answers to the last user's text: "say X" -> X; "forever" -> "xxxx..."; "calculate" -> 12+30 by the calculator, then "!";
// else "You said: " and the text. A text without
// chat markers is gone on with by the next letters of the alphabet, "z" is the last one.
class ScriptedModel : public infer::testing::MockModel {
 public:
  static constexpr int64_t kWidth = 4;
  static constexpr size_t kNever = 7;  // a token whose probability is 0

  explicit ScriptedModel(tokenizer::Tokenizer tokenizer)
      : MockModel([this](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) {
                    logits[kNever] = -std::numeric_limits<float>::infinity();
                    logits[static_cast<size_t>(next(seen))] = 50;
                  },
                  tokenizer.vocab_size()),
        tokenizer_(std::move(tokenizer)) {}

  // Of token t at position p: (1, t, p, 0).
  Tensor hidden_states(std::span<const int32_t> ids) override {
    const Tensor states = Tensor::zeros({static_cast<int64_t>(ids.size()), kWidth}, DType::kFloat32);
    for (size_t p = 0; p < ids.size(); ++p) {
      float* row = states.data<float>() + p * kWidth;
      row[0] = 1;
      row[1] = static_cast<float>(ids[p]);
      row[2] = static_cast<float>(p);
    }
    return states;
  }

 private:
  int32_t next(const std::vector<int32_t>& seen) const {
    const int32_t header = tokenizer_.special_id(tokenizer::kAssistantStart);
    const auto found = std::find(seen.rbegin(), seen.rend(), header);
    if (found == seen.rend()) {
      const int32_t last = seen.back();
      return last >= 'a' && last < 'z' ? last + 1 : tokenizer_.special_id(tokenizer::kAssistantEnd);
    }
    const auto begun = static_cast<size_t>(found - seen.rbegin());  // tokens of the answer so far
    const std::string script = answer_to(last_user_text({seen.begin(), seen.end() - static_cast<int64_t>(begun)}));
    if (script == "forever") return 'x';
    if (script == "calculate") {
      // The result between the output's marks is the engine's.
      static const std::vector<const char*> marks = {tokenizer::kPythonStart, "1", "2", "+", "3", "0", tokenizer::kPythonEnd, tokenizer::kOutputStart, "4", "2", tokenizer::kOutputEnd, "!"};
      if (begun >= marks.size()) return tokenizer_.special_id(tokenizer::kAssistantEnd);
      const std::string mark = marks[begun];
      return mark.size() == 1 ? mark[0] : tokenizer_.special_id(mark);
    }
    return begun < script.size() ? static_cast<uint8_t>(script[begun]) : tokenizer_.special_id(tokenizer::kAssistantEnd);
  }
  std::string last_user_text(const std::vector<int32_t>& prompt) const {
    const auto end = std::find(prompt.rbegin(), prompt.rend(), tokenizer_.special_id(tokenizer::kUserEnd));
    const auto begin = std::find(end, prompt.rend(), tokenizer_.special_id(tokenizer::kUserStart));
    return tokenizer_.decode(std::vector<int32_t>(begin.base(), end.base() - (end == prompt.rend() ? 0 : 1)));
  }
  static std::string answer_to(const std::string& text) {
    const size_t say = text.rfind("say ");
    if (say != std::string::npos) return text.substr(say + 4);
    if (text == "calculate") return text;
    return text.find("forever") != std::string::npos ? "forever" : "You said: " + text;
  }

  tokenizer::Tokenizer tokenizer_;
};

struct ApiServerOptions {
  infer::BatchEngineOptions engine;
  AccessOptions access;
  RouterOptions router;
  HttpLimits limits;
  bool chat = true;     // the model has a chat format
  bool loads = true;    // false: the model is still being loaded for as long as the server lives
  std::string load_failure;
};

class ApiServer {
 public:
  explicit ApiServer(ApiServerOptions options = {}) : options_(std::move(options)), access_(options_.access) {
    set_entries();
    router_ = std::make_unique<Router>(options_.router, pool_, access_, metrics_);
    http_ = lathe::testing::take(HttpServer::listen("127.0.0.1", 0, options_.limits, [this](const HttpRequest& request, std::shared_ptr<Exchange> exchange) {
      router_->handle(request, std::move(exchange));
    }));
    if (options_.loads) ready();
  }
  ~ApiServer() {
    may_load_ = true;
    gate_ = true;  // a test that failed may have left it closed
    pool_.stop();
    router_->stop();
    http_->stop();
  }

  int port() const { return http_->port(); }
  HttpFigures figures() const { return http_->figures(); }
  ModelPool& pool() { return pool_; }
  Router& router() { return *router_; }
  ModelWorker& worker() { return *served_->worker; }
  // Every step of the engine waits for the gate.
  void close_gate() {
    gate_ = false;
    worker().set_fault_for_test([this] {
      while (!gate_) ::usleep(500);
    });
  }
  void open_gate() { gate_ = true; }
  bool ready() {
    return eventually([this] { return pool_.state().ready; });
  }

  // One request on a connection of its own.
  RawResponse get(std::string_view path, std::string_view headers = "") {
    RawClient client(port());
    client.get(path, headers);
    return client.response();
  }
  RawResponse post(std::string_view path, std::string_view body) {
    RawClient client(port());
    client.post(path, body);
    return client.response();
  }
  Json json(std::string_view path, std::string_view body) {
    const RawResponse response = post(path, body);
    EXPECT_EQ(response.status, 200) << response.body;
    return lathe::testing::take(parse_json(response.body));
  }
  // The "error" of an answer with this status.
  Json fault(std::string_view path, std::string_view body, int status = 400) {
    const RawResponse response = post(path, body);
    EXPECT_EQ(response.status, status) << body << "\n" << response.body;
    const Result<Json> parsed = parse_json(response.body);
    if (!parsed.ok() || !parsed.value().contains("error")) {
      ADD_FAILURE() << "no error in " << response.body;
      return Json::object();
    }
    return parsed.value().at("error");
  }

 private:
  void set_entries() {
    const auto load = [this]() -> Result<std::shared_ptr<ServedModel>> {
      while (!options_.loads && !may_load_) ::usleep(1000);
      if (!options_.load_failure.empty()) return error(options_.load_failure);
      served_ = make_model();
      return served_;
    };
    std::vector<ModelEntry> entries;
    entries.push_back({"tiny", "", -1, 1700000000, load});
    entries.push_back({"tiny-adapter", "tiny", 0, 1700000001, {}});
    pool_.set_entries(std::move(entries));
  }
  std::shared_ptr<ServedModel> make_model() {
    const tokenizer::Tokenizer tokenizer = infer::testing::chat_tokenizer();
    auto served = std::make_shared<ServedModel>(ServedModel{"tiny", tokenizer, {}, std::make_unique<infer::GrammarCompiler>(tokenizer), {}, 0, 0, "cpu", {}, {}, {}});
    auto model = std::make_shared<ScriptedModel>(tokenizer);
    if (options_.chat) served->format = lathe::testing::take(infer::ChatFormat::find("chat", tokenizer));
    served->defaults.sampling.temperature = 0;
    served->defaults.max_tokens = 64;
    served->context_limit = model->context_limit();
    served->vocab_size = model->vocab_size();
    served->about = Json::object();
    served->about["step"] = 3;
    infer::BatchEngineOptions engine = options_.engine;
    engine.pages = 256;
    served->worker = std::make_unique<ModelWorker>(std::make_unique<infer::BatchEngine>(*model, tokenizer, engine));
    served->keep = model;
    return served;
  }

  const ApiServerOptions options_;
  std::atomic<bool> gate_ = true, may_load_ = false;
  std::shared_ptr<ServedModel> served_;
  ModelPool pool_;
  Access access_;
  Metrics metrics_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<HttpServer> http_;
};

// {"messages": [{"role": "user", "content": text}], more...}
inline std::string ask(std::string_view text, std::string_view more = "") {
  Json message = Json::object();
  message["role"] = "user";
  message["content"] = text;
  return "{\"messages\": [" + message.dump() + "]" + (more.empty() ? "" : ", ") + std::string(more) + "}";
}

// The data of a stream's events, "[DONE]" too.
inline std::vector<std::string> events_of(const std::string& body) {
  std::vector<std::string> events;
  for (size_t at = 0; at < body.size();) {
    const size_t end = body.find("\n\n", at);
    if (end == std::string::npos || body.compare(at, 6, "data: ") != 0) {
      ADD_FAILURE() << "not an event: " << body.substr(at);
      return events;
    }
    events.push_back(body.substr(at + 6, end - at - 6));
    at = end + 2;
  }
  return events;
}

}  // namespace lathe::serve::testing
