#include "serve/api_endpoint.h"

#include <utility>

namespace lathe::serve {

void with_model(ApiContext& context, const std::string& name, std::shared_ptr<ApiReply> reply, std::function<void(FoundModel)> go) {
  std::string wanted = name;
  if (wanted.empty()) {
    const std::vector<ModelEntry> entries = context.pool.entries();
    if (entries.empty()) return reply->fail(model_loading("The model is still being loaded"));
    wanted = entries.front().name;
  }
  context.pool.find(wanted, [&context, wanted, reply = std::move(reply), go = std::move(go)](ModelPool::Lookup found) {
    if (!found.target.model)
      return reply->fail(found.failure == ModelPool::Failure::kUnknown ? model_unknown(wanted) : model_loading(found.message));
    if (!context.tasks.post([go, model = FoundModel{wanted, found.target}] { go(model); })) reply->fail(queue_full());
  });
}

ApiFault fault_of(Submission refused, const ModelTarget& target) {
  if (refused == Submission::kFull) return queue_full();
  const std::string failure = target.model->worker->state().failure;
  return engine_down(failure.empty() ? "The engine is out of service; see /health" : "The engine is out of service: it failed: " + failure);
}

bool submit(const ModelTarget& target, infer::Request request, std::shared_ptr<infer::RequestListener> listener, ApiReply& reply) {
  const Submission submission = target.model->worker->submit(std::move(request), std::move(listener));
  if (submission == Submission::kAccepted) return true;
  reply.fail(fault_of(submission, target));
  return false;
}

ApiFault engine_fault(const Status& status) {
  return {status.ok() ? "the answer was cut off" : status.error().to_string(), "", 503, "server_error", "engine_error", 0};
}

}  // namespace lathe::serve
