// lathe serve: the chat page and its stream over HTTP (rows C-11.7 to C-11.25, C-11.38).
#include <chrono>
#include <thread>

#include "cli/model_choice.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "core/signals.h"
#include "infer/engine.h"
#include "infer/transformer_model.h"
#include "serve/chat_server.h"
#include "serve/engine_generator.h"

namespace lathe::cli {
namespace {

class Serve : public Verb {
 public:
  Serve() {
    const serve::ChatDefaults defaults;
    choice_.sampling.temperature = defaults.temperature;
    choice_.sampling.top_k = defaults.top_k;
    choice_.max_tokens = defaults.max_tokens;
  }
  VerbInfo info() const override { return {"serve", "use", "the chat page and its API over HTTP", "lathe serve --port 8000", "", 0}; }
  void describe(SettingsTable& table) override {
    choice_.describe(table);
    table.group("server");
    table.add("host", &host_, "address to listen on; other than loopback means that other machines can talk to it");
    table.add("port", &port_, "0: a free one").short_flag = 'p';
    table.add("num_gpus", &num_gpus_, "model copies; only one without CUDA").short_flag = 'n';
    table.add("max_waiting", &max_waiting_, "requests in the queue; more are answered 503");
    table.add("cors_origin", &cors_origins_, "pages of these origins may use the API");
  }
  Result<Exit> run(Context& context) override;

 private:
  ModelChoice choice_;
  std::string host_ = "127.0.0.1";
  int64_t port_ = 8000, num_gpus_ = 1, max_waiting_ = 8;
  std::vector<std::string> cors_origins_;
};

Result<Exit> Serve::run(Context& context) {
  if (num_gpus_ != 1) return error_at("num_gpus", -1, "more than one model copy needs CUDA");
  if (port_ < 0 || port_ > 65535) return error_at("port", -1, port_, " is not a port (0 to 65535)");
  if (max_waiting_ < 0) return error_at("max_waiting", -1, "must be at least 0");
  const StopSignals signals;
  LATHE_TRY(train::LoadedModel loaded, choice_.load(context));
  infer::TransformerModel model(*loaded.model);
  infer::Engine engine(model, loaded.tokenizer);
  LATHE_TRY(auto generator, serve::EngineGenerator::make(engine, device_name(context.device())));

  serve::ChatServerOptions options;
  options.host = host_;
  options.port = static_cast<int>(port_);
  options.app.defaults.temperature = choice_.sampling.temperature;
  options.app.defaults.top_k = choice_.sampling.top_k;
  options.app.defaults.max_tokens = choice_.max_tokens;
  options.app.max_waiting = max_waiting_;
  options.app.cors_origins = cors_origins_;
  LATHE_TRY(const auto server, serve::ChatServer::listen(options));
  server->attach(std::move(generator));
  context.print("Sampling defaults: temperature ", choice_.sampling.temperature, ", top-k ", choice_.sampling.top_k, ", max tokens ", choice_.max_tokens);
  context.print("Open ", server->url(), " in a browser; Ctrl-C stops the server");
  while (!StopSignals::requested()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  log_info("serve", "stopping");
  server->stop();
  return Exit::kDone;
}

}  // namespace

std::unique_ptr<Verb> make_serve() { return std::make_unique<Serve>(); }

}  // namespace lathe::cli
