#include "eval/perplexity.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <span>

#include "eval/statistics.h"

namespace lathe::eval {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct KnownText {
  const char* sha256;
  const char* name;
};
constexpr std::array<KnownText, 4> kKnownTexts = {{
    {"173c87a53759e0201f33e0ccf978e510c2042d7f2cb78229d9a50d79b9e7dd08", "WikiText-2 test, raw"},
    {"d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0", "WikiText-2 test, with <unk>"},
    {"4cd0f6876d07a413aa911261ff6d363c72d757d47f0fdd6015702014c89cb9c7", "WikiText-2 validation, raw"},
    {"f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8", "WikiText-2 validation, with <unk>"},
}};

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Positions [begin, begin + length) of the token stream; the last `scored` of their targets are new.
struct Window {
  int64_t begin = 0, length = 0, scored = 0;
};

std::vector<Window> windows_of(int64_t targets, int64_t context, int64_t stride) {
  std::vector<Window> out;
  for (int64_t begin = 0, done = 0; done < targets; begin += stride) {
    const int64_t end = std::min(begin + context, targets);
    out.push_back({begin, end - begin, end - done});
    done = end;
  }
  return out;
}

// Losses of the scored targets of windows of one length, in order.
void score(model::Transformer& model, ops::Context& ctx, std::span<const int32_t> stream, std::span<const Window> windows, std::vector<float>& losses) {
  const int64_t length = windows[0].length, rows = std::ssize(windows);
  std::vector<int32_t> ids, targets;
  for (const Window& window : windows) {
    const auto* first = stream.data() + window.begin;
    ids.insert(ids.end(), first, first + length);
    targets.insert(targets.end(), first + length - window.scored + 1, first + length + 1);
  }
  autograd::Tape tape(ctx, false);
  model::Batch batch;
  batch.ids = Tensor::borrow(ids.data(), {rows * length}, DType::kInt32);
  batch.batch = rows;
  const autograd::Var hidden = model.forward(tape, batch);
  // The head is the dearest part of a small model: it sees the scored positions alone. A row's loss is the same bits in any company.
  const int64_t width = hidden.value.dim(1), n = std::ssize(targets);
  const auto row_bytes = static_cast<size_t>(width * dtype_size(hidden.value.dtype()));
  Tensor scored = Tensor::empty({n, width}, hidden.value.dtype());
  auto* to = static_cast<std::byte*>(scored.raw());
  const auto* from = static_cast<const std::byte*>(hidden.value.raw());
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t count = windows[static_cast<size_t>(r)].scored;
    const size_t bytes = static_cast<size_t>(count) * row_bytes;
    std::memcpy(to, from + static_cast<size_t>((r + 1) * length - count) * row_bytes, bytes);
    to += bytes;
  }
  const Tensor nll = model.loss(tape, autograd::Var{scored, -1}, Tensor::borrow(targets.data(), {n}, DType::kInt32), Tensor());
  const std::span<const float> values = nll.span<float>();
  losses.insert(losses.end(), values.begin(), values.end());
}

}  // namespace

TextForm form_of_text(const std::string& sha256) {
  for (const KnownText& text : kKnownTexts)
    if (sha256 == text.sha256) return {text.name, true};
  return {"another text", false};
}

int64_t count_words(std::string_view text) {
  int64_t words = 0;
  bool inside = false;
  for (const char c : text) {
    const bool space = is_space(c);
    words += !space && !inside;
    inside = !space;
  }
  return words;
}

double PerplexityScore::loss() const { return tokens == 0 ? kInfinity : nats / static_cast<double>(tokens); }
double PerplexityScore::perplexity() const { return std::exp(loss()); }
double PerplexityScore::bits_per_byte() const { return bytes == 0 ? kInfinity : nats / (std::numbers::ln2 * static_cast<double>(bytes)); }
double PerplexityScore::word_perplexity() const { return words == 0 ? kInfinity : std::exp(nats / static_cast<double>(words)); }

tasks::Interval PerplexityScore::interval() const {
  const tasks::Interval mean = bootstrap_mean_interval(blocks);
  return {std::exp(mean.low), std::exp(mean.high)};
}

Json PerplexityScore::to_json() const {
  const tasks::Interval range = interval();
  Json out = Json::object();
  out["value"] = perplexity();
  out["n"] = tokens;
  if (blocks.size() > 1) {
    out["low"] = range.low;
    out["high"] = range.high;
  }
  out["loss"] = loss();
  out["bits_per_byte"] = bits_per_byte();
  out["word_perplexity"] = word_perplexity();
  out["bytes"] = bytes;
  out["words"] = words;
  out["windows"] = windows;
  out["windows_of_text"] = windows_of_text;
  return out;
}

Result<PerplexityScore> measure_perplexity(model::Transformer& model, const tokenizer::Tokenizer& tokenizer, std::string_view text,
                                           const PerplexityOptions& options) {
  PerplexityScore out;
  out.context = options.context > 0 ? options.context : model.config().sequence_len;
  out.stride = options.stride > 0 ? options.stride : std::max<int64_t>(1, out.context / 2);
  if (options.context < 0 || out.context > model.config().table_length())
    return error_at("context", -1, "is ", options.context, ", the model has ", model.config().table_length(), " positions");
  if (options.stride < 0 || out.stride > out.context)
    return error_at("stride", -1, "is ", options.stride, "; it must be 1 to the context, ", out.context, ", so that every token is scored");
  if (options.max_windows == 0 || options.max_windows < -1) return error_at("max_windows", -1, "must be at least 1, or -1 for all");

  std::vector<int32_t> stream;
  if (options.start) stream.push_back(*options.start);
  const std::vector<int32_t> ids = tokenizer.encode(text);
  stream.insert(stream.end(), ids.begin(), ids.end());
  const int64_t targets = std::ssize(stream) - 1;
  if (targets < 1) return error("the text has no token to score");
  for (const int32_t id : stream)
    if (id < 0 || id >= model.config().vocab_size)
      return error("token ", id, " of the text is outside the model's vocabulary of ", model.config().vocab_size);

  std::vector<Window> windows = windows_of(targets, out.context, out.stride);
  out.windows_of_text = std::ssize(windows);
  if (options.max_windows > 0 && options.max_windows < out.windows_of_text) windows.resize(static_cast<size_t>(options.max_windows));
  out.windows = std::ssize(windows);

  ops::Context ctx;
  std::vector<float> losses;
  const auto most = static_cast<size_t>(std::max<int64_t>(1, options.batch_tokens / out.context));
  for (size_t begin = 0, end = 0; begin < windows.size(); begin = end) {
    if (options.is_cancelled && options.is_cancelled()) return error("cancelled");
    while (end < windows.size() && end - begin < most && windows[end].length == windows[begin].length) ++end;
    score(model, ctx, stream, std::span(windows).subspan(begin, end - begin), losses);
    if (options.on_progress) options.on_progress(static_cast<int64_t>(end), out.windows);
  }

  out.tokens = std::ssize(losses);
  for (const float loss : losses) {
    if (!std::isfinite(loss)) return error("a loss is not finite; the weights are damaged");
    out.nats += static_cast<double>(loss);
  }
  const int64_t count = std::max<int64_t>(1, out.tokens / out.stride);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t begin = i * out.tokens / count, end = (i + 1) * out.tokens / count;
    double sum = 0;
    for (int64_t j = begin; j < end; ++j) sum += static_cast<double>(losses[static_cast<size_t>(j)]);
    out.blocks.push_back(sum / static_cast<double>(end - begin));
  }

  // The whole text counts by its own length; for a part of it the tokens' raw lengths say where it ends.
  const std::vector<int32_t> lengths = tokenizer.token_byte_lengths(tokenizer::TokenBytes::kRaw);
  const auto bytes_of = [&](size_t tokens) {
    int64_t bytes = 0;
    for (size_t i = 0; i < tokens; ++i) bytes += lengths[static_cast<size_t>(ids[i])];
    return std::min<int64_t>(bytes, std::ssize(text));
  };
  const int64_t skipped = options.start ? 0 : bytes_of(1);
  const int64_t end = out.windows == out.windows_of_text ? std::ssize(text) : bytes_of(static_cast<size_t>(out.tokens) + (options.start ? 0 : 1));
  out.bytes = end - skipped;
  out.words = count_words(text.substr(static_cast<size_t>(skipped), static_cast<size_t>(out.bytes)));
  return out;
}

}  // namespace lathe::eval
