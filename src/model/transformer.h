// The one decoder-only transformer of the project; training, evaluation, roll-outs and serving all run forward() here.
// Letters: B sequences, T positions, N = B*T rows ordered (b, t), C width, H/G query and key/value heads, D head width.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "autograd/functions.h"
#include "model/config.h"
#include "model/kv_cache.h"
#include "model/paged_cache.h"

namespace lathe::model {

// Which activations the forward pass of training drops; the backward pass computes them again, with the same bits.
// kAttention: those from a block's first norm to the attention's output projection. kBlock: all but a block's input.
enum class Recompute { kNone, kAttention, kBlock };
std::vector<std::string> recompute_names();  // none, attention, block
std::string recompute_name(Recompute recompute);
Recompute recompute_of(std::string_view name);  // one of these names

struct Batch {
  Tensor ids;           // (N) int32, 0 <= id < vocab_size
  int64_t batch = 1;    // B; N must be a multiple
  // (N) int32 or empty, not with a cache: the number of the document of each position, never falling within a sequence.
  // Positions restart and attention (and smearing) stays inside each document (rows L-4.8, L-7.15).
  Tensor documents{};
  KvCache* cache = nullptr;  // inference: its rows are the sequences, each goes on at cache->length(row)
  const PagedStep* paged = nullptr;  // inference: ids are those of its rows, one after another; batch is 1
  // Dropout (training only): stream of this forward pass; call numbers are dropout_call * 4096 + place.
  bool training = false;
  std::array<uint32_t, 2> dropout_key{};
  uint64_t dropout_call = 0;
  // LayerDrop: stream of this forward pass, the same on all ranks (row L-11.87): (step, micro batch).
  std::array<uint32_t, 2> layerdrop_key{};
  uint64_t layerdrop_call = 0;
};

struct LossOptions {
  double label_smoothing = 0;  // row L-11.46: changes the gradient, not the losses that loss() returns
  Tensor smoothed;             // (N) float32: the losses with it are written there; empty: not
};

// Counts of row C-3.28.
struct ParameterCounts {
  int64_t wte = 0, value_embeds = 0, lm_head = 0, transformer_matrices = 0, scalars = 0, positions = 0, norms = 0, total = 0;
  int64_t scaling() const { return transformer_matrices + lm_head; }  // row C-5.6
};

struct PagedPass;

class Transformer {
 public:
  // dtype: activation dtype. With Device::kMeta nothing is allocated (for planning). Weights are not initialised.
  // with_gradients: gradient buffers for training. config must be valid.
  Transformer(ModelConfig config, DType dtype, Device device = Device::kCpu, bool with_gradients = false);
  ~Transformer();
  Transformer(const Transformer&) = delete;
  Transformer& operator=(const Transformer&) = delete;

  const ModelConfig& config() const { return config_; }
  DType dtype() const { return dtype_; }
  void set_recompute(Recompute recompute) { recompute_ = recompute; }
  Recompute recompute() const { return recompute_; }

  // Draws the initial weights (rows C-3.23, C-3.24, C-3.45; GPT-2/LLaMA: normal 0.02): counter-based, by tensor name.
  void initialise(uint64_t seed);
  // Refreshes the activation-dtype copies after the masters were written.
  void refresh_compute();
  // For inference in bf16: replaces the weights of all linear layers and of the head by their codes (those whose inputs
  // are no multiple of 32 stay) and frees the numbers; the embedding stays. The model cannot be trained or saved then.
  // head: also the output head.
  void quantize(ops::WeightBits bits, bool head = true);
  // No weight is trained from here on: gradient buffers are dropped, and in bf16 the float32 masters of all matrices. Adapters
  // (model/adapter.h) are what can be trained then. The model cannot be saved whole any more where masters went.
  void freeze();
  // Bytes that one decoding step reads of the weights: all linear layers and the head, a row of each embedding.
  int64_t bytes_read_per_step() const;

  // In model order (row C-4.2 depends on it).
  std::vector<autograd::Parameter*> parameters() const;
  autograd::Parameter* find(std::string_view name) const;
  autograd::Parameter& head_weight() const;  // lm_head, or the embedding when tied

  // Hidden states after the last norm, (N, C). With a cache the keys and values are appended and the cache advanced.
  // Throws std::invalid_argument when positions exceed the table length (row C-3.14) or an id is out of range.
  autograd::Var forward(autograd::Tape& tape, const Batch& batch);
  // Per-token losses (N) of forward()'s result; records the gradients of sum factor * nll on a recording tape.
  Tensor loss(autograd::Tape& tape, const autograd::Var& hidden, const Tensor& targets, const Tensor& factor,
              const LossOptions& options = {});
  // Logits (N, vocab_size) float32 of hidden rows, softcapped.
  Tensor logits(ops::Context& ctx, const Tensor& hidden);

  ParameterCounts counts() const;
  double flops_per_token() const;  // rows C-3.29, C-3.46, at T = sequence_len

  // Inputs and outputs of the blocks, for parity tests: called with ("block.0.in", x) and so on when set.
  using Probe = void (*)(void* context, const std::string& name, const Tensor& x);
  void set_probe_for_test(Probe probe, void* context) { probe_ = probe, probe_context_ = context; }

 private:
  struct Layer;
  struct Pass {  // a forward pass under way
    Batch batch;
    Tensor positions, starts, lengths;  // (N), with a cache (B) and (B), int32
    Tensor first_keys;                  // (N) int32: where the document of each position starts; empty without documents
    const PagedPass* paged = nullptr;
  };
  autograd::Parameter* add(const std::string& name, Shape shape);
  autograd::Var norm(autograd::Tape& tape, const autograd::Var& x, autograd::Parameter* weight, autograd::Parameter* bias);
  // The two halves of a block, from their norms to their output projections.
  autograd::Var attention(autograd::Tape& tape, int64_t i, const autograd::Var& input, const Pass& pass);
  autograd::Var mlp(autograd::Tape& tape, int64_t i, const autograd::Var& input, const Pass& pass);
  autograd::Var linear(autograd::Tape& tape, const autograd::Var& x, int64_t i, int64_t place, autograd::Parameter& weight,
                       autograd::Parameter* bias, const Pass& pass, bool value = true);
  autograd::Var block(autograd::Tape& tape, int64_t i, autograd::Var x, const autograd::Var& x0, const Pass& pass);
  autograd::Var embed(autograd::Tape& tape, const Pass& pass);
  autograd::Var embed_rows(autograd::Tape& tape, const Tensor& ids, const Tensor& positions);
  bool is_skipped(const Batch& batch, int64_t layer) const;
  autograd::Var drop(autograd::Tape& tape, const autograd::Var& x, const Batch& batch, int64_t place);
  Pass start(autograd::Tape& tape, const Batch& batch) const;
  void probe(const autograd::Tape& tape, const std::string& name, const Tensor& x) {
    if (probe_ && !tape.replaying()) probe_(probe_context_, name, x);
  }

  ModelConfig config_;
  DType dtype_;
  Device device_;
  bool with_gradients_;
  Recompute recompute_ = Recompute::kNone;
  std::vector<std::unique_ptr<autograd::Parameter>> parameters_;
  std::vector<Layer> layers_;
  autograd::Parameter *wte_ = nullptr, *wpe_ = nullptr, *lm_head_ = nullptr, *resid_lambdas_ = nullptr, *x0_lambdas_ = nullptr;
  autograd::Parameter *smear_gate_ = nullptr, *smear_lambda_ = nullptr, *backout_lambda_ = nullptr;
  autograd::Parameter *final_norm_weight_ = nullptr, *final_norm_bias_ = nullptr;
  Tensor cosine_, sine_;              // (table_length, D/2) float32
  Tensor local_cosine_, local_sine_;  // of layers with a rope base of their own
  Probe probe_ = nullptr;
  void* probe_context_ = nullptr;
};

}  // namespace lathe::model
