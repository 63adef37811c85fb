// report.html: one file without scripts or outside parts, light and dark, legible on a phone. What was not measured is left out
// and named at the end.
#pragma once

#include <string>

#include "eval/report_findings.h"

namespace lathe::eval {

std::string report_page(const ReportFindings& findings);

}  // namespace lathe::eval
