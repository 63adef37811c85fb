#include "model/hugging_face_layout.h"

#include "core/check.h"

namespace lathe::model {
namespace {

// body(index in the parameter, index in the stored tensor) for every element.
template <class Body>
void for_elements(const StoredForm& form, const Shape& parameter, Body body) {
  const int64_t rows = parameter[0], columns = parameter.rank() == 2 ? parameter[1] : 1, all = form.shape[form.shape.rank() - 1];
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) body(r * columns + c, c * all + form.column + r);
}

}  // namespace

StoredForm stored_form(const ModelConfig& config, const std::string& name, const Shape& shape) {
  if (config.family != Family::kGpt2 || name.find(".h.") == std::string::npos) return {name, shape};
  const size_t fused = name.find(".attn.c_");
  const size_t place = fused == std::string::npos ? std::string::npos : std::string_view("qkv").find(name[fused + 8]);
  if (place != std::string::npos) {
    const int64_t width = config.n_embd;
    const Shape whole = shape.rank() == 2 ? Shape{width, 3 * width} : Shape{3 * width};
    return {name.substr(0, fused) + ".attn.c_attn" + name.substr(name.rfind('.')), whole, true, static_cast<int64_t>(place) * width};
  }
  if (shape.rank() == 2) return {name, {shape[1], shape[0]}, true};
  return {name, shape};
}

void copy_from_stored(const StoredForm& form, const Tensor& stored, const Tensor& parameter) {
  require(stored.shape() == form.shape, "[hugging face] ", form.name, " is ", stored.shape());
  if (!form.transposed) return parameter.copy_from(stored);
  const float* from = stored.data<float>();
  float* to = parameter.data<float>();
  for_elements(form, parameter.shape(), [&](int64_t own, int64_t other) { to[own] = from[other]; });
}

void copy_to_stored(const StoredForm& form, const Tensor& parameter, const Tensor& stored) {
  require(stored.shape() == form.shape, "[hugging face] ", form.name, " is ", stored.shape());
  if (!form.transposed) return stored.copy_from(parameter);
  const float* from = parameter.data<float>();
  float* to = stored.data<float>();
  for_elements(form, parameter.shape(), [&](int64_t own, int64_t other) { to[other] = from[own]; });
}

}  // namespace lathe::model
