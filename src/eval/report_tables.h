// The tables of the report, as Markdown; an empty text where there is nothing to show.
#pragma once

#include <string>

#include "eval/report_findings.h"

namespace lathe::eval {

std::string summary_table(const Json& summary);                    // row C-13.11
std::string scores_table(const Json& figures);                     // one section of an evaluation, "not run" in words
std::string stages_table(const std::vector<RunCurves>& runs);      // steps, tokens, rate, MFU, time
std::string cost_line(const ReportFindings& findings);             // row C-13.7: a sentence
std::string provenance_table(const std::vector<ProvenanceNode>& chain);

// A share as a percentage, anything else with 4 digits; "not run: why".
std::string figure_text(const Json& figure);
std::string interval_text(const Json& figure);  // "12.1 - 14.0 %"; empty without one
std::string duration_text(double seconds);      // "9.6 s", "12.3 min", "3.2 h"

}  // namespace lathe::eval
