// A tape of the operations of one forward pass, run backwards once. Recording costs no allocation in steady state: the
// nodes live in a buffer that is kept, tensors come from the context's arena and go back as soon as the last node that
// saved them has run. Without recording (inference) the same model code runs and nothing is kept.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "ops/context.h"

namespace lathe::autograd {

// A value on a tape. slot < 0: no gradient is wanted.
struct Var {
  Tensor value;
  int32_t slot = -1;
  bool wants_grad() const { return slot >= 0; }
};

class Tape {
 public:
  Tape(ops::Context& ctx, bool recording) : ctx_(ctx), recording_(recording) {}
  ~Tape() { clear(); }
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  ops::Context& ctx() { return ctx_; }
  bool recording() const { return recording_; }

  Var constant(Tensor value) { return Var{std::move(value), -1}; }
  Var variable(Tensor value);                          // an input whose gradient can be asked for with grad()
  Var result(Tensor value, bool wants_grad);           // an op's output

  // Runs when the gradient dy of `output` is complete; must hand gradients on with add_grad.
  template <class F>
  void record(const Var& output, F backward) { push<F>(output.slot, std::move(backward)); }
  // Runs always (a loss).
  template <class F>
  void record_root(F backward) { push<F>(-1, std::move(backward)); }

  // One node for a whole part of the forward pass, function(Tape&) -> Var. What its operations would save is dropped;
  // the backward pass records them on this same tape, with the slots that the inputs have, and runs them back at once.
  // So every sum is formed in the same order and has the same bits as without. The function must do the same both
  // times; the second time only the slot of its result counts (see replaying()).
  template <class F>
  Var recompute(F function) {
    if (!recording_) return function(*this);
    Var out;
    {
      const Switch paused(recording_, false);
      out = function(*this);
    }
    out = result(std::move(out.value), true);
    record(out, [function = std::move(function)](Tape& tape, Tensor& dy) { tape.replay(function, std::move(dy)); });
    return out;
  }
  // The function of a recompute() runs for the second time: the value of its result is not read.
  bool replaying() const { return replaying_; }

  // Adds to v's gradient; shares `grad` when it is the first. Ignored when v wants none.
  void add_grad(const Var& v, Tensor grad);
  Tensor grad(const Var& v) const;                     // of a variable(), after backward; empty if none came

  void backward();                                     // from the recorded roots
  void backward(const Var& output, Tensor dy);         // from an output's gradient (tests, several outputs)
  void clear();                                        // forgets everything, keeps the buffers

  // Test only: every backward rule sees its dy multiplied by this, so that a gradient test can prove that it would fail.
  void set_backward_scale_for_test(float scale) { backward_scale_ = scale; }

 private:
  struct Node {
    int32_t output = -1;
    virtual void run(Tape& tape, Tensor& dy) = 0;  // may take dy
    virtual ~Node() = default;
  };
  template <class F>
  struct NodeOf final : Node {
    explicit NodeOf(F f) : function(std::move(f)) {}
    void run(Tape& tape, Tensor& dy) override { function(tape, dy); }
    F function;
  };
  template <class F>
  void push(int32_t output, F backward) {
    Node* node = new (space(sizeof(NodeOf<F>))) NodeOf<F>(std::move(backward));
    node->output = output;
    nodes_.push_back(node);
  }
  struct Switch {
    Switch(bool& flag, bool value) : flag_(flag), before_(std::exchange(flag, value)) {}
    ~Switch() { flag_ = before_; }
    Switch(const Switch&) = delete;
    Switch& operator=(const Switch&) = delete;
    bool& flag_;
    bool before_;
  };
  template <class F>
  void replay(const F& function, Tensor dy) {
    const Mark before = mark();
    {
      const Switch on(replaying_, true);
      add_grad(function(*this), std::move(dy));
    }
    run_back_to(before.nodes);
    forget_since(before);
  }
  struct Mark {
    size_t nodes, slots, chunk, used;
  };
  Mark mark() const { return {nodes_.size(), grads_.size(), chunk_, used_}; }
  void forget_since(const Mark& mark);
  void* space(size_t bytes);
  void run_back_to(size_t nodes);

  static constexpr size_t kChunk = 1 << 16;
  ops::Context& ctx_;
  bool recording_, replaying_ = false;
  float backward_scale_ = 1;
  std::vector<Node*> nodes_;
  std::vector<Tensor> grads_;  // by slot
  std::vector<bool> keep_;     // by slot: a variable()
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  size_t chunk_ = 0, used_ = 0;
};

}  // namespace lathe::autograd
