#include "eval/scaling_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>

#include "core/text.h"

namespace lathe::eval {
namespace {

// One column: its name, how a row's cell is written, and how it is read back (false: not a value of it).
struct Column {
  const char* name;
  std::function<std::string(const ScalingRow&)> write;
  std::function<bool(ScalingRow&, const std::string&)> read;
  std::function<Json(const ScalingRow&)> json;
};

template <class T>
bool read_number(const std::string& text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

Column integer(const char* name, int64_t ScalingRow::*field) {
  return {name, [field](const ScalingRow& row) { return std::to_string(row.*field); },
          [field](ScalingRow& row, const std::string& text) { return read_number(text, row.*field) && row.*field >= 0; },
          [field](const ScalingRow& row) { return Json(row.*field); }};
}

Json optional_json(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

double ratio_of(const ScalingRow& row) { return row.scaling > 0 ? static_cast<double>(row.tokens) / static_cast<double>(row.scaling) : 0; }

Column budget_column() {
  return {"flops_budget", [](const ScalingRow& row) { return row.budget; },
          [](ScalingRow& row, const std::string& text) {
            double value = 0;
            row.budget = text;
            return read_number(text, value) && value > 0 && std::isfinite(value);
          },
          [](const ScalingRow& row) {
            double value = 0;
            return read_number(row.budget, value) ? Json(value) : Json();
          }};
}

// A feature that models no longer have: always empty.
Column bigram_column() {
  return {"params_bigram_embed", [](const ScalingRow&) { return std::string(); }, [](ScalingRow&, const std::string& text) { return text.empty() || text == "0"; },
          [](const ScalingRow&) { return Json(); }};
}

Column ratio_column() {
  return {"param_data_ratio", [](const ScalingRow& row) { return format_text("%.2f", ratio_of(row)); },
          [](ScalingRow&, const std::string& text) {
            double ignored = 0;
            return read_number(text, ignored);
          },
          [](const ScalingRow& row) { return Json(ratio_of(row)); }};
}

Column bpb_column() {
  return {"val_bpb", [](const ScalingRow& row) { return row.val_bpb ? format_text("%.6f", *row.val_bpb) : std::string(); },
          [](ScalingRow& row, const std::string& text) {
            row.val_bpb.reset();
            return text.empty() || read_number(text, row.val_bpb.emplace());
          },
          [](const ScalingRow& row) { return optional_json(row.val_bpb); }};
}

Column core_column() {
  return {"core_score", [](const ScalingRow& row) { return row.core ? format_text("%.6f", *row.core) : std::string("0.0"); },
          [](ScalingRow& row, const std::string& text) {
            row.core.reset();
            return text == "0.0" || read_number(text, row.core.emplace());
          },
          [](const ScalingRow& row) { return optional_json(row.core); }};
}

Column seconds_column() {
  return {"train_time_sec", [](const ScalingRow& row) { return format_text("%.3f", row.seconds); },
          [](ScalingRow& row, const std::string& text) { return read_number(text, row.seconds); }, [](const ScalingRow& row) { return Json(row.seconds); }};
}

const std::vector<Column>& columns_of(ScalingKind kind) {
  using R = ScalingRow;
  static const std::vector<Column> grid = {
      budget_column(), integer("depth", &R::depth), integer("model_dim", &R::model_dim), integer("params_wte", &R::wte), bigram_column(),
      integer("params_value_embeds", &R::value_embeds), integer("params_lm_head", &R::lm_head), integer("params_transformer", &R::transformer),
      integer("params_scalars", &R::scalars), integer("params_total", &R::total), integer("num_iterations", &R::num_iterations),
      integer("tokens_trained", &R::tokens), bpb_column(), core_column(), seconds_column()};
  static const std::vector<Column> series = {
      integer("depth", &R::depth), integer("model_dim", &R::model_dim), integer("num_params", &R::total), integer("num_scaling_params", &R::scaling),
      integer("num_iterations", &R::num_iterations), integer("tokens_trained", &R::tokens), ratio_column(), bpb_column(), core_column(), seconds_column()};
  return kind == ScalingKind::kGrid ? grid : series;
}

}  // namespace

Json ScalingRow::to_json(ScalingKind kind) const {
  Json out = Json::object();
  for (const Column& column : columns_of(kind)) out[column.name] = column.json(*this);
  return out;
}

std::string csv_header(ScalingKind kind) {
  std::string line;
  for (const Column& column : columns_of(kind)) line += (line.empty() ? "" : ",") + std::string(column.name);
  return line;
}

std::string csv_line(ScalingKind kind, const ScalingRow& row) {
  std::string line;
  for (const Column& column : columns_of(kind)) line += (&column == columns_of(kind).data() ? "" : ",") + column.write(row);
  return line;
}

Result<std::vector<ScalingRow>> read_scaling_csv(ScalingKind kind, const fs::path& path) {
  std::vector<ScalingRow> rows;
  std::error_code code;
  if (!fs::exists(path, code)) return rows;
  LATHE_TRY(const std::string text, read_file(path));
  const std::vector<Column>& columns = columns_of(kind);
  int64_t number = 0;
  for (const std::string& raw : split_text(text, '\n')) {
    const std::string line(trim_text(raw));
    ++number;
    if (line.empty()) continue;
    if (number == 1) {
      if (line != csv_header(kind)) return error_at(path.string(), -1, "line 1 is not the header of this table; move the file away to start anew");
      continue;
    }
    const std::vector<std::string> cells = split_text(line, ',');
    if (cells.size() != columns.size())
      return error_at(path.string(), -1, "line ", number, " has ", cells.size(), " cells, ", columns.size(), " are right; remove the line to have its run done again");
    ScalingRow row;
    for (size_t i = 0; i < cells.size(); ++i)
      if (!columns[i].read(row, cells[i]))
        return error_at(path.string(), -1, "line ", number, ": \"", cells[i], "\" is no ", columns[i].name, "; remove the line to have its run done again");
    if (kind == ScalingKind::kGrid) row.scaling = row.transformer + row.lm_head;
    rows.push_back(std::move(row));
  }
  return rows;
}

Status write_scaling_csv(ScalingKind kind, const fs::path& path, const std::vector<ScalingRow>& rows) {
  std::string text = csv_header(kind) + "\n";
  for (const ScalingRow& row : rows) text += csv_line(kind, row) + "\n";
  return write_file_atomic(path, text);
}

Result<ScalingRow> row_of_figures(const std::string& budget, int64_t depth, const Json& figures, const std::string& path) {
  ScalingRow row;
  row.budget = budget;
  row.depth = depth;
  const Json* counts = figures.find("parameter_counts");
  const auto take = [&](const Json* from, const char* key, int64_t& to) -> Status {
    const Json* value = from == nullptr ? nullptr : from->find(key);
    if (value == nullptr || !value->is_int()) return error_at(path, -1, "the trainer's figures have no number \"", key, "\"");
    to = value->as_int();
    return {};
  };
  LATHE_TRY_STATUS(take(counts, "wte", row.wte));
  LATHE_TRY_STATUS(take(counts, "value_embeds", row.value_embeds));
  LATHE_TRY_STATUS(take(counts, "lm_head", row.lm_head));
  LATHE_TRY_STATUS(take(counts, "transformer_matrices", row.transformer));
  LATHE_TRY_STATUS(take(counts, "scalars", row.scalars));
  LATHE_TRY_STATUS(take(counts, "total", row.total));
  LATHE_TRY_STATUS(take(&figures, "scaling_parameters", row.scaling));
  LATHE_TRY_STATUS(take(&figures, "model_dim", row.model_dim));
  LATHE_TRY_STATUS(take(&figures, "num_iterations", row.num_iterations));
  LATHE_TRY_STATUS(take(&figures, "tokens", row.tokens));
  const auto optional = [&](const char* key) -> std::optional<double> {
    const Json* value = figures.find(key);
    return value != nullptr && value->is_number() ? std::optional(value->as_double()) : std::nullopt;
  };
  row.val_bpb = optional("val_bpb");
  row.core = optional("core_metric");
  row.seconds = optional("total_training_time").value_or(0);
  return row;
}

std::string aligned_table(ScalingKind kind, const std::vector<ScalingRow>& rows) {
  std::vector<std::vector<std::string>> lines = {split_text(csv_header(kind), ',')};
  for (const ScalingRow& row : rows) lines.push_back(split_text(csv_line(kind, row), ','));
  std::vector<size_t> widths(lines[0].size(), 1);
  for (const auto& line : lines)
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  std::string out;
  for (const auto& line : lines) {
    std::string text;
    for (size_t i = 0; i < line.size(); ++i) {
      std::string cell = line[i].empty() ? "-" : line[i];
      cell.resize(widths[i] + 2, ' ');
      text += cell;
    }
    while (!text.empty() && text.back() == ' ') text.pop_back();
    out += text + "\n";
  }
  return out;
}

}  // namespace lathe::eval
