// What is served where: the page, the chat stream, health and figures (rows C-11.9 to C-11.25).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "serve/chat_request.h"
#include "serve/generation_worker.h"
#include "serve/http_server.h"

namespace lathe::serve {

struct ChatAppOptions {
  ChatDefaults defaults;
  int64_t max_waiting = 8;                // requests behind the running one; more are answered 503
  std::vector<std::string> cors_origins;  // exact origins whose pages may read answers ("http://localhost:3000")
  // Requests must name this machine in Host (a page from elsewhere could otherwise rebind its own name to it). Set for
  // servers that listen on loopback.
  bool only_local_names = true;
  std::function<uint64_t()> draw_seed;  // 31 bits; empty: from the system
};

// handle() and attach() may be called from any thread.
class ChatApp {
 public:
  explicit ChatApp(ChatAppOptions options);
  ~ChatApp();

  // Starts to serve with this generator; once. Before, /health answers "not ready" and chat requests get 503.
  void attach(std::unique_ptr<Generator> generator);
  void handle(const HttpRequest& request, std::shared_ptr<Exchange> exchange);
  void stop();  // ends the running answer within one step, refuses the waiting ones

 private:
  GenerationWorker* worker() const;
  HttpHeaders cors_headers(const HttpRequest& request) const;
  HttpResponse route(const HttpRequest& request) const;          // everything but the chat stream
  HttpResponse health() const;
  HttpResponse stats() const;
  void chat(const HttpRequest& request, const std::shared_ptr<Exchange>& exchange);

  ChatAppOptions options_;
  mutable std::mutex mutex_;
  std::unique_ptr<GenerationWorker> worker_;
  bool stopped_ = false;
};

}  // namespace lathe::serve
