// What the contract allows in an answer.
#pragma once

#include <optional>
#include <string>

#include "core/conformance/corpus.h"
#include "core/conformance/subject.h"
#include "core/conformance/test_case.h"

namespace aftersales::conformance {

// What is wrong with an answer to a valid request; nothing when it is right. `manual` is whether
// the plugin leaves the method to people.
std::optional<Outcome> CheckAnswer(const Request& request, const Answer& answer, bool manual);

// What is wrong with an answer to a request that may be none: only that it came, as a known code or
// as bytes that can be read.
std::optional<Outcome> CheckAnswered(const std::string& path, const Answer& answer);

// What is wrong with a description.
std::optional<Outcome> CheckDescription(const plugin::v1::DescribeResponse& description);

}  // namespace aftersales::conformance
