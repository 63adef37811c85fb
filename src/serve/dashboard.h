// The live page of a training run: its curves, samples and a box to talk to the model as it is now. Loopback only; a page of another
// origin is refused. Paths: "/" and the page's files, GET /history (the run and everything so far), GET /events (the same, then every
// new line, as server-sent events), POST /chat (an answer, as server-sent events).
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "serve/dashboard_history.h"
#include "serve/generation_worker.h"
#include "serve/http_server.h"
#include "serve/live_generator.h"
#include "serve/running_dashboard.h"

namespace lathe::serve {

struct DashboardOptions {
  int port = 0;  // 0: any free one
  // What the page shows of the run as a whole: "name", "stage", "steps" (all to be made), "limit_tokens_per_second" (by the machine's
  // product rate), "started" ... The page needs none of them.
  Json run = Json::object();
  std::optional<tokenizer::Tokenizer> tokenizer;  // absent: nobody can talk to the model
  std::string chat_template = "chat";             // of the conversations that it is trained on (tokenizer/chat_template.h)
  double heartbeat_seconds = 15;                  // between signs of life on an idle stream of events
  HttpLimits limits;
  fs::path notices;  // where other programs of this machine look for its address (serve/running_dashboard.h); empty: nowhere
};

// All members may be called from any thread. What the trainer calls returns at once: nothing here waits for a client.
class Dashboard {
 public:
  static Result<std::unique_ptr<Dashboard>> open(DashboardOptions options);
  ~Dashboard();

  // A line of metrics, as train::Metrics writes it.
  void push(int64_t step, const Json& values);
  // Between two steps, by the trainer: copies the weights if somebody has asked a question. exchange: called before and after the
  // copy, where what is to be asked are other weights than those that train (their average).
  void at_border(int64_t step, const model::Transformer& model, const std::function<void()>& exchange = {}) {
    loan_->at_border(step, [&](std::unique_ptr<infer::ModelCopy>& copy) {
      if (exchange) exchange();
      lend(model, copy);
      if (exchange) exchange();
    });
  }
  // The run has ended: pages are told, running answers stop. The server goes with the object.
  void end(const std::string& how);
  std::string url() const;

 private:
  explicit Dashboard(DashboardOptions options);
  static void lend(const model::Transformer& model, std::unique_ptr<infer::ModelCopy>& copy);
  void handle(const HttpRequest& request, std::shared_ptr<Exchange> exchange);
  void listen_to_events(std::shared_ptr<Exchange> exchange);
  void chat(const HttpRequest& request, std::shared_ptr<Exchange> exchange);
  Json snapshot() const;  // under mutex_
  void tell(const std::string& event);  // under mutex_
  void beat();            // the thread of signs of life

  DashboardOptions options_;
  std::shared_ptr<WeightsLoan> loan_ = std::make_shared<WeightsLoan>();
  const LiveGenerator* generator_ = nullptr;  // the worker's
  std::unique_ptr<GenerationWorker> worker_;
  mutable std::mutex mutex_;
  DashboardHistory history_;
  std::string ended_;
  std::vector<std::shared_ptr<Exchange>> listeners_;
  std::condition_variable stopping_changed_;
  bool stopping_ = false;
  std::thread heart_;
  std::unique_ptr<HttpServer> http_;
  std::optional<DashboardNotice> notice_;
};

}  // namespace lathe::serve
