// What people and machines get to read of a check.
#pragma once

#include <ostream>
#include <string>

#include "core/conformance/check.h"

namespace aftersales::conformance {

// A report as JUnit XML, as CI systems read it.
void WriteJUnit(const Report& report, std::ostream& out);
// The same as one JSON object.
void WriteJson(const Report& report, std::ostream& out);
// The command that runs the group of a test again.
std::string Again(const Report& report, std::string_view id);

}  // namespace aftersales::conformance
