// What an answer of a plugin may become in memory.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace aftersales::plugins {

// Two bytes on the wire can be a message of hundreds in memory, so that an answer of the longest
// that is taken would fill the memory of the host. RESOURCE_EXHAUSTED for one with more than
// 4,000,000 fields, of which each message counts for eight: a page of thousands of entries has
// some 100,000. `type` is its full name. Says nothing of bytes that cannot be read.
absl::Status CheckAnswerFields(std::string_view bytes, const std::string& type);

}  // namespace aftersales::plugins
