#include "ops/cpu/cpu_kernels.h"
#include "core/instruction_sets.h"

namespace lathe::ops {
namespace {

void copy(const Tensor& from, const Tensor& to) { to.copy_from(from); }
void synchronize() {}

}  // namespace

const Kernels& cpu_kernels() {
  [[maybe_unused]] static const bool limited = limit_instruction_sets();
  static const Kernels table = {
      .matmul = cpu::matmul,
      .quantized_product = cpu::quantized_product,
      .add_bias = cpu::add_bias,
      .bias_backward = cpu::bias_backward,
      .embedding = cpu::embedding,
      .embedding_backward = cpu::embedding_backward,
      .rms_norm = cpu::rms_norm,
      .rms_norm_backward = cpu::rms_norm_backward,
      .layer_norm = cpu::layer_norm,
      .layer_norm_backward = cpu::layer_norm_backward,
      .rope = cpu::rope,
      .attention = cpu::attention,
      .attention_backward = cpu::attention_backward,
      .attention_cached = cpu::attention_cached,
      .append_to_cache = cpu::append_to_cache,
      .attention_paged = cpu::attention_paged,
      .append_to_pages = cpu::append_to_pages,
      .activation = cpu::activation,
      .activation_backward = cpu::activation_backward,
      .gated = cpu::gated,
      .gated_backward = cpu::gated_backward,
      .add = cpu::add,
      .scaled = cpu::scaled,
      .mix = cpu::mix,
      .mix_backward = cpu::mix_backward,
      .first_columns = cpu::first_columns,
      .first_columns_backward = cpu::first_columns_backward,
      .gather_rows = cpu::gather_rows,
      .cast = cpu::cast,
      .softcap = cpu::softcap,
      .value_gate = cpu::value_gate,
      .value_gate_backward = cpu::value_gate_backward,
      .smear = cpu::smear,
      .smear_backward = cpu::smear_backward,
      .dropout = cpu::dropout,
      .softmax_loss = cpu::softmax_loss,
      .low_rank = cpu::low_rank,
      .low_rank_backward = cpu::low_rank_backward,
      .scale_columns = cpu::scale_columns,
      .scale_columns_backward = cpu::scale_columns_backward,
      .adapted_row_norms = cpu::adapted_row_norms,
      .gather_columns = cpu::gather_columns,
      .dequantize = cpu::dequantize,
      .adamw = cpu::adamw,
      .adamw8 = cpu::adamw8,
      .lion = cpu::lion,
      .sum_of_squares = cpu::sum_of_squares,
      .scale = cpu::scale,
      .muon_nesterov = cpu::muon_nesterov,
      .row_sums_of_squares = cpu::row_sums_of_squares,
      .column_sums_of_squares = cpu::column_sums_of_squares,
      .divide = cpu::divide,
      .scale_rows = cpu::scale_rows,
      .scaled_copy = cpu::scaled_copy,
      .transpose = cpu::transpose,
      .mirror = cpu::mirror,
      .muon_polynomial = cpu::muon_polynomial,
      .muon_combine = cpu::muon_combine,
      .muon_apply = cpu::muon_apply,
      .copy_to_host = copy,
      .copy_from_host = copy,
      .synchronize = synchronize,
  };
  return table;
}

}  // namespace lathe::ops
