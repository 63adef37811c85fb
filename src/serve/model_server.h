// The whole server behind `lathe serve`: port, access, router, models.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "serve/access.h"
#include "serve/http_server.h"
#include "serve/metrics.h"
#include "serve/model_pool.h"
#include "serve/router.h"

namespace lathe::serve {

struct ModelServerOptions {
  HttpServerOptions http;  // the observer is the server's
  AccessOptions access;
  RouterOptions router;
  int64_t most_loaded = 1;  // models at a time
};

// One thread but for state().
class ModelServer {
 public:
  // Opens the port and answers /health at once; warns loudly when other machines can reach it and no key is needed.
  static Result<std::unique_ptr<ModelServer>> listen(ModelServerOptions options);
  ~ModelServer();  // stop()

  void serve(std::vector<ModelEntry> entries);  // once; the first is loaded at once
  std::vector<std::string> urls() const { return http_->urls(); }
  int port() const { return http_->port(); }
  PoolState state() const { return pool_.state(); }

  bool drain(double seconds);  // takes nothing new and waits for what is under way; false: it had not ended
  void stop();                 // ends what is under way with an error

 private:
  explicit ModelServer(ModelServerOptions options);

  const ModelServerOptions options_;
  Metrics metrics_;
  Access access_;
  ModelPool pool_;
  Router router_;
  std::unique_ptr<HttpServer> http_;  // last: its threads call all others
};

}  // namespace lathe::serve
