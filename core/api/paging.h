// Page sizes and page tokens.
//
// A token is opaque, signed and bound to the list it came from: it can be neither edited nor used
// with another filter, and it gives no right to anything.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace aftersales::api {

// 50 for 0, at most 1000. INVALID_ARGUMENT for a negative one.
absl::StatusOr<int> PageSize(int wanted);

class PageTokens {
 public:
  // `secret` signs; `scope` is everything of the request that must stay the same from page to page.
  PageTokens(std::string_view secret, std::string_view scope);
  // The parts of a position, as texts.
  std::string Make(const std::vector<std::string>& position) const;
  // Empty for an empty token. INVALID_ARGUMENT `BAD_PAGE_TOKEN` for one that is not ours, or that
  // belongs to another list.
  absl::StatusOr<std::vector<std::string>> Read(std::string_view token) const;

 private:
  std::string Signature(std::string_view payload) const;
  std::string secret_;
  std::string scope_;
};

}  // namespace aftersales::api
