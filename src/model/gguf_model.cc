#include "model/gguf_model.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/log.h"
#include "core/parallel.h"
#include "model/gguf_layout.h"

namespace lathe::model {
namespace {

constexpr int64_t kTableBytes = 16 << 20;  // that the tables of rotary positions may take beside four times the file
constexpr const char* kRopeFactors = "rope_freqs.weight";
// LLaMA 3's rope scaling stands in files as one factor a frequency; what it was made from is written beside it.
constexpr const char *kLowKey = "lathe.rope.low_freq_factor", *kHighKey = "lathe.rope.high_freq_factor";
constexpr const char* kOriginalEnd = ".rope.scaling.original_context_length";
// Not in files: llama.cpp knows what Gemma's scores are divided by from the number of layers.
constexpr int64_t kGemma2Large = 46, kGemma3Large = 62;

struct Architecture {
  const char* name;
  Family family;
  bool interleaved;              // rotary embedding of neighbours
  bool qk_norm, qkv_bias;
  const char* layer_kinds;       // Gemma's: with a sliding window, and all that goes with it; empty: another family
  double local_base;             // of rotary positions in windowed layers
  int64_t large;                 // the number of layers whose scores are divided by the root of width / heads
};
constexpr Architecture kArchitectures[] = {
    {"llama", Family::kLlama, true, false, false, "", 0, 0},
    {"qwen2", Family::kLlama, false, false, true, "", 0, 0},
    {"qwen3", Family::kLlama, false, true, false, "", 0, 0},
    {"gemma2", Family::kLlama, false, false, false, "SG", 0, kGemma2Large},
    {"gemma3", Family::kLlama, false, true, false, "SSSSSG", 10000, kGemma3Large},
    {"gpt2", Family::kGpt2, false, false, false, "", 0, 0},
};
bool is_gemma(const Architecture& architecture) { return *architecture.layer_kinds != '\0'; }

const Architecture* find_architecture(const GgufFile& file) {
  const GgufValue* value = file.find("general.architecture");
  for (const Architecture& known : kArchitectures)
    if (value && value->text() == known.name) return &known;
  return nullptr;
}

// Keys of one architecture.
class Keys {
 public:
  Keys(const GgufFile& file, std::string architecture, std::string path) : file_(file), architecture_(std::move(architecture)), path_(std::move(path)) {}

  template <class... Parts>
  Error wrong(const std::string& key, const Parts&... parts) const { return error_at(path_, -1, "key \"", name_of(key), "\" ", parts...); }
  std::string name_of(const std::string& key) const { return architecture_ + "." + key; }
  const GgufValue* find(const std::string& key) const { return file_.find(name_of(key)); }

  // A whole number above 0; an array of equal ones (a number a layer) is read as one of them. fallback < 0: the key must be there.
  Result<int64_t> size(const std::string& key, int64_t fallback = -1) const {
    const GgufValue* value = find(key);
    if (value == nullptr && fallback >= 0) return fallback;
    if (value == nullptr) return wrong(key, "is missing");
    std::optional<int64_t> number = value->integer();
    if (const auto list = value->integers(); list && !list->empty()) {
      if (std::any_of(list->begin(), list->end(), [&](int64_t x) { return x != list->front(); })) return wrong(key, "differs between layers, which is not supported");
      number = list->front();
    }
    if (!number || *number < 1 || *number > INT32_MAX) return wrong(key, "must be a whole number above 0");
    return *number;
  }
  Result<double> number(const std::string& key, double fallback) const {
    const GgufValue* value = find(key);
    if (value == nullptr) return fallback;
    const std::optional<double> found = value->number();
    if (!found || !std::isfinite(*found)) return wrong(key, "must be a number");
    return *found;
  }

 private:
  const GgufFile& file_;
  std::string architecture_, path_;
};

std::vector<float> rope_factors(const ModelConfig& c) {
  const int64_t half = c.head_width() / 2;
  std::vector<float> out;
  const RopeScaling& s = c.rope_scaling;
  const double length = static_cast<double>(s.original_length);
  for (int64_t j = 0; j < half; ++j) {
    const double turns = length / (2 * M_PI * std::pow(c.rope_base, static_cast<double>(2 * j) / static_cast<double>(c.head_width())));
    const double smooth = std::clamp((turns - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor), 0.0, 1.0);
    out.push_back(static_cast<float>(1 / ((1 - smooth) / s.factor + smooth)));
  }
  return out;
}

// The scaling whose factors the file lists.
Status read_rope_factors(const GgufFile& file, const std::string& architecture, const std::string& path, ModelConfig& c) {
  const GgufTensor* tensor = file.find_tensor(kRopeFactors);
  if (tensor == nullptr) return {};
  const int64_t half = c.head_width() / 2;
  c.rope_scaling.stretch = RopeStretch::kLlama3;
  if (tensor->type != BlockType::kF32 || tensor->elements() != half)
    return error_at(path, -1, "tensor \"", kRopeFactors, "\" must be ", half, " numbers of f32");
  std::vector<float> stated(static_cast<size_t>(half));
  decode_blocks(BlockType::kF32, tensor->data, stated);
  c.rope_scaling.factor = *std::max_element(stated.begin(), stated.end());
  const auto number_at = [&](const std::string& key, double fallback) {
    const GgufValue* value = file.find(key);
    return value ? value->number().value_or(fallback) : fallback;
  };
  c.rope_scaling.low_freq_factor = number_at(kLowKey, 1);
  c.rope_scaling.high_freq_factor = number_at(kHighKey, 4);
  const double original = number_at(architecture + kOriginalEnd, 8192);
  if (!(original >= 1 && original <= 1e9)) return error_at(path, -1, "key \"", architecture, kOriginalEnd, "\" must be a length");
  c.rope_scaling.original_length = static_cast<int64_t>(original);
  const std::vector<float> expected = rope_factors(c);
  for (size_t i = 0; i < stated.size(); ++i)
    if (!(std::abs(stated[i] - expected[i]) <= 1e-3f * expected[i]))
      return error_at(path, -1, "tensor \"", kRopeFactors, "\" holds frequencies that are not LLaMA 3's scaling");
  return {};
}

Status read_rope(const GgufFile& file, const Keys& keys, const std::string& architecture, const std::string& path, ModelConfig& c) {
  LATHE_TRY(c.rope_base, keys.number("rope.freq_base", 10000));
  LATHE_TRY(const int64_t turned, keys.size("rope.dimension_count", c.head_width()));
  if (turned != c.head_width()) return keys.wrong("rope.dimension_count", "is ", turned, ", heads have ", c.head_width(), " channels; partial rotation is not supported");
  const GgufValue* type = keys.find("rope.scaling.type");
  if (type && type->text() != "none" && type->text() != "linear") return keys.wrong("rope.scaling.type", "is not known; none and linear are");
  for (const char* key : {"rope.scaling.factor", "rope.scale_linear"}) {
    LATHE_TRY(const double factor, keys.number(key, 1));
    if (factor == 1 || factor == 0) continue;
    if (!(factor > 0)) return keys.wrong(key, "must be above 0");
    c.rope_scaling.stretch = RopeStretch::kLinear;
    c.rope_scaling.factor = factor;
  }
  return read_rope_factors(file, architecture, path, c);
}

Status read_gemma(const Keys& keys, const Architecture& architecture, ModelConfig& c) {
  c.mlp = Mlp::kGeglu;
  c.norm_plus_one = c.post_norms = c.scaled_embedding = true;
  LATHE_TRY(c.attention_softcap, keys.number("attn_logit_softcapping", 0));
  LATHE_TRY(c.softcap, keys.number("final_logit_softcapping", 0));
  LATHE_TRY(c.sliding_window, keys.size("attention.sliding_window"));
  LATHE_TRY(c.rope_local_base, keys.number("rope.freq_base_swa", architecture.local_base));
  c.layer_kinds = architecture.layer_kinds;
  if (c.n_layer == architecture.large) c.query_scalar = static_cast<double>(c.n_embd) / static_cast<double>(c.n_head);
  return {};
}

// Sizes that are multiplied later are those of tensors, which the file holds.
Status compare_sizes(const GgufFile& file, const ModelConfig& c, const std::string& path) {
  const auto check = [&](const char* name, int64_t expected, bool rows) -> Status {
    const GgufTensor* tensor = file.find_tensor(name);
    if (tensor == nullptr) return error_at(path, -1, "tensor \"", name, "\" is missing");
    const Shape shape = tensor->shape();
    if (shape.rank() != 2 || shape[rows ? 0 : 1] != expected)
      return error_at(path, -1, "tensor \"", name, "\" has shape ", join_text(shape), ", ", expected, rows ? " rows" : " columns", " are expected");
    return {};
  };
  LATHE_TRY_STATUS(check("token_embd.weight", c.n_embd, false));
  LATHE_TRY_STATUS(check("blk.0.ffn_up.weight", c.hidden(), true));
  if (c.family == Family::kGpt2) {
    LATHE_TRY_STATUS(check("position_embd.weight", c.sequence_len, true));
    return check("blk.0.attn_qkv.weight", 3 * c.n_embd, true);
  }
  LATHE_TRY_STATUS(check("blk.0.attn_q.weight", c.n_head * c.head_dim, true));
  return check("blk.0.attn_k.weight", c.n_kv_head * c.head_dim, true);
}

// What the file has; c.n_embd and the others are still to be compared with the tensors.
Result<ModelConfig> read_config(const GgufFile& file, const Architecture& architecture, const std::string& path) {
  const Keys keys(file, architecture.name, path);
  const bool gpt2 = architecture.family == Family::kGpt2;
  ModelConfig c = gpt2 ? gpt2_config({}) : llama_config({});
  LATHE_TRY(c.n_layer, keys.size("block_count"));
  if (c.n_layer > static_cast<int64_t>(file.tensors.size())) return keys.wrong("block_count", "is ", c.n_layer, ", the file has ", file.tensors.size(), " tensors");
  LATHE_TRY(c.n_embd, keys.size("embedding_length"));
  LATHE_TRY(c.n_head, keys.size("attention.head_count"));
  LATHE_TRY(c.n_kv_head, keys.size("attention.head_count_kv", c.n_head));
  LATHE_TRY(c.mlp_hidden, keys.size("feed_forward_length"));
  LATHE_TRY(c.sequence_len, keys.size("context_length"));
  LATHE_TRY(c.head_dim, keys.size("attention.key_length", c.n_embd / c.n_head));
  LATHE_TRY(const int64_t value_width, keys.size("attention.value_length", c.head_dim));
  if (value_width != c.head_dim) return keys.wrong("attention.value_length", "differs from that of keys, which is not supported");
  LATHE_TRY(const double experts, keys.number("expert_count", 0));
  if (experts > 0) return keys.wrong("expert_count", "is ", experts, "; mixtures of experts are not supported");
  LATHE_TRY(c.norm_eps, keys.number(gpt2 ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", c.norm_eps));
  c.qk_norm = architecture.qk_norm;
  c.qkv_bias = architecture.qkv_bias;
  if (!gpt2) LATHE_TRY_STATUS(read_rope(file, keys, architecture.name, path, c));
  const GgufTensor* embedding = file.find_tensor("token_embd.weight");
  if (embedding == nullptr) return error_at(path, -1, "tensor \"token_embd.weight\" is missing");
  c.vocab_size = embedding->shape()[0];
  c.tied_embeddings = file.find_tensor("output.weight") == nullptr;
  if (!gpt2 && !c.qkv_bias) c.attention_bias = file.find_tensor("blk.0.attn_q.bias") != nullptr;
  if (!gpt2) c.mlp_bias = file.find_tensor("blk.0.ffn_up.bias") != nullptr;
  if (is_gemma(architecture)) LATHE_TRY_STATUS(read_gemma(keys, architecture, c));
  LATHE_TRY_STATUS(compare_sizes(file, c, path));
  if (gpt2) return c;
  const int64_t row_bytes = c.head_dim * static_cast<int64_t>(sizeof(float));
  if (const int64_t most = (kTableBytes + 4 * file.file.size()) / row_bytes; c.sequence_len > most) {
    log_info("gguf", path, ": a context of ", c.sequence_len, " is cut to ", most);
    c.sequence_len = most;
  }
  c.rope_length = c.sequence_len;
  return c;
}

// The parameter's part of a tensor, row by row; a row is whole blocks.
void decode_rows(const GgufTensor& tensor, const GgufPlace& place, const Tensor& parameter) {
  const int64_t rows = parameter.dim(0), columns = parameter.rank() == 2 ? parameter.dim(1) : 1;
  float* out = parameter.data<float>();
  if (parameter.rank() == 1) {
    std::vector<float> all(static_cast<size_t>(tensor.elements()));
    decode_blocks(tensor.type, tensor.data, all);
    const float less = place.plus_one ? 1.0f : 0.0f;
    for (int64_t row = 0; row < rows; ++row) out[parameter_row(place, rows, row)] = all[static_cast<size_t>(place.first_row + row)] - less;
    return;
  }
  const BlockCode& code = block_code(tensor.type);
  const int64_t row_bytes = columns / code.values * code.bytes;
  parallel_for(rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      decode_blocks(tensor.type, tensor.data + (place.first_row + row) * row_bytes,
                    {out + parameter_row(place, rows, row) * columns, static_cast<size_t>(columns)});
  });
}

// Each parameter's place, compared with the file: nothing is left over, nothing is missing, all shapes are right.
Result<std::vector<GgufPlace>> find_places(const GgufFile& file, const Architecture& architecture, const Transformer& shape_of,
                                           const std::string& path) {
  std::vector<GgufPlace> places;
  std::set<std::string> used = {kRopeFactors};
  for (const autograd::Parameter* p : shape_of.parameters()) {
    const std::optional<GgufPlace> place = gguf_place(shape_of.config(), architecture.interleaved, p->name, p->value.shape());
    if (!place) return error_at(path, -1, "there is no place for \"", p->name, "\" in a GGUF file");
    const GgufTensor* tensor = file.find_tensor(place->name);
    if (tensor == nullptr) return error_at(path, -1, "tensor \"", place->name, "\" is missing");
    Shape expected{place->rows};
    if (p->value.rank() == 2) expected.append(p->value.dim(1));
    if (tensor->shape() != expected)
      return error_at(path, -1, "tensor \"", place->name, "\" has shape ", join_text(tensor->shape()), ", expected ", join_text(expected));
    used.insert(place->name);
    places.push_back(*place);
  }
  for (const GgufTensor& tensor : file.tensors)
    if (!used.contains(tensor.name)) return error_at(path, -1, "tensor \"", tensor.name, "\" is not known to this model");
  return places;
}

}  // namespace

Result<ModelConfig> gguf_config(const GgufFile& file, const std::string& path) {
  const Architecture* architecture = find_architecture(file);
  if (architecture == nullptr) {
    const GgufValue* value = file.find("general.architecture");
    std::string known;
    for (const Architecture& one : kArchitectures) known += join_text(known.empty() ? "" : ", ", one.name);
    return error_at(path, -1, "general.architecture \"", value ? value->text().value_or("") : "", "\" is not known; known are ", known);
  }
  LATHE_TRY(ModelConfig config, read_config(file, *architecture, path));
  if (const Status status = config.validate(); !status.ok()) return error_at(path, -1, status.error().to_string());
  return config;
}

Result<std::unique_ptr<Transformer>> load_gguf(const GgufFile& file, const std::string& path, DType dtype, bool with_gradients, int64_t tokens) {
  LATHE_TRY(ModelConfig config, gguf_config(file, path));
  if (tokens > config.vocab_size)
    return error_at(path, -1, "the tokenizer has ", tokens, " tokens, tensor \"token_embd.weight\" has ", config.vocab_size, " rows");
  if (tokens > 0) config.pad_vocabulary(tokens);
  const Architecture& architecture = *find_architecture(file);
  const Transformer shapes(config, dtype, Device::kMeta);
  LATHE_TRY(const std::vector<GgufPlace> places, find_places(file, architecture, shapes, path));
  auto model = std::make_unique<Transformer>(config, dtype, Device::kCpu, with_gradients);
  const std::vector<autograd::Parameter*> parameters = model->parameters();
  for (size_t i = 0; i < places.size(); ++i) decode_rows(*file.find_tensor(places[i].name), places[i], parameters[i]->value);
  model->refresh_compute();
  return model;
}

namespace {

// The parameters that lie in one tensor, in its order.
struct Piece {
  Tensor value;
  GgufPlace place;
};

GgufSource source_of(const std::string& name, std::vector<Piece> pieces, BlockType type, bool tied) {
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.place.first_row < b.place.first_row; });
  const int64_t columns = pieces[0].value.rank() == 2 ? pieces[0].value.dim(1) : 1;
  GgufSource source;
  source.name = name;
  source.extents = columns > 1 || pieces[0].value.rank() == 2 ? std::vector<int64_t>{columns, pieces[0].place.rows} : std::vector<int64_t>{pieces[0].place.rows};
  source.type = stored_type(name, source.extents, type, tied);
  struct Rows {
    const float* data;
    int64_t rows, first;
    GgufPlace place;
  };
  std::vector<Rows> parts;
  for (const Piece& piece : pieces) parts.push_back({piece.value.data<float>(), piece.value.dim(0), piece.place.first_row, piece.place});
  source.read = [parts, columns](int64_t begin, std::span<float> out) {
    const bool plus_one = parts[0].place.plus_one;
    for (size_t i = 0; i < out.size();) {
      const int64_t at = begin + static_cast<int64_t>(i), row = at / columns, column = at % columns;
      const Rows* part = &parts[0];
      for (const Rows& candidate : parts)
        if (candidate.first <= row) part = &candidate;
      const auto count = std::min(static_cast<size_t>(columns - column), out.size() - i);
      std::copy_n(part->data + parameter_row(part->place, part->rows, row - part->first) * columns + column, count, out.begin() + static_cast<std::ptrdiff_t>(i));
      i += count;
    }
    if (plus_one)
      for (float& value : out) value += 1;
  };
  return source;
}

bool has_layers(const ModelConfig& c, std::string_view pattern) {
  for (int64_t i = 0; i < c.n_layer; ++i)
    if (c.sliding_window == 0 || c.layer_kind(i) != pattern[static_cast<size_t>(i) % pattern.size()]) return false;
  return true;
}

// What llama.cpp has no graph for.
Result<const Architecture*> architecture_of(const ModelConfig& c) {
  const auto find = [](std::string_view name) -> const Architecture* {
    for (const Architecture& known : kArchitectures)
      if (name == known.name) return &known;
    return nullptr;
  };
  if (c.family == Family::kChat)
    return error("llama.cpp has no graph for the chat family (value embeddings, squared ReLU, norms without weights): it runs in lathe alone");
  if (c.family == Family::kGpt2) {
    if (c.norm != Norm::kLayer || !c.norm_weight || !c.norm_bias || c.positions != Positions::kLearned || c.mlp != Mlp::kGeluTanh ||
        !c.attention_bias || !c.mlp_bias || c.n_kv_head != c.n_head || c.qk_norm || c.sliding_window > 0 || c.softcap > 0)
      return error("llama.cpp's GPT-2 has LayerNorm with biases, learned positions, tanh GELU and biases everywhere; this model differs");
    return find("gpt2");
  }
  if (c.norm != Norm::kRms || !c.norm_weight || c.positions != Positions::kRope || !c.gated_mlp() || c.rope_direction != -1 || c.rope_bf16_tables)
    return error("llama.cpp's LLaMA has RMSNorm with weights, rotary positions and a gated MLP; this model differs");
  if (c.post_norms || c.norm_plus_one || c.scaled_embedding || c.mlp == Mlp::kGeglu) {
    const Architecture* gemma = find(c.qk_norm ? "gemma3" : "gemma2");
    if (!c.post_norms || !c.norm_plus_one || !c.scaled_embedding || c.mlp != Mlp::kGeglu || !has_layers(c, gemma->layer_kinds) || c.attention_bias ||
        c.mlp_bias || c.qkv_bias || !c.tied_embeddings || (c.qk_norm && (c.softcap > 0 || c.attention_softcap > 0)))
      return error("llama.cpp's ", gemma->name, " has fixed settings (layers ", gemma->layer_kinds, ", tied embeddings, no biases); this model differs");
    const double divisor = c.n_layer == gemma->large ? static_cast<double>(c.n_embd) / static_cast<double>(c.n_head) : static_cast<double>(c.head_width());
    if (c.query_scalar != 0 && c.query_scalar != divisor)
      return error("llama.cpp's ", gemma->name, " of ", c.n_layer, " layers divides scores by the root of ", divisor, ", this model by that of ", c.query_scalar);
    return gemma;
  }
  if (c.softcap > 0 || c.attention_softcap > 0 || c.query_scalar > 0) return error("llama.cpp's LLaMA has no softcaps and no divisor of scores of its own");
  if (c.sliding_window > 0 || !c.layer_kinds.empty())
    return error("llama.cpp's LLaMA and Qwen have no sliding window and no kinds of layers; this model has");
  if (c.qk_norm && (c.attention_bias || c.mlp_bias || c.qkv_bias)) return error("llama.cpp's Qwen 3 has no biases");
  if (c.qkv_bias && (c.attention_bias || c.mlp_bias)) return error("llama.cpp's Qwen 2 has biases of queries, keys and values alone");
  return find(c.qk_norm ? "qwen3" : c.qkv_bias ? "qwen2" : "llama");
}

}  // namespace

BlockType stored_type(const std::string& name, const std::vector<int64_t>& extents, BlockType type, bool tied) {
  if (extents.size() < 2) return BlockType::kF32;
  const bool head = name == (tied ? "token_embd.weight" : "output.weight");
  if (head && (type == BlockType::kQ4_0 || type == BlockType::kQ4_K)) type = BlockType::kQ6_K;
  if (extents[0] % block_code(type).values == 0) return type;
  return extents[0] % block_code(BlockType::kQ8_0).values == 0 ? BlockType::kQ8_0 : BlockType::kF16;
}

Result<GgufContent> gguf_content(const Transformer& model, const std::string& name, BlockType type) {
  const ModelConfig& c = model.config();
  LATHE_TRY(const Architecture* architecture, architecture_of(c));
  GgufContent out;
  const auto add = [&](const std::string& key, GgufValue value) { out.metadata.emplace_back(key, std::move(value)); };
  const std::string prefix = std::string(architecture->name) + ".";
  const auto add_size = [&](const char* key, int64_t value) { add(prefix + key, GgufValue::of_uint32(static_cast<uint32_t>(value))); };
  add("general.architecture", GgufValue::of_text(architecture->name));
  add("general.name", GgufValue::of_text(name));
  add_size("vocab_size", c.padded_vocab());
  add_size("context_length", c.sequence_len);
  add_size("embedding_length", c.n_embd);
  add_size("block_count", c.n_layer);
  add_size("feed_forward_length", c.hidden());
  add_size("attention.head_count", c.n_head);
  add_size("attention.head_count_kv", c.n_kv_head);
  add(prefix + (c.norm == Norm::kLayer ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon"), GgufValue::of_float32(static_cast<float>(c.norm_eps)));
  if (c.positions == Positions::kRope) {
    add_size("attention.key_length", c.head_width());
    add_size("attention.value_length", c.head_width());
    add_size("rope.dimension_count", c.head_width());
    add(prefix + "rope.freq_base", GgufValue::of_float32(static_cast<float>(c.rope_base)));
  }
  if (is_gemma(*architecture)) {
    add_size("attention.sliding_window", c.sliding_window);
    if (c.rope_local_base > 0) add(prefix + "rope.freq_base_swa", GgufValue::of_float32(static_cast<float>(c.rope_local_base)));
    if (c.attention_softcap > 0) add(prefix + "attn_logit_softcapping", GgufValue::of_float32(static_cast<float>(c.attention_softcap)));
    if (c.softcap > 0) add(prefix + "final_logit_softcapping", GgufValue::of_float32(static_cast<float>(c.softcap)));
  }
  std::map<std::string, std::vector<Piece>> tensors;
  std::vector<std::string> order;
  for (const autograd::Parameter* p : model.parameters()) {
    const std::optional<GgufPlace> place = gguf_place(c, architecture->interleaved, p->name, p->value.shape());
    if (!place) return error("llama.cpp has no tensor for \"", p->name, "\"");
    if (!tensors.contains(place->name)) order.push_back(place->name);
    tensors[place->name].push_back({p->value, *place});
  }
  for (const std::string& one : order) out.tensors.push_back(source_of(one, tensors[one], type, c.tied_embeddings));
  if (c.rope_scaling.factor > 0 && c.rope_scaling.stretch == RopeStretch::kLinear) {
    add(prefix + "rope.scaling.type", GgufValue::of_text("linear"));
    add(prefix + "rope.scaling.factor", GgufValue::of_float32(static_cast<float>(c.rope_scaling.factor)));
  } else if (c.rope_scaling.factor > 0) {
    add(kLowKey, GgufValue::of_float32(static_cast<float>(c.rope_scaling.low_freq_factor)));
    add(kHighKey, GgufValue::of_float32(static_cast<float>(c.rope_scaling.high_freq_factor)));
    add(architecture->name + std::string(kOriginalEnd), GgufValue::of_uint32(static_cast<uint32_t>(c.rope_scaling.original_length)));
    const std::vector<float> factors = rope_factors(c);
    out.tensors.push_back({kRopeFactors, {static_cast<int64_t>(factors.size())}, BlockType::kF32,
                           [factors](int64_t begin, std::span<float> values) { std::copy_n(factors.begin() + begin, values.size(), values.begin()); }, nullptr});
  }
  return out;
}

}  // namespace lathe::model
