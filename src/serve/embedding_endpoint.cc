// POST /v1/embeddings: the mean of the last hidden states over a text's tokens, of length 1.
#include <bit>
#include <cmath>
#include <utility>

#include "core/text.h"
#include "serve/answer_json.h"
#include "serve/answer_schemas.h"
#include "serve/api_bodies.h"
#include "serve/api_endpoint.h"
#include "serve/generation_setup.h"
#include "tokenizer/base64.h"

namespace lathe::serve {
namespace {

constexpr size_t kTokensAtOnce = 512;  // between two steps of the engine, so that its answers go on

void normalise(std::vector<float>& vector) {
  double sum = 0;
  for (const float value : vector) sum += static_cast<double>(value) * static_cast<double>(value);
  if (sum <= 0 || !std::isfinite(sum)) return;
  for (float& value : vector) value = static_cast<float>(static_cast<double>(value) / std::sqrt(sum));
}

std::vector<float> mean_of_rows(const Tensor& states) {
  const std::span<const float> values = states.span<float>();
  const auto width = static_cast<size_t>(states.shape()[1]), rows = static_cast<size_t>(states.shape()[0]);
  std::vector<double> sums(width);
  for (size_t row = 0; row < rows; ++row)
    for (size_t i = 0; i < width; ++i) sums[i] += static_cast<double>(values[row * width + i]);
  std::vector<float> mean;
  for (const double sum : sums) mean.push_back(static_cast<float>(sum / static_cast<double>(rows)));
  return mean;
}

std::string little_endian(const std::vector<float>& vector) {
  std::string bytes;
  for (const float value : vector) {
    const auto bits = std::bit_cast<uint32_t>(value);
    for (unsigned shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(bits >> shift & 0xFF));
  }
  return bytes;
}

// All inputs of one request; goes from one gap between steps to the next.
class EmbeddingRun : public std::enable_shared_from_this<EmbeddingRun> {
 public:
  EmbeddingRun(FoundModel found, std::shared_ptr<ApiReply> reply, std::vector<std::vector<int32_t>> inputs, const EmbeddingBody& body)
      : found_(std::move(found)), reply_(std::move(reply)), inputs_(std::move(inputs)), dimensions_(body.dimensions), base64_(body.encoding_format == "base64") {}
  // The engine went away with the work still waiting.
  ~EmbeddingRun() {
    if (!reply_->answered() && !reply_->is_gone()) reply_->fail(engine_down("The engine is out of service; see /health"));
  }

  void go_on() {
    const auto self = shared_from_this();
    if (!found_.target.model->worker->run_between([self](infer::LanguageModel& model) { self->work(model); })) {
      const bool alive = found_.target.model->worker->state().alive;
      reply_->fail(fault_of(alive ? Submission::kFull : Submission::kDown, found_.target));
    }
  }

 private:
  void work(infer::LanguageModel& model) {
    for (size_t tokens = 0; next_ < inputs_.size() && tokens < kTokensAtOnce; ++next_) {
      if (reply_->is_gone()) return;
      tokens += inputs_[next_].size();
      std::vector<float> vector = mean_of_rows(model.hidden_states(inputs_[next_]));
      if (dimensions_ && *dimensions_ > static_cast<int64_t>(vector.size()))
        return reply_->fail(*wrong_at("dimensions", join_text("must be at most ", vector.size(), ", the model's width, not ", *dimensions_)));
      normalise(vector);
      if (dimensions_) {
        vector.resize(static_cast<size_t>(*dimensions_));
        normalise(vector);
      }
      add(vector);
    }
    if (next_ < inputs_.size()) return go_on();
    finish();
  }
  void add(const std::vector<float>& vector) {
    Json entry = Json::object();
    entry["object"] = "embedding";
    entry["index"] = static_cast<int64_t>(data_.size());
    if (base64_) {
      entry["embedding"] = tokenizer::to_base64(little_endian(vector));
    } else {
      Json values = Json::array();
      for (const float value : vector) values.push_back(static_cast<double>(value));
      entry["embedding"] = std::move(values);
    }
    data_.push_back(std::move(entry));
  }
  void finish() {
    int64_t tokens = 0;
    for (const std::vector<int32_t>& ids : inputs_) tokens += static_cast<int64_t>(ids.size());
    Json usage = Json::object();
    usage["prompt_tokens"] = tokens;
    usage["total_tokens"] = tokens;
    Json body = Json::object();
    body["object"] = "list";
    body["data"] = std::move(data_);
    body["model"] = found_.name;
    body["usage"] = std::move(usage);
    reply_->respond(body);
  }

  const FoundModel found_;
  const std::shared_ptr<ApiReply> reply_;
  const std::vector<std::vector<int32_t>> inputs_;
  const std::optional<int64_t> dimensions_;
  const bool base64_;
  size_t next_ = 0;
  Json data_ = Json::array();
};

void answer(const EmbeddingBody& body, FoundModel found, const std::shared_ptr<ApiReply>& reply) {
  const ServedModel& model = *found.target.model;
  if (found.target.adapter >= 0) return reply->fail(*wrong_at("model", "is an adapter; embeddings are those of its base model"));
  std::vector<std::vector<int32_t>> inputs(body.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string place = prompt_place("input", i, inputs.size());
    if (Wrong wrong = prompt_ids(body.inputs[i], true, model, place, inputs[i])) return reply->fail(*wrong);
    if (static_cast<int64_t>(inputs[i].size()) > model.context_limit)
      return reply->fail(prompt_too_long(join_text(place, ": has ", inputs[i].size(), " tokens, the model's context is ", model.context_limit), place));
  }
  std::make_shared<EmbeddingRun>(std::move(found), reply, std::move(inputs), body)->go_on();
}

void embed(ApiContext& context, const ApiCall& call) {
  const auto body = std::make_shared<EmbeddingBody>();
  if (Wrong wrong = read_body(call.body, *body)) return call.reply->fail(*wrong);
  with_model(context, body->model, call.reply, [body, reply = call.reply](const FoundModel& found) { answer(*body, found, reply); });
}

}  // namespace

std::vector<Endpoint> embedding_endpoints() {
  return {{"POST", "/v1/embeddings", "A vector for each text", body_schema<EmbeddingBody>(), embedding_answer_schema(), false, false, embed}};
}

}  // namespace lathe::serve
