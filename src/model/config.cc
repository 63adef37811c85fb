#include "model/config.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <utility>

#include "core/log.h"
#include "core/settings.h"
#include "core/text.h"

namespace lathe::model {
namespace {

template <class E>
struct Named {
  E value;
  const char* name;
};
constexpr std::array<Named<Family>, 3> kFamilies = {{{Family::kChat, "chat"}, {Family::kLlama, "llama"}, {Family::kGpt2, "gpt2"}}};
constexpr std::array<Named<Norm>, 2> kNorms = {{{Norm::kRms, "rms"}, {Norm::kLayer, "layer"}}};
constexpr std::array<Named<Positions>, 2> kPositions = {{{Positions::kRope, "rope"}, {Positions::kLearned, "learned"}}};
constexpr std::array<Named<Mlp>, 5> kMlps = {{{Mlp::kReluSquared, "relu_squared"},
                                              {Mlp::kGelu, "gelu"},
                                              {Mlp::kGeluTanh, "gelu_tanh"},
                                              {Mlp::kSwiglu, "swiglu"},
                                              {Mlp::kGeglu, "geglu"}}};
constexpr std::array<Named<RopeStretch>, 2> kStretches = {{{RopeStretch::kLlama3, "llama3"}, {RopeStretch::kLinear, "linear"}}};
constexpr std::array<Named<ShortWindow>, 2> kShortWindows = {{{ShortWindow::kHalf, "half"}, {ShortWindow::kQuarter, "quarter"}}};
constexpr std::array<Named<ChatState>, 3> kStates = {{{ChatState::kSeed, "seed"}, {ChatState::kNewest, "newest"}, {ChatState::kOld, "old"}}};

template <class Table, class E>
std::string name_of(const Table& table, E value) {
  for (const auto& entry : table)
    if (entry.value == value) return entry.name;
  return "?";
}

// The enums as text, so that one settings table reads and writes a config.
struct Texts {
  std::string family, norm, positions, mlp, short_window, chat_state, rope_stretch;
  int64_t rope_direction = 1;
};

void describe(SettingsTable& table, ModelConfig& c, Texts& t) {
  table.add("family", &t.family, "chat, llama or gpt2").choices = {"chat", "llama", "gpt2"};
  table.add("chat_state", &t.chat_state, "seed, newest or old").choices = {"seed", "newest", "old"};
  table.add("sequence_len", &c.sequence_len, "training length");
  table.add("vocab_size", &c.vocab_size, "tokens, not padded");
  table.add("n_layer", &c.n_layer, "blocks");
  table.add("n_head", &c.n_head, "query heads");
  table.add("n_kv_head", &c.n_kv_head, "key/value heads");
  table.add("n_embd", &c.n_embd, "width");
  table.add("head_dim", &c.head_dim, "0 = width / heads");
  table.add("mlp_hidden", &c.mlp_hidden, "0 = 4 * width");
  table.add("window_pattern", &c.window_pattern, "L and S per layer");
  table.add("short_window", &t.short_window, "half or quarter").choices = {"half", "quarter"};
  table.add("vocab_multiple", &c.vocab_multiple, "padding of the tables");
  table.add("norm", &t.norm, "rms or layer").choices = {"rms", "layer"};
  table.add("norm_weight", &c.norm_weight, "learned scale");
  table.add("norm_bias", &c.norm_bias, "learned shift");
  table.add("norm_eps", &c.norm_eps, "added to the mean square");
  table.add("mlp", &t.mlp, "activation").choices = {"relu_squared", "gelu", "gelu_tanh", "swiglu", "geglu"};
  table.add("positions", &t.positions, "rope or learned").choices = {"rope", "learned"};
  table.add("rope_base", &c.rope_base, "base of the frequencies");
  table.add("rope_bf16_tables", &c.rope_bf16_tables, "tables rounded to bfloat16");
  table.add("rope_direction", &t.rope_direction, "1 chat, -1 llama");
  table.add("rope_length", &c.rope_length, "0 = 10 * sequence_len");
  table.add("rope_scaling_type", &t.rope_stretch, "llama3 or linear").choices = {"llama3", "linear"};
  table.add("rope_scaling_factor", &c.rope_scaling.factor, "0 = none");
  table.add("rope_scaling_low", &c.rope_scaling.low_freq_factor, "");
  table.add("rope_scaling_high", &c.rope_scaling.high_freq_factor, "");
  table.add("rope_scaling_original", &c.rope_scaling.original_length, "");
  table.add("attention_bias", &c.attention_bias, "");
  table.add("qkv_bias", &c.qkv_bias, "");
  table.add("mlp_bias", &c.mlp_bias, "");
  table.add("tied_embeddings", &c.tied_embeddings, "");
  table.add("dropout", &c.dropout, "");
  table.add("layerdrop", &c.layerdrop, "");
  table.add("sliding_window", &c.sliding_window, "0 = none");
  table.add("scaled_init", &c.scaled_init, "");
  table.add("softcap", &c.softcap, "0 = none");
  table.add("layer_kinds", &c.layer_kinds, "S, G and N per layer");
  table.add("rope_local_base", &c.rope_local_base, "of layers S; 0 = rope_base");
  table.add("attention_softcap", &c.attention_softcap, "0 = none");
  table.add("query_scalar", &c.query_scalar, "0 = head width");
  table.add("norm_plus_one", &c.norm_plus_one, "");
  table.add("post_norms", &c.post_norms, "");
  table.add("scaled_embedding", &c.scaled_embedding, "");
  table.add("embedding_norm", &c.embedding_norm, "");
  table.add("qk_norm", &c.qk_norm, "");
  table.add("qk_norm_eps", &c.qk_norm_eps, "0 = norm_eps");
  table.add("qk_scale", &c.qk_scale, "");
  table.add("lambdas", &c.lambdas, "");
  table.add("value_embeds", &c.value_embeds, "");
  table.add("gate_channels", &c.gate_channels, "");
  table.add("gate_scale", &c.gate_scale, "");
  table.add("smear", &c.smear, "");
  table.add("backout", &c.backout, "");
}

Texts texts_of(const ModelConfig& c) {
  return {name_of(kFamilies, c.family), name_of(kNorms, c.norm), name_of(kPositions, c.positions), name_of(kMlps, c.mlp),
          name_of(kShortWindows, c.short_window), name_of(kStates, c.chat_state), name_of(kStretches, c.rope_scaling.stretch), c.rope_direction};
}

template <class Table, class E>
void set_enum(const Table& table, const std::string& name, E& out) {
  for (const auto& entry : table)
    if (name == entry.name) out = entry.value;
}

}  // namespace

char ModelConfig::layer_kind(int64_t layer) const {
  return layer_kinds.empty() ? 'S' : layer_kinds[static_cast<size_t>(layer) % layer_kinds.size()];
}

void ModelConfig::pad_vocabulary(int64_t tokens) {
  const int64_t rows = padded_vocab();
  if (tokens == vocab_size) return;
  vocab_size = tokens;
  vocab_multiple = rows;
}

int64_t ModelConfig::window(int64_t layer) const {
  const int64_t limit = sliding_window > 0 ? sliding_window - 1 : -1;  // the own position is not an earlier one
  if (family != Family::kChat) return layer_kind(layer) == 'S' ? limit : -1;
  const int64_t pattern = static_cast<int64_t>(window_pattern.size());
  const char letter = static_cast<char>(std::toupper(static_cast<unsigned char>(window_pattern[static_cast<size_t>(layer % pattern)])));
  int64_t own = sequence_len;
  if (letter != 'L' && layer != n_layer - 1)
    own = short_window == ShortWindow::kHalf ? sequence_len / 2 : (sequence_len + 511) / 512 * 128;
  return limit < 0 ? own : std::min(own, limit);
}

Status ModelConfig::validate() const {
  const auto positive = [](const char* key, int64_t value) -> Status {
    if (value < 1) return error_at(key, -1, "must be at least 1, is ", value);
    return {};
  };
  LATHE_TRY_STATUS(positive("sequence_len", sequence_len));
  LATHE_TRY_STATUS(positive("vocab_size", vocab_size));
  LATHE_TRY_STATUS(positive("n_layer", n_layer));
  LATHE_TRY_STATUS(positive("n_head", n_head));
  LATHE_TRY_STATUS(positive("n_kv_head", n_kv_head));
  LATHE_TRY_STATUS(positive("n_embd", n_embd));
  LATHE_TRY_STATUS(positive("vocab_multiple", vocab_multiple));
  constexpr int64_t kLarge = int64_t{1} << 31;
  for (const int64_t value : {sequence_len, vocab_size, n_layer, n_head, n_embd, hidden(), table_length()})
    if (value >= kLarge) return error_at("model", -1, "a size of ", value, " is out of range");
  if (head_dim == 0 && n_embd % n_head != 0) return error_at("n_embd", -1, "width ", n_embd, " is not divisible by ", n_head, " heads");
  if (n_kv_head > n_head || n_head % n_kv_head != 0)
    return error_at("n_kv_head", -1, n_head, " query heads are not divisible by ", n_kv_head, " key/value heads");
  if (head_width() < 2 || head_width() % 2 != 0 || head_width() > 256)
    return error_at("head_dim", -1, "the head width ", head_width(), " must be even, at most 256");
  if (window_pattern.empty()) return error_at("window_pattern", -1, "is empty; use letters S and L");
  for (const char c : window_pattern)
    if (std::string_view("SsLl").find(c) == std::string_view::npos)
      return error_at("window_pattern", -1, "letter '", c, "' in \"", window_pattern, "\"; use S and L");
  for (const char c : layer_kinds)
    if (std::string_view("SGN").find(c) == std::string_view::npos)
      return error_at("layer_kinds", -1, "letter '", c, "' in \"", layer_kinds, "\"; use S, G and N");
  const auto finite = [](const char* key, double value, bool above) -> Status {
    constexpr double kLeast = 1e-30, kMost = 1e15;  // what float32 still divides by
    if (!std::isfinite(value) || value < 0 || value > kMost || (value == 0 ? above : value < kLeast))
      return error_at(key, -1, "must be a number ", above ? "above 0" : "of at least 0", " and at most ", kMost, ", is ", value);
    return {};
  };
  LATHE_TRY_STATUS(finite("attention_softcap", attention_softcap, false));
  LATHE_TRY_STATUS(finite("softcap", softcap, false));
  LATHE_TRY_STATUS(finite("query_scalar", query_scalar, false));
  LATHE_TRY_STATUS(finite("rope_local_base", rope_local_base, false));
  LATHE_TRY_STATUS(finite("rope_base", rope_base, true));
  LATHE_TRY_STATUS(finite("norm_eps", norm_eps, true));
  LATHE_TRY_STATUS(finite("rope_scaling_factor", rope_scaling.factor, false));
  if (rope_scaling.factor > 0 && rope_scaling.stretch == RopeStretch::kLlama3)
    for (const auto& [key, value] : {std::pair{"rope_scaling_low", rope_scaling.low_freq_factor},
                                     std::pair{"rope_scaling_high", rope_scaling.high_freq_factor},
                                     std::pair{"rope_scaling_original", static_cast<double>(rope_scaling.original_length)}})
      LATHE_TRY_STATUS(finite(key, value, true));
  if (value_embeds && n_embd < gate_channels)
    return error_at("n_embd", -1, "value embeddings need a width of at least ", gate_channels, ", it is ", n_embd);
  if (smear && n_embd < 24) return error_at("n_embd", -1, "smear needs a width of at least 24, it is ", n_embd);
  if (dropout < 0 || dropout >= 1) return error_at("dropout", -1, "must be at least 0 and below 1, is ", dropout);
  if (!(layerdrop >= 0 && layerdrop < 1)) return error_at("layerdrop", -1, "must be at least 0 and below 1, is ", layerdrop);
  if (sliding_window < 0) return error_at("sliding_window", -1, "must be at least 1, or 0 for none, is ", sliding_window);
  if (!(qk_norm_eps >= 0)) return error_at("qk_norm_eps", -1, "must be above 0, or 0 for norm_eps, is ", qk_norm_eps);
  if (rope_direction != 1 && rope_direction != -1) return error_at("rope_direction", -1, "must be 1 or -1");
  if (family == Family::kChat && (smear != backout || smear != (chat_state == ChatState::kNewest)))
    return error_at("smear", -1, "smear and backout belong together (the newest state)");
  return {};
}

Json ModelConfig::to_json() const {
  ModelConfig copy = *this;
  Texts texts = texts_of(copy);
  SettingsTable table;
  describe(table, copy, texts);
  return table.to_json();
}

Result<ModelConfig> ModelConfig::from_json(const Json& json, const std::string& path) {
  if (!json.is_object()) return error_at(path, -1, "model_config must be an object");
  ModelConfig config;
  // The state decides the defaults of everything else, so it is read first.
  const std::string state = json.get_string("chat_state", "seed"), family = json.get_string("family", "chat");
  if (family == "llama") config = llama_config({});
  if (family == "gpt2") config = gpt2_config({});
  ChatState chat_state = ChatState::kSeed;
  set_enum(kStates, state, chat_state);
  if (family == "chat") apply_chat_state(config, chat_state);
  if (family == "chat" && !json.contains("window_pattern")) {
    config.window_pattern = "L";
    log_info("model", path, ": no window_pattern, taken as \"L\"");
  }
  Texts texts = texts_of(config);
  SettingsTable table;
  describe(table, config, texts);
  LATHE_TRY_STATUS(table.read_object(json, path));
  set_enum(kFamilies, texts.family, config.family);
  set_enum(kNorms, texts.norm, config.norm);
  set_enum(kPositions, texts.positions, config.positions);
  set_enum(kMlps, texts.mlp, config.mlp);
  set_enum(kShortWindows, texts.short_window, config.short_window);
  set_enum(kStates, texts.chat_state, config.chat_state);
  set_enum(kStretches, texts.rope_stretch, config.rope_scaling.stretch);
  config.rope_direction = static_cast<int>(texts.rope_direction);
  if (const Status status = config.validate(); !status.ok())
    return error_at(path, -1, "model_config: ", status.error().to_string());
  return config;
}

void apply_chat_state(ModelConfig& c, ChatState state) {
  c.family = Family::kChat;
  c.chat_state = state;
  if (state == ChatState::kNewest) {
    c.short_window = ShortWindow::kQuarter;
    c.rope_base = 100000;
    c.rope_bf16_tables = false;
    c.qk_scale = 1.2;
    c.gate_channels = 12;
    c.gate_scale = 3;
    c.smear = c.backout = true;
  } else if (state == ChatState::kOld) {
    c.lambdas = c.value_embeds = false;
    c.window_pattern = "L";
    c.vocab_multiple = 1;
  }
}

ModelConfig chat_config(const ChatSize& size) {
  ModelConfig c;
  c.sequence_len = size.sequence_len;
  c.vocab_size = size.vocab_size;
  c.n_layer = size.depth;
  c.n_embd = (size.depth * size.aspect_ratio + size.head_dim - 1) / size.head_dim * size.head_dim;
  c.n_head = c.n_kv_head = c.n_embd / size.head_dim;
  c.window_pattern = size.window_pattern;
  apply_chat_state(c, size.state);
  return c;
}

namespace {
ModelConfig plain_config(const PlainSize& size, Family family) {
  ModelConfig c;
  c.family = family;
  c.sequence_len = size.sequence_len;
  c.vocab_size = size.vocab_size;
  c.n_layer = size.n_layer;
  c.n_head = size.n_head;
  c.n_kv_head = size.n_kv_head;
  c.n_embd = size.n_embd;
  c.mlp_hidden = size.mlp_hidden;
  c.tied_embeddings = size.tied;
  c.window_pattern = "L";
  c.vocab_multiple = 1;
  c.norm_weight = true;
  c.norm_eps = 1e-5;
  c.rope_bf16_tables = false;
  c.rope_direction = -1;
  c.softcap = 0;
  c.embedding_norm = c.qk_norm = c.lambdas = c.value_embeds = false;
  return c;
}
}  // namespace

ModelConfig llama_config(const PlainSize& size) {
  ModelConfig c = plain_config(size, Family::kLlama);
  c.mlp = Mlp::kSwiglu;
  return c;
}

ModelConfig gpt2_config(const PlainSize& size) {
  ModelConfig c = plain_config(size, Family::kGpt2);
  c.norm = Norm::kLayer;
  c.norm_bias = c.attention_bias = c.mlp_bias = true;
  c.positions = Positions::kLearned;
  c.mlp = Mlp::kGeluTanh;
  return c;
}

}  // namespace lathe::model
