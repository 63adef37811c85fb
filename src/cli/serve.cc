// lathe serve: models over HTTP, with the chat page (rows C-11.7 to C-11.25, C-11.38, L-10).
#include <chrono>
#include <thread>

#include "cli/http_flags.h"
#include "cli/served_models.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "core/signals.h"
#include "serve/model_server.h"
#include "serve/running_dashboard.h"

namespace lathe::cli {
namespace {

constexpr const char* kLabProgram = "100_serve";  // has defaults of its own (row L-10.3)

class Serve : public Verb {
 public:
  VerbInfo info() const override { return {"serve", "use", "models over HTTP, with a chat page and an API that clients know", "lathe serve --port 8000", "", 0}; }
  void describe(SettingsTable& table) override {
    models_.describe(table);
    table.group("server");
    table.add("num_gpus", &num_gpus_, "model copies; only one without CUDA").short_flag = 'n';
    describe_http_flags(table, http_);
    table_ = &table;
  }
  Result<Exit> run(Context& context) override;

 private:
  ServedModels models_;
  HttpFlags http_;
  int64_t num_gpus_ = 1;
  SettingsTable* table_ = nullptr;  // of this run
};

Result<Exit> Serve::run(Context& context) {
  if (num_gpus_ != 1) return error_at("num_gpus", -1, "more than one model copy needs CUDA");
  LATHE_TRY(HttpSetup setup, http_setup(http_, *table_));
  serve::apply_log_options(setup.log);
  if (context.program() == kLabProgram) {
    if (!context.given("temperature")) models_.choice().sampling.temperature = 0.7;
    if (!context.given("max_tokens")) models_.choice().max_tokens = 150;
  }
  // On this machine without keys everybody is one client.
  models_.share_queue(!setup.access.keys.empty() || !setup.access.only_local_names);
  const StopSignals signals;
  LATHE_TRY(std::vector<serve::ModelEntry> entries, models_.entries(context));
  context.print("Serving ", entries.size(), entries.size() == 1 ? " model" : " models", ", at most ", models_.max_models(), " loaded at a time: ");
  for (const serve::ModelEntry& entry : entries) context.print("  ", entry.name, entry.base.empty() ? "" : " (adapter on " + entry.base + ")");

  serve::ModelServerOptions options;
  options.http = std::move(setup.server);
  options.access = std::move(setup.access);
  options.most_loaded = models_.max_models();
  LATHE_TRY(const fs::path base, context.base_folder());
  options.router.report = base / "report" / "report.html";
  // Its address leads to the reader's own machine.
  if (options.access.only_local_names) options.router.dashboard = [notices = base / serve::kDashboardNotices] { return serve::running_dashboard(notices); };
  LATHE_TRY(const auto server, serve::ModelServer::listen(std::move(options)));
  server->serve(std::move(entries));
  const ModelChoice& choice = models_.choice();
  context.print("Sampling defaults: temperature ", choice.sampling.temperature, ", top-k ", choice.sampling.top_k, ", max tokens ", choice.max_tokens,
                "; a model's record may have others");
  for (const std::string& url : server->urls()) context.print("Open ", url, " in a browser; Ctrl-C stops the server");
  while (!StopSignals::requested()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  log_info("serve", "stopping; answers under way have ", setup.drain_seconds, " s");
  if (!server->drain(setup.drain_seconds)) log_warning("serve", "answers under way are cut off");
  server->stop();
  return Exit::kDone;
}

}  // namespace

std::unique_ptr<Verb> make_serve() { return std::make_unique<Serve>(); }

}  // namespace lathe::cli
