// lathe bench serve: a server under load, of this process or any that speaks the API, beside what the engine does without one.
#include <cmath>
#include <optional>

#include "bench/infer_bench.h"
#include "bench/load_generator.h"
#include "bench/machine_limits.h"
#include "cli/verbs.h"
#include "core/machine.h"
#include "core/parallel.h"
#include "core/progress.h"
#include "core/signals.h"
#include "infer/transformer_model.h"
#include "model/hugging_face.h"
#include "serve/model_server.h"

namespace lathe::cli {
namespace {

constexpr int64_t kMostStreamsBeside = 32;  // `bench infer` is asked for at most so many
constexpr const char* kResidentMemory = "process_resident_memory_bytes";

// As many tokens as the model has scores for: the bytes, then made-up words, so that every token is whole text.
Result<tokenizer::Tokenizer> made_up_tokenizer(int64_t vocab_size) {
  const auto special = static_cast<int64_t>(tokenizer::chat_special_tokens().size());
  if (vocab_size < 256 + special) return error("a model of ", vocab_size, " tokens has no place for the bytes and ", special, " marks");
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  for (int64_t n = 0; static_cast<int64_t>(tokens.size()) < vocab_size - special; ++n) {
    std::string word = " ";
    for (int64_t rest = n + 26; rest > 0; rest /= 26) word += static_cast<char>('a' + rest % 26);
    tokens.push_back(std::move(word));
  }
  return tokenizer::Tokenizer::from_tokens(tokens);
}

std::shared_ptr<serve::ServedModel> served_model(const std::string& name, std::shared_ptr<infer::TransformerModel> model, const tokenizer::Tokenizer& tokenizer, int64_t rows) {
  infer::BatchEngineOptions options;
  options.max_rows = rows;
  options.max_waiting = options.max_waiting_per_client = 4096;
  auto worker = std::make_unique<serve::ModelWorker>(std::make_unique<infer::BatchEngine>(*model, tokenizer, options));
  const int64_t limit = model->context_limit(), vocab = model->vocab_size();
  return std::make_shared<serve::ServedModel>(serve::ServedModel{name, tokenizer, std::nullopt, std::make_unique<infer::GrammarCompiler>(tokenizer), {}, limit, vocab, "cpu", {}, 0,
                                                                 std::move(model), std::move(worker)});
}

double milliseconds(double seconds) { return seconds * 1000; }

class BenchServe : public Verb {
 public:
  VerbInfo info() const override {
    return {"bench serve", "measure", "a server under load", "lathe bench serve --preset llama-124m --clients 8 --seconds 30 --beside-infer --json", "", 0};
  }
  void describe(SettingsTable& table) override {
    table.group("server");
    table.add("url", &url_, "http://HOST:PORT of a server that speaks the API; empty: one in this process");
    table.add("preset", &preset_, "its model: llama-124m, chat-d6, or a folder of model.safetensors and config.json");
    table.add("weights", &weights_, "as read by the products").choices = {"fp32", "bf16", "int8", "int4"};
    table.add("max_rows", &rows_, "answers it generates at the same time");
    table.add("model", &load_.model, "named in the requests; empty: the server's first");
    table.add("api_key", &load_.server.api_key, "sent with the requests");
    table.group("load");
    table.add("clients", &load_.clients, "each asks again when it has its answer");
    table.add("rate", &load_.rate, "requests a second at random moments instead; 0: off");
    table.add("together", &load_.together, "all clients ask at the same moment, round by round");
    table.add("requests", &load_.requests, "in all; 0: as many as fit");
    table.add("seconds", &load_.seconds, "of load; 0: until all requests are answered");
    table.add("warm_up", &load_.warm_up_seconds, "seconds of them that do not count");
    table.add("prompt_tokens", &prompt_tokens_, "fixed:N, uniform:A:B or lognormal:MEAN:SIGMA");
    table.add("new_tokens", &new_tokens_, "of each answer, likewise");
    table.add("kill", &load_.kill_share, "share of requests cut off by their client");
    table.add("idle", &load_.idle_connections, "connections that only stand there");
    table.add("timeout", &load_.timeout_seconds, "seconds without a byte that end a request");
    table.group("comparison");
    table.add("beside_infer", &beside_infer_, "what `bench infer` measures with the same model, in the same run");
    table.add("first_token", &first_token_, "first the time to first token of one client alone");
  }
  Result<Exit> run(Context& context) override;

 private:
  Status take_options(const Context& context);
  Status start_server();
  double server_rss_mb() const;  // 0: unknown
  Result<double> infer_tok_per_s();
  void print(Context& context, const Json& out) const;

  std::string url_, preset_ = "llama-124m", prompt_tokens_ = "fixed:16", new_tokens_ = "fixed:64", weights_ = "bf16";
  int64_t rows_ = 32, streams_ = 0;
  bool beside_infer_ = false, first_token_ = false;
  bench::LoadOptions load_;
  ops::Limits limits_;
  std::unique_ptr<model::Transformer> model_;
  std::unique_ptr<serve::ModelServer> server_;
};

Status BenchServe::take_options(const Context& context) {
  Result<bench::LengthDistribution> lengths = bench::LengthDistribution::parse(prompt_tokens_);
  if (!lengths.ok()) return error_at("prompt_tokens", -1, lengths.error().message);
  load_.prompt_tokens = lengths.value();
  lengths = bench::LengthDistribution::parse(new_tokens_);
  if (!lengths.ok()) return error_at("new_tokens", -1, lengths.error().message);
  load_.new_tokens = lengths.value();
  load_.seed = static_cast<uint64_t>(context.common().seed);
  if (load_.requests <= 0 && load_.seconds <= 0) load_.requests = 8 * load_.clients;
  if (rows_ < 1) return error_at("max_rows", -1, "must be at least 1");
  if (url_.empty()) return {};
  if (beside_infer_) return error_at("beside_infer", -1, "needs a server of this process: leave out --url");
  Result<bench::ServerAddress> server = bench::parse_server_url(url_);
  if (!server.ok()) return error_at("url", -1, server.error().message);
  server.value().api_key = load_.server.api_key;
  load_.server = std::move(server).value();
  return {};
}

Status BenchServe::start_server() {
  const DType dtype = weights_ == "fp32" ? DType::kFloat32 : DType::kBFloat16;
  if (fs::is_directory(preset_)) {
    LATHE_TRY(model_, model::load_hugging_face(preset_, dtype));
  } else {
    LATHE_TRY(const model::ModelConfig config, bench::find_infer_preset(preset_));
    model_ = std::make_unique<model::Transformer>(config, dtype);
    model_->initialise(42);
  }
  if (weights_ == "int8") model_->quantize(ops::WeightBits::kEight);
  if (weights_ == "int4") model_->quantize(ops::WeightBits::kFour);
  const auto runner = std::make_shared<infer::TransformerModel>(*model_);
  LATHE_TRY(const tokenizer::Tokenizer tokenizer, made_up_tokenizer(runner->vocab_size()));
  serve::ModelServerOptions options;
  options.http.addresses = {{"127.0.0.1", 0, ""}};
  LATHE_TRY(server_, serve::ModelServer::listen(std::move(options)));
  load_.server.port = server_->port();
  serve::ModelEntry entry;
  entry.name = preset_;
  entry.load = [this, runner, tokenizer]() -> Result<std::shared_ptr<serve::ServedModel>> { return served_model(preset_, runner, tokenizer, rows_); };
  server_->serve({std::move(entry)});
  return {};
}

double BenchServe::server_rss_mb() const {
  if (server_) return rss_mb();
  const Result<std::string> text = bench::fetch_text(load_.server, "/metrics");
  if (!text.ok()) return 0;
  for (const std::string& line : split_text(text.value(), '\n'))
    if (line.starts_with(kResidentMemory)) return std::strtod(line.c_str() + std::string_view(kResidentMemory).size(), nullptr) / (1 << 20);
  return 0;
}

Result<double> BenchServe::infer_tok_per_s() {
  streams_ = std::min(load_.rate > 0 ? kMostStreamsBeside : load_.clients, kMostStreamsBeside);
  bench::InferBenchOptions options;
  options.weights = weights_ == "fp32" ? "fp32" : "bf16";  // the model has its codes already
  options.streams = {streams_};
  Rng rng(load_.seed, "bench/beside");
  options.prompt = load_.prompt_tokens.draw(rng);
  options.new_tokens = std::max<int64_t>(load_.new_tokens.draw(rng), 2);
  LATHE_TRY(const Json figures, bench::bench_infer(*model_, options, limits_));
  return figures.at("decode_tok_per_s").as_double();
}

void BenchServe::print(Context& context, const Json& out) const {
  const Json& load = out.at("load");
  const auto times = [&](const char* name, const char* shown) {
    const Json& q = load.at(name);
    context.print(format_text("%-16s p50 %8.1f ms, p90 %8.1f ms, p99 %8.1f ms, most %8.1f ms", shown, q.at("p50_ms").as_double(), q.at("p90_ms").as_double(), q.at("p99_ms").as_double(),
                              q.at("max_ms").as_double()));
  };
  std::string errors;
  for (const Json::Member& error : load.at("errors").as_object()) errors += join_text(errors.empty() ? "" : ", ", error.first, " ", error.second.dump());
  context.print(load.at("asked").as_int(), " requests: ", load.at("answered").as_int(), " answered, ", load.at("killed").as_int(), " cut off by their client; errors: ", errors.empty() ? "none" : errors);
  context.print(format_text("%.1f tokens/s over %.1f s", load.at("tok_per_s").as_double(), load.at("seconds").as_double()));
  times("first_token", "first token");
  times("between_tokens", "between tokens");
  times("whole_answer", "whole answer");
  context.print(format_text("server's memory: %.0f MB at the start, %.0f MB warmed up, %.0f MB at the end", out.at("rss_start_mb").as_double(), out.at("rss_warm_mb").as_double(),
                            out.at("rss_end_mb").as_double()));
  if (const Json* ratio = out.find("ratio_to_infer"))
    context.print(format_text("%.3f of the %.1f tokens/s of `bench infer` with %lld streams", ratio->as_double(), out.at("infer_tok_per_s").as_double(),
                              static_cast<long long>(out.at("infer_streams").as_int())));
  if (const Json* ratio = out.find("first_token_ratio"))
    context.print(format_text("p99 of the first token: %.2f times clients x the %.1f ms of one alone", ratio->as_double(), out.at("idle_first_token_ms").as_double()));
}

Result<Exit> BenchServe::run(Context& context) {
  LATHE_TRY_STATUS(take_options(context));
  const StopSignals signals;
  if (url_.empty()) LATHE_TRY_STATUS(start_server());
  Json out = Json::object();
  out["url"] = url_.empty() ? "" : url_;
  out["preset"] = url_.empty() ? preset_ : "";
  out["weights"] = weights_;
  out["threads"] = num_threads();
  out["clients"] = load_.clients;
  out["rate"] = load_.rate;
  out["prompt_tokens"] = prompt_tokens_;
  out["new_tokens"] = new_tokens_;

  // The model is loaded and everything compiled before anything counts.
  bench::LoadOptions first = load_;
  first.clients = 1, first.rate = first.warm_up_seconds = first.seconds = first.kill_share = 0, first.requests = 2, first.idle_connections = 0, first.together = false;
  first.new_tokens = bench::LengthDistribution::fixed(4);
  out["rss_start_mb"] = server_rss_mb();
  LATHE_TRY(const bench::LoadFigures warm, bench::run_load(first, StopSignals::requested));
  if (warm.answered < warm.asked)
    return error("the server at ", load_.server.host, ":", load_.server.port, " does not answer /v1/completions: ", bench::to_json(warm).at("errors").dump());
  double infer_before = 0;
  if (beside_infer_) {
    limits_ = bench::measure_limits(weights_ == "fp32" ? DType::kFloat32 : DType::kBFloat16);
    LATHE_TRY(infer_before, infer_tok_per_s());
  }
  if (first_token_) {
    first.requests = 12;
    first.seed += 1;  // other prompts: none is in the prefix cache
    LATHE_TRY(const bench::LoadFigures alone, bench::run_load(first, StopSignals::requested));
    out["idle_first_token_ms"] = milliseconds(alone.first_token.p50);
  }

  double warm_rss = server_rss_mb();
  const double began = Clock::real().seconds();
  bool is_warm = false;
  Progress progress("load", 0, "answers");
  LATHE_TRY(const bench::LoadFigures figures, bench::run_load(load_, StopSignals::requested, [&](const bench::LoadFigures& so_far) {
              progress.update(so_far.answered, format_text("%.1f tokens/s", so_far.tok_per_s));
              if (!is_warm && Clock::real().seconds() - began >= load_.warm_up_seconds) is_warm = true, warm_rss = server_rss_mb();
            }));
  progress.finish();
  out["load"] = bench::to_json(figures);
  out["rss_warm_mb"] = warm_rss;
  out["rss_end_mb"] = server_rss_mb();
  if (first_token_)
    out["first_token_ratio"] = milliseconds(figures.first_token.p99) / (static_cast<double>(load_.clients) * out.at("idle_first_token_ms").as_double());
  if (beside_infer_ && !StopSignals::requested()) {
    LATHE_TRY(const double infer_after, infer_tok_per_s());
    const double infer = (infer_before + infer_after) / 2;  // of a machine that may have slowed down in the meantime
    out["infer_streams"] = streams_;
    out["infer_tok_per_s"] = infer;
    out["ratio_to_infer"] = figures.tok_per_s / infer;
  }
  if (server_) server_->stop();
  print(context, out);
  return context.finish(out, StopSignals::requested() ? Exit::kInterrupted : Exit::kDone);
}

}  // namespace

std::unique_ptr<Verb> make_bench_serve() { return std::make_unique<BenchServe>(); }

}  // namespace lathe::cli
