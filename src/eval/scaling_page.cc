#include "eval/scaling_page.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/text.h"
#include "plot/charts.h"
#include "plot/html_page.h"

namespace lathe::eval {
namespace {

using plot::LineChart;
using plot::Point;
using plot::Scale;
using plot::Series;

std::string short_number(double value) { return format_text("%.3g", value); }

std::string exponent_text(const PowerLaw& law) {
  std::string text = format_text("C^%.3f", law.exponent);
  if (law.interval) text += format_text(" (95 %%: %.3f to %.3f)", law.interval->low, law.interval->high);
  return text;
}

std::string law_text(const Allocation& law) {
  return join_text("N_opt = ", short_number(law.parameters.coefficient), " ", exponent_text(law.parameters), ", D_opt = ",
                   short_number(law.tokens.coefficient), " ", exponent_text(law.tokens));
}

LineChart chart_of(const std::string& title, const std::string& x, const std::string& y) {
  LineChart chart;
  chart.title = title;
  chart.x_label = x;
  chart.y_label = y;
  chart.x_scale = Scale::kLog;
  return chart;
}

std::string run_name(const ScalingStudy& study, size_t i) {
  const ScalingRow& row = study.rows[i];
  return study.kind == ScalingKind::kGrid ? join_text(row.budget, " d", row.depth) : join_text("d", row.depth);
}

// Training curves: one colour a depth, named once.
std::string curves_picture(const ScalingStudy& study, const EnvelopeFit& envelope) {
  if (std::all_of(study.runs.begin(), study.runs.end(), [](const ScalingRun& run) { return run.curve.empty(); })) return "";
  LineChart chart = chart_of("Training loss against compute", "training FLOPs", "loss (nats per token)");
  chart.height = 440;
  std::map<int64_t, int> colour_of_depth;
  for (size_t i = 0; i < study.runs.size(); ++i) {
    Series series;
    const int64_t depth = study.rows[i].depth;
    const bool first = !colour_of_depth.contains(depth);
    series.colour = colour_of_depth.emplace(depth, static_cast<int>(colour_of_depth.size())).first->second;
    if (first) series.name = join_text("d", depth);
    for (const CurvePoint& p : study.runs[i].curve) series.points.push_back({p.flops, p.loss});
    chart.series.push_back(std::move(series));
  }
  if (!envelope.losses.empty()) {
    Series lowest;
    lowest.name = "envelope";
    lowest.colour = 7;
    for (const CurvePoint& p : envelope.losses) lowest.points.push_back({p.flops, p.loss});
    chart.series.push_back(std::move(lowest));
  }
  return plot::line_chart(chart);
}

std::string final_loss_picture(const ScalingStudy& study) {
  LineChart chart = chart_of("Validation loss at the end against compute", "training FLOPs", "bits per byte");
  std::map<int64_t, Series> of_depth;
  for (size_t i = 0; i < study.runs.size(); ++i)
    if (study.runs[i].loss > 0) of_depth[study.rows[i].depth].points.push_back({study.runs[i].flops, study.runs[i].loss});
  for (auto& [depth, series] : of_depth) {
    std::sort(series.points.begin(), series.points.end(), [](const Point& a, const Point& b) { return a.x < b.x; });
    series.name = join_text("d", depth);
    series.markers = true;
    chart.series.push_back(std::move(series));
  }
  return plot::line_chart(chart);
}

std::string isoflop_picture(const ScalingStudy& study, const IsoFlopFit& fit) {
  LineChart chart = chart_of("IsoFLOP curves: validation loss against model size", "parameters N (" + study.parameters + ")", "bits per byte");
  chart.height = 460;
  Series minima;
  minima.name = "minima";
  minima.joined = false;
  minima.colour = 7;
  int colour = 0;
  for (const IsoFlopCurve& curve : fit.curves) {
    Series runs, parabola;
    double smallest = 0, largest = 0;
    for (const ScalingRun& run : study.runs) {
      if (run.budget != curve.budget || !(run.loss > 0)) continue;
      runs.points.push_back({run.parameters, run.loss});
      smallest = smallest == 0 ? run.parameters : std::min(smallest, run.parameters);
      largest = std::max(largest, run.parameters);
    }
    runs.name = short_number(curve.budget) + " FLOPs";
    runs.joined = false;
    runs.colour = parabola.colour = colour++ % 7;
    if (curve.a > 0 || curve.inside)
      for (int i = 0; i <= 60; ++i) {
        const double n = smallest * std::pow(largest / smallest, i / 60.0);
        parabola.points.push_back({n, curve.at(n)});
      }
    if (curve.inside) minima.points.push_back({curve.parameters, curve.loss});
    chart.series.push_back(std::move(parabola));
    chart.series.push_back(std::move(runs));
  }
  if (!minima.points.empty()) chart.series.push_back(std::move(minima));
  return plot::line_chart(chart);
}

Series line_of(const std::string& name, const PowerLaw& law, double low, double high) {
  Series series;
  series.name = name;
  for (const double c : {low, high}) series.points.push_back({c, law.at(c)});
  return series;
}

// N_opt or D_opt of the three approaches, an order of magnitude beyond the largest budget.
std::string allocation_picture(const ScalingStudy& study, const EnvelopeFit& envelope, const IsoFlopFit& isoflop, const SurfaceFit& surface, bool parameters) {
  LineChart chart = chart_of(parameters ? "Best model size for a compute budget" : "Best number of training tokens for a compute budget", "training FLOPs C",
                             parameters ? "N_opt" : "D_opt");
  chart.y_scale = Scale::kLog;
  double low = 0, high = 0;
  for (const ScalingRun& run : study.runs) {
    low = low == 0 ? run.flops : std::min(low, run.flops);
    high = std::max(high, run.flops);
  }
  if (low <= 0) return "";
  high *= 10;
  Series dots;
  dots.name = "IsoFLOP minima";
  dots.joined = false;
  dots.colour = 1;
  for (const IsoFlopCurve& curve : isoflop.curves)
    if (curve.inside) dots.points.push_back({curve.budget, parameters ? curve.parameters : curve.tokens});
  const auto add = [&](const char* name, const std::optional<Allocation>& law, int colour) {
    if (!law) return;
    chart.series.push_back(line_of(name, parameters ? law->parameters : law->tokens, low, high));
    chart.series.back().colour = colour;
  };
  add("1 envelope", envelope.law, 0);
  add("2 IsoFLOP", isoflop.law, 1);
  add("3 surface", surface.law, 2);
  if (chart.series.empty()) return "";
  if (!dots.points.empty()) chart.series.push_back(std::move(dots));
  return plot::line_chart(chart);
}

std::string series_picture(const ScalingStudy& study, bool core) {
  LineChart chart = chart_of(core ? "CORE score against model size" : "Validation loss against model size", "parameters N (" + study.parameters + ")",
                             core ? "CORE" : "bits per byte");
  Series series;
  series.markers = true;
  for (size_t i = 0; i < study.rows.size(); ++i) {
    const std::optional<double>& value = core ? study.rows[i].core : study.rows[i].val_bpb;
    if (value) series.points.push_back({study.runs[i].parameters, *value});
  }
  std::sort(series.points.begin(), series.points.end(), [](const Point& a, const Point& b) { return a.x < b.x; });
  if (series.points.empty()) return "";
  chart.series.push_back(std::move(series));
  return plot::line_chart(chart);
}

class PageWriter {
 public:
  explicit PageWriter(const ScalingStudy& study) : study_(study), html_(study.title) {}

  ScalingPage write() {
    html_.heading(1, study_.title);
    html_.paragraph("The loss of the fits is the validation loss in bits per byte, which does not depend on the tokenizer; in nats per token the exponents are the same, "
                    "E, A and B are multiplied by one number. N counts " + study_.parameters + "; D is the tokens trained on; C the training FLOPs.");
    page_.json = Json::object();
    page_.json["kind"] = study_.kind == ScalingKind::kGrid ? "grid" : "miniseries";
    page_.json["loss_unit"] = "bits per byte";
    page_.json["parameters"] = study_.parameters;
    if (study_.kind == ScalingKind::kGrid) write_grid();
    else write_series();
    write_table();
    page_.html = html_.finish();
    return std::move(page_);
  }

 private:
  void picture(const std::string& name, const std::string& svg) {
    if (svg.empty()) return;
    html_.picture(svg);
    page_.pictures.emplace_back(name + ".svg", svg);
  }

  template <class Fit>
  void describe(const char* name, const Fit& fit) {
    const std::string text = fit.law ? law_text(*fit.law) : "No law: " + fit.problem;
    page_.summary.push_back(join_text(name, ": ", text));
    html_.heading(3, name);
    html_.paragraph(text);
    if (fit.law && !fit.law->parameters.interval)
      html_.paragraph("No intervals: fewer than 20 resamples of the runs could be fitted.");
    for (const std::string& note : fit.notes) {
      html_.paragraph("Mind: " + note + ".");
      page_.summary.push_back("  mind: " + note);
    }
  }

  void write_grid() {
    const EnvelopeFit envelope = fit_envelope(study_.runs);
    const IsoFlopFit isoflop = fit_isoflop(study_.runs);
    const SurfaceFit surface = fit_surface(study_.runs);
    html_.heading(2, "The best allocation of compute");
    describe("Approach 1, the envelope of the training curves", envelope);
    describe("Approach 2, IsoFLOP parabolas", isoflop);
    for (const IsoFlopCurve& curve : isoflop.curves)
      if (!curve.problem.empty()) {
        html_.paragraph(join_text(short_number(curve.budget), " FLOPs: ", curve.problem, "."));
        page_.summary.push_back(join_text("  ", short_number(curve.budget), " FLOPs: ", curve.problem));
      }
    describe("Approach 3, the surface L(N, D) = E + A / N^alpha + B / D^beta", surface);
    if (surface.surface) {
      const Surface& s = *surface.surface;
      const auto with = [](const char* name, double value, const std::optional<tasks::Interval>& interval) {
        return join_text(name, format_text(" = %.4g", value), interval ? format_text(" (95 %%: %.4g to %.4g)", interval->low, interval->high) : std::string());
      };
      const std::string line = join_text(with("E", s.E, surface.irreducible), ", ", format_text("A = %.4g, B = %.4g, ", s.A, s.B), with("alpha", s.alpha, surface.alpha), ", ",
                                         with("beta", s.beta, surface.beta), format_text("; largest difference to a run %.2f %%", 100 * surface.largest_error));
      html_.paragraph(line);
      page_.summary.push_back("  " + line);
    }
    write_predictions(envelope, isoflop, surface);
    html_.heading(2, "Pictures");
    picture("isoflop", isoflop_picture(study_, isoflop));
    picture("parameters", allocation_picture(study_, envelope, isoflop, surface, true));
    picture("tokens", allocation_picture(study_, envelope, isoflop, surface, false));
    picture("loss", final_loss_picture(study_));
    picture("curves", curves_picture(study_, envelope));
    page_.json["envelope"] = envelope.to_json();
    page_.json["isoflop"] = isoflop.to_json();
    page_.json["surface"] = surface.to_json();
  }

  void write_predictions(const EnvelopeFit& envelope, const IsoFlopFit& isoflop, const SurfaceFit& surface) {
    double largest = 0;
    for (const ScalingRun& run : study_.runs) largest = std::max(largest, run.flops);
    std::vector<std::vector<std::string>> rows;
    const auto add = [&](const char* name, const std::optional<Allocation>& law) {
      if (!law || largest <= 0) return;
      for (const double factor : {1.0, 10.0}) {
        const double c = largest * factor, n = law->parameters.at(c), d = law->tokens.at(c);
        rows.push_back({name, short_number(c), short_number(n), short_number(d), format_text("%.1f", d / n)});
      }
    };
    add("1 envelope", envelope.law);
    add("2 IsoFLOP", isoflop.law);
    add("3 surface", surface.law);
    if (rows.empty()) return;
    html_.heading(3, "At the largest budget, and ten times it");
    html_.table({"approach", "C", "N_opt", "D_opt", "tokens per parameter"}, rows);
  }

  void write_series() {
    picture("loss", series_picture(study_, false));
    const std::string core = series_picture(study_, true);
    if (core.empty()) {
      html_.paragraph("CORE: not run.");
      page_.summary.push_back("CORE: not run");
    }
    picture("core", core);
    picture("flops", final_loss_picture(study_));
    picture("curves", curves_picture(study_, {}));
  }

  void write_table() {
    html_.heading(2, "Runs");
    std::vector<std::vector<std::string>> rows;
    Json list = Json::array();
    for (size_t i = 0; i < study_.rows.size(); ++i) {
      const ScalingRow& row = study_.rows[i];
      const ScalingRun& run = study_.runs[i];
      rows.push_back({run_name(study_, i), with_thousands(row.total), with_thousands(static_cast<int64_t>(run.parameters)),
                      with_thousands(row.num_iterations), with_thousands(row.tokens), format_text("%.2f", run.parameters > 0 ? run.tokens / run.parameters : 0),
                      short_number(run.flops), row.val_bpb ? format_text("%.6f", *row.val_bpb) : "not run", row.core ? format_text("%.4f", *row.core) : "not run",
                      format_text("%.0f", row.seconds)});
      Json item = row.to_json(study_.kind);
      item["flops"] = run.flops;
      list.push_back(std::move(item));
    }
    html_.table({"run", "parameters", "N", "steps", "tokens", "tokens per N", "FLOPs", "val bpb", "CORE", "seconds"}, rows);
    page_.json["rows"] = std::move(list);
  }

  const ScalingStudy& study_;
  plot::HtmlPage html_;
  ScalingPage page_;
};

}  // namespace

ScalingPage make_scaling_page(const ScalingStudy& study) { return PageWriter(study).write(); }

}  // namespace lathe::eval
