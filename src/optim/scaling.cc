#include "optim/scaling.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include "core/check.h"

namespace lathe::optim {
namespace {

constexpr int64_t kVocabMultiple = 64;
constexpr int64_t kSmearChannels = 24;
constexpr double kBatchExponent = 0.383;
constexpr double kLargestCount = 4.0e18;  // fits int64

int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// Row C-3.17, C-3.44.
int64_t window(const ChatShape& shape, int64_t layer) {
  const size_t place = static_cast<size_t>(layer) % shape.window_pattern.size();
  const bool is_long = std::toupper(static_cast<unsigned char>(shape.window_pattern[place])) == 'L';
  if (is_long || layer == shape.n_layer - 1 || shape.architecture == ChatArchitecture::kOld) return shape.sequence_len;
  return shape.architecture == ChatArchitecture::kSeed ? shape.sequence_len / 2
                                                       : (shape.sequence_len + 511) / 512 * 128;
}

}  // namespace

ChatShape chat_shape(int64_t depth, int64_t vocab_size, int64_t sequence_len, const std::string& window_pattern,
                     int64_t aspect_ratio, int64_t head_dim, ChatArchitecture architecture) {
  require(depth > 0 && aspect_ratio > 0 && head_dim > 0,
          "[scaling] depth, aspect ratio and head width must be positive, got ", depth, ", ", aspect_ratio, ", ",
          head_dim);
  const int64_t width = round_up(depth * aspect_ratio, head_dim), heads = width / head_dim;
  return {depth, width, heads, heads, vocab_size, sequence_len, window_pattern, architecture};
}

ChatCounts chat_parameter_counts(const ChatShape& shape) {
  require(shape.n_layer > 0 && shape.n_head > 0 && !shape.window_pattern.empty(),
          "[scaling] the model has no layers, heads or windows");
  const bool old = shape.architecture == ChatArchitecture::kOld,
             newest = shape.architecture == ChatArchitecture::kNewest;
  const int64_t width = shape.n_embd, head_dim = width / shape.n_head, kv_width = shape.n_kv_head * head_dim;
  const int64_t vocab = old ? shape.vocab_size : round_up(shape.vocab_size, kVocabMultiple);
  const int64_t gated_layers = old ? 0 : (shape.n_layer + 1) / 2;  // the last layer and every second before it
  ChatCounts counts;
  counts.wte = counts.lm_head = vocab * width;
  counts.value_embeds = gated_layers * vocab * kv_width;
  counts.transformer_matrices = shape.n_layer * (2 * width * width + 2 * width * kv_width + 8 * width * width) +
                                gated_layers * shape.n_kv_head * (newest ? 12 : 32);
  counts.scalars = old ? 0 : 2 * shape.n_layer + (newest ? kSmearChannels + 2 : 0);
  counts.total = counts.wte + counts.value_embeds + counts.lm_head + counts.transformer_matrices + counts.scalars;
  // Each weight of a product costs 2 FLOPs forward and 4 backward; embeddings cost none.
  counts.flops_per_token = 6.0 * static_cast<double>(counts.scaling() + (newest ? kSmearChannels : 0));
  for (int64_t layer = 0; layer < shape.n_layer; ++layer)
    counts.flops_per_token +=
        12.0 * static_cast<double>(shape.n_head * head_dim * std::min(window(shape, layer), shape.sequence_len));
  return counts;
}

Result<ScalingPlan> plan_scaling(const ScalingRequest& request) {
  if (request.scaling_parameters <= 0 || request.reference_scaling_parameters <= 0)
    return error("the model has no parameters to scale by");
  if (request.param_data_ratio == 0 || !std::isfinite(request.param_data_ratio))
    return error_at("target_param_data_ratio", -1, "must not be ", request.param_data_ratio,
                    "; give tokens for each parameter, such as 10.5");
  const double tokens = request.param_data_ratio * static_cast<double>(request.scaling_parameters);
  if (std::abs(tokens) < 1 || std::abs(tokens) > kLargestCount)
    return error_at("target_param_data_ratio", -1, "ratio ", request.param_data_ratio, " times ",
                    request.scaling_parameters, " parameters is no usable number of tokens");
  ScalingPlan plan;
  plan.target_tokens = static_cast<int64_t>(tokens);
  const double target = static_cast<double>(plan.target_tokens);
  const double reference = request.param_data_ratio * static_cast<double>(request.reference_scaling_parameters);
  const double reference_batch = static_cast<double>(kReferenceBatch);

  plan.total_batch_size = request.total_batch_size;
  if (plan.total_batch_size == -1) {
    const double exponent = std::nearbyint(std::log2(reference_batch * std::pow(target / reference, kBatchExponent)));
    plan.total_batch_size = int64_t{1} << static_cast<int>(std::clamp(exponent, 0.0, 62.0));
  }
  if (plan.total_batch_size <= 0)
    return error_at("total_batch_size", -1, "must be positive or -1, is ", plan.total_batch_size);
  const double batch = static_cast<double>(plan.total_batch_size);
  plan.batch_lr_scale = std::sqrt(batch / reference_batch);
  plan.weight_decay = request.weight_decay * std::sqrt(batch / reference_batch) * (reference / target);

  const auto no_steps = [&](const auto&... parts) {
    return error(parts..., " give no step of ", with_thousands(plan.total_batch_size),
                 " tokens; lower total_batch_size or ask for more");
  };
  if (request.num_iterations > 0) {
    plan.num_iterations = request.num_iterations;
    plan.source = HorizonSource::kIterations;
  } else if (request.target_flops > 0) {
    if (!(request.flops_per_token > 0)) return error("the model's FLOPs per token are not known");
    const double steps = std::nearbyint(request.target_flops / (request.flops_per_token * batch));
    if (steps > kLargestCount) return error_at("target_flops", -1, request.target_flops, " is out of range");
    plan.num_iterations = static_cast<int64_t>(steps);
    plan.source = HorizonSource::kFlops;
    if (plan.num_iterations == 0)
      return no_steps("target_flops ", request.target_flops, " at ", request.flops_per_token, " FLOPs a token");
  } else if (request.param_data_ratio > 0) {
    plan.num_iterations = plan.target_tokens / plan.total_batch_size;
    plan.source = HorizonSource::kRatio;
    if (plan.num_iterations == 0) return no_steps(with_thousands(plan.target_tokens), " target tokens");
  } else {
    return error("no training horizon: give num_iterations, target_flops or target_param_data_ratio above 0");
  }
  return plan;
}

Result<int64_t> total_batch_tokens(int64_t total_batch_size, int64_t target_global_batch, int64_t sequence_len) {
  if (target_global_batch < 0) return total_batch_size;
  if (target_global_batch == 0) return error_at("target_global_batch", -1, "must be at least 1 row");
  const int64_t tokens = target_global_batch * sequence_len;
  if (total_batch_size >= 0 && total_batch_size != tokens)
    return error_at("target_global_batch", -1, target_global_batch, " rows of ", sequence_len, " tokens are ",
                    with_thousands(tokens), ", but total_batch_size says ", with_thousands(total_batch_size),
                    "; give one of the two");
  return tokens;
}

Result<int64_t> accumulation_steps(int64_t total_batch_size, int64_t device_batch, int64_t sequence_len,
                                   int64_t ranks) {
  constexpr int64_t kLargestBatch = int64_t{1} << 40, kLargestFactor = int64_t{1} << 31, kMostSteps = int64_t{1} << 16;
  if (total_batch_size <= 0 || device_batch <= 0 || sequence_len <= 0 || ranks <= 0 ||
      total_batch_size > kLargestBatch || device_batch > kLargestFactor || sequence_len > kLargestFactor ||
      ranks > kLargestFactor)
    return error("batch sizes, sequence length and ranks must be positive and of usable size, got ", total_batch_size,
                 ", ", device_batch, ", ", sequence_len, ", ", ranks);
  const int64_t row = sequence_len * ranks;          // tokens of one sequence on every rank
  const int64_t sequences = total_batch_size / row;  // on each rank
  const bool whole = total_batch_size % row == 0;
  if (whole && sequences % device_batch == 0) {
    const int64_t steps = sequences / device_batch;
    if (steps <= kMostSteps) return steps;
    return error("a total batch of ", with_thousands(total_batch_size), " tokens takes ", with_thousands(steps), " micro batches, at most ",
                 with_thousands(kMostSteps), " are held at once; take a larger device_batch_size");
  }

  std::string remedy =
      join_text("no device_batch_size fits; make total_batch_size a multiple of ", with_thousands(row));
  if (whole) {
    int64_t nearest = 1;
    const auto consider = [&](int64_t divisor) {
      if (std::abs(divisor - device_batch) < std::abs(nearest - device_batch)) nearest = divisor;
    };
    for (int64_t small = 1; small * small <= sequences; ++small)
      if (sequences % small == 0) consider(small), consider(sequences / small);
    remedy = join_text("the nearest device_batch_size that fits is ", nearest);
  }
  return error_at("total_batch_size", -1, with_thousands(total_batch_size),
                  " tokens a step cannot be split into micro batches of ", device_batch, " (device_batch_size) x ",
                  sequence_len, " (max_seq_len) x ", ranks, " (ranks) tokens; ", remedy);
}

}  // namespace lathe::optim
