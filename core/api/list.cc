#include "core/api/list.h"

#include <algorithm>

#include "core/status/refusal.h"

namespace aftersales::api {

absl::Status CheckScope(store::Reader& reader, std::string_view seller, std::string_view channel) {
  if (!reader.FindSeller(seller)) {
    const std::string name = names::Seller(seller);
    return Refuse(
               absl::StatusCode::kNotFound, "NOT_FOUND",
               Cat("there is no ", name, "; a seller comes with the first channel that is bound"))
        .With("resource", name);
  }
  if (channel.empty()) return absl::OkStatus();
  const std::string name = names::Make(seller, "channels", channel);
  const std::vector<v1::Channel> channels = reader.ListChannels(seller);
  const bool known = std::any_of(channels.begin(), channels.end(),
                                 [&](const v1::Channel& one) { return one.name() == name; });
  return known ? absl::OkStatus() : NotFound(name);
}

}  // namespace aftersales::api
