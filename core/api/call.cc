#include "core/api/call.h"

#include "absl/strings/ascii.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {

absl::StatusOr<v1::Actor> ActorOf(const grpc::ServerContextBase& context) {
  v1::Actor actor;
  actor.set_role(v1::ROLE_OPERATOR);
  const auto found = context.client_metadata().find("aftersales-actor");
  if (found == context.client_metadata().end()) return actor;
  const std::string_view text(found->second.data(), found->second.size());
  const size_t colon = text.find(':');
  const std::string role = absl::AsciiStrToUpper(View(text.substr(0, colon)));
  if (colon != std::string_view::npos) actor.set_id(std::string(text.substr(colon + 1)));
  v1::Role value = v1::ROLE_UNSPECIFIED;
  (void)v1::Role_Parse(Cat("ROLE_", role), &value);
  switch (value) {
    case v1::ROLE_OPERATOR:
    case v1::ROLE_MANAGER:
    case v1::ROLE_RULE:
    case v1::ROLE_WAREHOUSE:
    case v1::ROLE_ERP:
    case v1::ROLE_PLATFORM:
    case v1::ROLE_CARRIER:
    case v1::ROLE_BUYER:
      actor.set_role(value);
      break;
    default:
      return InvalidField("aftersales-actor", "BAD_ACTOR",
                          "write `role` or `role:name`; roles: operator, manager, rule, warehouse, "
                          "erp, platform, carrier, buyer");
  }
  if (actor.id().size() > 100) {
    return InvalidField("aftersales-actor", "BAD_ACTOR", "the name has at most 100 bytes");
  }
  return actor;
}

absl::StatusOr<std::string_view> SellerOf(std::string_view name, std::string_view collection) {
  if (collection.empty()) return names::ParseSeller(name, "parent");
  auto parsed = names::Parse(name, collection, "name");
  if (!parsed.ok()) return parsed.status();
  return parsed->seller;
}

absl::Status FromException(std::string_view what) {
  return Refuse(absl::StatusCode::kInternal, "INTERNAL",
                Cat("the host failed on this call and changed nothing: ", what));
}

}  // namespace aftersales::api
