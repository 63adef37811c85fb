// What is served where: the page, the API's endpoints, figures. One router for all of them; who may ask is Access's business.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/file.h"
#include "serve/access.h"
#include "serve/api_endpoint.h"
#include "serve/api_metrics.h"
#include "serve/http_server.h"
#include "serve/metrics.h"
#include "serve/model_pool.h"
#include "serve/task_threads.h"

namespace lathe::serve {

struct RouterOptions {
  std::function<std::string()> dashboard;  // the address of one that runs now, empty: there is none; asked for each /page/info
  fs::path report;                         // the file of a run's report, which need not be there; empty: none is offered
  int64_t task_threads = 2;
  int64_t max_tasks = 1024;             // requests whose bodies wait to be read; more are answered 503
  std::function<uint64_t()> draw_seed;  // 31 bits (row C-11.15); empty: from the system
};

// Any thread. Pool, access and metrics must outlive it.
class Router {
 public:
  Router(RouterOptions options, ModelPool& pool, Access& access, Metrics& metrics);
  ~Router();  // stop()

  void handle(const HttpRequest& request, std::shared_ptr<Exchange> exchange);
  // Requests whose bodies have not been read are answered; call after the pool has stopped, before the HTTP server does.
  void stop();

  const std::vector<Endpoint>& endpoints() const { return endpoints_; }

 private:
  void answer_file(const HttpRequest& request, ApiReply& reply);
  void report(const std::shared_ptr<ApiReply>& reply);
  void page_info(const std::shared_ptr<ApiReply>& reply);

  const RouterOptions options_;
  ModelPool& pool_;
  Access& access_;
  Metrics& metrics_;
  ApiMetrics api_metrics_;
  std::vector<Endpoint> endpoints_;
  TaskThreads tasks_;
  ApiContext context_;
};

}  // namespace lathe::serve
